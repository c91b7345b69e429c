"""The protocol of "Re-benchmarking pool-based active learning for binary classification" (Lu, Li
and Lin, 2023), as its public code has it.

Each seed draws its pool, three fifths of the rows, and its test set; 20 labels are bought at
random, then one in each round until the pool is exhausted. Inputs are standardised by the pool. The
classifier is scikit-learn's SVC with gamma 1 / D and C = 1, trained anew in each round.
"""

import numpy as np

from jal.experiment import SVC, Data, Execution, Experiment, Indices, Protocol
from jal.experiment.queries import QueryConfig

START = 20


def pool_size(rows: int) -> int:
    """Points in the pool, of all."""
    return int(rows * (1 - 0.4))


def published_split(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A seed's pool, its first labels in front, and its test set."""
    order = np.random.default_rng(seed).permutation(len(y))
    pool, test = order[: pool_size(len(y))], order[pool_size(len(y)) :]
    return np.random.default_rng(seed).permutation(pool), test


def rebenchmark(
    name: str,
    source: str,
    rows: int,
    features: int,
    queries: tuple[str | QueryConfig, ...],
    seeds: int,
) -> Experiment:
    """The experiment on one table of so many rows and features."""
    start = Indices((tuple(range(START)),) * seeds, every_class=False)
    rounds = pool_size(rows) - START
    return Experiment(
        name=name,
        data=Data(source, split=published_split, standardise=True),
        learners={"svc": SVC(gamma=1 / features)},
        queries=queries,
        protocol=Protocol(seeds=seeds, rounds=rounds, batch=1, start=start),
        execution=Execution(segment=rounds + 1),
    )
