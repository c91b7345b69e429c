"""Hierarchical agglomerative clustering by average linkage, and the tree cut into clusters."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.types import Array

__all__ = ["Merges", "average_linkage", "cut"]


class Merges(NamedTuple):
    """The M - 1 merges of M points, from the closest pair of clusters to the last.

    A cluster goes by one of its points: that of the merged cluster is the one of `into`.

    Attributes:
      absorbed: `[M - 1]` int32, the point that the one cluster went by; each occurs once.
      into: `[M - 1]` int32, the point that the other goes by, and the merged one.
      height: `[M - 1]` float, the mean distance between the points of the two; ascending.
    """

    absorbed: Array
    into: Array
    height: Array


def average_linkage(points: Array) -> Merges:
    """Merges the two clusters of least mean Euclidean distance, until one is left.

    By chains of nearest neighbours (Murtagh, 1983) with the updates of Lance and Williams (1967):
    time M^2 D, memory M^2. Which of equal distances comes first, the order of the points decides.

    Args:
      points: `[M, D]` float; M at least 1. One that is not finite is far from all others.
    """
    count = points.shape[0]
    if count < 1:
        raise ValueError(f"average_linkage takes at least one point, got shape {points.shape}.")

    def merge(i: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        apart, size, chain, length, absorbed, into, height = carry

        def grow(chain: Array, length: Array, _: Array) -> tuple[Array, Array, Array]:
            a, before = chain[length - 1], chain[jnp.maximum(length - 2, 0)]
            row = jnp.where(size > 0, apart[a], jnp.inf)
            nearest = jnp.argmin(row).astype(jnp.int32)
            # Of equally near ones the one before, or else chains could run in circles.
            mutual = (length > 1) & (row[before] <= row[nearest])
            return chain.at[length].set(nearest), jnp.where(mutual, length, length + 1), mutual

        # Until the last two are each other's nearest, of which a goes into b. Nothing but the chain
        # is written here: writing into a column of the matrix takes the most time.
        begin = jnp.argmax(size > 0).astype(jnp.int32)
        chain = jnp.where(length == 0, chain.at[0].set(begin), chain)
        grown = chain, jnp.maximum(length, 1), jnp.bool_(False)
        chain, length, _ = jax.lax.while_loop(lambda grown: ~grown[2], lambda g: grow(*g), grown)
        a, b = chain[length - 1], chain[length - 2]
        # One gather: two slices would be fused into the writes below, and the matrix copied.
        row_a, row_b = apart[jnp.stack([a, b])]
        total = size[a] + size[b]
        mean = row_b + (size[a] / total) * (row_a - row_b)
        # Rounding must not bring the merged cluster nearer than both: the chain would not hold.
        mean = jnp.clip(mean, jnp.minimum(row_a, row_b), jnp.maximum(row_a, row_b))
        row = mean.at[b].set(jnp.inf)
        return (
            apart.at[b].set(row).at[:, b].set(row),
            size.at[a].set(0.0).at[b].set(total),
            chain,
            length - 2,
            absorbed.at[i].set(a),
            into.at[i].set(b),
            height.at[i].set(row_a[b]),
        )

    apart = _distances(points)
    none = jnp.zeros(count, jnp.int32)
    start = (
        apart,
        jnp.ones(count, apart.dtype),
        jnp.zeros(count + 1, jnp.int32),
        jnp.int32(0),
        none,
        none,
        jnp.zeros(count, apart.dtype),
    )
    *_, absorbed, into, height = jax.lax.fori_loop(0, count - 1, merge, start)
    absorbed, into, height = absorbed[:-1], into[:-1], height[:-1]
    # Chains merge no cluster before its parts; nor does a stable order by height.
    ascending = jnp.argsort(height, stable=True)
    return Merges(absorbed[ascending], into[ascending], height[ascending])


def _distances(points: Array) -> Array:
    """`[M, M]`, symmetric to the last bit, finite but for the infinite diagonal."""
    points = points - jnp.mean(points, axis=0)
    product = jnp.matmul(points, points.T, precision="highest")
    # Norms from the product itself, so that equal points are at 0 from one another.
    norm = jnp.diagonal(product)
    squared = norm[:, None] + norm - product - product.T
    squared = jnp.nan_to_num(squared, nan=jnp.finfo(squared.dtype).max)
    itself = jnp.arange(points.shape[0])
    return jnp.sqrt(jnp.maximum(squared, 0.0)).at[itself, itself].set(jnp.inf)


def cut(merges: Merges, clusters: Array | int) -> Array:
    """The cluster `[M]` int32 in 0..clusters - 1 of each point, after all but the last merges.

    Args:
      merges: of M points.
      clusters: how many, static or traced; clipped to 1..M.
    """
    count = merges.absorbed.shape[0] + 1
    clusters = jnp.clip(clusters, 1, count)
    itself = jnp.arange(count, dtype=jnp.int32)
    done = jnp.arange(count - 1) < count - clusters
    leader = itself.at[merges.absorbed].set(jnp.where(done, merges.into, merges.absorbed))
    for _ in range(count.bit_length()):  # paths to the leader, twice as long each time
        leader = leader[leader]
    number = jnp.cumsum(leader == itself) - 1
    return number[leader].astype(jnp.int32)
