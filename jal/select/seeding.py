"""k-means++ seeding in any squared distance, and what it is made of."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jal.types import Array

__all__ = [
    "above_rounding",
    "finite_rows",
    "greedy_k_means_plus_plus",
    "k_means_plus_plus",
    "sample_by_weight",
    "squared_distances",
    "squared_distances_to",
]


def k_means_plus_plus(
    key: Array,
    squared_distance_to: Callable[[Array], Array],
    first: Array,
    free: Array,
    k: int,
    count: Array | None = None,
) -> Array:
    """k points, each after the first drawn by its squared distance to the nearest one so far.

    Args:
      key: a PRNG key.
      squared_distance_to: index `[]` -> squared distances `[N]` of all points to that one.
      first: `[]` int32, the first point.
      free: `[N]` bool, the points that may be drawn; includes first.
      k: how many, static.
      count: `[]` int32, to stop after so many: the rest of the k is the first again; None for k.

    Returns:
      `[k]` int32, distinct. Once every free point coincides with a chosen one, the rest is uniform.
      (Arthur and Vassilvitskii, 2007.)
    """

    keys = jax.random.split(key, k)

    def draw(i: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        nearest, free, seeds = carry
        nearest = jnp.minimum(nearest, squared_distance_to(seeds[i - 1]))
        weights = jnp.where(free, nearest, 0.0)
        weights = jnp.where(jnp.any(weights > 0), weights, free.astype(weights.dtype))
        chosen = sample_by_weight(keys[i], weights)
        return nearest, free.at[chosen].set(False), seeds.at[i].set(chosen)

    seeds = jnp.full(k, first, jnp.int32)
    start = (jnp.full(free.shape, jnp.inf, jnp.float32), free.at[first].set(False), seeds)
    return jax.lax.fori_loop(1, k if count is None else count, draw, start)[2]


def greedy_k_means_plus_plus(
    key: Array, points: Array, free: Array, k: int, count: Array | None = None
) -> Array:
    """k-means++ that draws 2 + log k candidates at a time and takes the one that leaves least cost.

    The cost is the sum of the free points' squared distances to the nearest seed, as in
    scikit-learn. Time N D k log k, memory N (D + log k).

    Args:
      key: a PRNG key.
      points: `[N, D]` float, centred: distances come from products.
      free: `[N]` bool, the points that are drawn from and counted.
      k: how many, static.
      count: `[]` int32, to stop after so many: the rest of the k is the first again; None for k.

    Returns:
      `[k]` int32, distinct. Once every free point coincides with a chosen one, the rest is uniform.
      (Arthur and Vassilvitskii, 2007, section 5.)
    """
    key_first, key_rest = jax.random.split(key)
    keys = jax.random.split(key_rest, (k, 2 + int(math.log(k))))
    weight = free.astype(points.dtype)
    norm = jnp.sum(jnp.square(points), axis=1)

    def away(chosen: Array) -> Array:  # [N, B]
        product = jnp.matmul(points, points[chosen].T, precision="highest")
        return above_rounding(norm[:, None] + norm[chosen], product)

    def draw(i: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        nearest, left, seeds = carry
        weights = jnp.where(left, nearest, 0.0)
        weights = jnp.where(jnp.any(weights > 0), weights, left.astype(weights.dtype))
        drawn = jax.vmap(sample_by_weight, (0, None))(keys[i], weights)
        nearest_then = jnp.minimum(nearest[:, None], away(drawn))
        best = jnp.argmin(jnp.matmul(weight, nearest_then, precision="highest"))
        chosen = drawn[best]
        return nearest_then[:, best], left.at[chosen].set(False), seeds.at[i].set(chosen)

    first = sample_by_weight(key_first, weight)
    start = away(first[None])[:, 0], free.at[first].set(False)
    seeds = jnp.full(k, first, jnp.int32)
    return jax.lax.fori_loop(1, k if count is None else count, draw, (*start, seeds))[2]


def sample_by_weight(key: Array, weights: Array) -> Array:
    """One index `[]` int32 drawn in proportion to `weights [N]`, by their cumulative sum.

    An index of weight 0 is never drawn, unless all are 0: then the result is the last index.
    """
    # A parallel sum may differ by rounding where a 0 is added, which would then have a share.
    cumulative = jax.lax.cummax(jnp.where(weights > 0, jnp.cumsum(weights), 0.0))
    # Strictly below the total, so that rounding cannot run past the last positive weight.
    below_total = jnp.nextafter(cumulative[-1], jnp.zeros_like(cumulative[-1]))
    threshold = jnp.minimum(
        jax.random.uniform(key, (), weights.dtype) * cumulative[-1], below_total
    )
    index = jnp.searchsorted(cumulative, threshold, side="right")
    return jnp.minimum(index, weights.shape[0] - 1).astype(jnp.int32)


def finite_rows(points: Array) -> tuple[Array, Array]:
    """points `[N, D]` scaled, rows that are not finite 0; and the mask `[N]` of those that are.

    The scale is a power of two, exact, and the same for all: the largest number is of size 1, so
    that no sum of squares overflows. Distances keep their order and their ratios.
    """
    largest = jnp.max(jnp.abs(points), axis=1)  # NaN where a row has one
    finite = jnp.isfinite(largest)
    exponent = jnp.frexp(jnp.max(jnp.where(finite, largest, 0.0)))[1]
    scale = jnp.ldexp(jnp.ones((), points.dtype), -jnp.clip(exponent, -100, 100))
    return jnp.where(finite[:, None], points, 0.0) * scale, finite


def above_rounding(norms: Array, product: Array) -> Array:
    """Squared distances as `norms - 2 product`; 0 where that is rounding of these, or no number.

    Args:
      norms: the sums of both points' squared norms, of any shape.
      product: their inner products.
    """
    squared = norms - 2.0 * product
    return jnp.where(squared > 1e-6 * norms, squared, 0.0)


def squared_distances(points: Array, centers: Array) -> Array:
    """Squared Euclidean distances `[N, B]` of `points [N, D]` to `centers [B, D]`, clipped at 0.

    One matrix product: centre the points beforehand, since the expansion loses digits where norms
    far exceed distances.
    """
    norms = jnp.sum(jnp.square(points), axis=-1)[:, None] + jnp.sum(jnp.square(centers), axis=-1)
    product = jnp.matmul(points, centers.T, precision="highest")  # TF32 would lose the digits left
    return jnp.maximum(norms - 2.0 * product, 0.0)


def squared_distances_to(points: Array, center: Array) -> Array:
    """Squared Euclidean distances `[N]` of `points [N, D]` to one `center [D]`; exact where equal.

    The sum is written as a matrix product, which runs on all cores of a CPU where a reduction
    does not.
    """
    ones = jnp.ones(points.shape[1], points.dtype)
    return jnp.matmul(jnp.square(points - center), ones, precision="highest")
