import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import oracles
from scipy import stats
from scipy.cluster.hierarchy import cut_tree, fcluster, linkage

from jal.select import top_k
from jal.select.cluster_margin import cluster_margin, linkage_clusters

N, K = 60, 8
jitted = jax.jit(cluster_margin, static_argnums=4, static_argnames="ratio")
clustered = jax.jit(linkage_clusters, static_argnames=("clusters", "sample", "ratio", "chunk"))
keys = jax.random.split(jax.random.key(0), 2000)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    margins=st.permutations(range(N)).map(np.float32),
    cluster=st.lists(st.integers(0, 5), min_size=N, max_size=N).map(np.int32),
    labelled=st.permutations([True] * 40 + [False] * 20).map(np.array),
    ratio=st.sampled_from([1.0, 1.25, 5.0]),  # 8, 10 and, of 20 unlabelled points, 40 candidates
    seed=st.integers(0, 2**32 - 1),
)
def test_round_robin(margins, cluster, labelled, ratio, seed):
    """By the paper's loop, which draws from a cluster where we say who was drawn."""
    picks = jitted(jax.random.key(seed), margins, cluster, labelled, K, ratio=ratio).tolist()
    candidates = oracles.top_k(-margins, labelled)[: round(ratio * K)].tolist()
    groups: dict[int, list[int]] = {}
    for i in candidates:  # the smallest margin first
        groups.setdefault(int(cluster[i]), []).append(i)
    order = sorted(groups.values(), key=len)  # stable: then by the smallest margin
    expected = []
    while len(expected) < K:
        for group in order:
            if group and len(expected) < K:
                drawn = picks[len(expected)]
                assert drawn in group
                group.remove(drawn)
                expected.append(drawn)
    assert picks == expected


def test_singletons_without_choice_are_margin_sampling():
    rng = np.random.default_rng(0)
    labelled = rng.permutation(N) < 20
    for margins in np.float32([rng.permutation(N), rng.integers(12, size=N)]):
        for k in (K, 40):
            found = jitted(keys[0], margins, np.arange(N), labelled, k, ratio=1.0)
            expected = top_k(-margins, labelled, k)
            np.testing.assert_array_equal(margins[found], margins[expected])  # some tie
            assert found.dtype == jnp.int32 and len(set(found.tolist())) == k


def test_members_are_drawn_uniformly():
    """Two clusters, of 4 and of 6 candidates: one pick in each."""
    margins, labelled = np.arange(N, dtype=np.float32), np.zeros(N, bool)
    cluster = (np.arange(N) >= 4).astype(np.int32)
    run = jax.vmap(lambda key: jitted(key, margins, cluster, labelled, 2, ratio=5.0))
    first, second = np.asarray(run(keys)).T
    assert set(first.tolist()) == set(range(4)) and set(second.tolist()) == set(range(4, 10))
    assert stats.chisquare(np.bincount(first)).pvalue > 1e-3
    assert stats.chisquare(np.bincount(second)[4:]).pvalue > 1e-3


def test_margins_that_are_no_numbers_come_last():
    margins = np.where(np.arange(N) % 2, np.nan, -0.0).astype(np.float32)
    picks = np.asarray(jitted(keys[0], margins, np.arange(N), np.zeros(N, bool), K, ratio=1.0))
    assert len(set(picks.tolist())) == K and (picks % 2 == 0).all()


def partition(cluster: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(cluster == c).tolist()) for c in np.unique(cluster)}


def test_clusters_of_the_whole_pool():
    """As many as average 1.25 points, or as asked for."""
    x = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
    tree = linkage(x.astype(np.float64), "average")
    for options, expected in (({}, 48), ({"clusters": 7}, 7)):
        found = np.asarray(clustered(keys[0], x, **options))
        assert partition(found) == partition(cut_tree(tree, expected)[:, 0])


def test_the_others_join_the_nearest_of_a_sample_below_the_cut():
    """Of 60 points in 20 clusters 30 are linked, and each other one joins one of these."""
    x = (50 + np.random.default_rng(0).normal(size=(N, 3))).astype(np.float32)
    apart = np.sqrt(oracles.squared_distances(x, x))
    order = np.asarray(jax.random.permutation(keys[0], N))
    sampled, others = order[:30], order[30:]
    tree = linkage(x[sampled].astype(np.float64), "average")
    nearest = sampled[apart[:, sampled].argmin(axis=1)]
    distance = apart[np.arange(N), nearest][others]
    height = np.sort(np.r_[tree[:, 2], distance])[N - 21 : N - 19].mean()  # 40 of 59 below
    expected = np.full(N, -1)
    expected[sampled] = fcluster(tree, height, "distance")
    joins = others[distance < height]
    expected[joins] = expected[nearest[joins]]
    alone = expected < 0
    assert 0 < alone.sum() < len(others)
    expected[alone] = 100 + np.arange(alone.sum())
    found = np.asarray(clustered(keys[0], x, clusters=20, sample=30, chunk=16))
    assert partition(found) == partition(expected)
    assert len(np.unique(found)) == 20
    other = np.asarray(clustered(keys[1], x, clusters=20, sample=30, chunk=16))
    assert partition(other) != partition(found)


def test_clusters_of_a_sample_are_as_small():
    """1.25 points on average, of all points and not of the sampled ones, and no hub."""
    x = np.random.default_rng(0).normal(size=(10 * N, 8)).astype(np.float32)
    sizes = np.bincount(clustered(keys[0], x, sample=N))
    assert len(sizes) == 480 and sizes.max() < 30


def test_equal_distances_at_random():
    """Of three points in a line the middle one goes with either."""
    x = np.arange(3, dtype=np.float32)[:, None]
    found = jax.vmap(lambda key: clustered(key, x, clusters=2))(keys[:40])
    together = np.asarray(found[:, 0] == found[:, 1])
    assert 8 < together.sum() < 32


def test_errors():
    margins, labelled = jnp.zeros(4), jnp.array([True, True, False, False])
    run = functools.partial(cluster_margin, keys[0], margins, jnp.arange(4), labelled)
    with pytest.raises(ValueError, match="cluster_margin cannot pick k = 3 of 2 unlabelled"):
        run(3)
    with pytest.raises(ValueError, match=r"ratio as a finite number of at least 1, got 0\.5"):
        run(1, ratio=0.5)
    with pytest.raises(ValueError, match="between 1 and the pool's 4 points as clusters, got 9"):
        linkage_clusters(keys[0], jnp.zeros((4, 2)), clusters=9)
