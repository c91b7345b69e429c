import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import oracles
from scipy import stats

from jal.select import badge

module = importlib.import_module("jal.select.badge")  # the name jal.select.badge is the function

N, K, D, PICKS = 8, 3, 2, 3
fast = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
jitted = jax.jit(badge, static_argnums=4)
many = jax.jit(jax.vmap(badge, (0, None, None, None, None)), static_argnums=4)


def a_pool(seed: int, labelled: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(N, K)).astype(np.float32)
    features = rng.normal(size=(N, D)).astype(np.float32)
    return logits, features, rng.permutation(np.arange(N) < labelled)


def keys(count: int) -> jax.Array:
    return jax.random.split(jax.random.key(0), count)


@fast
@given(seed=seeds)
def test_first_pick_has_the_largest_gradient(seed):
    logits, features, labelled = a_pool(seed)
    norms = np.square(oracles.gradient_embeddings(logits, features)).sum(axis=1)
    expected = np.argmax(np.where(labelled, -1, norms))
    assert jitted(jax.random.key(seed), logits, features, labelled, PICKS)[0] == expected


@pytest.mark.parametrize("seed", range(3))
def test_distances_are_those_of_the_gradients(monkeypatch, seed):
    monkeypatch.setattr(
        module,
        "k_means_plus_plus",
        lambda key, distance_to, first, free, k: jax.vmap(distance_to)(jnp.arange(N)),
    )
    monkeypatch.setattr(module, "pad_picks", lambda picks, labelled: picks)
    logits, features, labelled = a_pool(seed)
    pool = jnp.asarray(logits), jnp.asarray(features), jnp.asarray(labelled)
    gradients = oracles.gradient_embeddings(logits, features)
    expected = oracles.squared_distances(gradients, gradients)
    found = badge(keys(1)[0], *pool, PICKS)  # to a power of two
    np.testing.assert_allclose(found / found.max(), expected / expected.max(), rtol=1e-4, atol=1e-6)


def test_picks_are_drawn_by_squared_distance():
    # The joint law of the second and third pick: each by its distance to the nearest so far.
    logits, features, labelled = a_pool(5)
    gradients = oracles.gradient_embeddings(logits, features)
    squared = oracles.squared_distances(gradients, gradients)
    first = int(np.argmax(np.where(labelled, -1, np.square(gradients).sum(axis=1))))
    share = np.zeros((N, N))
    second = np.where(labelled, 0, squared[first])
    for i in np.flatnonzero(second):
        third = np.where(labelled, 0, np.minimum(squared[first], squared[i]))
        share[i] = second[i] / second.sum() * third / third.sum()
    draws = 20_000
    picks = np.asarray(many(keys(draws), logits, features, labelled, PICKS))
    assert (picks[:, 0] == first).all()
    observed = np.zeros((N, N))
    np.add.at(observed, (picks[:, 1], picks[:, 2]), 1)
    assert (observed[share == 0] == 0).all()
    often = draws * share >= 5  # the rare pairs count as one
    table = [np.append(t[often], t[(share > 0) & ~often].sum()) for t in (observed, draws * share)]
    table = [t[table[1] > 0] for t in table]
    assert stats.chisquare(*table).pvalue > 1e-3


@fast
@given(seed=seeds, count=st.integers(0, N - PICKS))
def test_picks_are_distinct_and_unlabelled(seed, count):
    logits, features, labelled = a_pool(seed, count)
    picks = np.asarray(jitted(jax.random.key(seed), logits, features, labelled, PICKS))
    assert len(set(picks)) == PICKS
    assert not labelled[picks].any()


@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e-19, 1e-21, 0.0])
@pytest.mark.parametrize("last_is_labelled", [True, False])
def test_copies_and_tiny_gradients(scale, last_is_labelled):
    # Gradients so small that their squares are subnormal or 0, and only three places.
    logits, features, _ = a_pool(0)
    place = np.arange(N) % 3
    labelled = np.zeros(N, bool)
    labelled[[0, -1] if last_is_labelled else [0, 1]] = True
    features = np.float32(scale) * features[place]
    picks = np.asarray(many(keys(200), logits[place], features, labelled, N - 2))
    expected = np.flatnonzero(~labelled)
    np.testing.assert_array_equal(np.sort(picks), np.tile(expected, (len(picks), 1)))


