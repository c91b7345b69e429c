"""Configs: JSON and back, and what differs."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal import learners
from jal.data import from_arrays
from jal.data.statistics import IMAGENET
from jal.experiment import (
    CNN,
    MLP,
    SVC,
    Balanced,
    Data,
    Execution,
    Experiment,
    Features,
    Imbalance,
    Indices,
    Learned,
    LinearSVC,
    LogisticRegression,
    Parts,
    Protocol,
    Query,
    Random,
    ResNet,
    Shown,
    SladeBranson,
    Training,
    Twisted,
    ViT,
    run,
)
from jal.experiment.config import difference
from jal.experiment.data_config import Arrays
from jal.experiment.folder import as_tree
from jal.learners import adam
from jal.types import InputError

FULL = Experiment(
    name="full",
    data=Data(
        "npz:some.npz",
        10,
        3,
        imbalance=Imbalance("step"),
        features=Features("pca", 3),
        parts=Parts(train=0.5),
        arrays=Arrays(90, 30, (4, 2), 3),
    ),
    learners={
        "a": LogisticRegression(C=0.1),
        "b": MLP(hidden=(8, 4), warm_start=True),
        "c": CNN(augment=("crop", "flip"), class_weight="balanced"),
        "d": SVC(C_grid=(0.1, 1.0), gamma=0.5),
        "e": LinearSVC(),
        "f": ResNet(depth=50, weights="model.safetensors", precision="bfloat16"),
        "g": ViT(schedule="cosine", optimizer="adam"),
    },
    queries=("margin", Query("badge", batch=20), Learned("runs/agent", batch=7, learners=("b",))),
    protocol=Protocol(
        seeds=2,
        rounds=3,
        batch=(5, 10, 15),
        start=Indices(((1, 2), (3, 4)), every_class=False),
        metrics=("accuracy", "f1"),
    ),
    execution=Execution(devices=2),
    shown=Shown(reported={"a/margin": {"f1": 0.5}}),
)
MARGIN, BADGE, AGENT = FULL.queries


def with_protocol(experiment: Experiment = FULL, **change) -> Experiment:
    protocol = dataclasses.replace(experiment.protocol, **change)
    return dataclasses.replace(experiment, protocol=protocol)


@pytest.mark.parametrize("experiment", [Experiment(), FULL], ids=["default", "full"])
def test_json_and_back(experiment):
    assert Experiment.from_json(json.loads(json.dumps(experiment.to_json()))) == experiment


def test_names_stand_for_what_they_name():
    short = Experiment(learners=("mlp",), queries=("margin", "bald"))
    assert short.learners == {"mlp": MLP()}
    assert short.queries == (Query("margin"), Query("bald"))
    assert dataclasses.replace(short, learners="svc").learners == {"svc": SVC()}
    assert short == Experiment.from_json({"learners": ["mlp"], "queries": ["margin", "bald"]})


def test_unknown_field_and_learner():
    tree = Experiment().to_json()
    with pytest.raises(InputError, match="unknown option 'sedes' of Protocol"):
        Experiment.from_json(tree | {"protocol": {"sedes": 3}})
    with pytest.raises(InputError, match="unknown option 'seeds' of Experiment"):
        Experiment.from_json(tree | {"seeds": 3})
    with pytest.raises(InputError, match=r"protocol\.seeds must be int, got 'x'"):
        Experiment.from_json(tree | {"protocol": {"seeds": "x"}})
    tree["learners"]["logistic_regression"]["type"] = "Forest"
    with pytest.raises(InputError, match=r"unknown type 'Forest' of learners.*are Logistic"):
        Experiment.from_json(tree)
    with pytest.raises(InputError, match="unknown learner 'forest': known are logistic_regression"):
        Experiment.from_json(tree | {"learners": ["forest"]})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (with_protocol(seeds=3), "protocol.seeds is 2 there and 3 here"),
        (with_protocol(start=Balanced()), "protocol.start.type is 'Indices' there and 'Balanced'"),
        (
            dataclasses.replace(FULL, learners={"a": LogisticRegression(C=0.1)}),
            "learners.b",
        ),
        (
            dataclasses.replace(FULL, queries=(MARGIN, Query("badge", batch=21), AGENT)),
            "queries.1.batch is 20 there and 21 here",
        ),
        (
            dataclasses.replace(FULL, data=dataclasses.replace(FULL.data, test_size=11)),
            "data.test_size is 10 there and 11 here",
        ),
        (dataclasses.replace(FULL, execution=Execution(seeds_at_once=2)), "execution.seeds_at_on"),
        (dataclasses.replace(FULL, execution=Execution(devices=None, segment=1)), None),
        (dataclasses.replace(FULL, shown=Shown(confidence=0.68, target=0.5, levels=(0.5,))), None),
        (FULL, None),
    ],
    ids=range(9),
)
def test_difference(change, says):
    """But for where seeds run, how often they are saved and what is shown."""
    found = difference(as_tree(FULL), as_tree(change))
    assert (found is None) if says is None else (found is not None and found.startswith(says))


def test_difference_of_a_step():
    """A list's fields have their steps; what is free of an experiment is free in a list."""
    other = dataclasses.replace(FULL, execution=Execution(segment=3), shown=Shown(confidence=0.5))
    training = Training(SladeBranson(), execution=Execution(segment=2))
    there, here = as_tree((training, FULL)), as_tree((Training(SladeBranson()), other))
    assert difference(there, here) is None
    says = "protocol.seeds is 2 there and 9 here"
    assert difference(there, as_tree((training, with_protocol(seeds=9)))) == says
    says = "the kind is experiment there and steps.0.training, steps.1.experiment here"
    assert difference(as_tree(FULL), there) == says
    swapped = as_tree((FULL, training))
    assert difference(there, swapped) == (
        "the kind is steps.0.training, steps.1.experiment there and steps.0.experiment, "
        "steps.1.training here"
    )


