"""The small CNN, and what every network of images needs: scaling, precision, dropout passes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jal.networks import cnn, from_module, in_precision, mlp, normalise
from jal.types import InputError

X = jax.random.normal(jax.random.key(1), (5, 9, 8, 2))


@pytest.fixture(scope="module")
def network():
    return cnn((9, 8, 2), 4, channels=(3, 5), hidden=(16, 6))


@pytest.fixture(scope="module")
def variables(network):
    return network.init(jax.random.key(0))


def test_equals_its_layers(network, variables):
    outputs, _ = network.apply(variables, X, False)
    layers = variables.params
    h = X
    for name in ("conv1", "conv2"):
        h = jax.lax.conv_general_dilated(
            h, layers[name]["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        h = np.maximum(h + layers[name]["bias"], 0)
    h = nnx.max_pool(jnp.asarray(h), (2, 2), (2, 2)).reshape(5, -1)  # drops the ninth row
    for name in ("dense1", "dense2"):
        h = np.maximum(h @ layers[name]["kernel"] + layers[name]["bias"], 0)
    np.testing.assert_allclose(outputs.features, h, atol=1e-5)
    logits = h @ layers["dense3"]["kernel"] + layers["dense3"]["bias"]
    np.testing.assert_allclose(outputs.logits, logits, atol=1e-5)


def test_dropout_in_training_only(network, variables):
    first, state = network.apply(variables, X, True)
    again, _ = network.apply(variables._replace(state=state), X, True)
    assert (first.features != again.features).any()
    still, kept = network.apply(variables, X, False)
    np.testing.assert_array_equal(still.logits, network.apply(variables, X, False)[0].logits)
    assert kept["dropout"]["rngs"]["count"] == variables.state["dropout"]["rngs"]["count"]


def test_dropout_passes(network, variables):
    """Different for different keys, the same for the same; their mean nears the plain output."""
    sample = jax.jit(jax.vmap(network.sample, in_axes=(0, None, None)))
    keys = jax.random.split(jax.random.key(2), 4000)
    passes = np.asarray(sample(keys, variables, X[:1]).logits)[:, 0]
    assert len(np.unique(passes, axis=0)) > 3000
    again = sample(keys[:2], variables, X[:1]).logits[:, 0]
    np.testing.assert_allclose(passes[:2], again, atol=1e-5)
    plain = np.asarray(network.apply(variables, X[:1], False)[0].logits[0])
    assert np.abs(passes.mean(axis=0) - plain).max() < 0.35 * passes.std(axis=0).max()


def test_layers_drop_out_independently():
    class Twice(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Dropout(0.5, rngs=rngs)
            self.second = nnx.Dropout(0.5, rngs=rngs)
            self.norm = nnx.BatchNorm(64, rngs=rngs)

        def __call__(self, x):
            return self.norm(x), self.first(x) * 3 + self.second(x) / 2

    network = from_module(Twice)
    variables = network.init(jax.random.key(0))
    outputs = network.sample(jax.random.key(1), variables, jnp.ones((4, 64)))
    values, counts = np.unique(np.asarray(outputs.features).round(4), return_counts=True)
    np.testing.assert_array_equal(values, [0, 1, 6, 7])  # both, either, none dropped
    assert counts.min() > 30
    # One network is drawn, which sees all examples.
    np.testing.assert_array_equal(outputs.features, np.tile(outputs.features[:1], (4, 1)))
    # BatchNorm goes by its running statistics: a mean of 0 and a deviation of 1.
    np.testing.assert_allclose(outputs.logits, 1.0, atol=1e-4)


def test_no_dropout_no_passes():
    assert mlp((3,), 2).sample is None
    assert cnn((8, 8, 1), 2, dropout=0.0).sample is None
    assert mlp((3,), 2, dropout=0.1).sample is not None


def test_normalise(network, variables):
    mean, std = jnp.array([0.2, 0.4]), jnp.array([0.5, 2.0])
    wrapped = normalise(network, mean, std)
    images = jnp.arange(5 * 9 * 8 * 2, dtype=jnp.uint8).reshape(5, 9, 8, 2)
    by_hand = (np.asarray(images) / 255 - mean) / std
    for x in (images, images / 255):  # bytes, and the same as floats
        found, _ = wrapped.apply(variables, x, False)
        expected, _ = network.apply(variables, by_hand, False)
        np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)
    key = jax.random.key(3)
    np.testing.assert_allclose(
        wrapped.sample(key, variables, images).logits,
        network.sample(key, variables, by_hand).logits,
        atol=1e-5,
    )


def test_one_channel_of_bytes_becomes_three(variables):
    network = normalise(mlp((4, 4, 3), 2), jnp.array([0.1, 0.2, 0.3]), 1.0)
    gray = jnp.arange(2 * 16, dtype=jnp.uint8).reshape(2, 4, 4, 1)
    variables = network.init(jax.random.key(0))
    found = network.apply(variables, gray, False)[0].logits
    three = network.apply(variables, jnp.tile(gray, 3), False)[0].logits
    np.testing.assert_allclose(found, three, atol=1e-6)


@pytest.mark.slow
def test_bfloat16(network, variables):
    half = in_precision(network, jnp.bfloat16)
    found, _ = half.apply(variables, X, False)
    exact, _ = network.apply(variables, X, False)
    assert found.logits.dtype == found.features.dtype == jnp.float32
    difference = np.abs(found.logits - exact.logits).max()
    assert 1e-4 < difference < 0.05 * np.abs(exact.logits).max()
    gradient = jax.grad(lambda p: half.apply(variables._replace(params=p), X, True)[0].logits.sum())
    assert {leaf.dtype for leaf in jax.tree.leaves(gradient(variables.params))} == {
        jnp.dtype(jnp.float32)
    }
    assert half.sample(jax.random.key(0), variables, X).logits.dtype == jnp.float32


@pytest.mark.parametrize(
    ("shape", "options", "says"),
    [
        ((64,), {}, r"a CNN takes images \(H, W, C\) of at least 2x2, not inputs of shape \(64,\)"),
        ((1, 8, 3), {}, r"not inputs of shape \(1, 8, 3\)"),
        ((8, 8, 1), {"hidden": (16,)}, r"two hidden widths, got \(32, 64\) and \(16,\)"),
        ((8, 8, 1), {"channels": (1, 2, 3)}, r"two channels .* got \(1, 2, 3\)"),
    ],
)
def test_what_is_no_cnn(shape, options, says):
    with pytest.raises(InputError, match=says):
        cnn(shape, 10, **options)
