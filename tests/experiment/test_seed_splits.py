"""Experiments in which each seed has a pool and a test set of its own."""

import dataclasses

import jax
import numpy as np
import pytest

from jal import data
from jal.data.seed_splits import SeedSplits, of_seed, seed_splits, whole
from jal.experiment import (
    Balanced,
    Corruption,
    Data,
    Experiment,
    Features,
    Imbalance,
    Indices,
    Learned,
    LogisticRegression,
    Parts,
    Protocol,
    SladeBranson,
    Training,
    resume,
    run,
)
from jal.experiment.checks import check
from jal.experiment.data_config import draw_splits, load_data
from jal.experiment.program import cut
from jal.types import InputError, Pool

LEARNER = {"logreg": LogisticRegression(tol=1e-3)}
DATA = Data(test_size=1000, split="per_seed", split_seed=2, standardise=True)
PROTOCOL = Protocol(seeds=2, first_seed=3, rounds=2, batch=3)
SMALL = Experiment(data=DATA, learners=LEARNER, queries=("margin",), protocol=PROTOCOL)


def odd_and_even(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Seed 0's pool is what is test set of seed 1."""
    parts = np.arange(seed, len(y) - 1, 2), np.arange(1 - seed, len(y) - 1, 2)
    return parts[0][:20], parts[1][:20]


@pytest.fixture(scope="module")
def results():
    return run(SMALL, progress=False)


def of_number(found, seed: int):
    return (
        found.frame[found.frame.seed == seed].reset_index(drop=True),
        found.picks[found.picks.seed == seed].reset_index(drop=True),
    )


@pytest.mark.parametrize("seed", [3, 4])
def test_a_seed_has_the_run_that_its_split_has_alone(results, seed):
    fixed = dataclasses.replace(DATA, split="fixed", split_seed=2 + seed)
    protocol = dataclasses.replace(PROTOCOL, seeds=1, first_seed=seed)
    alone = run(dataclasses.replace(SMALL, data=fixed, protocol=protocol), progress=False)
    frame, picks = of_number(results, seed)
    assert picks.drop(columns="row").equals(alone.picks.drop(columns="row"))
    np.testing.assert_array_equal(picks.row, alone.picks.row)
    same = frame.metric.isin(["accuracy", "imbalance_ratio"])
    np.testing.assert_array_equal(frame.value[same], alone.frame.value[same])


def test_picks_are_of_the_seeds_own_pool(results):
    everything, splits = draw_splits(DATA, load_data(DATA), [3, 4])
    assert splits is not None
    for place, seed in enumerate((3, 4)):
        _, picks = of_number(results, seed)
        assert np.isin(picks.row, splits.pool[place]).all()
        assert picks.row.is_unique
        np.testing.assert_array_equal(picks["class"].astype(int), everything.train.y[picks.row])
    assert results.info["pool"] == splits.pool.shape[1] == 797
    assert not np.array_equal(splits.pool[0], splits.pool[1])


@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_a_program_sees_what_the_data_set_of_the_seed_is(kind):
    x = np.random.default_rng(0).integers(0, 255, (12, 3)).astype(kind)
    every = whole(data.from_arrays(x, np.arange(12) % 3, x[:1], [0]))
    splits = seed_splits(
        every, lambda y, seed: (np.arange(seed, 6), np.arange(6 + seed, 12)), [1, 1], None, True
    )
    made = SeedSplits(*(jax.tree.map(lambda leaf: leaf[1], tuple(splits))))
    pool, test = cut(Pool(jax.numpy.asarray(every.train.x), jax.numpy.asarray(every.train.y)), made)
    wanted = of_seed(every, splits, 1)
    for found, one in ((pool, wanted.train), (test, wanted.test)):
        np.testing.assert_allclose(found.x, one.x, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(found.y, one.y)


def test_given_splits_and_starts_of_each():
    """Of two halves the one has what the other has not; each start is of its own pool."""
    x = np.arange(42, dtype=np.float32)[:, None]
    dataset = data.from_arrays(x[:30], np.arange(30) // 2 % 2, x[30:], np.arange(30, 42) // 2 % 2)
    experiment = Experiment(
        data=Data(split=odd_and_even),
        learners=LEARNER,
        queries=("random",),
        protocol=Protocol(seeds=2, rounds=1, batch=1, start=Indices(((0, 1), (2, 1)))),
    )
    found = run(experiment, dataset=dataset, progress=False)
    assert found.picks.row[found.picks.seed == 0].tolist()[:2] == [0, 2]
    assert found.picks.row[found.picks.seed == 1].tolist()[:2] == [5, 3]
    assert set(found.picks.row[found.picks.seed == 0] % 2) == {0}
    assert set(found.picks.row[found.picks.seed == 1] % 2) == {1}
    assert experiment.to_json()["data"]["split"].endswith(":odd_and_even")


def test_a_start_must_be_in_every_seeds_pool():
    y = np.array([0] * 5 + [1] * 5 + [0] * 5 + [1] * 5)
    dataset = data.from_arrays(np.arange(20.0)[:, None], y, np.zeros((2, 1)), [0, 1])

    def first_or_last(y, seed):
        return (np.arange(10), np.arange(10, 20)) if seed else (np.arange(5), np.arange(5, 10))

    same = dataclasses.replace(SMALL, protocol=Protocol(seeds=2, rounds=1, batch=1))
    ten = dataclasses.replace(same, data=Data(split=lambda y, seed: first_or_last(y, 1)))
    check(ten, dataset, {}, True)
    none = dataclasses.replace(same, data=Data(split=lambda y, seed: first_or_last(y, 0)))
    with pytest.raises(InputError, match="class 1 has 0 examples in the pool"):
        check(none, dataset, {}, True)
    given = Protocol(seeds=2, rounds=1, batch=1, start=Indices(((0, 9), (0, 1))))
    with pytest.raises(InputError, match="start of seed 1 has no example of class 1"):
        check(dataclasses.replace(ten, protocol=given), dataset, {}, True)


def test_each_pool_is_imbalanced_as_wanted():
    config = dataclasses.replace(
        DATA, train_share=0.9, imbalance=Imbalance("ratio", 0.5, largest=60)
    )
    everything, splits = draw_splits(config, load_data(config), range(3))
    assert splits is not None
    for pool in splits.pool:
        counts = np.bincount(everything.train.y[pool])
        assert counts[0] == 60
        np.testing.assert_allclose(counts.std() / counts.mean(), 0.5, atol=0.01)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"protocol": dataclasses.replace(PROTOCOL, seeds=4, splits=2)}, "not for splits 2"),
        ({"queries": (Learned("agent"),)}, "not for a trained agent"),
        ({"data": dataclasses.replace(DATA, parts=Parts())}, "data.parts is of one pool"),
        ({"data": dataclasses.replace(DATA, corruption=Corruption(0.5))}, "data.corruption"),
        ({"data": dataclasses.replace(DATA, features=Features("pca"))}, "data.features of pca"),
        ({"learners": "mlp"}, "give learners.mlp.normalise none, and data.standardise True"),
        ({"data": dataclasses.replace(DATA, split="per_sead")}, "unknown split 'per_sead'"),
        ({"data": dataclasses.replace(DATA, test_size=2000)}, "2000"),
        ({"protocol": dataclasses.replace(PROTOCOL, start=Balanced(200))}, "too few for 200"),
        ({"protocol": dataclasses.replace(PROTOCOL, rounds=300)}, "the pool has 797 examples"),
    ],
)
def test_what_takes_one_pool_is_refused(changed, said):
    with pytest.raises(InputError) as raised:
        run(dataclasses.replace(SMALL, **changed), progress=False)
    assert said in str(raised.value)