def test_batches():
    assert FULL.batches(MARGIN) == (5, 10, 15)
    assert FULL.batches(BADGE) == (20, 20, 20)
    assert FULL.batches(AGENT) == (7, 7, 7)
    bounded = with_protocol(budget=27)
    assert bounded.batches(MARGIN) == (5, 10, 12)
    assert bounded.batches(BADGE) == (20, 7, 0)


def test_cells_are_pairs_of_a_learner_and_a_query_that_runs_with_it():
    found = [(learner, query.name) for learner, query in FULL.cells()]
    both = [(name, query) for name in FULL.learners for query in ("margin", "badge")]
    assert found == [*both[:4], ("b", "agent"), *both[4:]]


def test_learners_that_differ_in_traced_numbers_alone_run_side_by_side():
    """A width is a program's, and so are other queries; where agents' classifiers are the start,
    each learner has its own."""
    mlps = {str(rate): MLP(learning_rate=rate) for rate in (0.1, 0.2, 0.3)}
    one = Experiment(
        learners=mlps | {"wide": MLP(hidden=(9,)), "own": MLP.build, "too": MLP.build},
        queries=("random", Query("margin", learners=("0.1", "0.3", "wide"))),
    )
    found = [(names, query.name) for names, query in one.blocks()]
    assert found == [
        (("0.1", "0.3"), "random"),
        (("0.1", "0.3"), "margin"),
        (("0.2",), "random"),
        (("wide",), "random"),
        (("wide",), "margin"),
        (("own",), "random"),
        (("too",), "random"),
    ]
    agents = dataclasses.replace(one, protocol=Protocol(classifier="agents"))
    assert all(len(names) == 1 for names, _ in agents.blocks())


@dataclasses.dataclass(frozen=True)
class OwnMLP(MLP):
    """Whose build may do anything with its learning rate."""


def test_learners_of_ones_own_run_alone_also_when_they_are_read_again():
    one = Experiment(learners={"a": OwnMLP(learning_rate=0.1), "b": OwnMLP(learning_rate=0.2)})
    kept = Experiment.from_json(json.loads(json.dumps(one.to_json())))
    for experiment in (one, kept):
        assert [names for names, _ in experiment.blocks()] == [("a",), ("a",), ("b",), ("b",)]


