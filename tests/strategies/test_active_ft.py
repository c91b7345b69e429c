import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.select.active_ft import active_ft as selected
from jal.strategies.active_ft import active_ft
from jal.types import InputError, Labels, Round


def test_options_reach_the_selector():
    features = jax.random.normal(jax.random.key(1), (30, 4))
    labelled = jnp.arange(30) < 6
    labels = Labels(jnp.arange(30, dtype=jnp.int32), jnp.int32(6))
    round_ = Round(features, -jnp.ones(30, int), labels, labelled, (), features[:, :2], features)
    key = jax.random.key(0)
    options = {
        "temperature": 0.3, "iterations": 7, "learning_rate": 0.1, "diversity": 0.5, "minibatch": 8,
    }  # fmt: skip
    picks, _ = active_ft(**options).select(key, (), round_, 5)
    np.testing.assert_array_equal(picks, selected(key, features, labelled, 5, **options))
    assert (np.asarray(picks) != selected(key, features, labelled, 5, iterations=7)).any()


def test_inputs():
    with pytest.raises(InputError, match="temperature above 0, got 0"):
        active_ft(temperature=0.0)
    with pytest.raises(InputError, match="minibatch of at least 1, got 0"):
        active_ft(minibatch=0)
