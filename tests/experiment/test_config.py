"""Configs: JSON and back, and what differs."""

import dataclasses

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
    Data,
    Experiment,
    Features,
    Imbalance,
    LinearSVC,
    LogisticRegression,
    Parts,
    ResNet,
    ViT,
    run,
)
from jal.experiment.config import difference
from jal.learners import adam
from jal.types import InputError

FULL = Experiment(
    name="full",
    data=Data("npz:some.npz", 10, 3, imbalance=Imbalance("step"), features=Features("pca", 3)),
    learners={
        "a": LogisticRegression(C=0.1),
        "b": MLP(hidden=(8, 4), warm_start=True),
        "c": CNN(augment=("crop", "flip"), class_weight="balanced"),
        "d": SVC(C_grid=(0.1, 1.0), gamma=0.5),
        "e": LinearSVC(),
        "f": ResNet(depth=50, weights="model.safetensors", precision="bfloat16"),
        "g": ViT(schedule="cosine", optimizer="adam"),
    },
    start="random",
    initial=0.15,
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
    with pytest.raises(InputError, match="seeds must be int, got 'x'"):
        Experiment.from_json(tree | {"seeds": "x"})
    tree["learners"]["logistic_regression"]["type"] = "Forest"
    with pytest.raises(InputError, match=r"unknown type 'Forest' of learners.*are Logistic"):
        Experiment.from_json(tree)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seeds": 3}, "seeds is 2 there and 3 here"),
        ({"learners": {"a": LogisticRegression(C=0.1)}}, "learners.b"),
        (
            {"data": dataclasses.replace(FULL.data, test_size=11)},
            "data.test_size is 10 there and 11 here",
        ),
        ({"devices": None, "segment": 1}, None),
        ({"confidence": 0.68, "reported": {"a/margin": {"accuracy": 0.5}}}, None),
        ({}, None),
    ],
)
def test_difference(change, says):
    found = difference(FULL, dataclasses.replace(FULL, **change))
    assert (found is None) if says is None else (says in found)


def test_batches():
    assert FULL.batches("margin") == (5, 10, 15)
    assert FULL.batches("badge") == (20, 20, 20)
    bounded = dataclasses.replace(FULL, budget=27)
    assert bounded.batches("margin") == (5, 10, 12)
    assert bounded.batches("badge") == (20, 7, 0)


@pytest.mark.parametrize(
    ("change", "size"),
    [
        ({"initial": 3}, 30),
        ({"start": "random", "initial": 15}, 15),
        ({"start": "random", "initial": 0.15}, 150),
        ({"start": "twisted_main", "initial": 0.8}, 800),
        ({"initial_indices": ((1, 2, 3),), "seeds": 1}, 3),
    ],
)
def test_start_size(change, size):
    assert dataclasses.replace(Experiment(), **change).start_size(1000, 10) == size


# Options of each learner that must reach it: what it does with them is tested beside it.
@pytest.mark.parametrize(
    ("config", "seen"),
    [
        (LogisticRegression(C=0.3, max_steps=9), {"C": 0.3, "tol": 1e-6, "max_steps": 9}),
        (LinearSVC(C_grid=(1.0,)), {"C_grid": (1.0,), "folds": 5, "class_weight": None}),
        (SVC(gamma=2.0, class_weight="balanced"), {"gamma": 2.0, "class_weight": "balanced"}),
        (MLP(optimizer="adam", dropout=0.1), {"optimizer": adam, "dropout": 0.1, "augment": None}),
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
        ({"learners": {"a": MLP(schedule="linear")}}, "schedule must be 'constant' or 'cosine' or"),
        ({"learners": {"a": MLP(optimizer="sgd")}}, "optimizer must be 'nesterov' or 'adam', got"),
        ({"learners": {"a": MLP(augment=("rotate",))}}, "augment must be 'crop' or 'flip', got"),
        ({"learners": {"a": MLP(hidden=128)}}, "hidden must be a list of int, got 128"),
        ({"learners": {"a": CNN(hidden=(3,))}}, r"hidden must be a list \(int, int\), got \[3\]"),
        ({"learners": {"a": SVC(gamma="auto")}}, "gamma must be float or 'scale', got 'auto'"),
        (
            {"data": Data(imbalance=Imbalance("longtail"))},
            r"data\.imbalance\.profile must be 'none",
        ),
        ({"data": Data(features=Features("resnet101"))}, r"data\.features\.kind must be 'none' or"),
        ({"start": "twisted"}, "start must be 'balanced' or 'random' or .*, got 'twisted'"),
        ({"batch": 2.5}, "batch must be int or a list of int, got 2.5"),
        ({"seeds": True}, "seeds must be int, got True"),
        (
            {"learners": {"a": "mlp"}},
            "learners.a must be LogisticRegression or SVC or .*, got 'mlp'",
        ),
        ({"data": "sklearn:digits"}, "data must be Data, got 'sklearn:digits'"),
        ({"seeds": "x" * 999}, r"seeds must be int, got 'xxxx[x]{92}\.\.\.\.$"),
        ({"initial": np.nan}, "initial must be finite, got nan"),
        ({"initial": -np.inf}, "initial must be finite, got -inf"),
        ({"target": 10**400}, "target must be finite, got 1000"),
        ({"parts": Parts(train=np.nan)}, "parts.train must be finite, got nan"),
        ({"learners": {"a": SVC(gamma=np.inf)}}, "learners.a.gamma must be finite, got inf"),
        ({"learners": {"a": SVC(C_grid=(1.0, np.nan))}}, "C_grid must be finite, got nan"),
        ({"data": Data(test_size=np.nan)}, "data.test_size must be finite, got nan"),
        ({"options": {"bait": {"ridge": np.nan}}}, "options.bait.ridge must be finite, got nan"),
        ({"reported": {"a/b": {"f1": np.nan}}}, "reported.a/b.f1 must be finite, got nan"),
    ],
)
def test_values_of_another_type_are_refused(change, says):
    with pytest.raises(InputError, match=says):
        run(dataclasses.replace(Experiment(), **change), progress=False)


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
        ({"name": "a\nb"}, r"name must be of printable characters, got 'a\\nb'"),
        ({"name": "a/b"}, r"name must be a name without a slash, got 'a/b'"),
        ({"name": ""}, "name must be of printable characters, got ''"),
        ({"learners": {"\0": MLP()}}, "a name in learners must be of printable characters"),
    ],
    ids=range(6),
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
