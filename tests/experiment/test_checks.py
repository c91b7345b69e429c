"""Bad experiments: each gets one sentence that names the value and what would be right."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from jal import strategies
from jal.data import from_arrays
from jal.experiment import CNN, MLP, SVC, Experiment, LinearSVC, LogisticRegression, load, run
from jal.experiment.checks import check
from jal.experiment.program import Program
from jal.report import print_tables
from jal.types import Auxiliary, InputError

RNG = np.random.default_rng(0)
DATASET = from_arrays(
    RNG.normal(size=(90, 4)), np.arange(90) % 3, RNG.normal(size=(30, 4)), np.arange(30) % 3
)
GOOD = Experiment(seeds=2, rounds=3, batch=5)


def test_a_good_one_passes():
    check(GOOD, DATASET, strategies.registry)
    check(dataclasses.replace(GOOD, rounds=3, batch=29), DATASET, strategies.registry)  # all 90
    check(dataclasses.replace(GOOD, batch=60, budget=87), DATASET, strategies.registry)
    last = 2**31 - GOOD.seeds
    check(dataclasses.replace(GOOD, first_seed=last), DATASET, strategies.registry)
    given = dataclasses.replace(GOOD, initial_indices=((0, 3), (1, 4)), start="random")
    check(given, DATASET, strategies.registry)  # without two of the classes


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"strategies": ("margn",)}, "unknown strategy 'margn': known are random, random_size"),
        ({"batch_of": {"bagde": 3}}, "unknown strategy 'bagde'"),
        ({"metrics": ("auroc",)}, "unknown metric 'auroc': known are accuracy, log_loss"),
        ({"strategies": ("margin", "margin")}, "strategies must be one or more different names"),
        ({"strategies": ()}, "strategies must be one or more different names"),
        ({"learners": {}}, "learners must be one or more different names"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"first_seed": 2**31 - 1}, "seeds must be below 2\\^31, got 2147483648"),
        ({"name": "a/b"}, "name must be a name without a slash, got 'a/b'"),
        ({"learners": {"a": LogisticRegression(C=-1.0)}}, "C of a must be positive, got -1.0"),
        ({"learners": {"a": LogisticRegression(tol=-1.0)}}, "tol of a must not be negative"),
        ({"learners": {"a": MLP(batch_size=0)}}, "batch_size of a must be positive, got 0"),
        ({"learners": {"a": MLP(hidden=(3, 0))}}, "hidden of a must be widths of at least 1"),
        ({"segment": 0}, "segment must be at least 1, got 0"),
        ({"first_seed": -1}, "first_seed must be at least 0, got -1"),
        ({"seeds_at_once": 0}, "seeds_at_once must be at least 1, got 0"),
        ({"batch": 0}, "batch sizes of random must be at least 1, got 0"),
        ({"batch": (5, 5)}, "batch has 2 numbers for 3 rounds"),
        ({"batch": 30}, "random would buy 90 labels in 3 rounds after the 3 it starts with, but"),
        ({"batch_of": {"margin": 30}}, "margin would buy 90 labels"),
        ({"batch": 30, "budget": 88}, "random would buy 88 labels in 3 rounds after the 3"),
        ({"budget": 0}, "budget must be at least 1 label, got 0"),
        ({"confidence": 1.0}, "confidence must lie between 0 and 1, got 1.0"),
        ({"reported": {"badge": {"f1": 0.5}}}, "reported takes learner/strategy, got 'badge'"),
        ({"reported": {"svm/badge": {"f1": 0.5}}}, "unknown learner 'svm': known are logistic"),
        ({"reported": {"logistic_regression/bagde": {}}}, "unknown strategy 'bagde': known are"),
        (
            {"reported": {"logistic_regression/margin": {"f2": 0.5}}},
            "unknown metric of logistic_regression/margin 'f2': known are acc",
        ),
        ({"learners": {"a": MLP(dropout=1.0)}}, "dropout of a must be at least 0 and below 1, got"),
        (
            {"initial": 0.5},
            "a balanced start takes a whole number .* got initial 0.5: give one, or",
        ),
        ({"initial": 0}, "a balanced start takes a whole number .* got initial 0"),
        ({"start": "random", "initial": 91}, "number of labels up to the pool's 90, or a share"),
        ({"start": "random", "initial": 0.001}, "or a share of it below 1, got 0.001"),
        ({"start": "random", "initial": 4.5}, "or a share of it below 1, got 4.5"),
        ({"start": "twisted_rare", "initial": 40}, "rarer classes have 30 .* too few for 38 at"),
        ({"start": "twisted_main", "initial": 70}, "other classes have 60 .* too few for 66 at"),
        ({"initial": 31}, "class 0 has 30 examples in the pool, too few for 31"),
        ({"initial_indices": ((0, 1, 2),)}, "initial_indices has 1 rows for 2 seeds"),
        ({"initial_indices": ((0, 1, 2), (0, 1))}, "of seed 1 must be 3 different indices"),
        ({"initial_indices": ((0, 1, 2), (0, 1, 1))}, "got 2 different of 3"),
        ({"initial_indices": ((0, 1, 2), (0, 1, 90))}, "initial index 90 of seed 1 is outside"),
        ({"initial_indices": ((0, 1, 2), (0, 1, 3))}, "seed 1 has no .* class 2: .*start random"),
    ],
)
def test_bad_ones(change, says):
    with pytest.raises(InputError, match=says) as caught:
        check(dataclasses.replace(GOOD, **change), DATASET, strategies.registry)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_nothing_is_written_before_the_checks(tmp_path):
    for change in ({"strategies": ("margn",)}, {"devices": 9}, {"devices": 0}, {"batch": 30}):
        with pytest.raises(InputError):
            run(dataclasses.replace(GOOD, **change), out=tmp_path / "run", dataset=DATASET)
        assert not (tmp_path / "run").exists()


def test_a_pool_without_a_class():
    y = np.where(np.arange(90) % 3 == 1, 0, np.arange(90) % 3)
    dataset = from_arrays(DATASET.train.x, y, DATASET.test.x, DATASET.test.y, num_classes=3)
    with pytest.raises(InputError, match="class 1 has 0 examples in the pool, too few for 1"):
        check(GOOD, dataset, strategies.registry)


def needing(**fields):
    """A factory of random sampling that says it needs something."""
    return {"own": lambda: strategies.registry["random"]()._replace(**fields)}


def _no_stages(key, outputs):
    if not outputs.stages:
        raise InputError("own reads the stages of the network, and this one has none.")
    return {"w": jnp.zeros(outputs.stages[0].shape[1])}


AUXILIARY = Auxiliary(_no_stages, lambda *_: jnp.float32(0), lambda p, o: o.stages[0] @ p["w"])


@pytest.mark.parametrize(
    ("fields", "learner", "says"),
    [
        (
            {"needs": frozenset({"sample"})},
            MLP(),
            r"own needs dropout: a_net has dropout 0; give --learners\.a-net\.dropout 0\.3\.",
        ),
        (
            {"needs": frozenset({"sample"})},
            LogisticRegression(),
            r"own needs dropout: a_net \(LogisticRegression\) has none; take a network with",
        ),
        (
            {"needs": frozenset({"head"})},
            SVC(),
            r"own needs a last layer on features: a_net \(SVC\) has none; take a network, Logistic",
        ),
        (
            {"needs": frozenset({"wings"})},
            MLP(),
            r"own needs the learner's wings: a_net \(MLP\) has none; take another learner",
        ),
        (
            {"auxiliary": AUXILIARY},
            LogisticRegression(),
            r"own trains a part of its own in a network's steps: a_net \(LogisticRegression\) is",
        ),
        (
            {"auxiliary": AUXILIARY},
            MLP(hidden=()),
            "own with a_net: own reads the stages of the network, and this one has none",
        ),
    ],
    ids=["dropout 0", "no dropout", "no head", "unknown", "no minibatches", "no stages"],
)
def test_learners_without_what_a_strategy_needs(fields, learner, says):
    bad = dataclasses.replace(GOOD, learners={"fits": MLP(dropout=0.1), "a_net": learner})
    bad = dataclasses.replace(bad, strategies=("random", "own"))
    if fields == {"needs": frozenset({"wings"})}:
        bad = dataclasses.replace(bad, learners={"a_net": learner})
    with pytest.raises(InputError, match=says) as caught:
        Program(bad, DATASET, strategies.registry | needing(**fields))
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_what_needs_are_met_by():
    """Each with the learners that have it, and nothing is compiled to find out."""
    images = from_arrays(
        np.zeros((90, 8, 8, 1)), np.arange(90) % 3, np.zeros((30, 8, 8, 1)), np.arange(30) % 3
    )
    networks = {"mlp": MLP(dropout=0.1), "cnn": CNN(dropout=0.25)}
    linear = {"logistic_regression": LogisticRegression(), "linear_svc": LinearSVC()}
    for fields, learners in (
        ({"needs": frozenset({"sample", "head"})}, networks),
        ({"auxiliary": AUXILIARY}, networks | {"thresholded": MLP(thresholding=True)}),
        ({"needs": frozenset({"head"})}, {"mlp": MLP()}),
    ):
        good = dataclasses.replace(GOOD, learners=learners, strategies=("own",))
        assert Program(good, images, needing(**fields)).compile_seconds == 0.0
    good = dataclasses.replace(GOOD, learners=linear, strategies=("own",))
    Program(good, DATASET, needing(needs=frozenset({"head"})))


def of_a_net(name: str = "net", learning_rate: float = 0.05) -> Experiment:
    """One program, whatever the name and rate."""
    return dataclasses.replace(
        GOOD,
        learners={name: MLP(hidden=(4,), epochs=2, learning_rate=learning_rate, normalise="none")},
        initial_indices=((0, 1, 2), (3, 4, 5)),
        strategies=("margin",),
        rounds=1,
    )


def test_training_that_diverges_is_named():
    with pytest.raises(InputError, match=r"net with margin has train_loss = .* for seed 0 in"):
        run(of_a_net(learning_rate=1e30), dataset=DATASET, progress=False)


def test_outputs_that_are_not_finite_are_named():
    """One point of the pool overflows; training and the test set never see it."""
    x = DATASET.train.x.copy()
    x[50] = 3e38
    dataset = from_arrays(x, DATASET.train.y, *DATASET.test)
    says = "net with margin has outputs that are not finite for seed 0 in round 0: training"
    with pytest.raises(InputError, match=says):
        run(of_a_net(), dataset=dataset, progress=False)


def test_a_learner_may_have_any_name(tmp_path):
    name = "C=1 a/b $x_{$ [/b] <i>"
    results = run(of_a_net(name), out=tmp_path / "run", dataset=DATASET)
    assert set(results.frame.learner) == {name}
    print_tables(results.frame, Console(quiet=True))
    assert load(tmp_path / "run").table().equals(results.table())


@pytest.mark.parametrize("start", ["random", "twisted_main", "twisted_rare"])
def test_starts_reach_the_program(start):
    """Every seed begins with as many labels, drawn by the named rule."""
    sizes = np.repeat([0, 1, 2, 3], [20, 25, 200, 210])
    x = RNG.normal(size=(455, 3))
    dataset = from_arrays(x, sizes, x, sizes)
    experiment = dataclasses.replace(GOOD, start=start, initial=40, seeds=6)
    program = Program(experiment, dataset, strategies.registry)
    state = program._begin(0)(*program._begin_arguments(0))  # without compiling what it begins
    begun = sizes[np.asarray(state.labels.order)[:, :40]]
    assert (state.labels.n == 40).all()
    rare = (begun < 2).sum(axis=1)
    if start == "random":
        assert 0 <= rare.min() < rare.max() <= 15
    else:
        assert (rare == {"twisted_main": 2, "twisted_rare": 38}[start]).all()
    assert len(np.unique(begun, axis=0)) == 6
