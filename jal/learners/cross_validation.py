"""A learner's C by K-fold cross-validation on the labelled points, inside jit."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jal.learners.class_weights import class_weights
from jal.types import Array, InputError

__all__ = ["check_grid", "grid_search", "stratified_folds"]


def check_grid(C: float, C_grid: tuple[float, ...], folds: int) -> tuple[float, ...]:
    """The grid in increasing order; 1 alone if empty.

    Raises:
      InputError: for options that cannot work.
    """
    for value in (C, *C_grid):
        if not (value > 0 and math.isfinite(value)):
            raise InputError(f"C and every C in C_grid must be positive numbers, got {value}.")
    if C_grid and folds < 2:
        raise InputError(f"cross-validation needs at least 2 folds, got {folds}.")
    return tuple(sorted(C_grid)) or (1.0,)


def stratified_folds(key: Array, y: Array, folds: int) -> Array:
    """A random fold 0..folds-1 for every point of `y [N]`, `[N]` int32.

    The folds differ by at most one point in size, and by at most one in each class, as those of
    scikit-learn's StratifiedKFold do. A class in y may also stand for points to leave out, such as
    -1 for the unlabelled: the same then holds of the rest.
    """
    by_class = jnp.lexsort((jax.random.uniform(key, y.shape), y))  # at random within each
    position = jnp.arange(y.shape[0], dtype=jnp.int32)
    return jnp.zeros_like(position).at[by_class].set(position % folds)


def grid_search(
    key: Array,
    decide: Callable[[Array, Array], Array],
    grid: Array,
    y: Array,
    labelled: Array,
    *,
    folds: int,
    balanced: bool,
) -> tuple[Array, dict[str, Array]]:
    """The C of the highest mean accuracy on stratified folds held out; of equals the first.

    With fewer labels than folds the mean is over those that hold one. A class with fewer examples
    than folds is in as many of them as it has examples, and unknown to the fit that holds out its
    only one. Where every C is always
    wrong, as with one label of each class, there is nothing to go by: the middle of the grid. One
    fit at a time, so that memory is that of one.

    Args:
      key: a PRNG key, for the folds.
      decide: `(C, train [n] bool) -> logits [n, K]` of all points after training on some.
      grid: `[G]` float, ascending; of one value there is nothing to choose.
      y: `[n]` int32.
      labelled: `[n]` bool.
      folds: static.
      balanced: give every class that a fold holds the same weight (balanced accuracy).

    Returns:
      `C []`, and what to report: `C` and its `cv_accuracy`, or nothing without a choice.
    """
    if len(grid) == 1:
        return grid[0], {}
    fold = stratified_folds(key, jnp.where(labelled, y, -1), folds)

    def accuracy(C: Array, held_out: Array) -> Array:
        test = labelled & (fold == held_out)
        logits = decide(C, labelled & ~test)
        weight = test.astype(jnp.float32)
        if balanced:
            of_class = class_weights(y, test, logits.shape[1], "balanced")
            weight = weight * of_class[jnp.minimum(y, logits.shape[1] - 1)]
        right = jnp.argmax(logits, axis=1) == y
        return jnp.sum(weight * right) / jnp.maximum(jnp.sum(test), 1)

    def over_grid(held_out: Array) -> Array:
        return jax.lax.map(lambda C: accuracy(C, held_out), grid)

    total = jnp.sum(jax.lax.map(over_grid, jnp.arange(folds)), axis=0)
    scores = total / jnp.clip(jnp.sum(labelled), 1, folds)  # the others are empty
    first = jnp.argmax(scores >= jnp.max(scores) - 1e-6)  # rounding tells no equals apart
    best = jnp.where(jnp.any(scores > 0), first, len(grid) // 2)
    return grid[best], {"C": grid[best], "cv_accuracy": scores[best]}
