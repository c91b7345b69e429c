import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.cluster import KMeans, kmeans_plusplus

from jal.bral_t import Moments, k_means, members, moments, pooled, sub_clusters
from jal.types import InputError

KEYS = jax.random.split(jax.random.key(0), 20)
means = jax.jit(k_means, static_argnums=3, static_argnames=("iterations", "sample"))
split = jax.jit(sub_clusters, static_argnums=(3, 4), static_argnames=("iterations", "sample"))


def blobs(clusters: int, size: int, d: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(clusters), size))
    points = 100 * rng.normal(size=(clusters, d))[truth] + rng.normal(size=(len(truth), d))
    return points.astype(np.float32), truth


def inertia(points: np.ndarray, cluster: np.ndarray) -> float:
    groups = [np.float64(points)[cluster == c] for c in np.unique(cluster)]
    return sum(((group - group.mean(axis=0)) ** 2).sum() for group in groups)


def one_to_one(a: np.ndarray, b: np.ndarray) -> bool:
    pairs = set(zip(a.tolist(), b.tolist(), strict=True))
    return len(pairs) == len(set(a.tolist())) == len(set(b.tolist()))


@pytest.mark.parametrize("d", [1, 4])
def test_finds_the_clusters_of_a_mask(d):
    """Far from the origin as well; what is outside of the mask does not count, whatever it is."""
    points, truth = blobs(5, 20, d, seed=3)
    mask = (truth != 2) & (np.arange(100) % 7 > 0)
    for outside in (np.nan, 1e6, 1e25, 0.0):
        given = np.where(mask[:, None], points + 1e5, outside).astype(np.float32)
        for key in KEYS:
            cluster = np.asarray(means(key, given, mask, 4))
            assert cluster.dtype == np.int32
            assert (cluster[~mask] == 4).all()
            assert one_to_one(cluster[mask], truth[mask])


def by_scikit_learn(points: np.ndarray, k: int, iterations: int, sample: int, seed: int) -> float:
    """The inertia of what k_means does, by scikit-learn."""
    some = np.random.default_rng(seed).permutation(points)[: max(sample, k)]
    if len(some) == k:
        centroids = some
    elif iterations == 0:
        centroids = kmeans_plusplus(some, k, random_state=seed)[0]
    else:
        fit = KMeans(k, n_init=1, max_iter=iterations, tol=0, random_state=seed).fit(some)
        centroids = fit.cluster_centers_
    nearest = np.linalg.norm(points[:, None] - centroids, axis=2).argmin(axis=1)
    return inertia(points, nearest)


POINTS = np.random.default_rng(0).normal(size=(750, 6)).astype(np.float32)
MASK = np.arange(750) % 5 > 0


@functools.cache
def mean_by_scikit_learn(iterations: int, sample: int) -> float:
    inside = POINTS[MASK]
    return np.mean([by_scikit_learn(inside, 8, iterations, sample, seed) for seed in range(40)])


@pytest.mark.parametrize(
    ("iterations", "sample", "above"),
    [(20, 2048, 1.0), (0, 2048, 1.095), (20, 200, 1.03), (20, 1, 1.136)],
)
def test_inertia_is_scikit_learns(iterations, sample, above):
    """And that of seeds alone, of a sample, and of the least sample: a point for each cluster.

    `above` is the inertia over that of all points and iterations, of 200 runs of scikit-learn.
    """
    inside = POINTS[MASK]
    options = {"iterations": iterations, "sample": sample}
    found = [np.asarray(means(key, POINTS, MASK, 8, **options))[MASK] for key in KEYS]
    ours = np.mean([inertia(inside, cluster) for cluster in found])
    np.testing.assert_allclose(ours, mean_by_scikit_learn(iterations, sample), rtol=0.015)
    np.testing.assert_allclose(ours / mean_by_scikit_learn(20, 2048), above, atol=0.02)


