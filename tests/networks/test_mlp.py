"""The MLP and the edge between NNX and pure functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from modules import Noisy

from jal.networks import from_module, mlp


@pytest.mark.parametrize("hidden", [(), (7,), (7, 5)])
def test_equals_matrix_products(hidden):
    network = mlp((2, 3), 4, hidden)
    variables = network.init(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (6, 2, 3))
    outputs, _ = network.apply(variables, x, False)
    h = np.asarray(x).reshape(6, 6)
    for i in range(len(hidden)):
        layer = variables.params["hidden"][i]
        h = np.maximum(h @ layer["kernel"] + layer["bias"], 0)
    last = variables.params["last"]
    np.testing.assert_allclose(outputs.features, h, atol=1e-5)
    np.testing.assert_allclose(outputs.logits, h @ last["kernel"] + last["bias"], atol=1e-5)


def test_init_under_vmap_is_init_alone():
    network = mlp((3,), 2)
    keys = jax.random.split(jax.random.key(0), 3)
    many = jax.vmap(network.init)(keys)
    alone = network.init(keys[1])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-6), many, alone)


def test_integer_images_are_taken_as_numbers():
    network = mlp((2, 2), 2)
    variables = network.init(jax.random.key(0))
    x = jnp.arange(8, dtype=jnp.uint8).reshape(2, 2, 2)
    a, b = (network.apply(variables, v, False)[0].logits for v in (x, x.astype(jnp.float32)))
    np.testing.assert_array_equal(a, b)


def test_state_moves_in_training_only():
    network = from_module(Noisy)
    variables = network.init(jax.random.key(0))
    x = 5.0 + jax.random.normal(jax.random.key(1), (64, 3))
    apply = jax.jit(network.apply, static_argnums=2)
    _, still = apply(variables, x, False)
    jax.tree.map(np.testing.assert_array_equal, raw(still), raw(variables.state))
    outputs, moved = apply(variables, x, True)
    assert (moved["norm"]["mean"] > 2.0).all()
    assert 0.3 < (outputs.features == 0).mean() < 0.7  # dropped out
    again, _ = apply(variables._replace(state=moved), x, True)
    assert ((again.features == 0) != (outputs.features == 0)).any()  # with fresh noise
    first, second = (apply(variables, x, False)[0].logits for _ in range(2))
    np.testing.assert_array_equal(first, second)


def raw(tree):
    def leaf(v):
        return jax.random.key_data(v) if jnp.issubdtype(v.dtype, jax.dtypes.prng_key) else v

    return jax.tree.map(leaf, tree)
