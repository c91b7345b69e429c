"""Truncated Newton for the multinomial logistic objective, in few, GEMM-shaped steps."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.learners.conjugate_gradients import newton_direction
from jal.types import Array

__all__ = ["Solution", "minimise"]

_FORCING = 0.1  # conjugate gradients reduce the preconditioned residual to this share


class Solution(NamedTuple):
    """`weights [K, D]`, the 2-norm of the gradient of the mean objective, Newton steps taken."""

    weights: Array
    gradient_norm: Array
    steps: Array


class _Iterate(NamedTuple):
    weights: Array  # [K, D]
    logits: Array  # [K, n]
    value: Array  # of the objective, before the step that led here
    norm: Array  # of the mean objective's gradient, likewise
    step: Array
    done: Array


def minimise(
    start: Array,
    z: Array,
    y: Array,
    weight: Array,
    C: Array | float,
    penalty: Array,
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
      tol: stop where the gradient of the objective over (C sum of weights) has at most this 2-norm.
      max_steps: Newton steps at most.
      cg_steps: conjugate-gradient steps in each, at most.
    """
    z_t = z.T
    target = (jnp.arange(start.shape[0])[:, None] == y).astype(z.dtype) * weight
    scale = C * jnp.sum(weight)

    def value_of(weights: Array, logits: Array) -> Array:
        losses = weight * jax.nn.logsumexp(logits, axis=0) - jnp.sum(target * logits, axis=0)
        return C * jnp.sum(losses) + 0.5 * jnp.sum(penalty * jnp.square(weights))

    # Every expensive expression stands once: most of what is compiled is this loop's body.
    def newton_step(at: _Iterate) -> _Iterate:
        value = value_of(at.weights, at.logits)
        probabilities = jax.nn.softmax(at.logits, axis=0) * weight
        gradient = C * ((probabilities - target) @ z) + penalty * at.weights
        norm = jnp.sqrt(jnp.sum(jnp.square(gradient))) / scale
        # Where rounding hides all progress, going on would only wander.
        stalled = (value >= at.value) & (norm >= at.norm)
        done = (norm <= tol) | stalled | (at.step == max_steps)

        most = jnp.where(done, 0, cg_steps)
        direction = _direction(gradient, probabilities, z, z_t, C, penalty, most)
        moved = direction @ z_t
        slope = jnp.sum(gradient * direction)
        rounding = 4.0 * jnp.finfo(z.dtype).eps * jnp.abs(value)

        def too_long(carry: tuple[Array, Array]) -> Array:
            length, after = carry
            return (after > value + 1e-4 * length * slope + rounding) & (length > 1e-6)

        def halve(carry: tuple[Array, Array]) -> tuple[Array, Array]:
            length = 0.5 * carry[0]
            return length, value_of(at.weights + length * direction, at.logits + length * moved)

        # From twice the step and an infinite value: the first halving tries the whole step.
        twice = (jnp.full((), 2.0, z.dtype), jnp.full((), jnp.inf, z.dtype))
        length, _ = jax.lax.while_loop(too_long, halve, twice)
        weights, logits = at.weights + length * direction, at.logits + length * moved
        step = at.step + jnp.where(done, 0, 1)
        return _Iterate(weights, logits, value, norm, step, done)

    infinite = jnp.full((), jnp.inf, z.dtype)
    first = _Iterate(start, start @ z_t, infinite, infinite, jnp.int32(0), jnp.bool_(False))
    end = jax.lax.while_loop(lambda at: ~at.done, newton_step, first)
    return Solution(end.weights, end.norm, end.step)


def _direction(
    gradient: Array,
    p: Array,
    z: Array,
    z_t: Array,
    C: Array | float,
    penalty: Array,
    cg_steps: Array,
) -> Array:
    """Preconditioned conjugate gradients on Hessian x direction = -gradient; 0 after 0 steps."""
    curvature = C * ((p * (1.0 - p)) @ jnp.square(z)) + penalty
    inverse = 1.0 / (curvature + 1e-6)
    # A constant added to all classes' unpenalised weights changes nothing: no gradient, but noise.
    gradient = gradient - jnp.where(penalty > 0, 0.0, jnp.mean(gradient, axis=0))

    def hessian_times(v: Array) -> Array:
        a = v @ z_t
        return C * ((p * (a - jnp.sum(p * a, axis=0))) @ z) + penalty * v

    return newton_direction(hessian_times, gradient, inverse, forcing=_FORCING, steps=cg_steps)
