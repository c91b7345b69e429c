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
    time M^2 D, memory M^2, the same number of steps whatever the points. Which of equal distances
    comes first, the order of the points decides.

    Args:
      points: `[M, D]` float, finite; M at least 1.
    """
    count = points.shape[0]
    if count < 1:
        raise ValueError(f"average_linkage takes at least one point, got shape {points.shape}.")
    points = points - jnp.mean(points, axis=0)
    product = jnp.matmul(points, points.T, precision="highest")
    # Norms from the product itself, so that equal points are at 0 from one another.
    norm = jnp.diagonal(product)
    squared = norm[:, None] + norm - product - product.T  # symmetric to the last bit
    itself = jnp.arange(count)
    apart = jnp.sqrt(jnp.maximum(squared, 0.0)).at[itself, itself].set(jnp.inf)

    def step(_: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        apart, size, chain, length, merged, absorbed, into, height = carry
        a, b = chain[jnp.maximum(length - 1, 0)], chain[jnp.maximum(length - 2, 0)]
        # One gather: two slices would be fused into the writes below, and the matrix copied.
        row_a, row_b = apart[jnp.stack([a, b])]
        alive_a = jnp.where(size > 0, row_a, jnp.inf)
        nearest = jnp.argmin(alive_a).astype(jnp.int32)
        # Of equally near ones the one before, or else chains could run in circles.
        mutual = (length > 1) & (alive_a[b] <= alive_a[nearest])

        # Both are each other's nearest: a goes into b. Else the chain grows.
        total = size[a] + size[b]
        mean = row_b + (size[a] / total) * (row_a - row_b)
        # Rounding must not bring the merged cluster nearer than both: the chain would not hold.
        mean = jnp.clip(mean, jnp.minimum(row_a, row_b), jnp.maximum(row_a, row_b))
        row = jnp.where(mutual, mean.at[b].set(jnp.inf), row_b)
        grown = jnp.where(length == 0, jnp.argmax(size > 0).astype(jnp.int32), nearest)
        # Written in every step: under a condition the whole matrix would be copied.
        return (
            apart.at[b].set(row).at[:, b].set(row),
            jnp.where(mutual, size.at[a].set(0.0).at[b].set(total), size),
            chain.at[length].set(grown),
            jnp.where(mutual, length - 2, length + 1),
            merged + mutual,
            absorbed.at[merged].set(a),
            into.at[merged].set(b),
            height.at[merged].set(row_a[b]),
        )

    # The last place takes what is written where nothing is merged any more.
    none = jnp.zeros(count, jnp.int32)
    start = (
        apart,
        jnp.ones(count, apart.dtype),
        jnp.zeros(count + 1, jnp.int32),
        jnp.int32(0),
        jnp.int32(0),
        none,
        none,
        jnp.zeros(count, apart.dtype),
    )
    # Each merge takes two from the chain, and at the end the chain is empty.
    steps = 3 * (count - 1)
    *_, absorbed, into, height = jax.lax.fori_loop(0, steps, step, start)
    absorbed, into, height = absorbed[:-1], into[:-1], height[:-1]
    # Chains merge no cluster before its parts; nor does a stable order by height.
    ascending = jnp.argsort(height, stable=True)
    return Merges(absorbed[ascending], into[ascending], height[ascending])


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
