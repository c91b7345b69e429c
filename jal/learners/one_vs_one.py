"""Many classes from binary support vector machines: one for each pair, and their vote."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jal.learners.capacity import at_capacity, capacities
from jal.learners.smo import solve
from jal.types import Array

__all__ = ["Classes", "Effort", "Machines", "by_class", "decision_values", "fit_pairs"]

_PAIRS_AT_ONCE = 128  # solved in lockstep; the pairs beside each other are of similar size


class Classes(NamedTuple):
    """Points sorted by class: `of [n]` (K for no class), and each class's `begin`, `count [K]`."""

    of: Array
    begin: Array
    count: Array


class Machines(NamedTuple):
    """The machines of all pairs, over n points sorted by class.

    Attributes:
      alpha: `[n, K]`, of a point against each other class; libsvm's dual coefficients' sizes.
      intercept: `[K, K]`, antisymmetric.
      classes: of the n points.
      present: `[K]` bool, classes trained on.
    """

    alpha: Array
    intercept: Array
    classes: Classes
    present: Array


class Effort(NamedTuple):
    """Of the worst pair: the KKT `violation []` reached and the `steps []` taken."""

    violation: Array
    steps: Array


def by_class(y: Array, inside: Array, num_classes: int) -> tuple[Array, Classes]:
    """The order `[n]` that sorts points by class, those not `inside [n]` last, and the classes."""
    y = jnp.where(inside, y, num_classes)
    order = jnp.argsort(y, stable=True)
    count = jnp.bincount(y, length=num_classes)
    return order, Classes(y[order], jnp.cumsum(count) - count, count)


def fit_pairs(
    gram: Array, classes: Classes, box: Array, *, tol: float, max_steps: int
) -> tuple[Machines, Effort]:
    """Trains a machine on each pair of classes, the lower one positive.

    Pairs are gathered from one Gram matrix, the largest first, a batch at a time in the smallest
    bucket that holds them: time and memory follow the pairs' sizes, not n.

    Args:
      gram: `[n, n]` of points sorted by class.
      classes: of these points.
      box: `[n]` float, C times the point's weight; 0 leaves a point out.
      tol: largest KKT violation of a pair.
      max_steps: steps of a pair at most.
    """
    n, num_classes = gram.shape[0], classes.count.shape[0]
    of, begin, count = classes
    present = jnp.zeros(num_classes, bool).at[of].max(box > 0, mode="drop")

    low, high = (jnp.asarray(index) for index in np.triu_indices(num_classes, 1))
    size = jnp.where(present[low] & present[high], count[low] + count[high], 0)
    order = jnp.argsort(-size)
    batch = min(_PAIRS_AT_ONCE, order.shape[0])
    # Padding repeats the smallest pair, which changes nothing.
    order = jnp.pad(order, (0, -order.shape[0] % batch), mode="edge").reshape(-1, batch)

    def fit_batch(capacity: int, alpha: Array, intercept: Array, effort: Effort, pairs: Array):
        slot = jnp.arange(capacity)
        i, j, inside = low[pairs, None], high[pairs, None], slot < size[pairs, None]
        is_low = slot < count[i]
        rows = jnp.where(is_low, begin[i] + slot, begin[j] + slot - count[i])
        rows = jnp.where(inside, rows, 0)
        y = jnp.where(is_low, 1.0, -1.0)

        def fit_pair(rows: Array, y: Array, box: Array):
            return solve(gram, rows, y, box, tol=tol, max_steps=max_steps)

        found = jax.vmap(fit_pair)(rows, y, jnp.where(inside, box[rows], 0.0))
        to = jnp.where(inside, rows, n), jnp.where(is_low, j, i)
        alpha = alpha.at[to].set(found.alpha, mode="drop")
        intercept = intercept.at[i[:, 0], j[:, 0]].set(found.intercept)
        violation = jnp.maximum(effort.violation, jnp.max(found.violation))
        return alpha, intercept, Effort(violation, jnp.maximum(effort.steps, jnp.max(found.steps)))

    def step(carry, pairs: Array):
        return at_capacity(capacities(n), jnp.max(size[pairs]), fit_batch, *carry, pairs), None

    nothing = (
        jnp.zeros((n, num_classes)),
        jnp.zeros((num_classes, num_classes)),
        Effort(jnp.float32(0.0), jnp.int32(0)),
    )
    (alpha, intercept, effort), _ = jax.lax.scan(step, nothing, order)
    both = present[:, None] & present
    alone = present[:, None].astype(jnp.float32) - present  # the class that is there wins
    intercept = jnp.where(both, intercept - intercept.T, alone)
    return Machines(alpha, intercept, classes, present), effort


def decision_values(machines: Machines, kernel: Array) -> Array:
    """scikit-learn's one-vs-rest decision values of one example, from votes and confidences.

    Votes of the pairs, plus the sum of their decision values squashed into (-1/3, 1/3), by which
    ties are broken. An absent class has no vote and gets -1. For K = 2 they are [-d, d], d being
    the one machine's decision value for class 1; 1 for a class that is alone.

    Args:
      machines: fitted.
      kernel: `[n]`, of the example with each of the machines' points.

    Returns:
      `[K]` float32.
    """
    alpha, intercept, (_, begin, count), present = machines
    n, num_classes = alpha.shape

    def class_sum(c: Array) -> Array:
        def at(capacity: int, kernel: Array) -> Array:
            slot = jnp.arange(capacity)
            rows = jnp.minimum(begin[c] + slot, n - 1)
            inside = (slot < count[c])[:, None]
            return kernel[rows] @ jnp.where(inside, alpha[rows], 0.0)

        return at_capacity(capacities(n), count[c], at, kernel)

    sums = jax.lax.map(class_sum, jnp.arange(num_classes))
    pairwise = sums - sums.T + intercept
    if num_classes == 2:
        return jnp.sum(pairwise, axis=1)
    index = jnp.arange(num_classes)
    wins = (pairwise > 0) | ((pairwise == 0) & (index[:, None] < index))
    both = present[:, None] & present & (index[:, None] != index)
    votes = jnp.sum(both & wins, axis=1)
    confidence = jnp.sum(jnp.where(both, pairwise, 0.0), axis=1)
    return jnp.where(present, votes + confidence / (3.0 * (jnp.abs(confidence) + 1.0)), -1.0)