def test_a_split_that_names_no_function_is_refused():
    experiment = dataclasses.replace(
        SMALL, data=dataclasses.replace(DATA, split="jal.data:nothing")
    )
    with pytest.raises(InputError, match=r"split jal\.data:nothing is not there"):
        run(experiment, progress=False)


def test_agents_are_trained_on_one_pool():
    training = Training(SladeBranson(), "agent", data=dataclasses.replace(DATA, parts=Parts()))
    with pytest.raises(InputError, match=r"data\.parts is of one pool"):
        run(training, progress=False)


def test_a_given_data_set_is_standardised_as_a_loaded_one():
    fixed = dataclasses.replace(DATA, split="fixed")
    loaded = run(dataclasses.replace(SMALL, data=fixed), progress=False)
    raw = load_data(dataclasses.replace(fixed, standardise=False))
    given = Data(standardise=True)
    found = run(dataclasses.replace(SMALL, data=given), dataset=raw, progress=False)
    assert found.info["data_sha256"] == loaded.info["data_sha256"]
    np.testing.assert_array_equal(found.frame.value, loaded.frame.value)


SHIFT = {"by": 0}


def shifted(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return odd_and_even(y, (seed + SHIFT["by"]) % 2)


def test_a_folder_of_other_splits_is_not_gone_on_with(tmp_path, monkeypatch):
    x, y = np.arange(42, dtype=np.float32)[:, None], np.arange(42) // 2 % 2
    dataset = data.from_arrays(x[:30], y[:30], x[30:], y[30:])
    experiment = dataclasses.replace(
        SMALL, data=Data(split=shifted), protocol=Protocol(seeds=2, rounds=1, batch=1)
    )
    run(experiment, dataset=dataset, out=tmp_path / "run", progress=False)
    resume(tmp_path / "run", experiment, dataset=dataset, progress=False)
    monkeypatch.setitem(SHIFT, "by", 1)
    with pytest.raises(InputError, match="other data"):
        resume(tmp_path / "run", experiment, dataset=dataset, progress=False)
