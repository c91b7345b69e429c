"""Bad experiments: each gets one sentence that names the value and what would be right."""

import dataclasses

import numpy as np
import pytest
from rich.console import Console

from jal import strategies
from jal.data import from_arrays
from jal.experiment import MLP, Experiment, LogisticRegression, load, run
from jal.experiment.checks import check
from jal.report import print_tables
from jal.types import InputError

RNG = np.random.default_rng(0)
DATASET = from_arrays(
    RNG.normal(size=(90, 4)), np.arange(90) % 3, RNG.normal(size=(30, 4)), np.arange(30) % 3
)
GOOD = Experiment(seeds=2, rounds=3, batch=5)


def test_a_good_one_passes():
    check(GOOD, DATASET, strategies.registry)
    check(dataclasses.replace(GOOD, rounds=3, batch=29), DATASET, strategies.registry)  # all 90


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"strategies": ("margn",)}, "unknown strategy 'margn': known are random, least_conf"),
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
        ({"initial_indices": ((0, 1, 2), (0, 1, 3))}, "seed 1 has no example of class 2"),
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


def test_training_that_diverges_is_named():
    bad = dataclasses.replace(
        GOOD, learners={"wild": MLP(hidden=(4,), epochs=3, learning_rate=1e30)}
    )
    with pytest.raises(InputError, match=r"wild with random has train_loss = .* for seed 0 in"):
        run(bad, dataset=DATASET, progress=False)


@pytest.mark.parametrize("name", ["C=1", "a/b", "$x_{$", "[/b]", "<i>"])
def test_a_learner_may_have_any_name(tmp_path, name):
    named = dataclasses.replace(GOOD, learners={name: LogisticRegression()})
    results = run(named, out=tmp_path / "run", dataset=DATASET)
    assert set(results.frame.learner) == {name}
    print_tables(results.frame, Console(quiet=True))
    assert load(tmp_path / "run").table().equals(results.table())


@pytest.mark.parametrize("start", ["random", "twisted_main", "twisted_rare"])
def test_starts_reach_the_program(start):
    """Every seed begins with as many labels, drawn by the named rule."""
    sizes = np.repeat([0, 1, 2, 3], [20, 25, 200, 210])
    x = RNG.normal(size=(455, 3))
    dataset = from_arrays(x, sizes, x, sizes)
    experiment = dataclasses.replace(GOOD, start=start, initial=40, seeds=6, rounds=1)
    results = run(experiment, dataset=dataset, progress=False)
    begun = sizes[results.labelled["logistic_regression/random"][:, :40]]
    rare = (begun < 2).sum(axis=1)
    if start == "random":
        assert 0 <= rare.min() < rare.max() <= 15
    else:
        assert (rare == {"twisted_main": 2, "twisted_rare": 38}[start]).all()
    assert len(np.unique(begun, axis=0)) == 6
