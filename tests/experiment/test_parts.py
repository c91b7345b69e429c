"""How the training data are divided for agents, and which pool each phase of a training is on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.data import from_arrays
from jal.experiment import Data, Parts, SladeBranson, Training
from jal.experiment.parts import divide, evaluation
from jal.experiment.training import agent_parts, training_program
from jal.parallel import seed_mesh
from jal.rl import Trainer
from jal.types import InputError

POINTS, CLASSES = 200, 2
Y = np.arange(POINTS) % CLASSES


def dataset():
    """Each point's input is its number; those of the test set are negative."""
    x = np.arange(POINTS, dtype=np.float32)[:, None]
    return from_arrays(x, Y, -1 - x[:30], Y[:30])


def numbers(x):
    return set(np.asarray(x)[:, 0].astype(int).tolist())


@pytest.mark.parametrize("warm", [0.0, 0.15])
@pytest.mark.parametrize("holdout", [0.0, 0.1])
def test_parts_share_no_point_and_each_is_what_it_says(warm, holdout):
    parts = Parts(state=0.05, warm=warm, train=0.4, evaluation=0.2, holdout=holdout)
    data = agent_parts(dataset(), Training(SladeBranson(), data=Data(parts=parts)))
    compared = evaluation(dataset(), parts, 0)
    found = {
        "state": numbers(data.state_x),
        "train": numbers(data.train.x),
        "evaluation": numbers(compared.train.x),
    }
    if warm:
        found["warm"] = numbers(data.warm.x)
    else:
        assert data.warm is data.train
    if holdout:
        found["holdout"] = numbers(data.holdout.x)
    else:
        np.testing.assert_array_equal(data.holdout.x, dataset().test.x)
    for name, points in found.items():
        assert len(points) == POINTS * getattr(parts, name) and min(points) >= 0
    assert len(set().union(*found.values())) == sum(map(len, found.values()))
    np.testing.assert_array_equal(compared.test.x, dataset().test.x)
    for pool in (data.warm, data.train, compared.train):
        np.testing.assert_array_equal(pool.y, Y[np.asarray(pool.x)[:, 0].astype(int)])


def test_without_parts_all_of_it_is_the_pool():
    whole = dataset()
    assert evaluation(whole, None, 0) is whole


def test_a_split_divides_by_its_own_seed():
    parts = Parts()
    training = Training(SladeBranson(), data=Data(split_seed=3, parts=parts), splits=2, split=1)
    own = divide(dataset(), parts, 4)
    np.testing.assert_array_equal(
        agent_parts(dataset(), training).train.x[:, 0].astype(int), own["train"]
    )
    assert not np.array_equal(divide(dataset(), parts, 3)["train"], own["train"])


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (Parts(state=0.0), r"parts\.state must be a share above 0, got 0\.0"),
        (Parts(train=-0.1), r"parts\.train must be a share above 0, got -0\.1"),
        (Parts(evaluation=0.0), r"parts\.evaluation must be a share above 0"),
        (Parts(warm=-0.1), r"parts\.warm must be a share of at least 0, got -0\.1"),
        (Parts(holdout=-0.1), r"parts\.holdout must be a share of at least 0, got -0\.1"),
        (Parts(train=0.9), r"parts must sum to at most 1, got 1\.3: lower one of state 0\.1, warm"),
    ],
    ids=str,
)
def test_shares_that_cannot_be(parts, says):
    with pytest.raises(InputError, match=says):
        divide(dataset(), parts, 0)
    with pytest.raises(InputError, match=says):
        evaluation(dataset(), parts, 0)


def test_a_training_begins_on_warm_start_s_pool_and_goes_on_with_its_own():
    """Its state counts: 1 of warm start's and 2 in each epoch."""

    def init(key, warm):
        return {"sum": warm, "key": jax.random.key_data(key)}

    def run(state, start, stop, train):
        return state | {"sum": state["sum"] + (stop - start) * train}

    trainer = Trainer(init, run, jnp.float32(1), jnp.float32(2), 5, 0)
    program = training_program(trainer, range(4, 7), "agent", seed_mesh(1), 1)
    state = program.begin()
    np.testing.assert_array_equal(state["sum"], [1, 1, 1])
    assert len({tuple(key) for key in np.asarray(state["key"]).tolist()}) == 3
    np.testing.assert_array_equal(program.advance(state, 0, 3)["sum"], [7, 7, 7])
