"""k-means with a traced number of clusters, for selectors that start from a clustering."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jal.select.lanes import in_any_lane
from jal.select.seeding import greedy_k_means_plus_plus, squared_distances
from jal.types import Array

__all__ = ["cluster_means", "k_means", "lloyd", "nearest_centroid"]

_BLOCK = 128  # centroids of one matrix product; bounds memory at N x 128
_ROWS = 4096  # points of one product that adds them up


def k_means(
    key: Array,
    points: Array,
    k: int,
    count: Array | None = None,
    *,
    iterations: int = 20,
    sample: int = 10_000,
) -> Array:
    """The cluster `[N]` int32 of each point: greedy k-means++ seeds, then Lloyd's iterations.

    Where there are more than `sample` points, so many drawn at random find the centroids, and all
    points join the nearest. Time (sample + N / iterations) D count per iteration, memory N D.

    Args:
      key: a PRNG key.
      points: `[N, D]` float.
      k: the most clusters, static; at most N.
      count: `[]` int32 in 1..k, how many clusters; None for k. A cluster may be empty.
      iterations: Lloyd's iterations, static.
      sample: how many points find the centroids, static; at least k are used.
    """
    key_sample, key_seeds = jax.random.split(key)
    used = jnp.int32(k) if count is None else count
    points = points - jnp.mean(points, axis=0)
    size = max(sample, k)
    sampled = points
    if points.shape[0] > size:
        sampled = points[jax.random.permutation(key_sample, points.shape[0])[:size]]
    free = jnp.ones(sampled.shape[0], bool)
    seeds = greedy_k_means_plus_plus(key_seeds, sampled, free, k, used)
    centroids = lloyd(sampled, free, sampled[seeds], used, iterations)
    return nearest_centroid(points, centroids, used)


def lloyd(
    points: Array, free: Array, centroids: Array, count: Array | int, iterations: int
) -> Array:
    """The centroids `[k, D]` after Lloyd's iterations over the points of a mask `free [N]`.

    Only the first `count` of them move; that of an empty cluster stays. Once no point changes its
    cluster nothing would, and the iterations end.
    """
    k = centroids.shape[0]

    def moving(carry: tuple[Array, Array, Array, Array]) -> Array:
        i, changed, _, _ = carry
        return (i < iterations) & in_any_lane(changed)

    def move(carry: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        i, _, before, centroids = carry
        cluster = jnp.where(free, nearest_centroid(points, centroids, count), k)
        means, sizes = cluster_means(points, cluster, k)
        centroids = jnp.where(sizes[:, None] > 0, means, centroids)
        return i + 1, jnp.any(cluster != before), cluster, centroids

    nowhere = jnp.full(points.shape[0], -1, jnp.int32)
    start = jnp.int32(0), jnp.bool_(True), nowhere, centroids
    return jax.lax.while_loop(moving, move, start)[3]


def nearest_centroid(points: Array, centroids: Array, count: Array | int) -> Array:
    """Which `[N]` int32 of the first `count` of `centroids [k, D]` is nearest; ties by index."""
    k = centroids.shape[0]
    block = min(_BLOCK, k)
    centroids = jnp.concatenate([centroids, jnp.zeros((-k % block, points.shape[1]), points.dtype)])

    def look(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        least, nearest = carry
        some = jax.lax.dynamic_slice_in_dim(centroids, i * block, block)
        squared = squared_distances(points, some)
        squared = jnp.where(i * block + jnp.arange(block) < count, squared, jnp.inf)
        closest = jnp.argmin(squared, axis=1).astype(jnp.int32)
        here = jnp.min(squared, axis=1)
        return jnp.minimum(least, here), jnp.where(here < least, i * block + closest, nearest)

    start = (
        jnp.full(points.shape[0], jnp.inf, points.dtype),
        jnp.zeros(points.shape[0], jnp.int32),
    )
    return jax.lax.fori_loop(0, -(-count // block), look, start)[1]


def cluster_means(points: Array, cluster: Array, k: int) -> tuple[Array, Array]:
    """Means `[k, D]` and sizes `[k]` of the clusters 0..k - 1 in `cluster [N]`; 0 where empty.

    Points of cluster k belong to none.
    """

    def by_product(points: Array, cluster: Array) -> Array:
        rows = min(_ROWS, points.shape[0])
        padding = -points.shape[0] % rows
        points = jnp.pad(points, ((0, padding), (0, 0))).reshape(-1, rows, points.shape[1])
        cluster = jnp.pad(cluster, (0, padding), constant_values=k).reshape(-1, rows)

        def add(sums: Array, some: tuple[Array, Array]) -> tuple[Array, None]:
            member = jax.nn.one_hot(some[1], k, dtype=points.dtype)
            return sums + jnp.matmul(member.T, some[0], precision="highest"), None

        nothing = jnp.zeros((k, points.shape[2]), points.dtype)
        return jax.lax.scan(add, nothing, (points, cluster))[0]

    # A CPU scatters fifty times as fast; accelerators add in no fixed order, products do.
    sums = jax.lax.platform_dependent(points, cluster, cpu=_scattered(k), default=by_product)
    sizes = jnp.bincount(cluster, length=k).astype(points.dtype)
    return sums / jnp.maximum(sizes, 1.0)[:, None], sizes


def _scattered(k: int) -> Callable[[Array, Array], Array]:
    """Sums `[k, D]` of `points [N, D]` by `cluster [N]`; under vmap by one scatter, not by many."""

    @jax.custom_batching.custom_vmap
    def sums(points: Array, cluster: Array) -> Array:
        return jax.ops.segment_sum(points, cluster, k)

    @sums.def_vmap
    def _of_lanes(lanes: int, batched: list[bool], points: Array, cluster: Array):
        points, cluster = (
            array if has else jnp.broadcast_to(array, (lanes, *array.shape))
            for has, array in zip(batched, (points, cluster), strict=True)
        )
        own = cluster + (k + 1) * jnp.arange(lanes)[:, None]  # k is none's
        flat = points.reshape(-1, points.shape[-1])
        made = _scattered(lanes * (k + 1))(flat, own.reshape(-1))
        return made.reshape(lanes, k + 1, -1)[:, :k], True

    return sums