def test_no_gradient_at_all_is_uniform():
    logits, features, labelled = a_pool(1)
    picks = np.asarray(many(keys(6000), logits, 0 * features, labelled, 2))
    for place in range(2):
        observed = np.bincount(picks[:, place], minlength=N)
        assert observed[labelled].sum() == 0
        assert stats.chisquare(observed[~labelled]).pvalue > 1e-3


def test_gradients_of_confident_predictions():
    """1 - p has lost its digits at a gap of 17: half of the gradient, and the larger norm."""
    gaps, length = np.float32([15, 17, 3]), np.float32([1, 1.5 * np.e**2, 0.0])
    logits = np.stack([gaps, np.zeros(3, np.float32)], axis=1)
    pick = jitted(keys(1)[0], logits, length[:, None], np.zeros(3, bool), 1)
    assert pick[0] == 1


def test_copies_of_picks_follow_uniformly():
    rng = np.random.default_rng(0)
    logits, features = rng.normal(size=(3, K)), rng.normal(size=(3, 64))
    place = np.arange(60) % 3
    pool = np.float32(logits[place]), np.float32(features[place]), np.zeros(60, bool)
    picks = np.asarray(many(keys(6000), *pool, 4))
    assert (np.sort(place[picks[:, :3]]) == np.arange(3)).all()
    # Each of the 57 that are left, as often as it was left.
    left = 6000 - np.bincount(picks[:, :3].ravel(), minlength=60)
    fourth = np.bincount(picks[:, 3], minlength=60)
    assert fourth[left == 0].sum() == 0
    assert stats.chisquare(fourth[left > 0], left[left > 0] / 57).pvalue > 1e-3


def test_what_is_not_finite_comes_last():
    logits, features, labelled = a_pool(2)
    broken = np.flatnonzero(~labelled)[1]
    features[broken, 0] = np.nan
    picks = np.asarray(many(keys(50), logits, features, labelled, N - 2))
    assert (picks[:, -1] == broken).all()
    with pytest.raises(ValueError, match=f"badge takes finite numbers.* first at {broken}"):
        badge(keys(1)[0], logits, features, labelled, 2)


def test_vmap_and_single_agree():
    pools = [a_pool(seed, seed) for seed in range(4)]
    logits, features, labelled = map(np.stack, zip(*pools, strict=True))
    batched = jax.vmap(lambda *each: jitted(*each, PICKS))(keys(4), logits, features, labelled)
    for i, key in enumerate(keys(4)):
        np.testing.assert_array_equal(batched[i], jitted(key, *pools[i], PICKS))


def test_takes_numpy_arrays():
    pool = a_pool(0)
    shape = jax.eval_shape(lambda key: badge(key, *pool, PICKS), keys(1)[0])  # not compiled
    assert (shape.shape, shape.dtype) == ((PICKS,), jnp.int32)


def test_errors():
    logits, features, _ = map(jnp.asarray, a_pool(0))
    labelled = jnp.arange(N) < 6
    with pytest.raises(ValueError, match="badge cannot pick k = 3 of 2 unlabelled"):
        badge(keys(1)[0], logits, features, labelled, 3)
    with pytest.raises(ValueError, match="badge takes"):
        badge(keys(1)[0], logits[:5], features, labelled, 1)


def test_memory_is_linear_in_the_pool():
    n, d, classes, k = 2000, 64, 10, 20
    limit = 4 * n * d
    arrays = jnp.zeros((n, classes)), jnp.zeros((n, d)), jnp.arange(n) < 100
    program = jax.make_jaxpr(lambda key, *pool: badge(key, *pool, k))(keys(1)[0], *arrays)
    assert n * d <= oracles.largest_array(program) <= limit < n * classes * d < n * n
