import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jal.networks.pooling import max_pool


@pytest.mark.parametrize(("window", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 1, 0)])
@pytest.mark.parametrize("shape", [(2, 8, 8, 3), (2, 9, 7, 1)])
def test_equals_window_reduction(shape, window, stride, padding):
    x = jax.random.normal(jax.random.key(0), shape)
    pads = ((padding, padding),) * 2

    def reference(x):
        return nnx.max_pool(x, (window, window), (stride, stride), pads)

    np.testing.assert_array_equal(max_pool(x, window, stride, padding), reference(x))
    found = jax.grad(lambda x: jnp.sum(jnp.sin(max_pool(x, window, stride, padding))))(x)
    expected = jax.grad(lambda x: jnp.sum(jnp.sin(reference(x))))(x)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_keeps_the_dtype():
    assert max_pool(jnp.ones((1, 4, 4, 1), jnp.bfloat16), 3, 2, 1).dtype == jnp.bfloat16
