"""The comparison's three experiments (its section 3): each start with all of its query strategies.

Pool-based are uncertainty, margin and entropy. The stream buys what arrives with an uncertainty of
at least .4 (modAL's example; the draft gives no number), and as many as the pool's strategies; ours
is a second one, whose threshold moves. The draft trains on from the last weights; of logistic
regression, fitted to its only optimum, that is fitting anew.
"""

import dataclasses
from typing import Any

from jal.experiment import Balanced, Data, Experiment, Protocol, Random

QUERIES = ("random", "least_confidence", "margin", "entropy", "stream_fixed", "stream_adaptive")
METRICS = ("accuracy", "train_error", "confusion")
STARTS = {
    "one_per_class": Balanced(1),
    "start_15_percent": Random(share=0.15),
    "start_80_percent": Random(share=0.8),
}


def scenarios(
    name: str, data: Data, learners: dict[str, Any], protocol: Protocol
) -> list[Experiment]:
    """An experiment for each start."""
    return [
        Experiment(
            name=f"{name}_{start}",
            data=data,
            learners=learners,
            queries=QUERIES,
            protocol=dataclasses.replace(protocol, start=drawn, metrics=METRICS),
        )
        for start, drawn in STARTS.items()
    ]
