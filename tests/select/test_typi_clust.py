import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracles

from jal.select.typi_clust import mean_neighbour_distance, most_typical, typi_clust

module = importlib.import_module("jal.select.typi_clust")
N = 60
jitted = jax.jit(functools.partial(typi_clust, max_clusters=12), static_argnums=3)
typical = jax.jit(most_typical, static_argnums=3, static_argnames=("clusters", "neighbours"))
mean_distance = jax.jit(mean_neighbour_distance, static_argnames=("clusters", "neighbours"))


def neighbour_distance(features: np.ndarray, cluster: np.ndarray, neighbours: int) -> np.ndarray:
    """Point by point."""
    result = np.zeros(len(features))
    for i, point in enumerate(features):
        others = np.flatnonzero((cluster == cluster[i]) & (np.arange(len(features)) != i))
        nearest = np.sort(np.linalg.norm(np.float64(features)[others] - point, axis=1))[:neighbours]
        result[i] = nearest.mean() if len(nearest) else 0
    return result


def picked_by_hand(features, cluster, labelled, k, neighbours, min_size):
    """Official order of clusters, looked up anew for every pick."""
    distance = neighbour_distance(features, cluster, neighbours)
    size = np.bincount(cluster)
    taken, picks = labelled.copy(), []
    for _ in range(k):
        left = [c for c in range(len(size)) if (~taken[cluster == c]).any()]
        left = [c for c in left if size[c] > min_size] or left
        chosen = min(left, key=lambda c: (taken[cluster == c].sum(), -size[c], c))
        free = np.flatnonzero((cluster == chosen) & ~taken)
        picks.append(int(free[distance[free].argmin()]))
        taken[picks[-1]] = True
    return picks


def test_mean_distance_to_neighbours():
    """Clusters of many blocks of rows and columns, of a few points and of one."""
    rng = np.random.default_rng(0)
    cluster = rng.permutation(np.repeat(np.arange(6), [700, 1, 2, 15, 300, 200]))
    features = (50 + 20 * cluster[:, None] + rng.normal(size=(len(cluster), 3))).astype(np.float32)
    wanted = np.array([True, True, True, True, False, True, True])
    found = mean_distance(features, cluster, wanted, clusters=7, neighbours=20)
    expected = np.where(wanted[cluster], neighbour_distance(features, cluster, 20), 0)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert (np.asarray(found)[cluster == 1] == 0).all()


@pytest.mark.parametrize("min_size", [0, 5])
@pytest.mark.parametrize("labels", [0, 12, 28])  # of 40: twelve picks, at last all that is left
def test_picks_are_the_loops(min_size, labels):
    """Few clusters for the picks: they are visited again and again, until they are empty."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        cluster = rng.choice(5, size=40, p=[0.4, 0.3, 0.15, 0.1, 0.05]).astype(np.int32)
        features = rng.normal(size=(40, 3)).astype(np.float32)
        labelled = rng.permutation(40) < labels
        found = typical(
            features, cluster, labelled, 12, clusters=5, neighbours=4, min_size=min_size
        )
        assert found.dtype == jnp.int32
        assert found.tolist() == picked_by_hand(features, cluster, labelled, 12, 4, min_size)


def test_the_middle_of_each_uncovered_cluster_the_largest_first():
    sizes = [6, 9, 12, 15, 18]
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(5), sizes)
    centers = 100 * np.array([[0, 0], [1, 0], [0, 1], [1, 1], [3, 3]])
    features = (centers[cluster] + rng.normal(size=(N, 2))).astype(np.float32)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    labelled = np.isin(np.arange(N), first[[1, 4]])  # clusters 1 and 4 hold a label
    distance = neighbour_distance(features, cluster, 20)
    order = rng.permutation(N)
    for key in jax.random.split(jax.random.key(0), 10):
        picks = order[jitted(key, features[order], labelled[order], 3)]  # 2 labels + 3 clusters
        assert cluster[picks].tolist() == [3, 2, 0]
        assert picks.tolist() == [
            int(np.flatnonzero(cluster == c)[distance[cluster == c].argmin()]) for c in (3, 2, 0)
        ]


@pytest.mark.parametrize(
    ("labels", "k", "max_clusters", "count"), [(3, 4, 500, 7), (30, 4, 12, 12), (3, 20, 12, 20)]
)
def test_number_of_clusters(monkeypatch, labels, k, max_clusters, count):
    """|L| + k, at most max_clusters, at least k."""
    seen = []

    def k_means(key, features, clusters, count, **_):
        seen.append((clusters, int(count)))
        return jnp.arange(N, dtype=jnp.int32) % clusters

    monkeypatch.setattr(module, "k_means", k_means)
    monkeypatch.setattr(module, "most_typical", lambda *_, **__: None)
    features, labelled = jnp.ones((N, 2)), np.arange(N) < labels
    typi_clust(jax.random.key(0), features, labelled, k, max_clusters=max_clusters)
    assert seen == [(min(N, max(max_clusters, k)), count)]


def test_errors():
    labelled = jnp.array([True, True, False, False])
    with pytest.raises(ValueError, match="typi_clust cannot pick k = 3 of 2 unlabelled"):
        typi_clust(jax.random.key(0), jnp.zeros((4, 2)), labelled, 3)
    with pytest.raises(ValueError, match="max_clusters as an integer of at least 1, got 0"):
        typi_clust(jax.random.key(0), jnp.zeros((4, 2)), labelled, 1, max_clusters=0)


def test_memory_is_linear_in_the_pool():
    n, d = 5000, 64
    program = jax.make_jaxpr(lambda key, x, m: typi_clust(key, x, m, 20, max_clusters=300))(
        jax.random.key(0), jnp.zeros((n, d)), np.arange(n) < 100
    )
    # Not N x N. N x 300 clusters only where an accelerator computes means by a product.
    assert n * d <= oracles.largest_array(program) <= n * 300


def test_min_size_is_passed_on():
    """Of nine alike and one apart: clusters of fewer than two come last."""
    features = np.array([[0.0]] * 9 + [[100.0]], np.float32)
    none = np.zeros(10, bool)
    both = {
        size: typi_clust(jax.random.key(0), features, none, 2, max_clusters=2, min_size=size)
        for size in (0, 5)
    }
    assert 9 in both[0].tolist() and 9 not in both[5].tolist()
