"""Truncated Newton for one linear support vector machine with the squared hinge loss."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.learners.truncated_newton import (
    LinearObjective,
    Solution,
    newton_direction,
    truncated_newton,
)
from jal.types import Array

__all__ = ["minimise"]

_FORCING = 0.03  # conjugate gradients reduce the preconditioned residual to this share


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

    def local(weights: Array, decisions: Array) -> tuple[Array, Array, Array]:
        slack = jnp.maximum(1.0 - y * decisions, 0.0)
        value = 0.5 * jnp.sum(jnp.square(weights)) + jnp.sum(cost * jnp.square(slack))
        gradient = weights - 2.0 * ((cost * y * slack) @ x)
        return value, gradient, 2.0 * jnp.where(slack > 0, cost, 0.0)

    def direction(gradient: Array, curvature: Array, steps: Array) -> Array:
        return newton_direction(
            lambda v: v + (curvature * (x @ v)) @ x,
            gradient,
            1.0 / (1.0 + curvature @ jnp.square(x)),
            forcing=_FORCING,
            steps=steps,
        )

    def step_length(weights: Array, decisions: Array, direction: Array, moved: Array, *_) -> Array:
        return _line_search(weights, direction, y * decisions, y * moved, cost)

    objective = LinearObjective(lambda w: x @ w, local, direction, step_length, jnp.sum(cost))
    return truncated_newton(start, objective, tol=tol, max_steps=max_steps, cg_steps=cg_steps)


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
