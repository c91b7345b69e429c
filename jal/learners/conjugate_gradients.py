"""Preconditioned conjugate gradients, for the directions of truncated Newton methods."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jal.types import Array

__all__ = ["newton_direction"]


def newton_direction(
    hessian_times: Callable[[Array], Array],
    gradient: Array,
    inverse: Array,
    *,
    forcing: float,
    steps: Array | int,
) -> Array:
    """Solves Hessian x direction = -gradient as far as it pays; 0 after 0 steps.

    Args:
      hessian_times: the positive semi-definite Hessian times an array of the gradient's shape.
      gradient: of any shape.
      inverse: of the Hessian's diagonal, the preconditioner.
      forcing: stop where the preconditioned residual's norm is this share of the first one's.
      steps: at most.
    """

    def unsolved(carry: tuple[Array, ...]) -> Array:
        *_, fit, count = carry
        return (fit > forcing**2 * first_fit) & (count < steps)

    def step(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        solution, residual, conjugate, fit, count = carry
        product = hessian_times(conjugate)
        bend = jnp.sum(conjugate * product)
        going = bend > 0  # else what is left is rounding, not a direction
        length = jnp.where(going, fit / jnp.where(going, bend, 1.0), 0.0)
        residual = residual - length * product
        scaled = inverse * residual
        fit_next = jnp.where(going, jnp.sum(residual * scaled), 0.0)
        conjugate_next = scaled + fit_next / fit * conjugate
        return solution + length * conjugate, residual, conjugate_next, fit_next, count + 1

    scaled = -inverse * gradient
    first_fit = -jnp.sum(gradient * scaled)
    start = (jnp.zeros_like(scaled), -gradient, scaled, first_fit, jnp.int32(0))
    return jax.lax.while_loop(unsolved, step, start)[0]
