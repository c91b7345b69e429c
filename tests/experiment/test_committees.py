"""Queries that bring learners of their own: from a config to a run that goes on."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from small_runs import ALONE, changed

from jal import experiment as ex
from jal.data import from_arrays
from jal.experiment import LDA, MLP, SVC, Execution, Experiment, LogisticRegression, Protocol, Query
from jal.experiment.checkpoints import Checkpoints
from jal.experiment.checks import check
from jal.learners import lda
from jal.types import InputError

rng = np.random.default_rng(0)
Y = np.arange(60) % 2
X = (rng.normal(size=(60, 3)) + Y[:, None]).astype(np.float32)
DATASET = from_arrays(X[:40], Y[:40], X[40:], Y[40:])
MEMBERS = {"lda": LDA(), "coarse": LDA(tol=0.7)}
COMMITTEE = Query("query_by_committee", members=MEMBERS)
OTHER = Query(
    "query_by_committee", name="other", members={"lda": LDA()}, disagreement="consensus_entropy"
)
SMALL = Experiment(
    name="committees",
    learners={"lda": LDA()},
    queries=("random", COMMITTEE, OTHER),
    protocol=Protocol(seeds=3, rounds=4, batch=2),
    execution=Execution(segment=2, devices=1),
)


def test_as_json():
    members = {"lda": LDA(), "c_10": LogisticRegression(C=10.0)}
    config = changed(SMALL, queries=("random", Query("query_by_committee", members=members)))
    tree = json.loads(json.dumps(config.to_json()))
    assert tree["queries"][1]["options"]["members"] == {
        "lda": {"type": "LDA", "tol": 1e-4},
        "c_10": {
            "type": "LogisticRegression",
            "C": 10.0,
            "C_grid": [],
            "folds": 5,
            "tol": 1e-6,
            "max_steps": 100,
        },
    }
    assert Experiment.from_json(tree) == config


class StopError(Exception):
    """Stands for anything that ends a process."""


def test_a_run_that_was_interrupted_goes_on(tmp_path, monkeypatch):
    whole = ex.run(SMALL, dataset=DATASET, progress=False)
    assert not whole.frame.value.isna().any()
    picks = whole.labelled
    assert not np.array_equal(picks["lda/query_by_committee"], picks["lda/random"])
    save, count = Checkpoints.save, [0]

    def save_then_stop(self, *given):
        if count[0] == 3:  # within the committee's rounds
            raise StopError
        save(self, *given)
        count[0] += 1

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", save_then_stop)
        with pytest.raises(StopError):
            ex.run(SMALL, out=tmp_path / "run", dataset=DATASET, progress=False)
    resumed = ex.resume(tmp_path / "run", dataset=DATASET, progress=False)
    pd.testing.assert_frame_equal(resumed.frame, whole.frame)


@pytest.mark.slow
def test_seeds_side_by_side_pick_the_same():
    alone, together = (
        ex.run(changed(SMALL, seeds_at_once=n), dataset=DATASET, progress=False).labelled
        for n in (1, 3)
    )
    for name, picks in alone.items():
        np.testing.assert_array_equal(together[name], picks)


def test_members_are_built_for_the_data_and_as_many_labels_as_there_will_be():
    seen = []

    def spy(shape, classes, *, max_labels):
        seen.append((shape, classes, max_labels))
        return lda(shape, classes, max_labels=max_labels)

    query = dataclasses.replace(COMMITTEE, options={"members": {"spy": spy, "lda": "lda"}})
    more = Query("random", batch=4)
    check(Experiment.checked(changed(SMALL, queries=(query, more))), DATASET, None, True)
    assert seen[-1] == ((3,), 2, 2 + 4 * 4)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (Query("query_by_committee", members={"a": LDA()}), "members must be at least 2, got 1"),
        (Query("query_by_committee", members={}), "members must be at least 2, got 0"),
        (
            Query("query_by_committee", members={"a": LDA(tol=-1.0), "b": SVC()}),
            r"tol of query_by_committee\.members\.a must not be negative, got -1",
        ),
        (
            Query("query_by_committee", members={"a": "ldo", "b": SVC()}),
            "unknown learner 'ldo': known are",
        ),
        (Query("query_by_committee", members=[2, 3]), "members of .* must be int or a dict, got"),
        (Query("bald", passes={"a": LDA()}), "passes of bald must be int, got"),
        (Query("query_by_committee", members={"a": lambda: 1, "b": SVC()}), "learner a in members"),
    ],
    ids=range(7),
)
def test_what_cannot_be(query, says):
    with pytest.raises(InputError, match=says):
        check(Experiment.checked(changed(SMALL, queries=(query,))), DATASET, None, True)


def test_members_are_not_scaled_by_one_seeds_pool():
    members = {"net": MLP(), "lda": LDA()}
    query = Query("query_by_committee", members=members)
    config = dataclasses.replace(ALONE, queries=(query,))
    config = dataclasses.replace(
        config, data=dataclasses.replace(config.data, split="per_seed", standardise=True)
    )
    with pytest.raises(InputError, match=r"query_by_committee\.members\.net is to be scaled by"):
        ex.run(config, progress=False)
