"""Configs as JSON and back: each kind of thing that a config may hold."""

import dataclasses
import functools
import json
import math
import re

import pytest
from counted import Counted, Wider

from jal import learners, metrics, strategies
from jal.experiment import (
    MLP,
    Code,
    Data,
    Experiment,
    Learned,
    Protocol,
    Query,
    Shown,
    SladeBranson,
    Training,
)
from jal.experiment.form import as_name, flat, parse, parse_object, shown, to_json, words
from jal.types import InputError


@dataclasses.dataclass(frozen=True)
class Forest:
    """A learner's config of one's own."""

    trees: int = 10
    depths: tuple[int, ...] = (3, 4)
    rate: float = 0.5

    def build(self, dataset, max_labels):
        return learners.registry["logistic_regression"](
            dataset.train.x.shape[1:], dataset.num_classes, max_labels=max_labels
        )


def factory(shape, classes, *, max_labels, width=3):
    """A function that makes a learner."""
    return learners.registry["logistic_regression"](shape, classes, max_labels=max_labels)


def source():
    """A data set of one's own."""


class Callable:
    """An object that has no name."""

    def __call__(self):
        """Nothing."""


def through(config):
    """Out as text, and back."""
    return type(config).from_json(json.loads(json.dumps(config.to_json())))


HERE = __name__
FACTORY = strategies.registry["margin"]
# What a learner may be, and what it is in JSON.
LEARNERS = {
    "of jal's": (MLP(hidden=(3,)), {**MLP(hidden=(3,)).__dict__, "type": "MLP"}),
    "a dataclass": (
        Forest(rate=0.25),
        {"type": f"{HERE}:Forest", "trees": 10, "depths": [3, 4], "rate": 0.25},
    ),
    "a function": (factory, f"{HERE}:factory"),
    "a name": ("my.module:wide", "my.module:wide"),
    "code": (
        Code("my.module:wide", width=3, name="x", sizes=(1, 2)),
        {"type": "my.module:wide", "width": 3, "name": "x", "sizes": [1, 2]},
    ),
    "code of a function": (Code(factory, width=3), {"type": f"{HERE}:factory", "width": 3}),
    "code of a dataclass": (Code(Forest, trees=3), {"type": f"{HERE}:Forest", "trees": 3}),
    "a partial": (functools.partial(factory, width=3), "<partial>"),
    "a lambda": (lambda shape, classes, max_labels: None, "<<lambda>>"),
    "a Learner": (factory((3,), 2, max_labels=5), "<Learner>"),
    "an object": (Callable(), "<Callable>"),
}


@pytest.mark.parametrize("kind", LEARNERS)
def test_learners(kind):
    given, tree = LEARNERS[kind]
    experiment = Experiment(learners={"a": given})
    checked = Experiment.checked(experiment).learners["a"]
    assert checked == (Code(given) if kind == "a name" else given)
    found = Experiment.checked(experiment).to_json()["learners"]["a"]
    assert found == json.loads(json.dumps(tree))
    again = through(Experiment.checked(experiment))
    assert again.to_json() == experiment.to_json()
    # Read back it is the same config, or code by its name.
    expected = given if kind == "of jal's" else Code(**_code(tree))
    assert again.learners["a"] == expected


def _code(tree):
    if isinstance(tree, str):
        return {"target": tree}
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in tree.items()
        if name != "type"
    }
    return {"target": tree["type"], "options": options}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("margin", "margin"),
        ("my.module:mine", "my.module:mine"),
        (source, f"{HERE}:source"),
        (lambda: 3, "<<lambda>>"),
        (FACTORY, "margin"),
        (FACTORY(), "<margin>"),
    ],
    ids=range(6),
)
def test_strategies_and_sources(given, name):
    experiment = Experiment(queries=(Query(given, name="a", passes=3, batch=(1, 2)),))
    tree = experiment.to_json()["queries"][0]
    assert tree == {
        "type": "Query",
        "strategy": name,
        "name": "a",
        "batch": [1, 2],
        "learners": [],
        "options": {"passes": 3},
    }
    assert through(experiment).queries == (Query(name, name="a", passes=3, batch=(1, 2)),)
    assert Experiment(data=Data(source=source)).to_json()["data"]["source"] == f"{HERE}:source"


def test_metrics_and_agents():
    protocol = Protocol(metrics=("f1", "my.module:own", metrics.accuracy, lambda logits, y: 0))
    tree = Experiment(protocol=protocol).to_json()["protocol"]["metrics"]
    assert tree == ["f1", "my.module:own", "jal.metrics:accuracy", "<<lambda>>"]
    assert through(Experiment(protocol=protocol)).protocol.metrics == tuple(tree)
    learned = Experiment(queries=(Learned("runs/a", batch=3, learners=("logistic_regression",)),))
    assert through(learned) == learned


