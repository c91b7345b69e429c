"""The protocol of "Re-benchmarking pool-based active learning for binary classification" (Lu, Li
and Lin, 2023), as its public code has it.

Each seed draws its pool, three fifths of the rows, and its test set; 20 labels are bought at
random, then one in each round until the pool is exhausted. Inputs are standardised by the pool. The
classifier is scikit-learn's SVC with gamma 1 / D and C = 1, trained anew in each round.
"""

import numpy as np

from jal.experiment import (
    LDA,
    SVC,
    Data,
    Execution,
    Experiment,
    Indices,
    LinearSVC,
    LogisticRegression,
    Protocol,
    Query,
)
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
    batch: int = 1,
) -> Experiment:
    """The experiment on one table of so many rows and features, until its pool is exhausted."""
    rounds, rest = divmod(pool_size(rows) - START, batch)
    batches = (batch,) * rounds + (rest,) * (rest > 0)
    start = Indices((tuple(range(START)),), every_class=False)
    return Experiment(
        name=name,
        data=Data(source, split=published_split, standardise=True),
        learners={"svc": SVC(gamma=1 / features)},
        queries=queries,
        protocol=Protocol(
            seeds=seeds,
            rounds=len(batches),
            batch=1 if batch == 1 else batches,
            start=start,
        ),
        execution=Execution(segment=len(batches) + 1),
    )


def their_queries(features: int) -> tuple[str | QueryConfig, ...]:
    """Uniform, US-C, Core-Set, QBC and US-NC, as jal calls them.

    QBC is the entropy of the votes of four classifiers, ties drawn at random; of theirs the linear
    machine has the hinge (SVC with a linear kernel) where LinearSVC has the squared one. US-NC asks
    by the uncertainty of a logistic regression, and measures the SVC.
    """
    committee = {
        "logistic_regression": LogisticRegression(),
        "linear_svc": LinearSVC(),
        "svc": SVC(gamma=1 / features),
        "lda": LDA(),
    }
    other = {"logistic_regression": LogisticRegression(C=0.1)}
    return (
        "random",
        "margin",
        "k_center",
        Query("query_by_committee", members=committee),
        Query(
            "query_by_committee",
            name="other_model",
            members=other,
            disagreement="consensus_entropy",
        ),
    )
