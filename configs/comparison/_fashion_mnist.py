"""What the comparison's two models have in common on Fashion-MNIST, so that their ranks compare.

Small enough for the CNN on two CPU cores: images of half the side, 14 x 14; a seed's pool is 6,000
of the 70,000, as many of each class, and it measures on 4,000 others. Seed i's are the same for
both models. Every start buys 600 labels, a tenth of the pool: the larger it is, the fewer the
rounds, whose fits take longer. The draft buys 5 a round for the one model and 250 for the other.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from _scenarios import scenarios

from jal.experiment import Data, Experiment, Protocol

DATA = Data(
    "tfds:fashion_mnist", image_size=14, test_size=4_000, train_share=1 / 11, split="per_seed"
)
ROUNDS = (15, 10, 5)  # of the starts of one label per class, 15 % and 80 %
LABELS = 600


def fashion_mnist(
    name: str, learners: Callable[[int], dict[str, Any]], seeds: int
) -> list[Experiment]:
    """The three starts, with the learners of each by its place among them."""
    made = scenarios(f"comparison_{name}_fashion_mnist", DATA, {}, Protocol(seeds=seeds))
    return [
        dataclasses.replace(
            one,
            learners=learners(place),
            protocol=dataclasses.replace(one.protocol, rounds=rounds, batch=LABELS // rounds),
        )
        for place, (one, rounds) in enumerate(zip(made, ROUNDS, strict=True))
    ]