# Options of each learner that must reach it: what it does with them is tested beside it.
@pytest.mark.parametrize(
    ("config", "seen"),
    [
        (LogisticRegression(C=0.3, max_steps=9), {"C": 0.3, "tol": 1e-6, "max_steps": 9}),
        (LinearSVC(C_grid=(1.0,)), {"C_grid": (1.0,), "folds": 5, "class_weight": None}),
        (SVC(gamma=2.0, class_weight="balanced"), {"gamma": 2.0, "class_weight": "balanced"}),
        (MLP(optimizer="adam", dropout=0.1), {"optimizer": adam, "dropout": 0.1, "augment": None}),
        (MLP(loss="super", super_lambda=0.25), {"loss": "super", "super_lambda": 0.25}),
        (CNN(precision="bfloat16"), {"dtype": jnp.bfloat16, "channels": (32, 64)}),
        (
            ResNet(depth=34, stem="cifar", weights="w"),
            {"depth": 34, "stem": "cifar", "weights": "w"},
        ),
        (ViT(normalise="imagenet", epsilon=1e-12), {"mean": IMAGENET[0], "epsilon": 1e-12}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_options_reach_the_learner(config, seen, monkeypatch):
    given = {}

    def record(shape, classes, **options):
        given.update(options, shape=shape, classes=classes)

    monkeypatch.setitem(learners.registry, config.learner, record)
    images = np.zeros((4, 5, 5, 3), np.uint8)
    config.build(from_arrays(images, np.arange(4) % 2, images, np.arange(4) % 2), 7)
    assert given["max_labels"] == 7 and given["shape"] == (5, 5, 3) and given["classes"] == 2
    assert {name: given[name] for name in seen} == seen


def test_pool_statistics_and_augmentations(monkeypatch):
    given = {}
    monkeypatch.setitem(learners.registry, "cnn", lambda *args, **options: given.update(options))
    x = np.random.default_rng(0).integers(0, 255, (10, 6, 6, 2)).astype(np.uint8)
    x[..., 1] //= 2
    config = CNN(augment=("flip",), schedule="plateau")
    config.build(from_arrays(x, np.arange(10) % 2, x, np.arange(10) % 2), 7)
    np.testing.assert_allclose(given["mean"], (x / 255).mean(axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(given["std"], (x / 255).std(axis=(0, 1, 2)), rtol=1e-5)
    image = jnp.asarray(x[0])
    flipped = {bool((given["augment"](jax.random.key(i), image) == image).all()) for i in range(9)}
    assert flipped == {True, False}
    assert given["schedule"].init().factor == 1.0


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (MLP(augment=("flip",)), r"crops and flips take images \(H, W, C\), not .* \(5,\): leave"),
        (MLP(normalise="imagenet"), r"one or three channels, not inputs of shape \(5,\): give"),
        (CNN(), r"a CNN takes images \(H, W, C\) of at least 2x2, not inputs of shape \(5,\)\."),
        (ResNet(), r"a ResNet takes images \(H, W, C\), not inputs of shape \(5,\)"),
    ],
    ids=["augment", "normalise", "cnn", "resnet"],
)
def test_images_are_asked_for(config, says):
    x = np.zeros((4, 5), np.float32)
    with pytest.raises(InputError, match=says):
        config.build(from_arrays(x, np.arange(4) % 2, x, np.arange(4) % 2), 4)


@pytest.mark.parametrize("kind", [CNN, ResNet])
def test_gray_images_less_the_mean_of_imagenet_have_three_channels(kind):
    x = np.zeros((4, 8, 8, 1), np.uint8)
    dataset = from_arrays(x, np.arange(4) % 2, x, np.arange(4) % 2)
    learner = kind(normalise="imagenet").build(dataset, 4)
    data = learner.prepare(x)
    variables = jax.eval_shape(learner.init, jax.random.key(0), data)
    assert variables.params["conv1"]["kernel"].shape[2] == 3
    assert jax.eval_shape(learner.predict, variables, x).logits.shape == (4, 2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"learners": {"a": MLP(normalise="imagnet")}},
            r"learners\.a\.normalise must be 'none' or",
        ),
        ({"learners": {"a": MLP(class_weight="balance")}}, r"must be 'balanced' or None, got 'bal"),
        (
            {"learners": {"a": MLP(loss="focal")}},
            "loss must be 'cross_entropy' or 'super', got 'foc",
        ),
        (
            {"learners": {"a": MLP(super_lambda=0.0)}},
            r"super_lambda of a must be positive, got 0\.0",
        ),
        ({"learners": {"a": MLP(schedule="linear")}}, "schedule must be 'constant' or 'cosine' or"),
        ({"learners": {"a": MLP(optimizer="sgd")}}, "optimizer must be 'nesterov' or 'adam', got"),
        ({"learners": {"a": MLP(augment=("rotate",))}}, "augment must be 'crop' or 'flip', got"),
        ({"learners": {"a": MLP(hidden=128)}}, "hidden must be a list of int, got 128"),
        ({"learners": {"a": CNN(hidden=(3,))}}, r"hidden must be a list \(int, int\), got \(3,\)"),
        ({"learners": {"a": SVC(gamma="auto")}}, "gamma must be float or 'scale', got 'auto'"),
        (
            {"data": Data(imbalance=Imbalance("longtail"))},
            r"data\.imbalance\.profile must be 'none",
        ),
        ({"data": Data(features=Features("resnet101"))}, r"data\.features\.kind must be 'none' or"),
        ({"protocol": Protocol(start="twisted")}, r"protocol\.start must be Balanced or Random or"),
        (
            {"protocol": Protocol(batch=2.5)},
            r"protocol\.batch must be int or a list of int, got 2.5",
        ),
        ({"protocol": Protocol(seeds=True)}, r"protocol\.seeds must be int, got True"),
        ({"protocol": Protocol(classifier="pretrained")}, "classifier must be 'untrained' or 'age"),
        ({"protocol": Protocol(metrics=(3,))}, "metrics must be names or functions, got 3"),
        ({"protocol": Protocol(split=1.0)}, r"protocol\.split must be int or None, got 1\.0"),
        ({"execution": 3}, "execution must be Execution, got 3"),
        ({"execution": Execution(segment="x")}, r"execution\.segment must be int, got 'x'"),
        (
            {"learners": {"a": "forest"}},
            "unknown learner 'forest': known are .*, or give package.module:attribute",
        ),
        ({"learners": {"a": 3}}, "a must say its type, one of LogisticRegression, .*, got 3"),
        ({"learners": 3}, "learners must be names, or a dict of learners, got 3"),
        ({"data": "sklearn:digits"}, "data must be Data, got 'sklearn:digits'"),
        ({"data": Data(source=3)}, r"data\.source must be a name or a function, got 3"),
        ({"protocol": Protocol(seeds="x" * 999)}, r"seeds must be int, got 'xxxx[x]{92}\.\.\.\.$"),
        (
            {"protocol": Protocol(start=Random(share=np.nan))},
            r"start\.share must be finite, got nan",
        ),
        ({"protocol": Protocol(start=Twisted(rare=-np.inf))}, r"rare must be finite, got -inf"),
        ({"protocol": Protocol(start=Random(labels=2.5))}, r"start\.labels must be int or None"),
        ({"shown": Shown(levels=(0.5, 1.5))}, r"levels must be different .*, got \[0.5, 1.5\]"),
        ({"shown": Shown(levels=(0.5, 0.5))}, r"levels must be different .*, got \[0.5, 0.5\]"),
        ({"shown": Shown(target=10**400)}, "target must be finite, got 1000"),
        (
            {"data": Data(parts=Parts(train=np.nan))},
            r"data\.parts\.train must be finite, got nan",
        ),
        ({"learners": {"a": SVC(gamma=np.inf)}}, "learners.a.gamma must be finite, got inf"),
        ({"learners": {"a": SVC(C_grid=(1.0, np.nan))}}, "C_grid must be finite, got nan"),
        ({"data": Data(test_size=np.nan)}, "data.test_size must be finite, got nan"),
        ({"queries": (Query("bait", ridge=np.nan),)}, "ridge must be finite, got nan"),
        ({"queries": (Query("margin", batch=0.5),)}, r"queries\.0\.batch must be int or a list"),
        ({"queries": (3,)}, r"queries\.0\.strategy must be .*, got 3"),
        (
            {"shown": Shown(reported={"a/b": {"f1": np.nan}})},
            r"shown\.reported\.a/b\.f1 must be finite, got nan",
        ),
    ],
)
def test_values_of_another_type_are_refused(change, says):
    with pytest.raises(InputError, match=says) as caught:
        run(dataclasses.replace(Experiment(), **change), progress=False)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@dataclasses.dataclass(frozen=True)
