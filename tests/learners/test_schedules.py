"""Learning-rate schedules, against optax and PyTorch's rule written out."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jal.learners.schedules import constant, cosine, plateau


def factors(schedule, steps=101):
    return np.asarray(
        jax.vmap(lambda p: schedule.factor(schedule.init(), p))(jnp.linspace(0, 1, steps))
    )


def test_constant_is_one():
    np.testing.assert_array_equal(factors(constant()), 1.0)


@pytest.mark.parametrize("warmup", [0.0, 0.2])
def test_cosine_is_optax(warmup):
    expected = optax.warmup_cosine_decay_schedule(0.0, 1.0, round(100 * warmup), 100, 0.0)
    wanted = [float(expected(step)) for step in range(101)]
    np.testing.assert_allclose(factors(cosine(warmup)), wanted, atol=1e-6)


def reduce_on_plateau(losses, patience, decay, threshold):
    """PyTorch's ReduceLROnPlateau (mode min, threshold_mode rel, cooldown 0), written out."""
    factor, best, bad, found = 1.0, np.inf, 0, []
    for loss in losses:
        if loss < best * (1 - threshold):
            best, bad = loss, 0
        else:
            bad += 1
        if bad > patience:
            factor, bad = factor * decay, 0
        found.append(factor)
    return found


def test_plateau_is_pytorchs():
    rng = np.random.default_rng(0)
    losses = np.concatenate(
        [np.linspace(2, 1, 10), 1 - 1e-6 * np.arange(9), rng.uniform(0.9, 1.2, 40)]
    )
    schedule = plateau(patience=3, decay=0.5)
    state, found = schedule.init(), []
    for loss in losses:
        state = schedule.after_epoch(state, jnp.float32(loss))
        found.append(float(schedule.factor(state, jnp.float32(0.5))))
    expected = reduce_on_plateau(losses.astype(np.float32), 3, 0.5, 1e-4)
    assert len(set(expected)) > 4
    np.testing.assert_allclose(found, expected)
