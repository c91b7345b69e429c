"""Depthwise convolution, by hand and against XLA's grouped one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jal.networks.depthwise import depthwise_conv

X = jax.random.normal(jax.random.key(0), (3, 7, 10, 4))


def grouped(x, kernel, stride):
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[3],
    )


def test_with_a_stride_the_padding_is_at_the_end():
    """TensorFlow's SAME of four pixels and three weights: windows 012, 23-; PyTorch's: -01, 123."""
    x = jnp.array([1.0, 10.0, 100.0, 1000.0]).reshape(1, 1, 4, 1)
    kernel = jnp.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    found = depthwise_conv(x, kernel, 2)
    np.testing.assert_array_equal(found.ravel(), [1 + 20 + 300, 100 + 2000])


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_equals_the_grouped_convolution(size, stride):
    """In value and both gradients."""
    kernel = jax.random.normal(jax.random.key(1), (size, size, 1, 4))

    def of(conv):
        def loss(x, kernel):
            y = conv(x, kernel, stride)
            return jnp.sum(jnp.sin(y)), y

        return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(X, kernel)

    for a, b in zip(jax.tree.leaves(of(depthwise_conv)), jax.tree.leaves(of(grouped)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_there_is_no_grouped_convolution_on_cpus():
    """The slow form."""
    kernel = jnp.ones((3, 3, 1, 4))
    for conv, slow in ((grouped, True), (depthwise_conv, False)):
        text = jax.jit(conv, static_argnums=2).lower(X, kernel, 1).as_text()
        assert ("feature_group_count = 4" in text) == slow


def test_bfloat16_stays_and_is_added_up_in_float32():
    x, kernel = jnp.full((1, 1, 5, 1), 256.0), jnp.array([1.0, 2**-8, 2**-8, 2**-8, 2**-8])
    arrays = [one.astype(jnp.bfloat16) for one in (x, kernel.reshape(1, 5, 1, 1))]
    found = depthwise_conv(*arrays)
    assert found.dtype == jnp.bfloat16
    assert float(found[0, 0, 2, 0]) == 260.0  # 256 + 1 is 256 in bfloat16
