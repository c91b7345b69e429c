"""Sequential minimal optimisation: a binary support vector machine's dual, as libsvm solves it."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.types import Array

__all__ = ["Solution", "solve"]


class Solution(NamedTuple):
    """`alpha [m]`, `intercept []`, the KKT `violation []` reached and the `steps []` taken."""

    alpha: Array
    intercept: Array
    violation: Array
    steps: Array


class _Iterate(NamedTuple):
    signed: Array  # [m] y * alpha, which sums to 0
    gradient: Array  # [m] of the objective in `signed`: the decision values less bias, less y
    highest: Array  # of -gradient where `signed` may rise
    lowest: Array  # of -gradient where it may fall
    step: Array


def solve(
    gram: Array, rows: Array, y: Array, box: Array, *, tol: float, max_steps: int
) -> Solution:
    """Minimises |sum_t y_t alpha_t phi_t|^2 / 2 - sum alpha, 0 <= alpha <= box, y . alpha = 0.

    Each step moves the pair of second-order gain (Fan, Chen and Lin, 2005, WSS 2) exactly to its
    optimum; the intercept is libsvm's. The steps' rounding adds up in the gradient: at the end it
    is computed afresh, and the steps go on from there as long as that halves the violation. One
    problem; vmap for many, which then wait for the slowest.

    Args:
      gram: `[n, n]` inner products, shared by problems.
      rows: `[m]` int32, the problem's points in `gram`.
      y: `[m]` float, 1 or -1.
      box: `[m]` float, C times the point's weight; 0 leaves a point out.
      tol: stop where the maximal KKT violation is at most this; libsvm's default is 1e-3.
        The violation returned stays above it where float32 allows no less.
      max_steps: steps at most.
    """
    lower, upper = jnp.minimum(0.0, y * box), jnp.maximum(0.0, y * box)
    squared_norm = gram[rows, rows]
    position = jnp.arange(rows.shape[0])

    def first(chosen: Array) -> Array:
        # Not argmax, which XLA does not vectorise on CPUs.
        return jnp.min(jnp.where(chosen, position, position[-1]))

    def iterate(signed: Array, gradient: Array, step: Array) -> _Iterate:
        highest = jnp.max(jnp.where(signed < upper, -gradient, -jnp.inf))
        lowest = jnp.min(jnp.where(signed > lower, -gradient, jnp.inf))
        return _Iterate(signed, gradient, highest, lowest, step)

    def unsolved(at: _Iterate) -> Array:
        return (at.highest - at.lowest > tol) & (at.step < max_steps)

    def move(at: _Iterate) -> _Iterate:
        signed, gradient, *_ = at
        i = first((signed < upper) & (-gradient == at.highest))
        row_i = gram[rows[i], rows]
        slope = gradient + at.highest
        bend = jnp.maximum(squared_norm[i] + squared_norm - 2.0 * row_i, 1e-12)
        gain = jnp.where((signed > lower) & (slope > 0), slope * slope / bend, -1.0)
        j = first(gain == jnp.max(gain))
        row_j = gram[rows[j], rows]

        rise, fall = upper[i] - signed[i], signed[j] - lower[j]
        length = jnp.minimum(slope[j] / bend[j], jnp.minimum(rise, fall))
        # Onto a bound exactly: a point that rounding leaves beside it would count as free.
        at_i = jnp.where(length == rise, upper[i], signed[i] + length)
        at_j = jnp.where(length == fall, lower[j], signed[j] - length)
        signed = jnp.where(position == i, at_i, jnp.where(position == j, at_j, signed))
        return iterate(signed, gradient + length * (row_i - row_j), at.step + 1)

    def afresh(at: _Iterate) -> _Iterate:
        spread = jnp.zeros(gram.shape[0], gram.dtype).at[rows].add(at.signed)
        return iterate(at.signed, (gram @ spread)[rows] - y, at.step)

    def unfinished(carry: tuple[_Iterate, Array]) -> Array:
        at, before = carry
        return unsolved(at) & (at.highest - at.lowest < 0.5 * before)

    def go_on(carry: tuple[_Iterate, Array]) -> tuple[_Iterate, Array]:
        at, _ = carry
        return afresh(jax.lax.while_loop(unsolved, move, at)), at.highest - at.lowest

    start = iterate(jnp.zeros_like(y), -y, jnp.int32(0))
    end, _ = jax.lax.while_loop(unfinished, go_on, (start, jnp.float32(jnp.inf)))
    # Within rounding of a bound is at it: else one such point, free by accident, would say where in
    # its interval the intercept of a problem without free points lies.
    hair = 1e-5 * box
    can_rise, can_fall = end.signed < upper - hair, end.signed > lower + hair
    free = can_rise & can_fall
    count = jnp.sum(free)
    mean = jnp.sum(jnp.where(free, -end.gradient, 0.0)) / jnp.maximum(count, 1)
    highest = jnp.max(jnp.where(can_rise, -end.gradient, -jnp.inf))
    lowest = jnp.min(jnp.where(can_fall, -end.gradient, jnp.inf))
    intercept = jnp.where(count > 0, mean, 0.5 * (highest + lowest))
    return Solution(jnp.abs(end.signed), intercept, end.highest - end.lowest, end.step)