def test_fewer_points_than_clusters():
    points, mask = np.float32([[0], [9], [1], [9], [5], [9]]), np.array([1, 0, 1, 0, 1, 0], bool)
    for key in KEYS:
        cluster = np.asarray(means(key, points, mask, 5))
        assert sorted(cluster[mask]) == [0, 1, 2]
        found = moments(points, cluster, 5)
        np.testing.assert_array_equal(found.size, [1, 1, 1, 0, 0])
        assert not found.variance.any()
        assert sorted(found.mean[:3, 0].tolist()) == [0, 1, 5]
        np.testing.assert_array_equal(found.mean[3:], 0)
    assert np.asarray(means(KEYS[0], points, mask, 50)).max() == 50


def test_no_point_and_one_point():
    points = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    nothing = np.asarray(means(KEYS[0], points, np.zeros(6, bool), 3))
    np.testing.assert_array_equal(nothing, 3)
    np.testing.assert_array_equal(moments(points, nothing, 3).size, 0)
    np.testing.assert_array_equal(split(KEYS[0], points, nothing, 3, 2), 6)
    np.testing.assert_array_equal(means(KEYS[0], points[:1], np.ones(1, bool), 3), [0])


def test_equal_points_share_a_cluster():
    everywhere = np.full((9, 3), 7, np.float32)
    for key in KEYS:
        np.testing.assert_array_equal(means(key, everywhere, np.ones(9, bool), 4), 0)
        np.testing.assert_array_equal(split(key, everywhere, jnp.zeros(9, int), 1, 4), 0)
        halves = np.arange(9) % 2
        np.testing.assert_array_equal(split(key, everywhere, halves, 2, 4), 4 * halves)
        twice = np.repeat(np.float32([[0, 0], [5, 5]]), 4, axis=0)
        cluster = np.asarray(means(key, twice, np.ones(8, bool), 3))
        assert one_to_one(cluster, np.repeat([0, 1], 4))


def test_sub_clusters():
    """Each of its own cluster's points alone, of which one has fewer than sub-clusters."""
    points, truth = blobs(7, 12, seed=1)
    cluster = np.array([0, 0, 0, 1, 1, 1, 3])[truth]  # of 4: the third is empty, the last in none
    cluster = np.where(cluster == 3, 4, cluster)
    single = np.flatnonzero(truth == 6)[0]
    cluster[single] = 3
    for key in KEYS:
        sub = np.asarray(split(key, points, cluster, 4, 3))
        assert sub.dtype == np.int32
        inside = cluster < 4
        np.testing.assert_array_equal(sub[~inside], 12)
        np.testing.assert_array_equal(sub[inside] // 3, cluster[inside])
        large = cluster < 2
        assert one_to_one(sub[large], truth[large])
        assert sub[single] == 9
        size = np.asarray(moments(points, sub, 12).size).reshape(4, 3)
        np.testing.assert_array_equal(size, [[12] * 3, [12] * 3, [0] * 3, [1, 0, 0]])
        of_four = np.asarray(split(key, points, np.where(truth < 4, 0, 1), 1, 4))
        assert (of_four[truth >= 4] == 4).all()


@pytest.mark.parametrize("sample", [512, 60])
def test_sub_clusters_inertia_is_scikit_learns_in_each(sample):
    points = np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32)
    cluster = np.random.default_rng(1).choice(3, 400, p=[0.5, 0.3, 0.2])
    found = [np.asarray(split(key, points, cluster, 3, 5, sample=sample)) for key in KEYS]
    for c in range(3):
        mine = cluster == c
        ours = np.mean([inertia(points[mine], sub[mine]) for sub in found])
        theirs = [by_scikit_learn(points[mine], 5, 20, sample, seed) for seed in range(40)]
        np.testing.assert_allclose(ours, np.mean(theirs), rtol=0.015)


