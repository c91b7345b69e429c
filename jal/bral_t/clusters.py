"""Clusters of a masked set of points, their sub-clusters, moments and members.

A clustering is `[N]` int32: a point's cluster in 0..k - 1, and k where it is in none. A cluster may
be empty: its size is 0, its moments are 0, and it has no members. A row of points that is not
finite counts as zeros.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.scores.checks import as_array, as_float32
from jal.select.checks import check_key
from jal.select.clustering import cluster_means, lloyd, nearest_centroid
from jal.select.options import counts, optional, takes
from jal.select.seeding import finite_rows, greedy_k_means_plus_plus
from jal.types import Array

__all__ = ["Moments", "k_means", "members", "moments", "pooled", "sub_clusters"]

_EACH = 32  # points that find a sub-cluster


class Moments(NamedTuple):
    """Mean and variance of clusters.

    Attributes:
      mean: `[..., D]` float32, 0 where a cluster is empty.
      variance: `[..., D]` float32, of each coordinate, divided by the size; 0 of a single point.
      size: `[...]` int32.
    """

    mean: Array
    variance: Array
    size: Array


@takes(clusters=counts(), iterations=counts(0), sample=counts())
def k_means(
    key: Array,
    points: Array,
    mask: Array,
    clusters: int,
    *,
    iterations: int = 20,
    sample: int = 2048,
) -> Array:
    """The cluster `[N]` int32 of each point of a mask, and `clusters` outside of it.

    Greedy k-means++ seeds among `sample` of the points, Lloyd's iterations on these, and all
    points join the nearest centroid. Where the mask has fewer points than there are clusters,
    each has one of its own as long as they differ, and the other clusters stay empty; equal points
    share one. Time sample D clusters (iterations + log clusters) + N D clusters, memory N D.

    Args:
      key: a PRNG key.
      points: `[N, D]` numbers, computed in float32.
      mask: `[N]` bool.
      clusters: static.
      iterations: of Lloyd, static.
      sample: how many of the points find the centroids, static; at least `clusters` are used.

    Raises:
      InputError: where an option is out of its range.
      ValueError: where a shape or a dtype is another.
    """
    key = check_key("k_means", key)
    points = _points("k_means", points)
    mask = as_array("k_means", "mask", mask)
    if mask.shape != points.shape[:1] or mask.dtype != jnp.bool_:
        raise ValueError(
            f"k_means takes mask [N] of bool with N = {points.shape[0]}, got shape {mask.shape} of "
            f"{mask.dtype}."
        )
    cluster = jnp.where(mask, 0, 1).astype(jnp.int32)
    return _split(key, points, cluster, 1, clusters, iterations, sample)


@takes(clusters=counts(), actions=counts(), iterations=counts(0), sample=optional(counts()))
def sub_clusters(
    key: Array,
    points: Array,
    cluster: Array,
    clusters: int,
    actions: int,
    *,
    iterations: int = 20,
    sample: int | None = None,
) -> Array:
    """The sub-cluster `[N]` int32 of each point: c actions + a, of cluster c its a-th.

    Each cluster is split as `k_means` does, all at once on `[clusters, sample, D]` floats; points
    in no cluster are in sub-cluster clusters times actions.

    Args:
      key: a PRNG key.
      points: `[N, D]` numbers, computed in float32.
      cluster: `[N]` int32 in 0..clusters; `clusters` is none.
      clusters: static.
      actions: sub-clusters of each, static.
      iterations: of Lloyd, static.
      sample: how many points of each cluster find its sub-clusters, static; 32 for each of these
        if None, whose inertia is within 1 % of that of all points' on digits and on Gaussian noise.

    Raises:
      InputError: where an option is out of its range.
      ValueError: where a shape or a dtype is another.
    """
    key = check_key("sub_clusters", key)
    points = _points("sub_clusters", points)
    cluster = _cluster("sub_clusters", cluster, points.shape[0])
    sample = _EACH * actions if sample is None else sample
    return _split(key, points, cluster, clusters, actions, iterations, sample)


def moments(points: Array, cluster: Array, clusters: int) -> Moments:
    """Mean and variance `[clusters, D]` of each cluster, and its size.

    Of sub-clusters as well: `reshape` the leading axis to `[C, A]`. Time and memory N D.

    Args:
      points: `[N, D]` numbers, computed in float32.
      cluster: `[N]` int32 in 0..clusters; `clusters` is none.
      clusters: static.

    Raises:
      ValueError: where a shape or a dtype is another.
    """
    points = _points("moments", points)
    cluster = _cluster("moments", cluster, points.shape[0])
    points = jnp.where((cluster < clusters)[:, None], points, 0.0)
    own = jnp.minimum(cluster, clusters - 1)
    mean, size = cluster_means(points, cluster, clusters)
    # Far from the origin a long sum loses digits, that of the rests does not.
    mean += cluster_means(points - mean[own], cluster, clusters)[0]
    variance = cluster_means(jnp.square(points - mean[own]), cluster, clusters)[0]
    return Moments(mean, variance, size.astype(jnp.int32))


def pooled(parts: Moments) -> Moments:
    """The moments `[C, D]` of clusters by those of their parts, `[C, A, D]`."""
    size = jnp.sum(parts.size, axis=-1)
    share = (parts.size / jnp.maximum(size, 1)[..., None])[..., None]
    mean = jnp.sum(share * parts.mean, axis=-2)
    apart = jnp.square(parts.mean - mean[..., None, :])
    # An empty part's mean of 0 may be so far away that its square overflows.
    variance = jnp.where(share > 0, share * (parts.variance + apart), 0.0)
    return Moments(mean, jnp.sum(variance, axis=-2), size)


@takes(clusters=counts(), most=counts())
def members(key: Array, cluster: Array, clusters: int, most: int) -> tuple[Array, Array]:
    """Up to `most` points of each cluster, drawn uniformly where it has more.

    `points[index]` with the mask are the sets that `jal.bral_t.sinkhorn` takes. One sort of N.

    Args:
      key: a PRNG key.
      cluster: `[N]` int32 in 0..clusters; `clusters` is none.
      clusters: static.
      most: static.

    Returns:
      `[clusters, most]` int32, distinct where the mask `[clusters, most]` bool is True, and some
      index in 0..N - 1 elsewhere.

    Raises:
      InputError: where an option is out of its range.
      ValueError: where a shape or a dtype is another.
    """
    key = check_key("members", key)
    cluster = _cluster("members", cluster, None)
    n = cluster.shape[0]
    order = jnp.lexsort((jax.random.bits(key, (n,)), cluster)).astype(jnp.int32)
    size = jnp.bincount(cluster, length=clusters)
    rank = jnp.arange(most)
    index = order[jnp.minimum((jnp.cumsum(size) - size)[:, None] + rank, n - 1)]
    return index, rank < size[:, None]


def _split(
    key: Array,
    points: Array,
    cluster: Array,
    clusters: int,
    parts: int,
    iterations: int,
    sample: int,
) -> Array:
    """The part `[N]` of each point, c parts + a, by k-means within each cluster c."""
    key_sample, key_seeds = jax.random.split(key)
    points = finite_rows(jnp.where((cluster < clusters)[:, None], points, 0.0))[0]
    # Distances come from products, which lose digits far from the origin.
    centre, _ = cluster_means(points, cluster, clusters)
    points = points - centre[jnp.minimum(cluster, clusters - 1)]
    index, used = members(key_sample, cluster, clusters, min(points.shape[0], max(sample, parts)))
    count = jnp.minimum(jnp.sum(used, axis=1), parts)

    def fit(key: Array, index: Array, used: Array, count: Array) -> Array:
        sampled = points[index]
        seeds = greedy_k_means_plus_plus(key, sampled, used, parts, count)
        return lloyd(sampled, used, sampled[seeds], count, iterations)

    if clusters == 1:  # a batch of one would compile half as long again
        centroids = fit(key_seeds, index[0], used[0], count[0])[None]
    else:
        centroids = jax.vmap(fit)(jax.random.split(key_seeds, clusters), index, used, count)
    return _join(points, cluster, centroids, count)


def _join(points: Array, cluster: Array, centroids: Array, count: Array) -> Array:
    """c A + a of each point: the nearest of the first `count [C]` of `centroids [C, A, D]`."""
    clusters, parts, _ = centroids.shape
    if clusters == 1:
        nearest = nearest_centroid(points, centroids[0], count[0])
    else:
        own = jnp.minimum(cluster, clusters - 1)

        def look(a: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            least, nearest = carry
            squared = jnp.sum(jnp.square(points - centroids[own, a]), axis=1)
            closer = (squared < least) & (a < count[own])
            return jnp.where(closer, squared, least), jnp.where(closer, a, nearest)

        start = jnp.full(points.shape[0], jnp.inf), jnp.zeros(points.shape[0], jnp.int32)
        nearest = jax.lax.fori_loop(0, parts, look, start)[1]
    joined = cluster * parts + nearest
    return jnp.where(cluster < clusters, joined, clusters * parts).astype(jnp.int32)


def _points(name: str, points: Array) -> Array:
    points = as_float32(name, "points", points)
    if points.ndim != 2 or points.size == 0:
        raise ValueError(
            f"{name} takes points [N, D] with N >= 1 and D >= 1, got shape {points.shape}."
        )
    return jnp.where(jnp.all(jnp.isfinite(points), axis=1, keepdims=True), points, 0.0)


def _cluster(name: str, cluster: Array, n: int | None) -> Array:
    cluster = as_array(name, "cluster", cluster)
    fits = cluster.ndim == 1 and (cluster.shape[0] == n if n is not None else cluster.size > 0)
    if not fits or not jnp.issubdtype(cluster.dtype, jnp.integer):
        wanted = "N >= 1" if n is None else f"N = {n}"
        raise ValueError(
            f"{name} takes cluster [N] of integers with {wanted}, got shape {cluster.shape} of "
            f"{cluster.dtype}."
        )
    return cluster.astype(jnp.int32)
