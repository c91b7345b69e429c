"""Truncated Newton for the multinomial logistic objective, in few, GEMM-shaped steps."""

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

_FORCING = 0.1  # conjugate gradients reduce the preconditioned residual to this share


def minimise(
    start: Array,
    z: Array,
    y: Array,
    weight: Array,
    C: Array | float,
    penalty: Array,
    present: Array,
    *,
    tol: float,
    max_steps: int,
    cg_steps: int,
) -> Solution:
    """Minimises C sum_i weight_i CE(W z_i, y_i) + sum_d penalty_d |W_d|^2 / 2 over W.

    Each step solves for the Newton direction by conjugate gradients, preconditioned by the
    Hessian's diagonal, and halves it until the objective falls (Armijo). Arrays are class-first, so
    that every product is one matrix product with z or its transpose.

    Args:
      start: `[K, D]`.
      z: `[n, D]` inputs; the diagonal preconditions well where their columns are uncorrelated.
      y: `[n]` int32 classes.
      weight: `[n]` float, 0 on padding.
      C: inverse regularisation strength.
      penalty: `[D]` float, 0 for the bias's column.
      present: `[K]` bool; the weights of the other classes stay what they are.
      tol: stop where the gradient of the objective over (C sum of weights) has at most this 2-norm.
      max_steps: Newton steps at most.
      cg_steps: conjugate-gradient steps in each, at most.
    """
    z_t = z.T
    target = (jnp.arange(start.shape[0])[:, None] == y).astype(z.dtype) * weight

    def value_of(weights: Array, logits: Array) -> Array:
        losses = weight * jax.nn.logsumexp(logits, axis=0) - jnp.sum(target * logits, axis=0)
        return C * jnp.sum(losses) + 0.5 * jnp.sum(penalty * jnp.square(weights))

    def local(weights: Array, logits: Array) -> tuple[Array, Array, Array]:
        probabilities = jax.nn.softmax(logits, axis=0) * weight
        gradient = C * ((probabilities - target) @ z) + penalty * weights
        gradient = jnp.where(present[:, None], gradient, 0.0)
        return value_of(weights, logits), gradient, probabilities

    def direction(gradient: Array, p: Array, steps: Array) -> Array:
        curvature = C * ((p * (1.0 - p)) @ jnp.square(z)) + penalty
        # A constant added to all classes' unpenalised weights changes nothing: noise, no gradient.
        common = jnp.sum(gradient, axis=0) / jnp.sum(present)
        gradient = gradient - jnp.where((penalty == 0) & present[:, None], common, 0.0)

        def hessian_times(v: Array) -> Array:
            a = v @ z_t
            return C * ((p * (a - jnp.sum(p * a, axis=0))) @ z) + penalty * v

        inverse = 1.0 / (curvature + 1e-6)
        return newton_direction(hessian_times, gradient, inverse, forcing=_FORCING, steps=steps)

    def step_length(
        weights: Array, logits: Array, direction: Array, moved: Array, value: Array, gradient: Array
    ) -> Array:
        slope = jnp.sum(gradient * direction)
        rounding = 4.0 * jnp.finfo(z.dtype).eps * jnp.abs(value)

        def too_long(carry: tuple[Array, Array]) -> Array:
            length, after = carry
            return (after > value + 1e-4 * length * slope + rounding) & (length > 1e-6)

        def halve(carry: tuple[Array, Array]) -> tuple[Array, Array]:
            length = 0.5 * carry[0]
            return length, value_of(weights + length * direction, logits + length * moved)

        # From twice the step and an infinite value: the first halving tries the whole step.
        twice = (jnp.full((), 2.0, z.dtype), jnp.full((), jnp.inf, z.dtype))
        return jax.lax.while_loop(too_long, halve, twice)[0]

    objective = LinearObjective(
        lambda w: w @ z_t, local, direction, step_length, C * jnp.sum(weight)
    )
    return truncated_newton(start, objective, tol=tol, max_steps=max_steps, cg_steps=cg_steps)
