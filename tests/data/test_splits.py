import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.model_selection import StratifiedKFold

from jal.data.splits import fractions
from jal.labels import balanced_start, random_start, start_from, twisted_start
from jal.learners.cross_validation import stratified_folds
from jal.types import InputError

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


def test_random_start_begins_with_any_points():
    keys = jax.random.split(jax.random.key(0), 6000)
    found = np.asarray(jax.jit(jax.vmap(lambda key: random_start(key, N, 3)))(keys))
    np.testing.assert_array_equal(np.sort(found), np.broadcast_to(np.arange(N), found.shape))
    assert (np.diff(found[:, 3:]) > 0).all()  # the rest by index
    for place in range(3):
        assert stats.chisquare(np.bincount(found[:, place], minlength=N)).pvalue > 1e-3
    longer = random_start(keys[0], N, 5)
    np.testing.assert_array_equal(longer[:3], found[0, :3])
    assert longer.dtype == jnp.int32


# 20, 3, 6, 30 and 8 of the classes 0 to 4: classes 1 and 2 are the rarer.
UNEVEN = np.random.default_rng(0).permutation(np.repeat(np.arange(5), [20, 3, 6, 30, 8]))


@pytest.mark.parametrize(("rare_share", "rare"), [(0.0, 0), (0.1, 2), (0.5, 8), (0.56, 9)])
def test_twisted_start_takes_its_share_from_the_rarer_classes(rare_share, rare):
    twisted = jax.jit(lambda key: twisted_start(key, UNEVEN, 5, 16, rare_share))
    found = np.asarray(jax.vmap(twisted)(jax.random.split(jax.random.key(0), 4000)))
    np.testing.assert_array_equal(np.sort(found), np.broadcast_to(np.arange(67), found.shape))
    assert (np.diff(found[:, 16:]) > 0).all()
    is_rare = np.isin(UNEVEN, [1, 2])
    assert is_rare[found[:, :rare]].all()
    assert not is_rare[found[:, rare:16]].any()
    for half, drawn in ((is_rare, found[:, :rare]), (~is_rare, found[:, rare:16])):
        if drawn.size:
            # Without replacement counts vary less than independent draws: the test is lenient.
            counts = np.bincount(drawn.ravel(), minlength=67)[half]
            assert stats.chisquare(counts).pvalue > 1e-3
    np.testing.assert_array_equal(twisted(jax.random.key(7)), twisted(jax.random.key(7)))
    assert len(np.unique(found, axis=0)) > 3900


def test_a_twisted_start_may_take_every_point():
    found = twisted_start(jax.random.key(0), UNEVEN, 5, 67, 9 / 67)
    np.testing.assert_array_equal(np.sort(found), np.arange(67))
    assert np.isin(UNEVEN[found[:9]], [1, 2]).all()


def test_of_equally_rare_classes_each_is_among_the_rarer_as_often():
    y = jnp.repeat(jnp.arange(4), jnp.array([5, 5, 5, 2]))
    keys = jax.random.split(jax.random.key(0), 600)
    rare = jax.jit(jax.vmap(lambda key: y[twisted_start(key, y, 4, 7, 1.0)[:7]]))(keys)
    often = [np.sum((np.asarray(rare) == one).sum(axis=1) == 5) for one in range(3)]
    assert sum(often) == 600 and stats.chisquare(often).pvalue > 1e-3


def test_twisted_starts_of_cifar10_imb():
    y = np.repeat(np.arange(10)[::-1], 500 * np.arange(1, 11))  # the last classes are rare here
    twisted = jax.jit(twisted_start, static_argnums=(2, 3, 4))
    for rare_share, rare in ((0.05, 50), (0.95, 950)):
        start = twisted(jax.random.key(0), y, 10, 1000, rare_share)[:1000]
        assert (y[np.asarray(start)] >= 5).sum() == rare


