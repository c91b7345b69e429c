"""How the training data are divided for agents, and which pool each phase of a training is on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jal.experiment.agent_configs import arena
from jal.experiment.agent_program import agent_program

from jal.data import from_arrays
from jal.experiment import Experiment, Parts
from jal.rl import Training

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
    data, evaluation = arena(dataset(), parts, 0)
    found = {
        "state": numbers(data.state_x),
        "train": numbers(data.train.x),
        "evaluation": numbers(evaluation.train.x),
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
    np.testing.assert_array_equal(evaluation.test.x, dataset().test.x)
    for pool in (data.warm, data.train, evaluation.train):
        np.testing.assert_array_equal(pool.y, Y[np.asarray(pool.x)[:, 0].astype(int)])


def test_a_training_begins_on_warm_start_s_pool_and_goes_on_with_its_own():
    """Its state counts: 1 of warm start's and 2 in each epoch."""

    def init(key, warm):
        return {"sum": warm, "key": jax.random.key_data(key)}

    def run(state, start, stop, train):
        return state | {"sum": state["sum"] + (stop - start) * train}

    training = Training(init, run, jnp.float32(1), jnp.float32(2), 5, 0)
    experiment = Experiment(trainings=3, devices=1, first_seed=4)
    program = agent_program(experiment, "agent", training)
    state = program.begin()
    np.testing.assert_array_equal(state["sum"], [1, 1, 1])
    assert len({tuple(key) for key in np.asarray(state["key"]).tolist()}) == 3
    np.testing.assert_array_equal(program.advance(state, 0, 3)["sum"], [7, 7, 7])
    assert program.epochs == 5