def test_moments():
    rng = np.random.default_rng(0)
    points, cluster = 50 + rng.normal(size=(60, 3)), rng.integers(0, 5, 60)
    cluster = np.where(cluster == 1, 4, cluster)  # 1 is empty, 4 is none
    points[cluster == 4] = np.nan
    found = jax.jit(moments, static_argnums=2)(points.astype(np.float32), cluster, 4)
    for c in (0, 2, 3):
        np.testing.assert_allclose(found.mean[c], points[cluster == c].mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(found.variance[c], points[cluster == c].var(axis=0), rtol=1e-4)
        assert found.size[c] == (cluster == c).sum()
    assert found.size.dtype == jnp.int32
    assert not found.mean[1].any()
    assert not found.variance[1].any()
    assert found.size[1] == 0


def test_moments_of_many_points_far_from_the_origin():
    """A plain sum of them in float32 is off by five deviations."""
    points = np.random.default_rng(0).normal([1e4, -2e4], size=(80_000, 2)).astype(np.float32)
    found = moments(points, np.arange(80_000) % 2, 2)
    for c in range(2):
        mine = np.float64(points[c::2])
        np.testing.assert_allclose(found.mean[c], mine.mean(axis=0), rtol=2e-7)
        np.testing.assert_allclose(found.variance[c], mine.var(axis=0), rtol=1e-3)


def test_members():
    cluster = np.random.default_rng(0).permutation(np.repeat([0, 1, 3, 4], [10, 3, 2, 5]))
    drawn = np.zeros((4, 20))
    for key in jax.random.split(jax.random.key(1), 300):
        index, mask = jax.jit(members, static_argnums=(2, 3))(key, cluster, 4, 4)
        np.testing.assert_array_equal(mask.sum(axis=1), [4, 3, 0, 2])
        for c in range(4):
            mine = np.asarray(index[c])[mask[c]]
            assert len(set(mine.tolist())) == len(mine)
            assert (cluster[mine] == c).all()
            drawn[c, mine] += 1
        assert ((index >= 0) & (index < 20)).all()
    np.testing.assert_array_equal(drawn[1, cluster == 1], 300)
    # Each of ten is among four drawn 120 of 300 times; the deviation is 8.5.
    assert np.abs(drawn[0, cluster == 0] - 120).max() < 35
    index, mask = members(KEYS[0], cluster, 4, 50)  # more than there are
    assert mask.sum() == 15


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16])
def test_other_dtypes_are_computed_in_float32(dtype):
    points, truth = blobs(3, 10)
    points, mask = points.astype(dtype), np.ones(30, bool)
    cluster = np.asarray(means(KEYS[0], points, mask, 3))
    np.testing.assert_array_equal(cluster, means(KEYS[0], np.float32(points), mask, 3))
    assert one_to_one(cluster, truth)
    assert moments(points, cluster, 3).mean.dtype == jnp.float32
    assert means(KEYS[0], np.arange(4)[:, None], np.ones(4, bool), 2).shape == (4,)