@pytest.mark.parametrize("folds", [2, 3, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_folds_are_as_even_as_scikit_learns(folds, seed):
    y = np.sort(UNEVEN[UNEVEN != 1])  # it numbers classes by appearance and warns of rare ones
    found = np.asarray(jax.jit(stratified_folds, static_argnums=2)(jax.random.key(seed), y, folds))
    expected = StratifiedKFold(folds).split(y, y)
    for fold, (_, members) in enumerate(expected):
        np.testing.assert_array_equal(np.bincount(y[found == fold]), np.bincount(y[members]))


@fast
@given(seed=st.integers(0, 2**32 - 1), folds=st.integers(2, 7), ignored=st.booleans())
def test_folds_of_any_labels_are_even(seed, folds, ignored):
    rng = np.random.default_rng(seed)
    y = rng.integers(-1 if ignored else 0, 4, 50)
    found = np.asarray(stratified_folds(jax.random.key(seed), jnp.asarray(y), folds))
    sizes = [np.bincount(found[y == one], minlength=folds) for one in range(4)]
    for counts in (*sizes, np.sum(sizes, axis=0)):
        assert np.ptp(counts) <= 1
    assert found.min() >= 0
    assert found.dtype == np.int32


def test_folds_are_random():
    keys = jax.random.split(jax.random.key(0), 3000)
    found = np.asarray(jax.vmap(lambda key: stratified_folds(key, Y, 2))(keys))
    # Two of a class of five, whose folds have 2 and 3: (1 + 3) of 10 pairs are in the same one.
    assert np.mean(found[:, 0] == found[:, 3]) == pytest.approx(0.4, abs=0.04)


ABAS = (0.1, 0.1, 0.6, 0.2)


def test_fractions_of_balanced_classes_are_exact():
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 50))
    parts = fractions(y, ABAS, seed=1)
    for part, count in zip(parts, (5, 5, 30, 10), strict=True):
        np.testing.assert_array_equal(np.bincount(y[part]), np.full(10, count))
        assert (np.diff(part) > 0).all()
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(500))


@pytest.mark.parametrize("share", [0.15, 0.8])
def test_a_fraction_is_a_subset(share):
    y = np.repeat(np.arange(3), [20, 40, 100])
    (part,) = fractions(y, (share,), seed=0)
    np.testing.assert_array_equal(np.bincount(y[part]), share * np.array([20, 40, 100]))
    assert len(np.unique(part)) == len(part)


@fast
@given(
    shares=st.sampled_from([ABAS, (0.5, 0.5), (0.15,), (0.8,), (1 / 3, 1 / 3, 1 / 3), (0.7, 0.2)]),
    counts=st.lists(st.integers(0, 30), min_size=2, max_size=30).filter(lambda c: sum(c) > 60),
    seed=st.integers(0, 1000),
)
def test_fractions_keep_to_their_shares(shares, counts, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    parts = fractions(y, shares, seed)
    together = np.concatenate(parts)
    assert len(np.unique(together)) == len(together)
    for share, part in zip(shares, parts, strict=True):
        in_class = np.bincount(y[part], minlength=len(counts))
        assert (np.abs(in_class - share * np.array(counts)) < 1).all()
        assert abs(len(part) - share * len(y)) < 2
    if sum(shares) > 0.99:
        assert len(together) == len(y)


def test_ties_do_not_favour_a_part():
    y = np.repeat(np.arange(20), 5)
    assert [len(part) for part in fractions(y, (0.5, 0.5), seed=0)] == [50, 50]


def test_fractions_are_random_by_seed():
    y = np.repeat(np.arange(2), 500)
    same, again, other = (fractions(y, (0.1,), seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(same, again)
    assert len(np.intersect1d(same, other)) < 30
    assert stats.kstest(same[:50] / 500, stats.uniform.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ((), r"shares must be positive and sum to at most 1, got \(\)"),
        ((0.5, 0.0), r"must be positive .* got \(0\.5, 0\.0\)"),
        ((0.5, 0.6), r"sum to at most 1, got \(0\.5, 0\.6\)"),
        ((0.5, float("nan")), "shares must be positive"),
        ((0.9, 0.001), r"a share of 0\.001 of 12 points is empty"),
    ],
)
def test_shares_that_cannot_be(shares, message):
    with pytest.raises(InputError, match=message):
        fractions(np.asarray(Y), shares, seed=0)


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
