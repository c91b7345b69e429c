"""Truncated Newton for one linear support vector machine with the squared hinge loss."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.learners.conjugate_gradients import newton_direction
from jal.learners.newton_cg import Solution
from jal.types import Array

__all__ = ["minimise"]

_FORCING = 0.03  # conjugate gradients reduce the preconditioned residual to this share


class _Iterate(NamedTuple):
    weights: Array  # [D]
    decisions: Array  # [n]
    value: Array  # of the objective, before the step that led here
    norm: Array  # of the mean objective's gradient, likewise
    step: Array
    done: Array


def minimise(
    start: Array,
    x: Array,
    y: Array,
    cost: Array,
    *,
    tol: float,
    max_steps: int,
    cg_steps: int,
) -> Solution:
    """Minimises |w|^2 / 2 + sum_i cost_i max(0, 1 - y_i w.x_i)^2 over w (liblinear's primal).

    Newton's method with the generalised Hessian I + 2 X'DX, D the costs of the points within the
    margin, and an exact line search (Keerthi and DeCoste, 2005); conjugate gradients for the
    direction, preconditioned by the diagonal. One problem; under vmap over problems that share x,
    the products with x are matrix products.

    Args:
      start: `[D]`.
      x: `[n, D]`; the diagonal preconditions well where their columns are uncorrelated.
      y: `[n]` float, 1 or -1.
      cost: `[n]` float, C times the point's weight, 0 on padding.
      tol: stop where the gradient of the objective over the sum of costs has at most this 2-norm.
      max_steps: Newton steps at most.
      cg_steps: conjugate-gradient steps in each, at most.
    """
    scale = jnp.sum(cost)

    def newton_step(at: _Iterate) -> _Iterate:
        slack = jnp.maximum(1.0 - y * at.decisions, 0.0)
        value = 0.5 * jnp.sum(jnp.square(at.weights)) + jnp.sum(cost * jnp.square(slack))
        gradient = at.weights - 2.0 * ((cost * y * slack) @ x)
        norm = jnp.sqrt(jnp.sum(jnp.square(gradient))) / scale
        # Where rounding hides all progress, going on would only wander.
        stalled = (value >= at.value) & (norm >= at.norm)
        done = (norm <= tol) | stalled | (at.step == max_steps)

        curvature = 2.0 * jnp.where(slack > 0, cost, 0.0)
        direction = newton_direction(
            lambda v: v + (curvature * (x @ v)) @ x,
            gradient,
            1.0 / (1.0 + curvature @ jnp.square(x)),
            forcing=_FORCING,
            steps=jnp.where(done, 0, cg_steps),
        )
        moved = x @ direction
        length = _line_search(at.weights, direction, y * at.decisions, y * moved, cost)
        weights, decisions = at.weights + length * direction, at.decisions + length * moved
        return _Iterate(weights, decisions, value, norm, at.step + jnp.where(done, 0, 1), done)

    infinite = jnp.full((), jnp.inf, x.dtype)
    first = _Iterate(start, x @ start, infinite, infinite, jnp.int32(0), jnp.bool_(False))
    end = jax.lax.while_loop(lambda at: ~at.done, newton_step, first)
    return Solution(end.weights, end.norm, end.step)


def _line_search(weights: Array, direction: Array, y_f: Array, y_df: Array, cost: Array) -> Array:
    """Where the objective is least along `direction`: the zero of its slope, by bisection."""
    at_weights, bend = jnp.sum(weights * direction), jnp.sum(jnp.square(direction))

    def slope(length: Array) -> Array:
        slack = jnp.maximum(1.0 - y_f - length * y_df, 0.0)
        return at_weights + length * bend - 2.0 * jnp.sum(cost * y_df * slack)

    def halve(_: Array, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = 0.5 * (low + high)
        falling = slope(middle) < 0
        return jnp.where(falling, middle, low), jnp.where(falling, high, middle)

    low, high = jax.lax.fori_loop(0, 20, halve, (jnp.zeros(()), jnp.full((), 4.0)))
    return 0.5 * (low + high)
