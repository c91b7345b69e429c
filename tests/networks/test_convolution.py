"""The convolution with its own gradients, against JAX's."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jal.networks.convolution
from jal.networks import conv_general_dilated

NHWC = ("NHWC", "HWIO", "NHWC")
EXPLICIT = ((1, 1), (2, 0))


def value_and_gradients(conv, strides, padding, **options):
    def loss(x, kernel):
        y = conv(x, kernel, strides, padding, dimension_numbers=NHWC, **options)
        return jnp.sum(jnp.sin(y)), y  # sin: a gradient that depends on y

    return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))


def inputs(rows=7, columns=9, height=3, width=3, channels=3, outputs=4, images=6, seeds=()):
    x, kernel = jax.random.split(jax.random.key(0))
    return (
        jax.random.normal(x, (*seeds, images, rows, columns, channels)),
        jax.random.normal(kernel, (*seeds, height, width, channels, outputs)) / 3,
    )


def assert_equal(found, expected, tolerance=1e-5):
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.shape == b.shape
        largest = np.max(np.abs(b), initial=0.0)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * largest)


@pytest.mark.parametrize("padding", ["SAME", "VALID", EXPLICIT, ((-1, 0), (1, -1))], ids=str)
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (2, 3)], ids=str)
@pytest.mark.parametrize("window", [(1, 1), (3, 3), (5, 2)], ids=str)
def test_equals_lax(window, strides, padding):
    arrays = inputs(height=window[0], width=window[1])
    assert_equal(
        value_and_gradients(conv_general_dilated, strides, padding)(*arrays),
        value_and_gradients(lax.conv_general_dilated, strides, padding)(*arrays),
    )


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 1)], ids=str)
@pytest.mark.parametrize("rows", [1, 2, 4, 5])
def test_small_images(rows, strides):
    arrays = inputs(rows=rows, columns=5)
    assert_equal(
        value_and_gradients(conv_general_dilated, strides, "SAME")(*arrays),
        value_and_gradients(lax.conv_general_dilated, strides, "SAME")(*arrays),
    )


@pytest.mark.parametrize("shape", [{"images": 0}, {"rows": 2, "columns": 2}], ids=str)
def test_empty_batches_and_outputs(shape):
    arrays = inputs(**shape)
    assert_equal(
        value_and_gradients(conv_general_dilated, (1, 1), "VALID")(*arrays),
        value_and_gradients(lax.conv_general_dilated, (1, 1), "VALID")(*arrays),
    )


@pytest.mark.parametrize("strides", [(1, 1), (2, 2)], ids=str)
@pytest.mark.parametrize("images", [6, 7])
def test_blocks_of_images_add_up(monkeypatch, images, strides):
    arrays = inputs(images=images)
    whole = value_and_gradients(conv_general_dilated, strides, "SAME")
    assert "while" not in whole.lower(*arrays).as_text()
    monkeypatch.setattr(jal.networks.convolution, "_BLOCK", 6000)  # two or three images
    jal.networks.convolution._conv.cache_clear()
    blocks = value_and_gradients(conv_general_dilated, strides, "SAME")
    assert "while" in blocks.lower(*arrays).as_text()
    assert_equal(
        blocks(*arrays),
        value_and_gradients(lax.conv_general_dilated, strides, "SAME")(*arrays),
    )


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)], ids=str)
def test_vmap_equals_lax(axes):
    x, kernel = inputs(seeds=(3,))
    arrays = (x if axes[0] == 0 else x[0], kernel if axes[1] == 0 else kernel[0])
    found, expected = (
        jax.jit(jax.vmap(value_and_gradients(conv, (2, 1), "SAME"), in_axes=axes))(*arrays)
        for conv in (conv_general_dilated, lax.conv_general_dilated)
    )
    assert_equal(found, expected)


def test_vmap_of_vmap_equals_lax():
    arrays = inputs(seeds=(2, 3))
    found, expected = (
        jax.jit(jax.vmap(jax.vmap(value_and_gradients(conv, (1, 1), "SAME"))))(*arrays)
        for conv in (conv_general_dilated, lax.conv_general_dilated)
    )
    assert_equal(found, expected)


@pytest.mark.parametrize("nested", [False, True])
def test_no_grouped_convolution_under_vmap_on_cpus(nested):
    """The slow form, which vmap makes of lax's own."""

    def program(conv):
        f = jax.vmap(value_and_gradients(conv, (1, 1), "SAME"))
        f = jax.vmap(f) if nested else f
        arrays = inputs(seeds=(2, 3) if nested else (3,))
        return jax.jit(f).lower(*arrays).as_text()

    grouped = "group_count = (?!1 )"
    assert re.search(grouped, program(lax.conv_general_dilated))
    assert not re.search(grouped, program(conv_general_dilated))


@pytest.mark.parametrize(
    "options",
    [
        {"rhs_dilation": (2, 2)},
        {"lhs_dilation": (2, 1)},
        {"feature_group_count": 3},
        {"preferred_element_type": jnp.float32},
    ],
    ids=lambda options: next(iter(options)),
)
def test_other_convolutions_are_left_to_lax(options):
    x, kernel = inputs()
    if "feature_group_count" in options:
        kernel = jnp.tile(kernel[:, :, :1], (1, 1, 1, 3))
    assert_equal(
        value_and_gradients(conv_general_dilated, (1, 1), EXPLICIT, **options)(x, kernel),
        value_and_gradients(lax.conv_general_dilated, (1, 1), EXPLICIT, **options)(x, kernel),
    )


def test_per_example_gradients():
    x, kernel = inputs()
    gradient = jax.grad(lambda k, one: jnp.sum(jnp.sin(conv(one[None], k))))
    found = jax.jit(jax.vmap(gradient, in_axes=(None, 0)))(kernel, x)
    expected = np.stack([gradient(kernel, one) for one in x])
    assert_equal(found, expected)


def conv(x, kernel):
    return conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=NHWC)
