"""Multinomial logistic regression: scikit-learn's objective, its optimum, many seeds at once."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jal.learners.capacity import at_capacity, capacities
from jal.learners.newton_cg import Solution, minimise
from jal.types import Array, Labels, Learner, Outputs, Pool

__all__ = ["LogisticRegressionHyper", "LogisticRegressionVariables", "logistic_regression"]


class LogisticRegressionVariables(NamedTuple):
    """`weights [D, K]` and `bias [K]`, float32; scikit-learn's `coef_.T` and `intercept_`."""

    weights: Array
    bias: Array


class LogisticRegressionHyper(NamedTuple):
    """`C []`, the inverse of the regularisation strength."""

    C: Array | float


class _Rotated(NamedTuple):
    """The pool in its own principal axes, where the Hessian is nearly diagonal.

    The penalty is the same in any orthonormal basis, and shifting the inputs only moves the free
    bias, so that the optimum is the same.
    """

    z: Array  # [N, D + 1], centred and rotated, the last column ones
    y: Array  # [N] int32
    mean: Array  # [D]
    axes: Array  # [D, D]


def logistic_regression(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    C: float = 1.0,
    tol: float = 1e-6,
    max_steps: int = 100,
    cg_steps: int = 50,
    max_labels: int | None = None,
) -> Learner:
    """Minimises C * sum of cross-entropies + |W|^2 / 2, the bias unpenalised, warm-started.

    The optimum is unique and scikit-learn's (`LogisticRegression(C=C)`); a warm start changes only
    the time that it takes.

    Args:
      input_shape: shape of one example; inputs are flattened to D numbers.
      num_classes: K.
      C: the default of `hyper.C`.
      tol: stop where the gradient of the MEAN objective has at most this 2-norm. scikit-learn's
        default for it, 1e-4, stops early enough to change what is picked.
      max_steps: Newton steps at most.
      cg_steps: conjugate-gradient steps in each, at most.
      max_labels: static bound on the number of labels; the pool's size if None.

    Returns:
      A Learner; features are the flattened inputs. `info`: `newton_steps` and the `gradient_norm`
      reached, which stays above tol where float32 allows no less.
    """
    dim = math.prod(input_shape)
    penalty = jnp.ones(dim + 1).at[-1].set(0.0)

    def flat(x: Array) -> Array:
        return x.reshape(x.shape[0], dim).astype(jnp.float32)

    def prepare(pool: Pool) -> _Rotated:
        x = flat(pool.x)
        mean = jnp.mean(x, axis=0)
        centred = x - mean
        axes = jnp.linalg.eigh(centred.T @ centred)[1]
        z = jnp.concatenate([centred @ axes, jnp.ones((x.shape[0], 1))], axis=1)
        return _Rotated(z, pool.y, mean, axes)

    def init(key: Array) -> LogisticRegressionVariables:
        del key  # convex: zero is as good a start as any
        return LogisticRegressionVariables(jnp.zeros((dim, num_classes)), jnp.zeros(num_classes))

    def fit(
        key: Array,
        variables: LogisticRegressionVariables,
        data: _Rotated,
        labels: Labels,
        hyper: LogisticRegressionHyper,
    ) -> tuple[LogisticRegressionVariables, dict[str, Array]]:
        del key

        def fit_rows(size: int, start: Array) -> Solution:
            index = labels.order[:size]
            weight = (jnp.arange(size) < labels.n).astype(jnp.float32)
            return minimise(
                start,
                data.z[index],
                data.y[index],
                weight,
                hyper.C,
                penalty,
                tol=tol,
                max_steps=max_steps,
                cg_steps=cg_steps,
            )

        weights, bias = variables
        shifted = bias + data.mean @ weights
        start = jnp.concatenate([weights.T @ data.axes, shifted[:, None]], axis=1)
        bound = min(max_labels or data.z.shape[0], data.z.shape[0])
        solution = at_capacity(capacities(bound), labels.n, fit_rows, start)
        weights = data.axes @ solution.weights[:, :-1].T
        bias = solution.weights[:, -1] - data.mean @ weights
        info = {
            "newton_steps": solution.steps.astype(jnp.float32),
            "gradient_norm": solution.gradient_norm,
        }
        return LogisticRegressionVariables(weights, bias), info

    def predict(variables: LogisticRegressionVariables, x: Array) -> Outputs:
        x = flat(x)
        return Outputs(x @ variables.weights + variables.bias, x)

    # float32 in full: with TF32 products the gradient would not come down to tol on a GPU.
    prepare, fit, predict = (_in_full_precision(f) for f in (prepare, fit, predict))
    return Learner(prepare, init, fit, predict, LogisticRegressionHyper(C))


def _in_full_precision(f: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(f)
    def wrapped(*args: Any) -> Any:
        with jax.default_matmul_precision("highest"):
            return f(*args)

    return wrapped
