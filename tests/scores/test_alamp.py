import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jal.scores.alamp import alamp

fast = settings(max_examples=50, deadline=None, derandomize=True)
margins = st.one_of(st.just(0.0), st.floats(2.0**-90, 2.0**90, width=32))
scored = jax.jit(alamp)


@pytest.mark.parametrize(
    ("previous", "current", "expected"),
    [
        (0.9, 0.1, 0.8),
        (0.1, 0.9, -0.8),
        (0.3, 0.1, 0.5),  # of two equal shifts, the one with less certainty in all is higher
        (0.7, 0.5, 1 / 6),
        (1.0, 0.0, 1.0),
        (0.0, 1.0, -1.0),
        (0.4, 0.4, 0.0),
        (0.0, 0.0, 0.0),
        (3e38, 1e38, 0.5),
        (np.inf, 3e38, 1.0),
        (0.0, np.inf, -1.0),
        (np.inf, np.inf, 0.0),
    ],
)
def test_closed_forms(previous, current, expected):
    found = scored(jnp.float32(previous), jnp.float32(current))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@fast
@given(a=margins, b=margins)
def test_antisymmetric_and_bounded(a, b):
    found = float(scored(jnp.float32(a), jnp.float32(b)))
    assert found == -float(scored(jnp.float32(b), jnp.float32(a)))
    assert -1 <= found <= 1
    assert np.sign(found) in (0, np.sign(a - b))


@fast
@given(a=st.floats(1e-3, 1.0), b=st.floats(1e-3, 1.0), power=st.integers(-20, 20))
def test_scale_free_and_a_tanh(a, b, power):
    found = scored(jnp.float32(a), jnp.float32(b))
    scale = 2.0**power
    np.testing.assert_array_equal(scored(jnp.float32(a * scale), jnp.float32(b * scale)), found)
    np.testing.assert_allclose(found, np.tanh(0.5 * np.log(a / b)), rtol=1e-5, atol=1e-6)


def test_one_example():
    with pytest.raises(ValueError, match=r"alamp takes one example.*vmap"):
        alamp(jnp.ones(3), jnp.ones(3))
