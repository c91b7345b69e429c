"""Linear discriminant analysis: scikit-learn's, many seeds at once."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp

from jal.learners.capacity import at_capacity, capacities
from jal.learners.inputs import flatten
from jal.learners.precision import in_full_precision
from jal.types import Array, InputError, Labels, Learner, Outputs, PyTree

__all__ = ["LDAVariables", "lda"]

_BELOW = 1e4  # an absent class's logit, below the lowest of the others: its probability is 0
_ROUNDING = 1e-6  # of a column's largest number: less deviation than that is none


class LDAVariables(NamedTuple):
    """The discriminants, of inputs less a centre; float32.

    Attributes:
      weights: `[D, K]`; scikit-learn's `coef_.T`, of which it has the difference for two classes.
      bias: `[K]`, at the centre.
      center: `[D]`, the labelled inputs' mean.
      present: `[K]` bool, classes with a label.
    """

    weights: Array
    bias: Array
    center: Array
    present: Array


def lda(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    tol: float = 1e-4,
    max_labels: int | None = None,
) -> Learner:
    """A Gaussian for each class, of one covariance: scikit-learn's `LinearDiscriminantAnalysis()`.

    The covariance is over n, as in scikit-learn from 1.9 on; before, it was over n - K. Priors are
    the classes' shares of the labels. Directions in which the classes do not vary are
    left out, as by its svd solver; so with one label of each class, where scikit-learn refuses to
    fit, only the priors decide.

    Args:
      input_shape: shape of one example; inputs are flattened to D numbers, bytes
        scaled to [0, 1].
      num_classes: K.
      tol: a direction is left out whose singular value, of the inputs less their class's mean over
        the columns' deviations within classes, is at most this; and one between the classes' means,
        at most this times the largest.
      max_labels: static bound on the number of labels; the pool's size if None.

    Returns:
      A Learner; the softmax of its logits are scikit-learn's probabilities, 0 of classes without
      labels; features are the flattened inputs. `info`: the `rank` of the covariance.

    Raises:
      InputError: for a tol that is negative or no number.
    """
    if not (tol >= 0 and math.isfinite(tol)):
        raise InputError(f"tol must be 0 or a positive number, got {tol}.")
    dim = math.prod(input_shape)

    def init(key: Array, data: Array) -> LDAVariables:
        del key, data  # nothing to start from
        absent = jnp.zeros(num_classes, bool)
        zeros = jnp.zeros((dim, num_classes)), jnp.zeros(num_classes), jnp.zeros(dim)
        return LDAVariables(*zeros, absent)

    def fit(
        key: Array,
        variables: LDAVariables,
        data: Array,
        y: Array,
        labels: Labels,
        hyper: PyTree,
    ) -> tuple[LDAVariables, dict[str, Array]]:
        del key, variables, hyper  # there is none
        bound = min(max_labels or y.shape[0], y.shape[0])

        def fit_rows(size: int) -> tuple[LDAVariables, dict[str, Array]]:
            index = labels.order[:size]
            known = y[index]
            on = (jnp.arange(size) < labels.n) & (known >= 0)
            return _discriminants(flatten(data[index]), known, on, num_classes, tol)

        return at_capacity(capacities(bound), labels.n, fit_rows)

    def predict(variables: LDAVariables, x: Array) -> Outputs:
        x = flatten(x)
        return Outputs(head(variables, x), x)

    def head(variables: LDAVariables, features: Array) -> Array:
        weights, bias, center, present = variables
        logits = (features - center) @ weights + bias
        lowest = jnp.min(jnp.where(present, logits, jnp.inf), axis=1, keepdims=True)
        lowest = jnp.where(jnp.any(present), lowest, 0.0)
        return jnp.where(present, logits, lowest - _BELOW)

    # float32 in full: TF32 products would spoil the means on a GPU.
    fit, predict, head = (in_full_precision(f) for f in (fit, predict, head))
    return Learner(lambda x: x, init, fit, predict, (), head=head)


def _discriminants(
    x: Array, y: Array, on: Array, num_classes: int, tol: float
) -> tuple[LDAVariables, dict[str, Array]]:
    """Of the rows of `x [n, D]` that are `on [n]`, of classes `y [n]`."""
    count = jnp.zeros(num_classes).at[y].add(on)
    total = jnp.maximum(jnp.sum(count), 1.0)
    present, prior = count > 0, count / total
    largest = jnp.max(jnp.where(on[:, None], jnp.abs(x), 0.0), axis=0)
    center = jnp.sum(jnp.where(on[:, None], x, 0.0), axis=0) / total
    x = jnp.where(on[:, None], x - center, 0.0)
    means = jnp.zeros((num_classes, x.shape[1])).at[y].add(x) / jnp.maximum(count, 1.0)[:, None]
    within = jnp.where(on[:, None], x - means[y], 0.0)
    std = jnp.sqrt(jnp.sum(jnp.square(within), axis=0) / total)
    varies = std > _ROUNDING * largest
    std = jnp.where(varies, std, 1.0)

    # Of the inputs and not of their covariance, whose singular values are the squares of these:
    # float32 has not the digits for tol squared.
    scaled = jnp.where(varies, within / std, 0.0) / jnp.sqrt(total)
    _, size, axes = jnp.linalg.svd(scaled, full_matrices=False)
    kept = size > tol
    scalings = (axes / std).T * jnp.where(kept, 1.0 / jnp.where(kept, size, 1.0), 0.0)
    apart = jnp.sqrt(count / jnp.maximum(jnp.sum(present) - 1, 1))[:, None] * (means @ scalings)
    _, between, turn = jnp.linalg.svd(apart, full_matrices=False)
    scalings = scalings @ jnp.where(between > tol * between[0], turn.T, 0.0)
    along = means @ scalings
    log_prior = jnp.log(jnp.where(present, prior, 1.0))
    bias = jnp.where(present, log_prior - 0.5 * jnp.sum(jnp.square(along), axis=1), 0.0)
    info = {"rank": jnp.sum(kept).astype(jnp.float32)}
    return LDAVariables(scalings @ along.T, bias, center, present), info
