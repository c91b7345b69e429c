"""What the report is told of an experiment."""

import numpy as np
import pytest

from jal.data import from_arrays
from jal.experiment import (
    MLP,
    AbasRal,
    Data,
    Experiment,
    Parts,
    Protocol,
    Shown,
    SladeBranson,
)
from jal.experiment.about import about
from jal.experiment.data_config import given_data
from jal.experiment.form import to_json


@pytest.mark.parametrize(
    ("fields", "units", "found"),
    [
        ({}, 1, ("seeds", 1, 1)),
        ({}, 4, ("trainings", 4, 1)),
        ({"splits": 2}, 2, ("splits", 2, 2)),
        ({"splits": 2, "split": 1}, 2, ("trainings", 2, 1)),  # of one of them alone
        ({"splits": 2, "split": 1}, 1, ("seeds", 1, 1)),
    ],
)
def test_what_intervals_are_over(fields, units, found):
    said = about(Experiment(protocol=Protocol(**fields)), {}, units)
    assert (said.unit, said.units, said.splits) == found


def test_what_a_run_was():
    experiment = Experiment(
        name="toy",
        data=Data(parts=Parts(holdout=0.1)),
        learners={"net": MLP(hidden=(8, 4))},
        shown=Shown(
            confidence=0.68,
            target=0.9,
            reported={"net/random": {"accuracy": 0.5}, "net/a/b": {"f1": 0.25}},
        ),
    )
    agents = {"points": to_json(SladeBranson(points=5)), "sizes": to_json(AbasRal())}
    said = about(experiment, {"class_names": ["cat", "dog"], "agents": agents}, 1)
    assert (said.name, said.data, said.confidence, said.target) == (
        "toy",
        "sklearn:digits",
        0.68,
        0.9,
    )
    assert said.points == {"points": 5} and said.held_out
    assert said.paper("net") == {"random": {"accuracy": 0.5}}
    assert said.paper("net/a") == {"b": {"f1": 0.25}}  # a learner's name may have a slash
    assert said.paper("other") == {}
    assert [said.class_name(k) for k in (0, 1, 2)] == ["cat", "dog", "2"]
    assert said.settings["learners.net.hidden"] == "[8, 4]"
    assert (
        said.settings["learners.net.type"] == '"MLP"' and said.settings["protocol.budget"] == "null"
    )
    assert not about(Experiment(), {}, 1).held_out


def test_arrays_are_told_apart():
    x, y = np.zeros((6, 2)), np.arange(6) % 2
    data = given_data(Data(), from_arrays(x, y, x[:4], y[:4]))
    info = {"data_sha256": ["0123456789abcdef", "f" * 64]}
    said = about(Experiment(data=data), info, 1).data
    assert said == (
        "arrays (6 training and 4 test examples of shape (2,), 2 classes, SHA-256 0123456789ab, "
        "ffffffffffff)"
    )
