"""Support vector machine with an RBF kernel: scikit-learn's SVC, many seeds at once."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jal.learners.class_weights import class_weights
from jal.learners.cross_validation import grid_search
from jal.learners.inputs import flatten
from jal.learners.one_vs_one import Classes, Machines, by_class, decision_values, fit_pairs
from jal.learners.precision import in_full_precision
from jal.learners.svm import SVMHyper, check_options
from jal.parallel import in_chunks
from jal.select.seeding import squared_distances
from jal.types import Array, InputError, Labels, Learner, Outputs

__all__ = ["SVCVariables", "svc"]

_ROWS_AT_ONCE = 256  # of predictions: bounds memory to a few times 256 (max_labels + K^2) numbers
_ENOUGH = 1e-3  # scikit-learn's default tolerance


class SVCVariables(NamedTuple):
    """What predictions need; float32.

    Attributes:
      points: `[L, D]` the labelled inputs less their mean, sorted by class; L = max_labels.
      mean: `[D]`.
      gamma: `[]`.
      machines: of all pairs of classes, over these points.
    """

    points: Array
    mean: Array
    gamma: Array
    machines: Machines


def svc(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    C: float = 1.0,
    gamma: float | Literal["scale"] = "scale",
    class_weight: Literal["balanced"] | None = None,
    C_grid: tuple[float, ...] = (),
    folds: int = 5,
    tol: float = 1e-4,
    max_steps: int = 100_000,
    max_labels: int | None = None,
) -> Learner:
    """scikit-learn's `SVC(C=C)`: one machine for each pair of classes, which vote.

    It departs from scikit-learn in one place. Where all of a pair's points are at their bounds, as
    with balanced weights, few labels and a small C, libsvm's rule takes the middle of the interval
    of optimal intercepts. libsvm, though, often has one point 1e-16 inside its bound there, and
    takes an end of the interval, which can cost most of the accuracy; here it is the middle.

    Args:
      input_shape: shape of one example; inputs are flattened to D numbers, bytes
        scaled to [0, 1].
      num_classes: K.
      C: the default of `hyper.C`.
      gamma: of the kernel exp(-gamma |x - x'|^2); "scale" is 1 / (D times the variance of all
        numbers in the labelled inputs).
      class_weight: "balanced" multiplies C by n / (classes present times the class's count).
      C_grid: choose, in each fit, among these multiples of `hyper.C` by cross-validation, the
        smallest of equals; none if empty.
      folds: of the cross-validation, stratified; its score is the accuracy, balanced if
        `class_weight` is.
      tol: largest violation of the KKT conditions; scikit-learn's default is 1e-3.
      max_steps: steps of a pair of classes at most, in one fit.
      max_labels: L, static bound on the number of labels; the pool's size if None. A fit holds a
        few L x L matrices.

    Returns:
      A Learner; logits are scikit-learn's one-vs-rest decision values (see
      `one_vs_one.decision_values`): votes, ties broken by confidence as `SVC(break_ties=True)`
      predicts; rounded, votes alone. Features are the flattened inputs. `info`: the largest
      `kkt_violation` and `smo_steps` of a pair, and whether the former `converged`: to tol, or to
      2 tol or 1e-3 where float32 allows no less; with a choice of C also `C` and its `cv_accuracy`.

    Raises:
      InputError: for options out of range.
    """
    dim = math.prod(input_shape)
    grid = check_options(C, C_grid, folds, class_weight)
    if gamma != "scale" and not (isinstance(gamma, (int, float)) and gamma > 0):
        raise InputError(f'gamma must be "scale" or a positive number, got {gamma!r}.')

    def size(data: Array) -> int:
        return min(max_labels or data.shape[0], data.shape[0])

    def init(key: Array, data: Array) -> SVCVariables:
        del key  # convex: nothing to start from
        n = size(data)
        nobody = jnp.zeros(num_classes, jnp.int32)
        machines = Machines(
            jnp.zeros((n, num_classes)),
            jnp.zeros((num_classes, num_classes)),
            Classes(jnp.full(n, num_classes, jnp.int32), nobody, nobody),
            jnp.zeros(num_classes, bool),
        )
        return SVCVariables(jnp.zeros((n, dim)), jnp.zeros(dim), jnp.float32(1.0), machines)

    def fit(
        key: Array,
        variables: SVCVariables,
        data: Array,
        y: Array,
        labels: Labels,
        hyper: SVMHyper,
    ) -> tuple[SVCVariables, dict[str, Array]]:
        del variables
        n = size(data)
        index = labels.order[:n]
        known = y[index]
        on = (jnp.arange(n) < labels.n) & (known >= 0)
        order, classes = by_class(known, on, num_classes)
        labelled = classes.of < num_classes
        x = flatten(data[index[order]])
        # Distances know no origin, but rounding is least around the mean.
        mean = jnp.sum(jnp.where(labelled[:, None], x, 0.0), axis=0) / jnp.maximum(jnp.sum(on), 1)
        points = jnp.where(labelled[:, None], x - mean, 0.0)
        distances = squared_distances(points, points)

        def train(C: Array, on: Array):
            weight = class_weights(classes.of, on, num_classes, class_weight)
            box = jnp.where(on, C * weight[jnp.minimum(classes.of, num_classes - 1)], 0.0)
            scale = _gamma_scale(x, on) if gamma == "scale" else jnp.float32(gamma)
            gram = jnp.exp(-scale * distances)
            machines, effort = fit_pairs(gram, classes, box, tol=tol, max_steps=max_steps)
            return gram, scale, machines, effort

        def decide(C: Array, on: Array) -> Array:
            gram, _, machines, _ = train(C, on)
            return in_chunks(lambda rows: vote(machines, rows), gram, _ROWS_AT_ONCE)

        C, info = grid_search(
            key,
            decide,
            hyper.C * jnp.asarray(grid),
            classes.of,
            labelled,
            folds=folds,
            balanced=class_weight == "balanced",
        )
        _, scale, machines, effort = train(C, labelled)
        info["kkt_violation"] = effort.violation
        info["smo_steps"] = effort.steps.astype(jnp.float32)
        info["converged"] = (effort.violation <= max(2 * tol, _ENOUGH)).astype(jnp.float32)
        return SVCVariables(points, mean, scale, machines), info

    def vote(machines: Machines, kernel: Array) -> Array:
        return jax.vmap(lambda row: decision_values(machines, row))(kernel)

    def predict(variables: SVCVariables, x: Array) -> Outputs:
        x = flatten(x)

        def logits(x: Array) -> Array:
            distances = squared_distances(x - variables.mean, variables.points)
            return vote(variables.machines, jnp.exp(-variables.gamma * distances))

        return Outputs(in_chunks(logits, x, _ROWS_AT_ONCE), x)

    # float32 in full: TF32 products would spoil the distances on a GPU.
    fit, predict = (in_full_precision(f) for f in (fit, predict))
    return Learner(lambda x: x, init, fit, predict, SVMHyper(C))


def _gamma_scale(x: Array, on: Array) -> Array:
    """1 / (D times the variance of all numbers in the rows of `x [n, D]` that are `on [n]`)."""
    count = jnp.maximum(jnp.sum(on), 1)
    mean = jnp.sum(jnp.where(on, jnp.mean(x, axis=1), 0.0)) / count
    squares = jnp.mean(jnp.square(x - mean), axis=1)
    variance = jnp.sum(jnp.where(on, squares, 0.0)) / count
    return jnp.where(variance > 0, 1.0 / (x.shape[1] * variance), 1.0)  # 1 as in scikit-learn
