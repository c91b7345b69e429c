"""Truncated Newton for convex objectives of linear models, in few, GEMM-shaped steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jal.types import Array

__all__ = ["LinearObjective", "Solution", "newton_direction", "truncated_newton"]

_NOTHING = 1e-6  # a share of the objective that no prediction shows


class Solution(NamedTuple):
    """The weights, and how near they are to the optimum.

    Attributes:
      weights: of the shape of the start.
      gradient_norm: `[]`, the 2-norm of the gradient of the mean objective.
      steps: `[]` int32, Newton steps taken.
      converged: `[]` bool, whether the gradient came down to the tolerance or, where float32 allows
        no such thing, the last step was to lower the objective by a millionth of it at most.
    """

    weights: Array
    gradient_norm: Array
    steps: Array
    converged: Array


class LinearObjective(NamedTuple):
    """A convex function of the weights and of the outputs that are linear in them.

    Attributes:
      outputs: the weights (or a direction) to the model's outputs for it.
      local: weights and outputs to the value, the gradient and whatever `direction` needs.
      direction: the gradient, what `local` gave and the most conjugate-gradient steps to a Newton
        direction; 0 after 0 steps.
      step_length: how far to go: weights, outputs, direction, its outputs, value, gradient.
      scale: by which the objective is divided to be a mean.
    """

    outputs: Callable[[Array], Array]
    local: Callable[[Array, Array], tuple[Array, Array, Any]]
    direction: Callable[[Array, Any, Array], Array]
    step_length: Callable[[Array, Array, Array, Array, Array, Array], Array]
    scale: Array


class _Iterate(NamedTuple):
    weights: Array
    outputs: Array
    value: Array  # of the objective, before the step that led here
    norm: Array  # of the mean objective's gradient, likewise
    promise: Array  # by how much that step was to lower it
    step: Array
    done: Array


def truncated_newton(
    start: Array, objective: LinearObjective, *, tol: float, max_steps: int, cg_steps: int
) -> Solution:
    """Minimises the objective over its weights.

    Args:
      start: the weights to start from, of any shape.
      objective: what to minimise; each of its functions stands once in the compiled loop.
      tol: stop where the gradient of the mean objective has at most this 2-norm.
      max_steps: Newton steps at most.
      cg_steps: conjugate-gradient steps in each, at most.
    """

    def newton_step(at: _Iterate) -> _Iterate:
        value, gradient, curvature = objective.local(at.weights, at.outputs)
        norm = jnp.sqrt(jnp.sum(jnp.square(gradient))) / objective.scale
        # Where rounding hides all progress, going on would only wander.
        stalled = (value >= at.value) & (norm >= at.norm)
        done = (norm <= tol) | stalled | (at.step == max_steps)
        direction = objective.direction(gradient, curvature, jnp.where(done, 0, cg_steps))
        moved = objective.outputs(direction)
        length = objective.step_length(at.weights, at.outputs, direction, moved, value, gradient)
        weights, outputs = at.weights + length * direction, at.outputs + length * moved
        promise = jnp.where(done, at.promise, -0.5 * jnp.sum(gradient * direction))
        step = at.step + jnp.where(done, 0, 1)
        return _Iterate(weights, outputs, value, norm, promise, step, done)

    infinite = jnp.full((), jnp.inf, start.dtype)
    first = _Iterate(
        start,
        objective.outputs(start),
        infinite,
        infinite,
        infinite,
        jnp.int32(0),
        jnp.bool_(False),
    )
    end = jax.lax.while_loop(lambda at: ~at.done, newton_step, first)
    converged = (end.norm <= tol) | (end.promise <= _NOTHING * end.value)
    return Solution(end.weights, end.norm, end.step, converged)


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
