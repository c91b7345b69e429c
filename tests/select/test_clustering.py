import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracles

from jal.select import clustering
from jal.select.clustering import cluster_means, k_means, lloyd, nearest_centroid

run = jax.jit(
    lambda key, points, k, count, sample: k_means(key, points, k, count, sample=sample),
    static_argnums=(2, 4),
)


def blobs(clusters: int, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(clusters), size))
    points = 100 * rng.normal(size=(clusters, 4))[truth] + rng.normal(size=(len(truth), 4))
    return points.astype(np.float32), truth


@pytest.mark.parametrize("count", [1, 4, 10])
def test_as_many_clusters_as_asked_for(count):
    """Of a sample of 10 points: fewer than k are never drawn."""
    points, _ = blobs(4, 30)
    cluster = np.asarray(run(jax.random.key(0), points, 10, jnp.int32(count), 5))
    assert cluster.shape == (120,)
    assert cluster.dtype == np.int32
    assert set(cluster.tolist()) == set(range(count))


@pytest.mark.parametrize("sample", [60, 10_000])
def test_finds_clusters(sample):
    points, truth = blobs(4, 30)
    for key in jax.random.split(jax.random.key(0), 20):
        cluster = np.asarray(run(key, points, 10, jnp.int32(4), sample))
        assert len(set(zip(cluster.tolist(), truth.tolist(), strict=True))) == 4


def test_lloyd():
    """Only free points count, and only so many centroids; one that nobody joins stays."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(80, 3)).astype(np.float32)
    free = rng.random(80) < 0.7
    seeds = np.r_[points[:6], [[50, 50, 50]], [[0, 0, 0]]].astype(np.float32)
    jitted = jax.jit(lloyd)
    for iterations in (1, 20):
        centroids = np.float64(seeds)
        for _ in range(iterations):
            cluster = oracles.squared_distances(points, centroids[:7]).argmin(axis=1)
            for c in np.unique(cluster[free]):
                centroids[c] = np.float64(points)[free & (cluster == c)].mean(axis=0)
        found = jitted(points, free, seeds, 7, iterations)
        np.testing.assert_allclose(found, centroids, atol=1e-5)


@pytest.mark.parametrize(("k", "count"), [(300, 300), (300, 130), (5, 3)])
def test_nearest_centroid(k, count):
    """In blocks of 128, the last one in part."""
    rng = np.random.default_rng(0)
    points, centroids = rng.normal(size=(50, 4)), rng.normal(size=(k, 4))
    found = jax.jit(nearest_centroid)(jnp.float32(points), jnp.float32(centroids), count)
    squared = oracles.squared_distances(points, centroids[:count])
    np.testing.assert_array_equal(found, squared.argmin(axis=1))


def test_cluster_means(monkeypatch):
    rng = np.random.default_rng(0)
    points, cluster = rng.normal(size=(40, 3)).astype(np.float32), rng.integers(5, size=40)
    cluster[cluster == 2] = 3
    expected = [points[cluster == c].mean(axis=0) if c != 2 else np.zeros(3) for c in range(5)]
    monkeypatch.setattr(clustering, "_ROWS", 7)
    # What accelerators run, too.
    for platform in ("cpu", "default"):
        pick = functools.partial(
            lambda *arrays, platform, **by: by[platform](*arrays), platform=platform
        )
        monkeypatch.setattr(jax.lax, "platform_dependent", pick)
        means, sizes = cluster_means(jnp.asarray(points), jnp.asarray(cluster, jnp.int32), 5)
        np.testing.assert_allclose(means, expected, atol=1e-6)
        np.testing.assert_array_equal(sizes, np.bincount(cluster, minlength=5))


def test_memory_of_many_clusters():
    n, d, k = 20_000, 8, 1000
    points, cluster = jnp.zeros((n, d)), jnp.zeros(n, jnp.int32)
    program = jax.make_jaxpr(lambda *arrays: cluster_means(*arrays, k))(points, cluster)
    assert oracles.largest_array(program) <= 4096 * k < n * k


def test_copies_of_one_point():
    cluster = run(jax.random.key(0), np.full((120, 4), 7.3, np.float32), 10, jnp.int32(5), 10_000)
    assert len(set(np.asarray(cluster).tolist())) == 1


def test_the_key_decides():
    points = np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32)
    found = [run(jax.random.key(i), points, 10, jnp.int32(8), 10_000) for i in (0, 0, 1)]
    np.testing.assert_array_equal(found[0], found[1])
    assert (np.asarray(found[0]) != np.asarray(found[2])).any()
