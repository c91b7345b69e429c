import importlib
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracles
from scipy import stats

from jal.select import kmeans

module = importlib.import_module("jal.select.kmeans")  # the name jal.select.kmeans is the function

N, D, K = 60, 2, 5
jitted = jax.jit(kmeans, static_argnums=3)
keys = jax.random.split(jax.random.key(0), 50)


def clusters(distance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clusters of 6, 9, 12, 15, 18 points of which 0, 5, 0, 10, 0 are labelled, in random order."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(K), [6, 9, 12, 15, 18])
    rank = np.concatenate([np.arange(size) for size in [6, 9, 12, 15, 18]])
    labelled = rank < np.array([0, 5, 0, 10, 0])[cluster]
    centres = distance * np.array([[0, 0], [1, 0], [0, 1], [1, 1], [3, 3]])
    features = (centres[cluster] + rng.normal(size=(N, D))).astype(np.float32)
    order = rng.permutation(N)
    return features[order], labelled[order], cluster[order]


@pytest.mark.parametrize("distance", [30.0, 1000.0])  # between the clusters, whose deviation is 1
def test_one_pick_at_the_middle_of_each_cluster_the_largest_first(distance):
    features, labelled, cluster = clusters(distance)
    picks = np.asarray(jax.vmap(lambda key: jitted(key, features, labelled, K))(keys))
    # Unlabelled points: 6, 4, 12, 5, 18. What is labelled does not count.
    np.testing.assert_array_equal(cluster[picks], np.tile([4, 2, 0, 3, 1], (len(keys), 1)))
    middles = []
    for c in [4, 2, 0, 3, 1]:
        members = np.flatnonzero((cluster == c) & ~labelled)
        mean = np.float64(features[members]).mean(axis=0, keepdims=True)
        middles.append(members[oracles.squared_distances(features[members], mean).argmin()])
    np.testing.assert_array_equal(picks, np.tile(middles, (len(keys), 1)))


def test_agrees_with_lloyds_loop(monkeypatch):
    """Also far from the origin, where distances would lose digits."""
    rng = np.random.default_rng(0)
    pools = []
    while len(pools) < 10:
        features = (1e3 + rng.normal(size=(N, D))).astype(np.float32)
        labelled = rng.random(N) < 0.3
        starts = rng.choice(np.flatnonzero(~labelled), 3, replace=False)
        expected, sizes = oracles.lloyd(features, labelled, starts, 5)
        if min(sizes) > 2:  # of just two members, both would be equally near to their mean
            pools.append((features, labelled, starts, np.array(expected)))

    def run(features, labelled, starts):
        monkeypatch.setattr(module, "greedy_k_means_plus_plus", lambda *_: starts)
        return kmeans(keys[0], features, labelled, 3, iterations=5)

    *arguments, expected = map(np.stack, zip(*pools, strict=True))
    np.testing.assert_array_equal(jax.jit(jax.vmap(run))(*arguments), expected)


def test_seeds_are_those_of_greedy_k_means_plus_plus():
    """Without iterations the picks are the seeds: one uniform, and of two drawn by their squared
    distance to it the one that leaves less."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(7, D)).astype(np.float32)
    labelled = np.arange(7) == 2
    squared = oracles.squared_distances(features, features)
    free = np.flatnonzero(~labelled)
    expected = np.zeros((7, 7))
    for first, one, other in itertools.product(free, free, free):
        share = squared[first, [one, other]] / squared[first, free].sum()
        left = [np.minimum(squared[first], squared[i])[free].sum() for i in (one, other)]
        chosen = one if left[0] <= left[1] else other
        expected[tuple(sorted((first, chosen)))] += share.prod() / len(free)
    run = jax.jit(
        jax.vmap(lambda key: kmeans(key, features, jnp.asarray(labelled), 2, iterations=0))
    )
    picks = np.sort(run(jax.random.split(jax.random.key(0), 10_000)), axis=1)
    observed = np.zeros((7, 7))
    np.add.at(observed, tuple(picks.T), 1)
    assert observed[expected == 0].sum() == 0
    common = expected > 5e-4
    assert expected[common].sum() > 0.99
    both = observed[common], expected[common]
    assert stats.chisquare(both[0], both[0].sum() * both[1] / both[1].sum()).pvalue > 1e-3


def test_errors():
    with pytest.raises(ValueError, match="kmeans cannot pick k = 3 of 2 unlabelled"):
        kmeans(keys[0], jnp.zeros((4, 2)), jnp.array([True, True, False, False]), 3)


def test_memory_is_linear_in_the_pool():
    n, d, k = 2000, 64, 20
    program = jax.make_jaxpr(lambda key, x, m: kmeans(key, x, m, k))(
        keys[0], jnp.zeros((n, d)), np.arange(n) < 100
    )
    # Neither N x N nor N x k x D.
    assert n * d <= oracles.largest_array(program) <= 4 * n * d
