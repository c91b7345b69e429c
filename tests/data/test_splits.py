import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from jal.data import balanced_start, start_from

# 3, 4 and 5 of the classes 0, 1 and 2.
Y = jnp.array([2, 1, 0, 2, 1, 2, 0, 1, 2, 0, 2, 1])
N, K = 12, 3
fast = settings(max_examples=25, deadline=None, derandomize=True)
start = jax.jit(balanced_start, static_argnums=(2, 3))


@pytest.mark.parametrize("per_class", [1, 3])
@fast
@given(seed=st.integers(0, 2**32 - 1), order=st.permutations(range(N)))
def test_begins_with_each_class_in_turn(per_class, seed, order):
    y = Y[jnp.array(order)]
    found = np.asarray(start(jax.random.key(seed), y, K, per_class))
    np.testing.assert_array_equal(np.sort(found), np.arange(N))
    first = K * per_class
    np.testing.assert_array_equal(y[found[:first]], np.tile(np.arange(K), per_class))
    assert (np.diff(found[first:]) > 0).all()  # the rest by index


@pytest.mark.parametrize("per_class", [1, 2])
def test_uniform_over_the_members(per_class):
    keys = jax.random.split(jax.random.key(0), 6000)
    found = np.asarray(jax.vmap(lambda key: start(key, Y, K, per_class))(keys))
    for place in range(K * per_class):
        drawn = np.bincount(found[:, place], minlength=N)
        members = np.flatnonzero(np.asarray(Y) == place % K)
        assert stats.chisquare(drawn[members]).pvalue > 1e-3
        assert drawn[members].sum() == 6000


def test_keys_differ_and_repeat():
    keys = jax.random.split(jax.random.key(0), 20)
    y = jnp.arange(300) % K
    found = jax.vmap(lambda key: start(key, y, K, 5))(keys)
    assert len(np.unique(found, axis=0)) == 20
    for key, row in zip(keys[:2], found[:2], strict=True):
        np.testing.assert_array_equal(start(key, y, K, 5), row)
    assert found.dtype == jnp.int32


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [([3, 0], [3, 0, 1, 2, 4]), ([4, 3, 2, 1, 0], [4, 3, 2, 1, 0]), ([2], [2, 0, 1, 3, 4])],
)
def test_start_from(chosen, expected):
    found = start_from(jnp.array(chosen), 5)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == jnp.int32


@fast
@given(chosen=st.permutations(range(N)).map(lambda order: order[:5]))
def test_start_from_any(chosen):
    rest = [i for i in range(N) if i not in chosen]
    found = jax.jit(start_from, static_argnums=1)(jnp.array(chosen), N)
    np.testing.assert_array_equal(found, [*chosen, *rest])
