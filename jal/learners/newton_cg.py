"""Truncated Newton for the multinomial logistic objective, in few, GEMM-shaped steps."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

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
    probabilities: Array  # [K, n], 0 on padding
    value: Array
    gradient: Array  # [K, D]
    norm: Array  # of the mean objective's gradient
    step: Array
    stalled: Array  # rounding hides any further progress


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

    def iterate(weights: Array, logits: Array, value: Array, last: _Iterate | None) -> _Iterate:
        probabilities = jax.nn.softmax(logits, axis=0) * weight
        gradient = C * ((probabilities - target) @ z) + penalty * weights
        norm = jnp.sqrt(jnp.sum(jnp.square(gradient))) / scale
        if last is None:
            step, stalled = jnp.int32(0), jnp.bool_(False)
        else:
            step = last.step + 1
            stalled = (value >= last.value) & (norm >= last.norm)
        return _Iterate(weights, logits, probabilities, value, gradient, norm, step, stalled)

    def newton_step(at: _Iterate) -> _Iterate:
        direction = _direction(at, z, z_t, C, penalty, cg_steps)
        moved = direction @ z_t
        slope = jnp.sum(at.gradient * direction)
        rounding = 4.0 * jnp.finfo(z.dtype).eps * jnp.abs(at.value)

        def value_after(length: Array) -> Array:
            return value_of(at.weights + length * direction, at.logits + length * moved)

        def too_long(carry: tuple[Array, Array]) -> Array:
            length, value = carry
            return (value > at.value + 1e-4 * length * slope + rounding) & (length > 1e-6)

        def halve(carry: tuple[Array, Array]) -> tuple[Array, Array]:
            return 0.5 * carry[0], value_after(0.5 * carry[0])

        whole = jnp.ones((), z.dtype)
        length, value = jax.lax.while_loop(too_long, halve, (whole, value_after(whole)))
        return iterate(at.weights + length * direction, at.logits + length * moved, value, at)

    logits = start @ z_t
    end = jax.lax.while_loop(
        lambda at: (at.norm > tol) & (at.step < max_steps) & ~at.stalled,
        newton_step,
        iterate(start, logits, value_of(start, logits), None),
    )
    return Solution(end.weights, end.norm, end.step)


def _direction(
    at: _Iterate, z: Array, z_t: Array, C: Array | float, penalty: Array, cg_steps: int
) -> Array:
    """Preconditioned conjugate gradients on Hessian x direction = -gradient, at most `cg_steps`."""
    p = at.probabilities
    curvature = C * ((p * (1.0 - p)) @ jnp.square(z)) + penalty
    inverse = 1.0 / (curvature + 1e-6)

    def hessian_times(v: Array) -> Array:
        a = v @ z_t
        return C * ((p * (a - jnp.sum(p * a, axis=0))) @ z) + penalty * v

    def unsolved(carry: tuple[Array, ...]) -> Array:
        *_, fit, bend, count = carry
        return (fit > _FORCING**2 * first_fit) & (bend > 0) & (count < cg_steps)

    def step(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        solution, residual, conjugate, product, fit, bend, count = carry
        length = fit / bend
        residual = residual - length * product
        scaled = inverse * residual
        fit_next = jnp.sum(residual * scaled)
        turned = scaled + fit_next / fit * conjugate
        product = hessian_times(turned)
        bend = jnp.sum(turned * product)
        solution = solution + length * conjugate
        return solution, residual, turned, product, fit_next, bend, count + 1

    # A constant added to all classes' unpenalised weights changes nothing: no gradient, but noise.
    gradient = at.gradient - jnp.where(penalty > 0, 0.0, jnp.mean(at.gradient, axis=0))
    scaled = -inverse * gradient
    product = hessian_times(scaled)
    first_fit = -jnp.sum(gradient * scaled)
    bend = jnp.sum(scaled * product)
    nothing = jnp.zeros_like(scaled)
    start = (nothing, -gradient, scaled, product, first_fit, bend, jnp.int32(0))
    return jax.lax.while_loop(unsolved, step, start)[0]
