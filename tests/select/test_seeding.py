import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracles
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.datasets import load_digits

from jal.select.clustering import lloyd
from jal.select.seeding import (
    greedy_k_means_plus_plus,
    k_means_plus_plus,
    sample_by_weight,
    squared_distances,
)

DRAWS = 20_000
keys = jax.random.split(jax.random.key(0), DRAWS)
draw = jax.jit(jax.vmap(sample_by_weight, (0, None)))


@pytest.mark.parametrize(
    "weights",
    [
        [1, 1, 1, 1, 1, 1],
        [0, 0, 3, 0, 1, 0],
        [5, 0.5, 0, 0, 2, 0],
        [0, 1e-30, 3e-30, 0, 4e-30, 0],
        [1e30, 0, 0, 0, 2e30, 1e30],
    ],
)
def test_draws_by_weight_and_never_weight_0(weights):
    weights = np.array(weights, np.float32)
    observed = np.bincount(draw(keys, weights), minlength=len(weights))
    assert (observed[weights == 0] == 0).all()
    expected = DRAWS * np.float64(weights) / np.float64(weights).sum()
    positive = weights > 0
    assert stats.chisquare(observed[positive], expected[positive]).pvalue > 1e-3


def test_weight_0_is_never_drawn_from_a_large_pool():
    # Large enough that rounding in a parallel cumulative sum gives zeros a share of their own.
    rng = np.random.default_rng(0)
    size = 2**18
    weights = np.where(rng.random(size) < 0.9, 0, rng.random(size)).astype(np.float32)
    weights[0] = weights.sum()
    drawn = np.asarray(draw(jax.random.split(jax.random.key(0), 200_000), weights))
    assert (weights[drawn] > 0).all(), f"{(weights[drawn] == 0).sum()} draws of weight 0"


@pytest.mark.parametrize("place", [0, 2, 5])
def test_the_only_weight_is_drawn(place):
    weights = np.zeros(6, np.float32)
    weights[place] = 0.1
    assert (np.asarray(draw(keys, weights)) == place).all()


@pytest.mark.parametrize(
    ("uniform", "weights", "expected"),
    # The ends of the range and of an item's share, of which sampling would hit none.
    [
        (0.0, [0, 0, 3, 0, 1, 0], 2),
        (0.75, [0, 0, 3, 0, 1, 0], 4),
        (1 - 2**-24, [0, 0, 3, 0, 1, 0], 4),
        (1 - 2**-24, [0, 0.1, 0.3, 0, 0, 0], 2),
    ],
)
def test_draws_at_the_edges(monkeypatch, uniform, weights, expected):
    monkeypatch.setattr(jax.random, "uniform", lambda *_: jnp.float32(uniform))
    assert sample_by_weight(keys[0], jnp.array(weights, jnp.float32)) == expected


def test_squared_distances():
    rng = np.random.default_rng(0)
    points, centers = rng.normal(size=(30, 5)), rng.normal(size=(7, 5))
    found = squared_distances(jnp.asarray(points), jnp.asarray(centers))
    np.testing.assert_allclose(found, cdist(points, centers, "sqeuclidean"), rtol=1e-4, atol=1e-5)
    near = jnp.asarray(points[:1] + 1e-4 * rng.normal(size=(30, 5)))
    assert (squared_distances(near, near) >= 0).all()  # rounding alone would go below


def test_k_means_plus_plus_by_hand():
    # On a line with copies: after 0 the far pair, of which one; then what is left, uniformly.
    x = jnp.array([0.0, 0.0, 0.0, 1.0, 1.0])
    free = jnp.array([True, True, True, True, True])

    def picks(key):
        return k_means_plus_plus(key, lambda i: jnp.square(x - x[i]), jnp.int32(0), free, 4)

    found = np.asarray(jax.jit(jax.vmap(picks))(keys[:6000]))
    assert (found[:, 0] == 0).all()
    assert set(found[:, 1]) == {3, 4}
    assert (np.diff(np.sort(found), axis=1) > 0).all()
    left = np.where(found[:, 1] == 3, 4, 3)
    counts = [(found[:, 2] == 1).sum(), (found[:, 2] == 2).sum(), (found[:, 2] == left).sum()]
    assert sum(counts) == 6000
    assert stats.chisquare(counts).pvalue > 1e-3


