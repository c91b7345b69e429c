import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jal.select import trust_set

N, K = 14, 4
fast = settings(max_examples=40, deadline=None, derandomize=True)
scores_of = arrays(
    np.float32, N, elements=st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 0.5, 2.0, np.inf, np.nan])
)
classes_of = arrays(np.int32, N, elements=st.sampled_from([-1, 0, 1, 2, 3, 4]))
masks = arrays(np.bool_, N)
jitted = jax.jit(trust_set, static_argnums=4)


def chosen(*given, **options):
    return np.flatnonzero(trust_set(*given, **options)).tolist()


def one_class_after_another(scores, y, labelled, n):
    """A sort of each class's points, NaN last, equals by index."""
    mask = np.zeros(N, bool)
    for c in range(K):
        points = [i for i in range(N) if labelled[i] and y[i] == c]
        points.sort(key=lambda i: (np.isnan(scores[i]), -scores[i]))
        mask[points[: int(np.ceil(n / K))]] = True
    return mask


@fast
@given(scores=scores_of, y=classes_of, labelled=masks, n=st.integers(1, 20))
def test_agrees_with_a_sort_of_each_class(scores, y, labelled, n):
    found = np.asarray(jitted(scores, y, labelled, n, K))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, one_class_after_another(scores, y, labelled, n))