@pytest.mark.parametrize("unit", [1e-30, 1e-4, 1e4, 1e30])
def test_units_do_not_matter(unit):
    """Even where squares are out of float32's range."""
    points, truth = blobs(6, 10)
    given, mask, cluster = np.float32(unit) * points, np.ones(60, bool), truth // 3
    assert one_to_one(np.asarray(means(KEYS[0], given, mask, 6)), truth)
    assert one_to_one(np.asarray(split(KEYS[0], given, cluster, 2, 3)), truth)
    if 1e-10 < unit < 1e10:
        found, plain = moments(given, cluster, 2), moments(points, cluster, 2)
        np.testing.assert_allclose(found.mean, unit * plain.mean, rtol=1e-5)
        np.testing.assert_allclose(found.variance, unit**2 * plain.variance, rtol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_count_as_zeros(value):
    points, truth = blobs(3, 10)
    given, zeros, mask = points.copy(), points.copy(), np.ones(30, bool)
    given[[4, 9], [0, 2]] = value
    zeros[[4, 9]] = 0
    cluster = np.asarray(means(KEYS[0], given, mask, 4))
    np.testing.assert_array_equal(cluster, means(KEYS[0], zeros, mask, 4))
    assert one_to_one(cluster, np.where(np.isin(np.arange(30), [4, 9]), 3, truth))
    of_given, of_zeros = moments(given, cluster, 4), moments(zeros, cluster, 4)
    jax.tree.map(np.testing.assert_array_equal, of_given, of_zeros)
    sub = split(KEYS[0], given, cluster, 4, 2)
    np.testing.assert_array_equal(sub, split(KEYS[0], zeros, cluster, 4, 2))


def test_under_vmap():
    points, _ = blobs(4, 15)
    masks = np.stack([np.arange(60) < n for n in (60, 2, 0)])
    run = jax.jit(jax.vmap(lambda key, mask: k_means(key, points, mask, 4)))
    found = run(KEYS[:3], masks)
    for i in range(3):
        np.testing.assert_array_equal(found[i], means(KEYS[i], points, masks[i], 4))


P, M = np.zeros((5, 2)), np.ones(5, bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: k_means(KEYS[0], P[0], M, 2), r"points \[N, D\] with N >= 1 .*, got shape \(2,\)"),
        (lambda: k_means(KEYS[0], P, M[:4], 2), r"mask \[N\] of bool with N = 5, got shape \(4,\)"),
        (lambda: k_means(KEYS[0], P, 1.0 * M, 2), "of bool with N = 5, got .* of float"),
        (lambda: k_means(KEYS, P, M, 2), "k_means takes one PRNG key"),
        (lambda: sub_clusters(KEYS[0], P, M, 2, 2), r"cluster \[N\] of integers .* of bool"),
        (lambda: moments(P, np.zeros(4, int), 2), r"moments takes cluster \[N\] .* \(4,\)"),
        (lambda: members(KEYS[0], np.zeros((2, 2), int), 2, 2), r"members takes cluster .* \(2, 2"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_refused_options():
    with pytest.raises(InputError, match="k_means takes clusters as an integer of at least 1"):
        k_means(KEYS[0], P, M, 0)
    with pytest.raises(InputError, match="sub_clusters takes actions as an integer of at least 1"):
        sub_clusters(KEYS[0], P, np.zeros(5, int), 2, 0)
    with pytest.raises(InputError, match="members takes most as an integer of at least 1"):
        members(KEYS[0], np.zeros(5, int), 2, 0)


def test_sub_clusters_of_tight_clusters_that_lie_far_apart():
    """Each of four quarters .5 apart, at 10,000 on either side: the quarters are what is found."""
    quarters = np.tile([0.0, 0.5, 1.0, 1.5], 10)
    points = np.concatenate([quarters - 10_000, quarters + 10_000])[:, None].astype(np.float32)
    for key in KEYS[:3]:
        found = np.asarray(split(key, points, np.repeat([0, 1], 40), 2, 4)).reshape(2, 10, 4)
        for cluster, rows in enumerate(found):
            assert len(np.unique(rows, axis=0)) == 1
            assert sorted(rows[0].tolist()) == list(range(4 * cluster, 4 * cluster + 4))


def test_pooled_moments_are_those_of_the_whole():
    """Far from the origin too; an empty part, and a cluster of empty parts."""
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(60, 3)) * [1, 5, 0.1] + [0, 1e4, -3]).astype(np.float32)
    cluster = rng.integers(0, 3, 60)
    part = rng.integers(0, 3, 60)
    parts = moments(points, np.where(cluster < 2, 4 * cluster + part, 12), 12)
    parts = jax.tree.map(lambda leaf: leaf.reshape(3, 4, *leaf.shape[1:]), parts)
    made, whole = pooled(parts), moments(points, np.where(cluster < 2, cluster, 3), 3)
    assert made.size.tolist() == whole.size.tolist() and made.size[2] == 0
    np.testing.assert_allclose(made.mean, whole.mean, rtol=1e-6)
    np.testing.assert_allclose(made.variance, whole.variance, rtol=1e-3)
    np.testing.assert_array_equal(made.mean[2], 0)


def test_pooled_moments_of_one_part_whose_square_overflows():
    parts = Moments(np.float32([[[3e19], [0]]]), np.float32([[[2], [0]]]), np.array([[1, 0]]))
    made = pooled(parts)
    assert made.mean[0, 0] == np.float32(3e19) and made.variance[0, 0] == 2
