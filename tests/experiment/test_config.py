"""Configs: JSON and back, and what differs."""

import dataclasses

import pytest

from jal.experiment import MLP, Data, Experiment, LogisticRegression
from jal.experiment.config import difference
from jal.types import InputError

FULL = Experiment(
    name="full",
    data=Data("npz:some.npz", 10, 3),
    learners={"a": LogisticRegression(C=0.1), "b": MLP(hidden=(8, 4), warm_start=True)},
    strategies=("margin", "badge"),
    batch=(5, 10, 15),
    rounds=3,
    batch_of={"badge": 20},
    initial_indices=((1, 2), (3, 4)),
    seeds=2,
    devices=2,
)


@pytest.mark.parametrize("experiment", [Experiment(), FULL], ids=["default", "full"])
def test_json_and_back(experiment):
    import json

    assert Experiment.from_json(json.loads(json.dumps(experiment.to_json()))) == experiment


def test_unknown_field_and_learner():
    tree = Experiment().to_json()
    with pytest.raises(InputError, match="unknown option 'sedes' of Experiment"):
        Experiment.from_json(tree | {"sedes": 3})
    with pytest.raises(InputError, match="option 'x' must be of type int"):
        Experiment.from_json(tree | {"seeds": "x"})
    tree["learners"]["logistic_regression"]["type"] = "Forest"
    with pytest.raises(InputError, match="unknown learner type 'Forest': known are Logistic"):
        Experiment.from_json(tree)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seeds": 3}, "seeds is 2 there and 3 here"),
        ({"learners": {"a": LogisticRegression(C=0.1)}}, "learners.b"),
        ({"data": Data("npz:some.npz", 11, 3)}, "data.test_size is 10 there and 11 here"),
        ({"devices": None, "segment": 1}, None),
        ({}, None),
    ],
)
def test_difference(change, says):
    found = difference(FULL, dataclasses.replace(FULL, **change))
    assert (found is None) if says is None else (says in found)


def test_batches():
    assert FULL.batches("margin") == (5, 10, 15)
    assert FULL.batches("badge") == (20, 20, 20)
