"""TypiClust: the most typical point of each cluster that holds no label yet."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.select.checks import check_key, check_pool, pad_picks
from jal.select.clustering import cluster_means, k_means
from jal.select.options import counts, takes
from jal.select.seeding import finite_rows, squared_distances
from jal.select.ties import priorities
from jal.types import Array

__all__ = ["mean_neighbour_distance", "most_typical", "typi_clust"]

_ROWS, _COLUMNS = 256, 512  # of one block of distances


@takes(
    max_clusters=counts(),
    neighbours=counts(),
    min_size=counts(0),
    iterations=counts(0),
    sample=counts(),
)
def typi_clust(
    key: Array,
    features: Array,
    labelled: Array,
    k: int,
    *,
    max_clusters: int = 500,
    neighbours: int = 20,
    min_size: int = 5,
    iterations: int = 20,
    sample: int = 10_000,
) -> Array:
    """TypiClust (Hacohen et al., 2022), the variant with k-means on the features.

    The pool, labelled points included, is clustered into |L| + k clusters, at most `max_clusters`
    and at least k; `most_typical` picks from them. The official code takes mini-batch k-means above
    50 clusters; here centroids come from `sample` points of the pool where it has more. It measures
    typicality by at most half a cluster's points, and by unlabelled ones alone; here by all.

    Args:
      key: a PRNG key.
      features: `[N, D]` float; rows that are not finite (under jit) count as zeros.
      labelled: `[N]` bool; never picked.
      k: how many, static; at most the number of unlabelled points.
      max_clusters: the most clusters, static.
      neighbours: how many a typicality looks at, static.
      min_size: clusters of at most so many points come after all others.
      iterations: of k-means, static.
      sample: points that find the centroids, static.

    Returns:
      `[k]` int32, distinct, in order of picking.
    """
    key = check_key("typi_clust", key)
    labelled, features = check_pool("typi_clust", labelled, k, features=features)
    features, _ = finite_rows(features)
    clusters = min(features.shape[0], max(max_clusters, k))
    count = jnp.minimum(jnp.sum(labelled, dtype=jnp.int32) + k, clusters)
    key_means, key_ties = jax.random.split(key)
    cluster = k_means(key_means, features, clusters, count, iterations=iterations, sample=sample)
    return most_typical(
        features,
        cluster,
        labelled,
        k,
        clusters=clusters,
        neighbours=neighbours,
        min_size=min_size,
        key=key_ties,
    )


def most_typical(
    features: Array,
    cluster: Array,
    labelled: Array,
    k: int,
    *,
    clusters: int,
    neighbours: int = 20,
    min_size: int = 5,
    key: Array | None = None,
) -> Array:
    """Again and again the most typical unlabelled point of the largest least labelled cluster.

    Clusters with the fewest labelled and picked points come first, so uncovered ones before all;
    of these the largest, ties by the clusters' index. Of a cluster's points the one nearest to its
    neighbours, as `mean_neighbour_distance` measures; it stays typical when others are picked.

    Args:
      features: `[N, D]` float.
      cluster: `[N]` int32 in 0..clusters - 1.
      labelled: `[N]` bool; never picked.
      k: how many, static; at most the number of unlabelled points.
      clusters: static.
      neighbours: how many a typicality looks at, static.
      min_size: clusters of at most so many points come after all others.
      key: a PRNG key that orders equally typical points at random; by index if None.

    Returns:
      `[k]` int32, distinct, in order of picking.
    """
    size = jnp.bincount(cluster, length=clusters)
    free = jnp.bincount(jnp.where(labelled, clusters, cluster), length=clusters)

    def visit(picked: Array, _: None) -> tuple[Array, tuple[Array, Array]]:
        left = free > picked
        large = left & (size > min_size)
        left = jnp.where(jnp.any(large), large, left)
        labels = size - free + picked
        fewest = jnp.min(jnp.where(left, labels, jnp.iinfo(labels.dtype).max))
        chosen = jnp.argmax(jnp.where(left & (labels == fewest), size, -1))
        return picked.at[chosen].add(1), (chosen, picked[chosen])

    picked, (chosen, rank) = jax.lax.scan(visit, jnp.zeros_like(size), length=k)
    distance = mean_neighbour_distance(
        features, cluster, picked > 0, clusters=clusters, neighbours=neighbours
    )
    # Unlabelled points cluster by cluster, the most typical first.
    order = jnp.lexsort((-priorities(key, labelled.shape[0]), distance, cluster, labelled))
    first = jnp.cumsum(free) - free
    return pad_picks(order[first[chosen] + rank], labelled)


def mean_neighbour_distance(
    features: Array, cluster: Array, wanted: Array, *, clusters: int, neighbours: int = 20
) -> Array:
    """The mean distance `[N]` of each point to its nearest neighbours within its own cluster.

    Typicality is the inverse of it; a point alone in its cluster has 0. Time: the sum of n^2 D
    over the wanted clusters of n points; memory N D.

    Args:
      features: `[N, D]` float.
      cluster: `[N]` int32 in 0..clusters - 1.
      wanted: `[clusters]` bool; points of other clusters get 0.
      clusters: static.
      neighbours: how many to look at, or all others where the cluster has fewer; static.
    """
    n = features.shape[0]
    looked_at = min(neighbours, max(n - 1, 1))
    means, size = cluster_means(features, cluster, clusters)
    size = size.astype(jnp.int32)
    # Clusters as ranges of rows, the wanted first; each about its own mean, for the digits.
    order = jnp.lexsort((cluster, ~wanted[cluster]))
    group = jnp.pad(cluster[order], (0, _COLUMNS), constant_values=-1)
    points = jnp.pad((features - means[cluster])[order], ((0, _COLUMNS), (0, 0)))
    start = jax.ops.segment_min(jnp.arange(n, dtype=jnp.int32), cluster[order], clusters)
    rows_wanted = jnp.sum(jnp.where(wanted, size, 0))

    def block(i: Array, distance: Array) -> Array:
        top = i * _ROWS
        rows = jax.lax.dynamic_slice_in_dim(points, top, _ROWS)
        own = jax.lax.dynamic_slice_in_dim(group, top, _ROWS)
        last = group[jnp.minimum(top + _ROWS, rows_wanted) - 1]
        left, right = start[group[top]], start[last] + size[last]

        def look(j: Array, nearest: Array) -> Array:
            at = left + j * _COLUMNS
            columns = jax.lax.dynamic_slice_in_dim(points, at, _COLUMNS)
            theirs = jax.lax.dynamic_slice_in_dim(group, at, _COLUMNS)
            other = top + jnp.arange(_ROWS)[:, None] != at + jnp.arange(_COLUMNS)
            neighbour = (own[:, None] == theirs) & other
            squared = jnp.where(neighbour, squared_distances(rows, columns), jnp.inf)
            return -jax.lax.top_k(-jnp.concatenate([nearest, squared], axis=1), looked_at)[0]

        nearest = jnp.full((_ROWS, looked_at), jnp.inf, points.dtype)
        nearest = jax.lax.fori_loop(0, -(-(right - left) // _COLUMNS), look, nearest)
        found = jnp.isfinite(nearest)
        mean = jnp.sum(jnp.where(found, jnp.sqrt(nearest), 0.0), axis=1) / jnp.maximum(
            jnp.sum(found, axis=1), 1
        )
        return jax.lax.dynamic_update_slice(distance, mean, (top,))

    distance = jnp.zeros(n + _COLUMNS, points.dtype)
    distance = jax.lax.fori_loop(0, -(-rows_wanted // _ROWS), block, distance)
    distance = jnp.where(jnp.arange(n) < rows_wanted, distance[:n], 0.0)
    return jnp.zeros_like(distance).at[order].set(distance)
