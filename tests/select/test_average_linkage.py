import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracles
from scipy.cluster.hierarchy import cut_tree, fcluster, linkage

from jal.select.average_linkage import average_linkage, cut

run = jax.jit(average_linkage)
cut_jitted = jax.jit(cut)


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    pairs = set(zip(np.asarray(a).tolist(), np.asarray(b).tolist(), strict=True))
    return len(pairs) == len(set(np.asarray(a).tolist())) == len(set(np.asarray(b).tolist()))


def a_set(kind: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    if kind == "blobs":
        return 5 * rng.normal(size=(6, 3))[rng.integers(6, size=60)] + rng.normal(size=(60, 3))
    if kind == "line":  # chains that grow long
        return np.cumsum(1.02 ** np.arange(60))[:, None] + np.zeros((1, 3))
    if kind == "far away":
        return 1e3 + rng.normal(size=(60, 3))
    return rng.normal(size=(60, 512 if kind == "wide" else 3))


@pytest.mark.parametrize("kind", ["normal", "blobs", "line", "far away", "wide"])
def test_agrees_with_scipy(kind):
    points = a_set(kind).astype(np.float32)
    merges = run(points)
    theirs = linkage(points.astype(np.float64), method="average")
    np.testing.assert_allclose(merges.height, theirs[:, 2], rtol=2e-4)
    for clusters in (1, 2, 5, 17, 48, 59, 60):
        ours = cut_jitted(merges, clusters)
        assert same_partition(ours, cut_tree(theirs, clusters)[:, 0])
        assert same_partition(ours, fcluster(theirs, clusters, "maxclust"))
        assert sorted(set(np.asarray(ours).tolist())) == list(range(clusters))


@pytest.mark.parametrize("levels", [2, 3, 30])
def test_each_merge_is_of_the_two_nearest_clusters(levels):
    """Also where distances tie, and trees are many: merges in order of height, by definition."""
    points = np.random.default_rng(levels).integers(levels, size=(40, 3)).astype(np.float32)
    apart = np.sqrt(oracles.squared_distances(points, points))
    merges = jax.tree.map(np.asarray, run(points))
    clusters = {i: [i] for i in range(len(points))}
    for absorbed, into, height in zip(*merges, strict=True):
        means = {
            (a, b): apart[np.ix_(clusters[a], clusters[b])].mean()
            for a in clusters
            for b in clusters
            if a != b
        }
        assert means[absorbed, into] == pytest.approx(height, rel=1e-4, abs=1e-6)
        assert means[absorbed, into] <= min(means.values()) * (1 + 1e-4) + 1e-6
        clusters[into] += clusters.pop(absorbed)
    assert len(clusters) == 1
    assert (np.diff(merges.height) >= 0).all()


def test_copies_are_one_cluster():
    """512 wide, where rounding would set copies apart."""
    rng = np.random.default_rng(0)
    which = rng.integers(9, size=60)
    points = rng.normal(size=(9, 512)).astype(np.float32)[which]
    merges = run(points)
    assert same_partition(cut_jitted(merges, 9), which)
    assert (np.asarray(merges.height)[: 60 - 9] < 1e-2).all()
    theirs = linkage(points.astype(np.float64), method="average")
    for clusters in range(1, 10):
        assert same_partition(cut_jitted(merges, clusters), fcluster(theirs, clusters, "maxclust"))


@pytest.mark.parametrize("value", [0.0, 7.3])
def test_copies_of_one_point(value):
    merges = run(np.full((60, 3), value, np.float32))
    np.testing.assert_array_equal(merges.height, 0.0)
    assert len(set(np.asarray(merges.absorbed).tolist())) == 59
    for clusters in (1, 20, 60):
        assert set(np.asarray(cut_jitted(merges, clusters)).tolist()) == set(range(clusters))


def test_few_points():
    assert cut_jitted(run(jnp.ones((1, 2))), 1).tolist() == [0]
    pair = run(jnp.array([[0.0, 0.0], [3.0, 4.0]]))
    assert pair.height.tolist() == [5.0]
    assert cut_jitted(pair, 0).tolist() == [0, 0]  # clipped to 1..M
    assert cut_jitted(pair, 9).tolist() == [0, 1]
    with pytest.raises(ValueError, match="at least one point"):
        average_linkage(jnp.ones((0, 2)))


def test_what_is_no_number_is_far_from_everything():
    points = a_set("normal").astype(np.float32)
    for value in (np.nan, np.inf, 3e38):
        points[7] = value
        merges = run(points)
        assert len(set(np.asarray(merges.absorbed).tolist())) == 59
        assert (np.diff(merges.height) >= 0).all()


def test_no_step_copies_the_matrix():
    """Else 2,000 points take half a minute and not half a second."""
    shape = jax.ShapeDtypeStruct((96, 8), jnp.float32)
    text = jax.jit(average_linkage).lower(shape).compile().as_text()
    copies = [line for line in text.splitlines() if " copy(" in line and "f32[96,96]" in line]
    assert len(copies) <= 1, copies  # the transposed product, once
