"""Multinomial logistic regression: scikit-learn's objective, its optimum, many seeds at once."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp

from jal.learners.capacity import at_capacity, capacities
from jal.learners.coordinates import Coordinates, principal
from jal.learners.cross_validation import check_grid, grid_search
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
    """`C []`, the inverse of the regularisation strength; multiplies the grid where C is
    cross-validated."""

    C: Array | float


def logistic_regression(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    C: float = 1.0,
    C_grid: tuple[float, ...] = (),
    folds: int = 5,
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
      C_grid: choose, in each fit, among these multiples of `hyper.C` by cross-validation, the
        smallest of equals; none if empty.
      folds: of the cross-validation, stratified; its score is the accuracy.
      tol: stop where the gradient of the MEAN objective has at most this 2-norm. scikit-learn's
        default for it, 1e-4, stops early enough to change what is picked.
      max_steps: Newton steps at most.
      cg_steps: conjugate-gradient steps in each, at most.
      max_labels: static bound on the number of labels; the pool's size if None.

    Returns:
      A Learner; features are the flattened inputs. `info`: `newton_steps`, the `gradient_norm`
      reached, which stays above tol where float32 allows no less, and whether it `converged` for
      all that (`truncated_newton.Solution`); with a choice of C also `C` and its `cv_accuracy`.

    Raises:
      InputError: for a C or folds out of range.
    """
    dim = math.prod(input_shape)
    grid = check_grid(C, C_grid, folds)

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
        bound = min(max_labels or y.shape[0], y.shape[0])
        known = y[labels.order[:bound]]
        on = (jnp.arange(bound) < labels.n) & (known >= 0)
        width = dim if data.axes is None else data.axes.shape[1]

        def train(start: Array, z: Array, y: Array, on: Array, C: Array) -> tuple[Solution, Array]:
            """Fitted to the points that are `on`, and which classes these have."""
            present = jnp.zeros(num_classes, bool).at[y].max(on)
            # At the optimum w_0 = -w_1, so that |w_1 - w_0|^2 / 2 = 2 |W|^2 / 2.
            strength = jnp.where(jnp.sum(present) == 2, 2.0, 1.0)
            absent = jnp.zeros(width + 1).at[-1].set(_ABSENT)
            solution = minimise(
                jnp.where(present[:, None], start, absent),
                z,
                y,
                on.astype(jnp.float32),
                C,
                strength * jnp.ones(width + 1).at[-1].set(0.0),
                present,
                tol=tol,
                max_steps=max_steps,
                cg_steps=cg_steps,
            )
            return solution, present

        def fit_rows(size: int, start: Array) -> tuple[Solution, Array, dict[str, Array]]:
            rows = data.rows(labels.order[:size])
            z = jnp.concatenate([rows, jnp.ones((size, 1))], axis=1)
            y, labelled = known[:size], on[:size]

            def decide(C: Array, on: Array) -> Array:
                return z @ train(start, z, y, on, C)[0].weights.T

            C, info = grid_search(
                key,
                decide,
                hyper.C * jnp.asarray(grid),
                y,
                labelled,
                folds=folds,
                balanced=False,
            )
            solution, present = train(start, z, y, labelled, C)
            return solution, present, info

        weights, bias = variables
        shifted = jnp.where(bias == _ABSENT, 0.0, bias + data.origin @ weights)
        start = jnp.concatenate([data.along(weights.T), shifted[:, None]], axis=1)
        solution, present, info = at_capacity(capacities(bound), labels.n, fit_rows, start)
        weights = data.back(solution.weights[:, :-1]).T
        bias = solution.weights[:, -1] - data.origin @ weights
        bias = jnp.where(present, bias, _ABSENT)
        info |= {
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
