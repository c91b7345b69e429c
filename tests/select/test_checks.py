import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.select.checks import check_key, check_pool, pad_picks, take_picks
from jal.select.seeding import finite_rows


@pytest.mark.parametrize(
    ("labelled", "expected"),
    [([0, 0, 0, 0], [2, 0, 3]), ([0, 1, 0, 1], [2, 0, 4]), ([1, 1, 1, 1], [4, 4, 4])],
)
def test_picks_beyond_the_unlabelled_are_the_pools_size(labelled, expected):
    picks = pad_picks(jnp.array([2, 0, 3]), jnp.array(labelled, bool))
    np.testing.assert_array_equal(picks, expected)
    assert picks.dtype == jnp.int32


def test_picks_among_some_points():
    """Of points 7, 3, 5 of a pool of 9: 3 is past them."""
    picks = take_picks(jnp.array([7, 3, 5]), jnp.array([1, 0, 3]), 9)
    np.testing.assert_array_equal(picks, [3, 7, 9])
    np.testing.assert_array_equal(jnp.zeros(9).at[picks].set(1.0), np.isin(np.arange(9), [3, 7]))


def test_floats_are_float32_integers_int32_and_inputs_of_bytes_stay():
    bytes_, mask = np.arange(8, dtype=np.uint8).reshape(4, 2), np.zeros(4, bool)
    labelled, features, x, y = check_pool(
        "it", mask, 2, features=bytes_, x=bytes_, y=np.array([0, 1, 2, 3], np.uint64)
    )
    assert [v.dtype for v in (labelled, features, x, y)] == [
        bool,
        jnp.float32,
        jnp.uint8,
        jnp.int32,
    ]
    np.testing.assert_array_equal(features, bytes_)
    (halves,) = check_pool("it", mask, 2, x=jnp.ones((4, 2, 2), jnp.bfloat16))[1:]
    assert halves.dtype == jnp.float32


def test_float32_is_not_copied():
    features = jnp.ones((4, 2))
    assert check_pool("it", jnp.zeros(4, bool), 2, features=features)[1] is features


@pytest.mark.parametrize("key", [jax.random.key(3), jax.random.PRNGKey(3), np.array([0, 3], "u4")])
def test_keys_old_and_new(key):
    assert jax.random.uniform(check_key("it", key)) == jax.random.uniform(jax.random.key(3))


def test_rows_that_are_not_finite_and_the_scale():
    """6 is 0.75 x 2^3."""
    rows = jnp.array([[6.0, -1.0], [np.nan, 1.0], [2.0, np.inf], [0.0, 3.0]])
    scaled, finite = finite_rows(rows)
    np.testing.assert_array_equal(finite, [True, False, False, True])
    np.testing.assert_array_equal(scaled, [[0.75, -0.125], [0, 0], [0, 0], [0, 0.375]])
    for size in (2.0**124, 2.0**-120):
        squares = jnp.square(finite_rows(size * rows[:1])[0])
        assert jnp.isfinite(squares).all() and (squares > 0).all()