def test_k_means_plus_plus_measures_to_the_nearest():
    # 0 and 10 are taken, so that 9 and 1 are near to one of them and 5 is not.
    x = np.array([0.0, 10.0, 9.0, 1.0, 5.0])
    free = jnp.array([True, True, True, True, True])

    def picks(key):
        squared = jnp.square(jnp.asarray(x)[:, None] - jnp.asarray(x))
        return k_means_plus_plus(key, lambda i: squared[i], jnp.int32(0), free, 3)

    found = np.asarray(jax.jit(jax.vmap(picks))(keys))
    third = np.bincount(found[found[:, 1] == 1, 2], minlength=5)
    nearest = oracles.squared_distances(x[:, None], x[:2, None]).min(axis=1)
    share = nearest[2:] / nearest.sum()
    assert stats.chisquare(third[2:], share * third.sum()).pvalue > 1e-3


def test_greedy_k_means_plus_plus_costs_what_scikit_learns_does():
    """As seeds and after Lloyd's iterations, on average; what is not free does not count."""
    rng, k, runs = np.random.default_rng(0), 20, 10
    x = load_digits().data[:500].astype(np.float32)
    x -= x.mean(axis=0)
    order = rng.permutation(600)
    pool = np.concatenate([x, 100 * rng.normal(size=(100, 64))]).astype(np.float32)[order]
    free = jnp.asarray((np.arange(600) < 500)[order])

    @jax.jit
    @jax.vmap
    def run(key):
        seeds = greedy_k_means_plus_plus(key, jnp.asarray(pool), free, k)
        return seeds, lloyd(jnp.asarray(pool), free, jnp.asarray(pool)[seeds], k, 20)

    def cost(centroids):
        return cdist(x, centroids, "sqeuclidean").min(axis=1).sum()

    seeds, centroids = map(np.asarray, run(keys[:runs]))
    assert np.asarray(free)[seeds].all() and all(len(set(each.tolist())) == k for each in seeds)
    ours = np.mean([cost(pool[each]) for each in seeds])
    theirs = np.mean([cost(kmeans_plusplus(x, k, random_state=i)[0]) for i in range(runs)])
    assert abs(ours / theirs - 1) < 0.03  # plain k-means++ costs a tenth more
    ours = np.mean([cost(each) for each in centroids])
    fits = [KMeans(k, n_init=1, max_iter=20, random_state=i).fit(x) for i in range(runs)]
    assert abs(ours / np.mean([cost(fit.cluster_centers_) for fit in fits]) - 1) < 0.01


def test_greedy_k_means_plus_plus_of_copies():
    """Once nothing costs any more, the rest is uniform; and no more than asked for."""
    x = jnp.repeat(jnp.array([[-1.0], [1.0]]), 3, axis=0)
    free = jnp.arange(6) != 4
    run = jax.jit(jax.vmap(lambda key, count: greedy_k_means_plus_plus(key, x, free, 5, count)))
    found = np.asarray(run(keys[:500], jnp.full(500, 5)))
    assert (np.sort(found, axis=1) == [0, 1, 2, 3, 5]).all()
    assert ((found[:, 0] < 3) != (found[:, 1] < 3)).all()
    assert len({tuple(each) for each in found[:, 2:].tolist()}) > 20
    few = np.asarray(run(keys[:500], jnp.full(500, 2)))
    np.testing.assert_array_equal(few[:, :2], found[:, :2])
    assert (few[:, 2:] == few[:, :1]).all()
