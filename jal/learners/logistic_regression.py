"""Multinomial logistic regression: scikit-learn's objective, its optimum, many seeds at once."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp

from jal.learners.capacity import at_capacity, capacities
from jal.learners.coordinates import Coordinates, principal
from jal.learners.inputs import flatten
from jal.learners.newton_cg import minimise
from jal.learners.precision import in_full_precision
from jal.learners.truncated_newton import Solution
from jal.types import Array, Labels, Learner, Outputs

__all__ = ["LogisticRegressionHyper", "LogisticRegressionVariables", "logistic_regression"]


_ABSENT = -1e4  # the bias of a class without a label: its probability is 0


class LogisticRegressionVariables(NamedTuple):
    """`weights [D, K]` and `bias [K]`, float32; scikit-learn's `coef_.T` and `intercept_`.

    For two classes scikit-learn has one vector, which is the difference of the two here. A class
    without a label, which scikit-learn does not know, has weights 0 and the bias -10,000: its
    probability is 0, and an example of it has a log-loss of thousands.
    """

    weights: Array
    bias: Array


class LogisticRegressionHyper(NamedTuple):
    """`C []`, the inverse of the regularisation strength."""

    C: Array | float


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

    Where labels of exactly two classes are known, the penalty is |w_1 - w_0|^2 / 2 instead, on the
    one vector that scikit-learn has then, whatever K is. The optimum is unique and scikit-learn's
    (`LogisticRegression(C=C)`); a warm start changes only the time that it takes.

    Args:
      input_shape: shape of one example; inputs are flattened to D numbers, bytes
        scaled to [0, 1].
      num_classes: K.
      C: the default of `hyper.C`.
      tol: stop where the gradient of the MEAN objective has at most this 2-norm. scikit-learn's
        default for it, 1e-4, stops early enough to change what is picked.
      max_steps: Newton steps at most.
      cg_steps: conjugate-gradient steps in each, at most.
      max_labels: static bound on the number of labels; the pool's size if None.

    Returns:
      A Learner; features are the flattened inputs. `info`: `newton_steps`, the `gradient_norm`
      reached, which stays above tol where float32 allows no less, and whether it `converged` for
      all that (`truncated_newton.Solution`).
    """
    dim = math.prod(input_shape)

    def prepare(x: Array) -> Coordinates:
        # Around the mean, which only moves the free bias.
        return principal(x, jnp.mean(flatten(x), axis=0))

    def init(key: Array, data: Coordinates) -> LogisticRegressionVariables:
        del key, data  # convex: zero is as good a start as any
        return LogisticRegressionVariables(jnp.zeros((dim, num_classes)), jnp.zeros(num_classes))

    def fit(
        key: Array,
        variables: LogisticRegressionVariables,
        data: Coordinates,
        y: Array,
        labels: Labels,
        hyper: LogisticRegressionHyper,
    ) -> tuple[LogisticRegressionVariables, dict[str, Array]]:
        del key
        bound = min(max_labels or y.shape[0], y.shape[0])
        known = y[labels.order[:bound]]
        on = (jnp.arange(bound) < labels.n) & (known >= 0)
        present = jnp.zeros(num_classes, bool).at[known].max(on)
        # At the optimum w_0 = -w_1, so that |w_1 - w_0|^2 / 2 = 2 |W|^2 / 2.
        strength = jnp.where(jnp.sum(present) == 2, 2.0, 1.0)
        width = dim if data.axes is None else data.axes.shape[1]
        penalty = strength * jnp.ones(width + 1).at[-1].set(0.0)

        def fit_rows(size: int, start: Array) -> Solution:
            index = labels.order[:size]
            return minimise(
                start,
                jnp.concatenate([data.rows(index), jnp.ones((size, 1))], axis=1),
                known[:size],
                on[:size].astype(jnp.float32),
                hyper.C,
                penalty,
                present,
                tol=tol,
                max_steps=max_steps,
                cg_steps=cg_steps,
            )

        weights, bias = variables
        shifted = bias + data.origin @ weights
        shifted = jnp.where(present, jnp.where(bias == _ABSENT, 0.0, shifted), _ABSENT)
        along = jnp.where(present[:, None], data.along(weights.T), 0.0)
        start = jnp.concatenate([along, shifted[:, None]], axis=1)
        solution = at_capacity(capacities(bound), labels.n, fit_rows, start)
        weights = data.back(solution.weights[:, :-1]).T
        bias = solution.weights[:, -1] - data.origin @ weights
        bias = jnp.where(present, bias, _ABSENT)
        info = {
            "newton_steps": solution.steps.astype(jnp.float32),
            "gradient_norm": solution.gradient_norm,
            "converged": solution.converged.astype(jnp.float32),
        }
        return LogisticRegressionVariables(weights, bias), info

    def predict(variables: LogisticRegressionVariables, x: Array) -> Outputs:
        x = flatten(x)
        return Outputs(head(variables, x), x)

    def head(variables: LogisticRegressionVariables, features: Array) -> Array:
        return features @ variables.weights + variables.bias

    # float32 in full: with TF32 products the gradient would not come down to tol on a GPU.
    prepare, fit, predict, head = (in_full_precision(f) for f in (prepare, fit, predict, head))
    return Learner(prepare, init, fit, predict, LogisticRegressionHyper(C), head=head)
