"""Linear support vector machines, one class against the rest: scikit-learn's LinearSVC."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jal.learners.capacity import at_capacity, capacities
from jal.learners.class_weights import class_weights
from jal.learners.coordinates import Coordinates, principal
from jal.learners.cross_validation import grid_search
from jal.learners.inputs import flatten
from jal.learners.precision import in_full_precision
from jal.learners.squared_hinge import minimise
from jal.learners.svm import SVMHyper, check_options
from jal.learners.truncated_newton import Solution
from jal.types import Array, Labels, Learner, Outputs

__all__ = ["LinearSVCVariables", "linear_svc"]


class LinearSVCVariables(NamedTuple):
    """`weights [D, K]`, `bias [K]`: scikit-learn's `coef_.T`, `intercept_`; `present [K]` bool."""

    weights: Array
    bias: Array
    present: Array


def linear_svc(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    C: float = 1.0,
    class_weight: Literal["balanced"] | None = None,
    C_grid: tuple[float, ...] = (),
    folds: int = 5,
    tol: float = 1e-7,
    max_steps: int = 100,
    cg_steps: int = 100,
    max_labels: int | None = None,
) -> Learner:
    """Minimises |w|^2 / 2 + C * sum of squared hinges for each class, warm-started.

    w holds the bias, which is penalised too. The optimum is unique and that of scikit-learn's
    `LinearSVC(C=C)`; a warm start changes only the time that it takes.

    Args:
      input_shape: shape of one example; inputs are flattened to D numbers, bytes
        scaled to [0, 1].
      num_classes: K.
      C: the default of `hyper.C`.
      class_weight: "balanced" multiplies C by n / (classes present times the class's count) where
        the class is the one against the rest, as in scikit-learn; for two classes, on both sides.
      C_grid: choose, in each fit, among these multiples of `hyper.C` by cross-validation, the
        smallest of equals; none if empty.
      folds: of the cross-validation, stratified; its score is the accuracy, balanced if
        `class_weight` is.
      tol: stop where the gradient of the objective over the sum of costs has at most this 2-norm;
        the weights are then within tol times that sum, about C n tol, of the optimum.
      max_steps: Newton steps at most.
      cg_steps: conjugate-gradient steps in each, at most.
      max_labels: static bound on the number of labels; the pool's size if None.

    Returns:
      A Learner; logits are the decision values, 1 below the lowest for classes without labels, and
      [-d, d] for K = 2; features are the flattened inputs. `info`: the worst class's
      `newton_steps` and `gradient_norm`, which stays above tol where float32 allows no less, and
      whether all `converged` for all that (`truncated_newton.Solution`); with a choice of C also
      `C` and its `cv_accuracy`.

    Raises:
      InputError: for options out of range.
    """
    dim = math.prod(input_shape)
    grid = check_options(C, C_grid, folds, class_weight)

    def prepare(x: Array) -> Coordinates:
        # With a constant, whose weight is penalised as all others.
        return principal(x, jnp.zeros(dim + 1))

    def init(key: Array, data: Coordinates) -> LinearSVCVariables:
        del key, data  # convex: zero is as good a start as any
        return LinearSVCVariables(
            jnp.zeros((dim, num_classes)), jnp.zeros(num_classes), jnp.zeros(num_classes, bool)
        )

    def train(start: Array, z: Array, y: Array, on: Array, C: Array) -> tuple[Solution, Array]:
        """Solutions of K problems and the classes present among the points that are `on`."""
        weight = class_weights(y, on, num_classes, class_weight)[y]
        present = jnp.zeros(num_classes, bool).at[y].max(on)
        binary = jnp.sum(present) == 2

        def against_the_rest(start: Array, k: Array) -> Solution:
            own = y == k
            cost = C * jnp.where(on, jnp.where(own | binary, weight, 1.0), 0.0)
            sign = jnp.where(own, 1.0, -1.0)
            return minimise(start, z, sign, cost, tol=tol, max_steps=max_steps, cg_steps=cg_steps)

        return jax.vmap(against_the_rest)(start, jnp.arange(num_classes)), present

    def fit(
        key: Array,
        variables: LinearSVCVariables,
        data: Coordinates,
        y: Array,
        labels: Labels,
        hyper: SVMHyper,
    ) -> tuple[LinearSVCVariables, dict[str, Array]]:
        def fit_rows(size: int, start: Array):
            index = labels.order[:size]
            z, known = data.rows(index), y[index]
            labelled = (jnp.arange(size) < labels.n) & (known >= 0)

            def decide(C: Array, on: Array) -> Array:
                solution, present = train(start, z, known, on, C)
                return _lower_absent(z @ solution.weights.T, present)

            C, info = grid_search(
                key,
                decide,
                hyper.C * jnp.asarray(grid),
                known,
                labelled,
                folds=folds,
                balanced=class_weight == "balanced",
            )
            solution, present = train(start, z, known, labelled, C)
            info["newton_steps"] = jnp.max(solution.steps).astype(jnp.float32)
            info["gradient_norm"] = jnp.max(solution.gradient_norm)
            info["converged"] = jnp.min(solution.converged.astype(jnp.float32))
            return solution.weights, present, info

        start = jnp.concatenate([variables.weights, variables.bias[None]]).T
        start = data.along(start)
        bound = min(max_labels or y.shape[0], y.shape[0])
        solution, present, info = at_capacity(capacities(bound), labels.n, fit_rows, start)
        weights = data.back(solution).T
        return LinearSVCVariables(weights[:-1], weights[-1], present), info

    def predict(variables: LinearSVCVariables, x: Array) -> Outputs:
        x = flatten(x)
        return Outputs(head(variables, x), x)

    def head(variables: LinearSVCVariables, features: Array) -> Array:
        decisions = features @ variables.weights + variables.bias
        return _lower_absent(decisions, variables.present)

    # float32 in full: with TF32 products the gradient would not come down to tol on a GPU.
    prepare, fit, predict, head = (in_full_precision(f) for f in (prepare, fit, predict, head))
    return Learner(jax.jit(prepare), init, fit, predict, SVMHyper(C), head=head)


def _lower_absent(decisions: Array, present: Array) -> Array:
    """`decisions [n, K]`, those of absent classes 1 below the lowest of the others."""
    lowest = jnp.min(jnp.where(present, decisions, jnp.inf), axis=1, keepdims=True)
    lowest = jnp.where(jnp.any(present), lowest, 1.0)
    return jnp.where(present, decisions, lowest - 1.0)