class Mine(Experiment):
    extra: int = 3


@pytest.mark.parametrize("given", [Mine(), None, {"seeds": 3}])
def test_what_is_no_experiment_is_refused(given):
    says = f"must be an Experiment, and of no subclass, got a {type(given).__name__}"
    with pytest.raises(InputError, match=says):
        run(given, progress=False)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "x" * 101}, "name must have at most 100 bytes, got 101: 'xxxx"),
        ({"name": "é" * 51}, "name must have at most 100 bytes, got 102: 'é"),
        ({"name": "a\nb"}, r"name must be of printable .* without a slash, got 'a\\nb'"),
        ({"name": "a/b"}, r"name must be of printable .* without a slash, got 'a/b'"),
        ({"name": ""}, "name must be of printable characters without a slash, got ''"),
        ({"learners": {"\0": MLP()}}, "a learner's name must be of printable characters"),
        ({"queries": (Query("margin", name="a/b"),)}, "a query's name must be of printable"),
    ],
    ids=range(7),
)
def test_names_are_such_as_files_can_have(change, says):
    with pytest.raises(InputError, match=says):
        run(dataclasses.replace(Experiment(), **change), progress=False)


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 10**400])
def test_integers_beyond_32_bits_are_refused(number):
    tree = Experiment().to_json()
    tree["learners"]["logistic_regression"]["max_steps"] = number
    with pytest.raises(InputError, match="max_steps must be an integer of 32 bits, got"):
        Experiment.from_json(tree)