@pytest.mark.parametrize(
    ("agent", "again"),
    [
        (SladeBranson(points=3), SladeBranson(points=3)),
        (Counted(epochs=3), Code("counted:Counted", epochs=3, step=1.0)),
        (Code("counted:Counted", epochs=3), Code("counted:Counted", epochs=3)),
        (Counted, Code("counted:Counted")),
        ("counted:Counted", Code("counted:Counted")),
    ],
    ids=range(5),
)
def test_agents(agent, again):
    given = Training.checked(Training(agent, "a"))
    assert through(given).agent == again
    assert through(given).to_json() == given.to_json()
    wider = through(Training(Wider(points=2, again=3))).agent
    assert wider.target == "counted:Wider" and wider.options["again"] == 3


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        (
            {"type": "Forest"},
            "unknown type 'Forest' of x: known are MLP, or give package.module:att",
        ),
        ({"type": "MLP", "width": 3}, "unknown option 'width' of MLP"),
        ({"type": "MLP", "epochs": "x"}, r"x\.epochs must be int, got 'x'"),
        ({"type": "a:b", "c": math.inf}, r"x\.c must be finite, got inf"),
        ({"type": "a:b", "c": {"d": [1, math.nan]}}, r"x\.c\.d must be finite, got nan"),
        ({"type": "a:b", "c": source}, r"x\.c must be int or float or bool or str or a list of "),
        (
            {"type": 3},
            "x must say its type, one of MLP or package.module:attribute, got {'type': 3}",
        ),
        ({}, "x must say its type, one of MLP or package.module:attribute, got {}"),
        ("MLP", "x must say its type, one of MLP or package.module:attribute, got 'MLP'"),
        (None, "x must say its type, .* got None"),
        ([1], r"x must say its type, .* got \[1\]"),
        (True, "x must say its type, .* got True"),
    ],
)
def test_objects_that_are_none(tree, says):
    with pytest.raises(InputError, match=says) as caught:
        parse_object(tree, "x", {"MLP": MLP})
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_options_of_code_are_what_a_command_line_can_say():
    tree = {"type": "a:b", "i": 3, "f": 0.5, "b": True, "s": "x", "is": [1, 2], "fs": [0.5, 1]}
    found = parse_object(tree, "x", {})
    assert found.options == {"i": 3, "f": 0.5, "b": True, "s": "x", "is": (1, 2), "fs": (0.5, 1)}
    assert found.options["b"] is True and to_json(found) == tree
    more = {"type": "a:b", "none": None, "in": {"x": [[1, 2], [3]], "y": ["a", None]}}
    found = parse_object(more, "x", {})
    assert found.options == {"none": None, "in": {"x": ((1, 2), (3,)), "y": ("a", None)}}
    assert to_json(found) == more
    assert Code("a:b", {"target": 1}).options == {"target": 1}  # an option of any name


def test_a_number_that_no_float_can_be_is_refused_in_a_sentence():
    assert parse(float, 10**300, "x") == 10**300
    for kind in (float, float | None):
        with pytest.raises(InputError, match=r"^x must be .*, got 1000.*\.\.\.\.$"):
            parse(kind, 10**400, "x")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (Experiment(learners={1: MLP()}), "learners must be by names that are str, got 1."),
        (Experiment(learners={"a": MLP(), None: MLP()}), "learners must be by names that are str"),
        (Experiment(shown=Shown(reported={"a/b": {2: 0.5}})), "shown.reported.a/b must be by na"),
        (Experiment(queries=(Query("bald", options={3: 1}),)), "queries.0.options must be by nam"),
    ],
    ids=range(4),
)
def test_names_are_text(config, says):
    with pytest.raises(InputError, match=re.escape(says)):
        Experiment.checked(config)


def test_a_value_of_a_kind_may_stand_for_its_json():
    assert parse(tuple[int, ...], (1, 2), "x") == parse(tuple[int, ...], [1, 2], "x") == (1, 2)
    assert parse(MLP, MLP(epochs=3), "x") == MLP(epochs=3)
    with pytest.raises(InputError, match=r"x\.epochs must be int, got 0\.5"):
        parse(MLP, MLP(epochs=0.5), "x")  # pyright: ignore[reportArgumentType]


def test_leaves_by_their_paths():
    tree = {"a": {"b": 1, "c": [{"d": 2}, {"d": 3}]}, "e": [4, 5], "f": {}, "g": []}
    assert flat(tree) == {"a.b": 1, "a.c.0.d": 2, "a.c.1.d": 3, "e": [4, 5], "f": {}, "g": []}


def test_in_sentences():
    assert shown("x" * 200) == f"'{'x' * 96}..." and shown("a\nb") == "'a\\nb'"
    assert words(int | None) == "int | None" and words(tuple[int, ...]) == "a list of int"
    assert as_name(factory) == f"{HERE}:factory" and as_name("a:b") == "a:b"
