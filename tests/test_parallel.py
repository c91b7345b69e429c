"""Seeds over devices: sharded, mapped, vmapped and alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.parallel import in_chunks, over_seeds, replicate, seed_mesh
from jal.types import InputError


def train(seed, x):
    """A few gradient steps from a constant start: zero biases do not depend on the key."""
    key, scale = seed
    w = {"w": scale * jax.random.normal(key, (3, 2)), "b": jnp.zeros(2)}

    def loss(w):
        return jnp.mean((jax.nn.softmax(x @ w["w"] + w["b"]) - jnp.array([0.2, 0.8])) ** 2)

    def step(_, w):
        return jax.tree.map(lambda p, g: p - 0.5 * g, w, jax.grad(loss)(w))

    return jax.lax.fori_loop(0, 20, step, w)


def seeds(count: int):
    return jax.vmap(jax.random.key)(jnp.arange(count)), 1.0 + jnp.arange(count, dtype=jnp.float32)


X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)


def alone(i: int, devices: int):
    one = jax.tree.map(lambda leaf: leaf[i : i + 1], seeds(8))
    return jax.tree.map(
        lambda leaf: leaf[0], jax.jit(over_seeds(train, seed_mesh(devices)))(one, X)
    )


@pytest.mark.parametrize("devices", [1, 4])
@pytest.mark.parametrize("count", [1, 5, 8])
def test_mapped_seeds_are_the_seed_alone_bit_for_bit(devices, count):
    many = jax.jit(over_seeds(train, seed_mesh(devices)))(seeds(count), X)
    for i in range(0, count, 2):
        one = alone(i, devices)
        jax.tree.map(lambda a, b, i=i: np.testing.assert_array_equal(a[i], b), many, one)


@pytest.mark.parametrize("devices", [2, 4])
def test_sharded_seeds_are_those_of_one_device(devices):
    """XLA may fuse a partitioned program otherwise; here it does, by one unit in the last place.

    The experiments' tests find the registered learners equal bit for bit.
    """
    one, many = (jax.jit(over_seeds(train, seed_mesh(d)))(seeds(8), X) for d in (1, devices))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=3e-7, atol=1e-7), one, many)


@pytest.mark.parametrize("at_once", [2, 3, 8, None])
@pytest.mark.parametrize("devices", [1, 4])
def test_vmapped_seeds_equal_up_to_rounding(devices, at_once):
    mapped = jax.jit(over_seeds(train, seed_mesh(1)))(seeds(7), X)
    grouped = jax.jit(over_seeds(train, seed_mesh(devices), at_once))(seeds(7), X)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), mapped, grouped)


def test_results_stay_spread_over_the_devices():
    result = jax.jit(over_seeds(train, seed_mesh(4)))(seeds(8), replicate(X, seed_mesh(4)))
    assert len(result["w"].sharding.device_set) == 4
    assert result["w"].addressable_shards[0].data.shape == (2, 3, 2)


@pytest.mark.parametrize("devices", [0, 5])
def test_no_such_devices(devices):
    with pytest.raises(InputError, match=f"between 1 and the 4 present, got {devices}"):
        seed_mesh(devices)


@pytest.mark.parametrize(("rows", "size"), [(10, 3), (10, 5), (10, 10), (3, 8), (11, 10)])
def test_chunks_are_the_whole(rows, size):
    x = jnp.arange(2.0 * rows).reshape(rows, 2)
    seen = []

    def f(x):
        seen.append(x.shape)
        return {"square": x**2, "sum": x.sum(axis=1)}

    found = jax.jit(lambda x: in_chunks(f, x, size))(x)
    assert {shape[0] for shape in seen} == {min(rows, size)}
    np.testing.assert_array_equal(found["square"], x**2)
    np.testing.assert_array_equal(found["sum"], x.sum(axis=1))
