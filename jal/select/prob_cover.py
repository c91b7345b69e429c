"""ProbCover: balls of one radius that cover the most points, greedily."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jal.select.checks import check_key, check_numbers, check_pool, pad_picks
from jal.select.clustering import k_means
from jal.select.gradients import unit_rows
from jal.select.options import counts, each, reals, takes
from jal.select.seeding import squared_distances
from jal.select.ties import argmax, priorities
from jal.types import Array

__all__ = ["GRID", "prob_cover", "pure_radius"]

GRID = tuple(round(0.05 * i, 2) for i in range(1, 41))
"""Radii that `pure_radius` tries: unit vectors are at most 2 apart."""

_ROUNDING = 2e-6  # of a squared distance between unit vectors: within it counts as equal
_ROWS = 32  # of one product of newly covered points


@takes(delta=reals(least=0), chunk=counts())
def prob_cover(
    key: Array, features: Array, labelled: Array, k: int, *, delta: Array | float, chunk: int = 1024
) -> Array:
    """ProbCover (Yehuda et al., 2022): greedy maximum coverage by balls of radius delta.

    A point covers what is within delta of it after both are brought to norm 1; labelled points
    cover from the start. Each pick covers the most that is uncovered; ties, also those of points
    that cover nothing more, at random. Greedy coverage is at least 1 - 1/e of the best.

    Time N^2 D / 2 to count, then N D for each point that becomes covered; memory N (D + 128), never
    N x N.

    Args:
      key: a PRNG key, for ties.
      features: `[N, D]` float; zeros stay zeros, 1 away from every other.
      labelled: `[N]` bool; never picked.
      k: how many, static; at most the number of unlabelled points.
      delta: `[]` float, the radius; at least 0.
      chunk: rows and columns of one block of distances, static.

    Returns:
      `[k]` int32, distinct, in order of picking.
    """
    key = check_key("prob_cover", key)
    labelled, features = check_pool("prob_cover", labelled, k, features=features)
    features = unit_rows(features)
    reach = jnp.square(jnp.asarray(delta, features.dtype)) + _ROUNDING
    n = features.shape[0]

    def balls(centers: Array) -> Array:
        """`[B, N]` of 0 and 1."""
        return (squared_distances(features[centers], features) <= reach).astype(features.dtype)

    def over(points: Array, visit, carry: Array) -> Array:
        """carry through `visit(balls [B, N], weight [B], carry)` of all points of a mask `[N]`."""
        index = jnp.nonzero(points, size=n + _ROWS, fill_value=0)[0]
        stop = jnp.sum(points, dtype=jnp.int32)

        def block(i: Array, carry: Array) -> Array:
            some = jax.lax.dynamic_slice_in_dim(index, i * _ROWS, _ROWS)
            weight = (i * _ROWS + jnp.arange(_ROWS) < stop).astype(features.dtype)
            return visit(balls(some), weight, carry)

        return jax.lax.fori_loop(0, -(-stop // _ROWS), block, carry)

    nothing = jnp.zeros(n, features.dtype)
    covered = over(labelled, lambda ball, weight, so_far: so_far + weight @ ball, nothing) > 0
    degree = _count_uncovered(features, covered | labelled, reach, min(chunk, n))
    priority = priorities(key, n)

    def pick(carry: tuple[Array, Array, Array], last: Array):
        degree, covered, taken = carry
        chosen = argmax(jnp.where(taken, -1.0, degree), priority)
        newly = (balls(chosen[None])[0] > 0) & ~covered
        # Nobody asks what is left after the last pick.
        degree = over(newly & ~last, lambda ball, weight, left: left - weight @ ball, degree)
        return (degree, covered | newly, taken.at[chosen].set(True)), chosen

    start = (degree, covered | labelled, labelled)
    return pad_picks(jax.lax.scan(pick, start, jnp.arange(k) == k - 1)[1], labelled)


@takes(
    classes=counts(),
    deltas=each(reals(least=0)),
    alpha=reals(above=0, most=1),
    sample=counts(),
)
def pure_radius(
    key: Array,
    features: Array,
    classes: int,
    *,
    deltas: Sequence[float] = GRID,
    alpha: float = 0.95,
    sample: int = 2_000,
) -> Array:
    """The largest radius whose balls are pure: ProbCover's delta, without labels.

    A ball is pure if the points in it, of the whole pool, have one pseudo-label: their cluster in a
    k-means of the features at norm 1, as many clusters as classes, whose centroids come from 10,000
    points drawn at random. Balls about `sample` points drawn at random are looked at.

    Args:
      key: a PRNG key.
      features: `[N, D]` float.
      classes: how many clusters, static.
      deltas: the radii to choose from.
      alpha: the share of the balls that must be pure.
      sample: static.

    Returns:
      `[]` float; the smallest of `deltas` where none is pure enough.
    """
    key = check_key("pure_radius", key)
    features = unit_rows(check_numbers("pure_radius", "features", features))
    n = features.shape[0]
    key_cluster, key_sample = jax.random.split(key)
    cluster = k_means(key_cluster, features, min(classes, n))
    sampled = jax.random.permutation(key_sample, n)[: min(sample, n)]

    def to_other(center: Array) -> Array:
        squared = squared_distances(features[center][None], features)[0]
        return jnp.min(jnp.where(cluster == cluster[center], jnp.inf, squared))

    nearest = jax.lax.map(to_other, sampled, batch_size=128)
    radii = jnp.sort(jnp.asarray(deltas, features.dtype))
    pure = jnp.mean(nearest > jnp.square(radii)[:, None] + _ROUNDING, axis=1) >= alpha
    return jnp.max(jnp.where(pure, radii, radii[0]))


def _count_uncovered(features: Array, covered: Array, reach: Array, chunk: int) -> Array:
    """How many uncovered points `[N]` are within reach of each, by blocks of half the matrix."""
    n = features.shape[0]
    order = jnp.argsort(covered, stable=True)  # uncovered first: the others count for nobody
    padding = -n % chunk
    points = jnp.pad(features[order], ((0, padding), (0, 0)))
    open_ = jnp.pad((~covered)[order].astype(features.dtype), (0, padding))

    def row(i: Array, degree: Array) -> Array:
        rows = jax.lax.dynamic_slice_in_dim(points, i * chunk, chunk)
        open_rows = jax.lax.dynamic_slice_in_dim(open_, i * chunk, chunk)

        def column(j: Array, degree: Array) -> Array:
            columns = jax.lax.dynamic_slice_in_dim(points, j * chunk, chunk)
            open_columns = jax.lax.dynamic_slice_in_dim(open_, j * chunk, chunk)
            near = (squared_distances(rows, columns) <= reach).astype(features.dtype)
            # Both halves of a pair of blocks at once; one on the diagonal.
            degree = _add(degree, i * chunk, near @ open_columns)
            return _add(degree, j * chunk, jnp.where(j > i, open_rows @ near, 0.0))

        return jax.lax.fori_loop(i, points.shape[0] // chunk, column, degree)

    blocks = -(-jnp.sum(open_).astype(jnp.int32) // chunk)
    degree = jax.lax.fori_loop(0, blocks, row, jnp.zeros_like(open_))
    return jnp.zeros_like(degree[:n]).at[order].set(degree[:n])


def _add(whole: Array, start: Array, part: Array) -> Array:
    before = jax.lax.dynamic_slice_in_dim(whole, start, part.shape[0])
    return jax.lax.dynamic_update_slice_in_dim(whole, before + part, start, 0)