@fast
@given(y=classes_of, labelled=masks, n=st.integers(1, 20), seed=st.integers(0, 99))
def test_balance(y, labelled, n, seed):
    """Each class has ceil(n / K) points or all of its own, whatever the scores."""
    scores = np.random.default_rng(seed).normal(size=N).astype(np.float32)
    found = np.asarray(jitted(scores, y, labelled, n, K))
    for c in range(K):
        assert found[y == c].sum() == min((labelled & (y == c)).sum(), -(-n // K))
    assert found.sum() <= n + K - 1 and not found[~labelled].any()


ALL = np.ones(8, bool)


@pytest.mark.parametrize(
    ("n", "picks"),
    [
        (1, [1, 3, 7]),  # fewer than there are classes: the best of each
        (3, [1, 3, 7]),
        (4, [0, 1, 3, 5, 7]),  # class 2 has one point, and class 1 no place of it
        (6, [0, 1, 3, 5, 7]),
        (7, [0, 1, 2, 3, 5, 6, 7]),
        (99, [0, 1, 2, 3, 4, 5, 6, 7]),
        (2**40, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_by_hand(n, picks):
    scores = np.array([0.5, 0.9, 0.1, 0.8, 0.05, 0.7, 0.6, 0.01], np.float32)
    y = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    assert chosen(scores, y, ALL, n, 3) == picks


def test_two_classes_and_an_absent_one():
    scores = np.array([3.0, 1.0, 2.0, 5.0], np.float32)
    y = np.array([0, 0, 1, 1])
    mask = np.ones(4, bool)
    assert chosen(scores, y, mask, 2, 2) == [0, 3]
    assert chosen(scores, y, mask, 2, 3) == [0, 3]  # nobody has the absent class's place
    assert chosen(scores, np.full(4, 1), mask, 2, 2) == [3]
    assert chosen(scores, np.full(4, -1), mask, 2, 2) == []
    assert chosen(scores, np.full(4, 2), mask, 2, 2) == []
    assert chosen(scores, y, ~mask, 2, 2) == []


def test_nan_is_chosen_last():
    scores = np.array([np.nan, -np.inf, 1.0, np.nan], np.float32)
    y = np.zeros(4, int)
    mask = np.ones(4, bool)
    assert chosen(scores, y, mask, 1, 1) == [2]
    assert chosen(scores, y, mask, 2, 1) == [1, 2]
    assert chosen(scores, y, mask, 3, 1) == [0, 1, 2]


def test_equal_scores_are_drawn_by_the_key():
    scores, y = jnp.zeros(12), jnp.arange(12) % 2
    mask = jnp.ones(12, bool)
    assert chosen(scores, y, mask, 4, 2) == [0, 1, 2, 3]
    draw = jax.vmap(lambda key: trust_set(scores, y, mask, 4, 2, key=key))
    drawn = np.asarray(draw(jax.random.split(jax.random.key(0), 600)))
    assert (drawn[:, ::2].sum(axis=1) == 2).all() and (drawn[:, 1::2].sum(axis=1) == 2).all()
    # Each point in a third of the draws, six standard deviations being 69.
    assert np.abs(drawn.sum(axis=0) - 200).max() < 69
    best = scores.at[4].set(1.0)
    keys = jax.random.split(jax.random.key(1), 20)
    assert all(trust_set(best, y, mask, 2, 2, key=key)[4] for key in keys)


def test_reordering_the_points_reorders_the_mask():
    rng = np.random.default_rng(0)
    scores, y = rng.permutation(N).astype(np.float32), rng.integers(K, size=N)
    labelled, order = rng.random(N) < 0.8, rng.permutation(N)
    found = np.asarray(jitted(scores, y, labelled, 6, K))
    np.testing.assert_array_equal(
        jitted(scores[order], y[order], labelled[order], 6, K), found[order]
    )


def test_n_may_be_traced_and_vmapped():
    rng = np.random.default_rng(0)
    scores, y = rng.normal(size=(3, N)).astype(np.float32), rng.integers(K, size=(3, N))
    labelled, n = rng.random((3, N)) < 0.8, np.array([2, 5, 9])
    batched = jax.jit(jax.vmap(lambda *given: trust_set(*given, K)))(scores, y, labelled, n)
    for i in range(3):
        single = trust_set(scores[i], y[i], labelled[i], int(n[i]), K)
        np.testing.assert_array_equal(batched[i], single)


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.uint32, jnp.int32])
def test_n_may_be_traced_of_any_integers(dtype):
    scores, y = jnp.arange(8.0), jnp.arange(8) % 2
    found = jax.jit(lambda n: trust_set(scores, y, jnp.ones(8, bool), n, 2))(dtype(3))
    assert found.tolist() == [False] * 4 + [True] * 4


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16, np.float64, np.int8])
def test_dtypes(dtype):
    scores = np.array([3, 1, 2, 2], dtype)
    y = np.array([0, 0, 1, 1], np.uint8)
    assert chosen(scores, y, np.ones(4, bool), 2, 2) == [0, 2]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scores": np.zeros(3)}, r"scores \[N\] of numbers with N = 4, got shape \(3,\)"),
        ({"scores": np.zeros((4, 2))}, r"scores \[N\] .* got shape \(4, 2\)"),
        ({"y": np.zeros(4)}, r"y \[N\] of integers with N = 4, .* of float"),
        ({"y": np.zeros(5, int)}, r"y \[N\] of integers with N = 4, got shape \(5,\)"),
        ({"y": np.full(4, 2**40)}, "y within int32, got 1099511627776"),
        ({"labelled": np.ones(4, int)}, r"labelled \[N\] of bool"),
        ({"labelled": np.ones(0, bool)}, r"labelled \[N\] of bool with N >= 1"),
        ({"n": 0}, "n as an integer of at least 1, got 0"),
        ({"n": 2.0}, "n as an integer of at least 1, got 2.0"),
        ({"num_classes": 0}, "num_classes as an integer of at least 1, got 0"),
        ({"num_classes": True}, "num_classes as an integer of at least 1, got True"),
        ({"key": 0}, "one PRNG key"),
    ],
)
def test_errors(given, message):
    plain = {
        "scores": np.zeros(4, np.float32),
        "y": np.zeros(4, int),
        "labelled": np.ones(4, bool),
        "n": 2,
        "num_classes": 2,
    }
    with pytest.raises(ValueError, match=f"^trust_set takes {message}"):
        trust_set(**(plain | given))


def test_what_is_traced_is_refused_too():
    given = np.zeros(4, np.float32), np.zeros(4, int), np.ones(4, bool)
    with pytest.raises(ValueError, match=r"n as an integer, got a traced value of shape .* float"):
        jax.jit(lambda n: trust_set(*given, n, 2))(2.0)
    with pytest.raises(ValueError, match=r"num_classes as an integer .* must be static"):
        jax.jit(lambda k: trust_set(*given, 2, k))(2)
