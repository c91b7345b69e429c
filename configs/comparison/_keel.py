"""What the comparisons on KEEL's tables share."""

import numpy as np

from jal.data.seed_splits import class_balanced
from jal.experiment import SVC, Data, Execution, Experiment, LogisticRegression, Protocol, Sweep

MOST = 1000


def split(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three fifths for the pool, the others for the test set, class by class; 1,000 of each, drawn
    at random, where they are more."""
    drawn = np.random.default_rng(seed)
    pool, test = class_balanced(0.4)(y, seed)
    return drawn.permutation(pool)[:MOST], drawn.permutation(test)[:MOST]


def strategies_on(name: str, tables: str) -> Sweep:
    """The strategies with both learners, on each table of `keel:NAME`."""
    experiment = Experiment(
        name=name,
        data=Data(split=split, standardise=True),
        learners={"logistic_regression": LogisticRegression(), "svc": SVC()},
        queries=(
            *("random", "margin", "entropy", "alamp"),
            *("badge", "k_center", "kmeans", "query_by_committee"),
        ),
        protocol=Protocol(seeds=50, rounds=15, batch=4, metrics=("accuracy", "balanced_accuracy")),
        execution=Execution(segment=16),
    )
    return Sweep(experiment, {"data.source": tuple(f"keel:{one}" for one in tables.split())})
