"""ABAS-RAL on CIFAR-10, the paper's settings: Tables 1 and 2, Figure 2.

Command: python launch/run.py configs/abas_ral/cifar10.py
Hardware: a GPU; not yet measured on one.
Data: of the training set 10 % state set, 10 % warm start, 60 % training, 20 % evaluation; rewards
and metrics on the test set. ResNet-50 with ImageNet's weights (torchvision's first; the paper's are
TensorFlow's), 10 epochs, learning rate .01, batch 64; the optimiser is not given.
Protocol: 100 labels at the start; rivals buy one batch of 10 % of the pool, since the paper's end
at 11 %, mean and maximum alike; RS buys batches of random sizes. The agent may choose 1,017
batches, so that single points, too, come to the paper's largest budget of 11.17 %; every strategy
is fitted as often, so lower `rounds` where the batches that it chooses are larger. `reached` in the
report says how many runs came to the target.
Reported: target precision 44.66 %, target budget 98.03 %; the tables are in `REPORTED`.
"""

import dataclasses
from typing import Any, Literal

from jal.experiment import (
    AbasRal,
    Data,
    Execution,
    Experiment,
    Learned,
    Parts,
    Protocol,
    Random,
    ResNet,
    Shown,
    Training,
)

MEASURED = ("precision", "accuracy", "recall", "f1", "budget")
REPORTED = {  # means; maxima, in %
    "abas_ral": ((46.17, 43.47, 43.47, 42.67, 5.12), (50.00, 45.26, 45.26, 45.24, 11.17)),
    "random_size": ((45.89, 44.00, 44.00, 42.97, 50.79), (47.85, 45.62, 45.62, 45.08, 97.49)),
    "entropy": ((45.04, 42.96, 42.95, 42.17, 11.00), (47.36, None, 44.13, 43.67, 11.00)),
    "least_confidence": ((46.04, 43.96, 43.96, 43.17, 11.00), (48.36, None, 45.14, 44.67, 11.00)),
    "alfa_mix": ((45.67, 43.54, 43.92, 42.08, 11.00), (47.44, None, 45.13, 44.32, 11.00)),
}


def as_reported(table: dict[str, Any]) -> dict[str, dict[str, float]]:
    """What is shown as `reported`, of means and maxima in %; None is not legible in the paper."""
    names = (*MEASURED, *(f"max_{name}" for name in MEASURED))
    return {
        f"resnet50/{strategy}": {
            name: round(value / 100, 4)
            for name, value in zip(names, (*means, *maxima), strict=True)
            if value is not None
        }
        for strategy, (means, maxima) in table.items()
    }


RESNET50 = ResNet(
    depth=50,
    weights="hf:timm/resnet50.tv_in1k",
    normalise="imagenet",
    epochs=10,
    batch_size=64,
    learning_rate=0.01,
    weight_decay=0.0,
    warm_start=True,
)


def steps(
    name: str,
    data: Data,
    reported: dict[str, Any],
    *,
    classifier: Literal["untrained", "agents"] = "agents",
    target: float = 1.0,
    rounds: int = 1017,
    batch: int = 1000,
    budget: int = 1000,
    initial: int = 100,
) -> list[Training | Experiment]:
    """ABAS-RAL's training on some data, and its comparison with the paper's rivals.

    The rivals buy `budget` labels at most after those at the start. Table 3 has classifiers that no
    agent has trained, and a lower target.
    """
    data = dataclasses.replace(data, parts=Parts())
    training = Training(
        AbasRal(), name="abas_ral", data=data, learner=RESNET50, execution=Execution(segment=1)
    )
    experiment = Experiment(
        name=name,
        data=data,
        learners={"resnet50": RESNET50},
        queries=(Learned("abas_ral"), "random_size", "entropy", "least_confidence", "alfa_mix"),
        protocol=Protocol(
            seeds=50,
            rounds=rounds,
            batch=batch,
            budget=budget,
            start=Random(labels=initial),
            classifier=classifier,
            metrics=("precision", "accuracy", "recall", "f1"),
        ),
        execution=Execution(segment=1),
        shown=Shown(target=target, reported=as_reported(reported)),
    )
    return [training, experiment]


def get_config() -> list[Training | Experiment]:
    """The training and the experiment."""
    return steps("abas_ral_cifar10", Data(source="tfds:cifar10"), REPORTED)
