"""Buckets of padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.learners.capacity import at_capacity, capacities


@pytest.mark.parametrize(
    ("most", "sizes"),
    [(1000, (64, 256, 1000)), (64, (64,)), (65, (64, 65)), (5, (5,)), (256, (64, 256))],
)
def test_capacities(most, sizes):
    assert capacities(most) == sizes


def which(n):
    return at_capacity((4, 8, 16), n, lambda size, x: x * size, jnp.float32(1))


@pytest.mark.parametrize(("n", "size"), [(0, 4), (4, 4), (5, 8), (8, 8), (16, 16)])
def test_smallest_that_holds(n, size):
    assert jax.jit(which)(jnp.int32(n)) == size


def test_vmap_takes_the_largest_for_all_lanes():
    np.testing.assert_array_equal(jax.vmap(which)(jnp.array([1, 9, 3])), [16, 16, 16])
    twice = jax.vmap(jax.vmap(which))(jnp.array([[1, 2], [3, 5]]))
    np.testing.assert_array_equal(twice, [[8, 8], [8, 8]])


def test_batched_n_keeps_a_scalar_predicate():
    text = str(jax.make_jaxpr(jax.vmap(which))(jnp.array([1, 9, 3])))
    assert "cond[" in text and "select_n" not in text.split("cond[")[1]


def test_in_a_cond_that_differs_between_lanes():
    """vmap makes every operand of such a cond a batch, the sizes too."""

    def either(yes, n):
        return jax.lax.cond(yes, which, lambda n: jnp.float32(0), n)

    found = jax.vmap(either)(jnp.array([True, False, True]), jnp.array([1, 9, 3]))
    np.testing.assert_array_equal(found, [16, 0, 16])
