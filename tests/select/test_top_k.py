import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference import oracles

from jal.select import top_k

N = 12
fast = settings(max_examples=25, deadline=None, derandomize=True)
some_ties = arrays(
    np.float32, N, elements=st.sampled_from([-np.inf, -2.0, -1e-30, 0.0, 1.0, 1.5, np.inf])
)
masks = arrays(np.bool_, N)
jitted = jax.jit(top_k, static_argnums=2)


@fast
@given(scores=some_ties, labelled=masks)
def test_agrees_with_a_stable_sort(scores, labelled):
    # k = N compiles once; what follows the unlabelled points is not promised.
    expected = oracles.top_k(scores, labelled)
    np.testing.assert_array_equal(jitted(scores, labelled, N)[: len(expected)], expected)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_dtypes_and_k(dtype, k):
    scores = jnp.array([9, 2, -np.inf, 7, 7, 1, np.inf], dtype)
    labelled = jnp.array([True, False, False, False, False, False, True])
    picks = top_k(scores, labelled, k)  # k = 5: all that is unlabelled
    np.testing.assert_array_equal(picks, [3, 4, 1, 5, 2][:k])
    assert picks.dtype == jnp.int32


@pytest.mark.parametrize("lowest", [-1.0, -3e38, -np.inf])
def test_nan_ranks_below_everything(lowest):
    scores = jnp.array([np.nan, lowest, np.nan, 5.0])
    np.testing.assert_array_equal(top_k(scores, jnp.zeros(4, bool), 4), [3, 1, 0, 2])


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
@pytest.mark.parametrize("convert", [np.float64, np.float32, jnp.asarray])
def test_the_worst_unlabelled_come_before_the_labelled(bad, convert):
    # float64 too: NumPy's default, whose lowest number is -inf in float32.
    scores = convert(np.array([bad, 3.0, bad, 3.0]))
    labelled = np.array([True, True, False, False])
    np.testing.assert_array_equal(top_k(scores, labelled, 2), [3, 2])


def test_negative_zero_ties_with_zero():
    scores = jnp.array([-0.0, 0.0, -0.0, 0.0])
    np.testing.assert_array_equal(top_k(scores, jnp.zeros(4, bool), 4), [0, 1, 2, 3])


@fast
@given(
    scores=arrays(np.float32, N, elements=st.integers(-99, 99), unique=True),
    labelled=masks,
    order=st.permutations(range(N)),
)
def test_reordering_the_pool_reorders_the_picks(scores, labelled, order):
    free = N - labelled.sum()
    picks = jitted(scores, labelled, N)[:free]
    reordered = jitted(scores[order], labelled[order], N)[:free]
    np.testing.assert_array_equal(np.array(order)[reordered], picks)


def test_vmap_and_single_agree():
    rng = np.random.default_rng(0)
    scores = jnp.asarray(rng.integers(0, 4, (5, N)).astype(np.float32))
    labelled = jnp.asarray(rng.random((5, N)) < 0.4)
    batched = jax.jit(jax.vmap(lambda s, m: top_k(s, m, 3)))(scores, labelled)
    single = [top_k(s, m, 3) for s, m in zip(scores, labelled, strict=True)]
    np.testing.assert_array_equal(batched, single)


NONE = jnp.zeros(4, bool)


@pytest.mark.parametrize(
    ("scores", "labelled", "k", "message"),
    [
        (jnp.zeros(4), NONE, 0, "top_k takes k between 1 and the pool's 4 points, got 0"),
        (jnp.zeros(4), NONE, 5, "top_k takes k between 1 and the pool's 4 points, got 5"),
        (jnp.zeros(4), NONE.at[:2].set(True), 3, "top_k cannot pick k = 3 of 2 unlabelled points"),
        (jnp.zeros(4), jnp.zeros(4, jnp.int32), 1, "of int32"),
        (jnp.zeros(4), jnp.zeros(3, bool), 1, r"scores \[N\] .* with N = 3, got shape \(4,\)"),
        (jnp.zeros(4), jnp.zeros((4, 1), bool), 1, r"labelled \[N\] of bool .* \(4, 1\)"),
        (jnp.float32(0), NONE, 1, r"scores \[N\] .* with N = 4, got shape \(\)"),
    ],
)
def test_errors(scores, labelled, k, message):
    with pytest.raises(ValueError, match=message):
        top_k(scores, labelled, k)


def test_shapes_are_checked_under_jit_too():
    with pytest.raises(ValueError, match="got 5"):
        jitted(jnp.zeros(4), NONE, 5)
    with pytest.raises(ValueError, match="of float32"):
        jitted(jnp.zeros(4), jnp.zeros(4), 1)


@pytest.mark.parametrize("kind", [jnp.asarray, np.asarray], ids=["jax", "numpy"])
def test_a_mask_that_is_a_constant_of_the_callers_jit(kind):
    labelled = kind([True, False, False, True])
    picks = jax.jit(lambda scores: top_k(scores, labelled, 2))(jnp.array([9.0, 1.0, 2.0, 8.0]))
    np.testing.assert_array_equal(picks, [2, 1])
