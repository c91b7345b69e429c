"""A published benchmark, replayed seed by seed from its own splits.

configs/published/rebenchmark_svc_margin.npz holds results that the authors of "Re-benchmarking
pool-based active learning for binary classification" (Lu, Li and Lin, 2023) made public under the
MIT licence: test points that scikit-learn's SVC has right after each query of uncertainty sampling.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from jal import metrics
from jal.experiment import Experiment, Indices, run
from jal.experiment.config_file import load_config

FOLDER = Path(__file__).parents[1] / "configs" / "published"
START = 20
Y = load_breast_cancer().target


@pytest.fixture(scope="module")
def published() -> np.ndarray:
    """`[150, 322]` test points right with 20, 21, ... labels."""
    with np.load(FOLDER / "rebenchmark_svc_margin.npz") as archive:
        assert (archive["wdbc_seeds"] == np.arange(150)).all()
        assert archive["wdbc_test_size"] == 228
        return archive["wdbc_correct"].astype(int)


def config(seeds: int, rounds: int) -> Experiment:
    """The config's experiment with uncertainty sampling alone."""
    found = load_config(FOLDER / "rebenchmark_wdbc.py")
    assert isinstance(found, Experiment)
    start = Indices(found.protocol.start.indices[:seeds], every_class=False)
    protocol = dataclasses.replace(found.protocol, seeds=seeds, rounds=rounds, start=start)
    return dataclasses.replace(found, queries=("margin",), protocol=protocol)


def right(experiment: Experiment) -> np.ndarray:
    """`[S, R + 1]` test points that are classified right."""
    frame = run(experiment, progress=False).frame
    table = frame[frame.metric == "accuracy"].pivot(index="seed", columns="labels", values="value")
    return np.rint(table.to_numpy() * 228).astype(int)


def test_svc_with_margin_meets_the_published_curves(published):
    found = right(config(5, 60))
    reported = published[:5, :61]
    assert (found == reported).mean() >= 0.97
    assert np.abs(found - reported).max() <= 3
    assert (found[:, 0] == reported[:, 0]).all()  # of the same labels


def test_a_pool_in_class_order_gives_the_same_curves(published):
    experiment = config(5, 60)
    split = experiment.data.split

    def by_class(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        pool, test = split(y, seed)
        return pool[np.argsort(y[pool], kind="stable")], test

    places = [np.argsort(np.argsort(Y[split(Y, seed)[0]], kind="stable")) for seed in range(5)]
    start = Indices(tuple(tuple(one[:START].tolist()) for one in places), every_class=False)
    data = dataclasses.replace(experiment.data, split=by_class)
    protocol = dataclasses.replace(experiment.protocol, start=start)
    found = right(dataclasses.replace(experiment, data=data, protocol=protocol))
    mean, half = metrics.mean_interval(published[:5, :61])
    assert (np.abs(found.mean(axis=0) - mean) <= half).all()
    assert (found == published[:5, :61]).mean() >= 0.97


@pytest.mark.slow
def test_all_queries_of_the_published_seeds(published):
    """Until the pool is exhausted; what differs begins at near-ties of two decision values."""
    found, reported = right(config(20, 321)), published[:20]
    assert (found == reported).mean() >= 0.975
    assert np.abs((found - reported).mean(axis=0)).max() / 228 < 0.004
