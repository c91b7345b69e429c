"""What is measured: of predictions, of learning curves, and of many seeds.

Metrics of predictions and `imbalance_ratio` are pure JAX functions for use inside an episode; the
summaries of finished curves take NumPy arrays and use SciPy's distributions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from jal.types import Array, Outputs

__all__ = [
    "accuracy",
    "aubc",
    "evaluator",
    "f1",
    "final_accuracy",
    "holm",
    "imbalance_ratio",
    "labels_to_reach",
    "log_loss",
    "mean_interval",
    "paired_p_value",
    "penalty_matrix",
    "precision",
    "recall",
    "registry",
]


def accuracy(logits: Array, y: Array) -> Array:
    """Share of `logits [M, K]` whose largest is at `y [M]`, `[]`."""
    return jnp.mean((jnp.argmax(logits, axis=1) == y).astype(jnp.float32))


def log_loss(logits: Array, y: Array) -> Array:
    """Mean cross-entropy in nats of `logits [M, K]` against `y [M]`, `[]`."""
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1))


def precision(logits: Array, y: Array) -> Array:
    """Precision per class, weighted by the class's true count; 0 for a class never predicted."""
    true, predicted, right = _counts(logits, y)
    return jnp.sum(true * right / jnp.maximum(predicted, 1.0)) / y.shape[0]


def recall(logits: Array, y: Array) -> Array:
    """Recall per class, weighted by the class's true count; always equal to the accuracy."""
    true, _, right = _counts(logits, y)
    return jnp.sum(jnp.where(true > 0, right, 0.0)) / y.shape[0]


def f1(logits: Array, y: Array) -> Array:
    """F1 per class, weighted by the class's true count."""
    true, predicted, right = _counts(logits, y)
    return jnp.sum(true * 2.0 * right / jnp.maximum(true + predicted, 1.0)) / y.shape[0]


def _counts(logits: Array, y: Array) -> tuple[Array, Array, Array]:
    classes = logits.shape[1]
    true = jax.nn.one_hot(y, classes)
    predicted = jax.nn.one_hot(jnp.argmax(logits, axis=1), classes)
    return jnp.sum(true, axis=0), jnp.sum(predicted, axis=0), jnp.sum(true * predicted, axis=0)


registry: dict[str, Callable[[Array, Array], Array]] = {
    function.__name__: function for function in (accuracy, log_loss, precision, recall, f1)
}


def evaluator(names: Sequence[str]) -> Callable[[Outputs, Array], dict[str, Array]]:
    """`(outputs, y) -> {name: value}` of the named metrics, for `jal.episode`."""
    return lambda outputs, y: {name: registry[name](outputs.logits, y) for name in names}


def imbalance_ratio(counts: Array) -> Array:
    """Standard deviation over mean of class counts `[K]`; 0 when balanced (ALAMP's ir)."""
    return jnp.std(counts) / jnp.mean(counts)


def aubc(labels: np.ndarray, accuracies: np.ndarray) -> np.ndarray:
    """Area under the budget curve: trapezoids over labels, divided by the labels queried.

    Args:
      labels: `[..., R + 1]` labels in each round, the initial set included.
      accuracies: `[..., R + 1]`.

    Returns:
      `[...]`, in the unit of the accuracies (BRAL-T's AUBC; the initial set is no part of it).
    """
    return np.trapezoid(accuracies, labels, axis=-1) / (labels[..., -1] - labels[..., 0])


def final_accuracy(accuracies: np.ndarray) -> np.ndarray:
    """The last round's value of `[..., R + 1]` (F-acc)."""
    return accuracies[..., -1]


def labels_to_reach(labels: np.ndarray, accuracies: np.ndarray, level: float) -> np.ndarray:
    """The least number of labels at which accuracies `[..., R + 1]` reach `level`; NaN if never."""
    reached = accuracies >= level
    first = np.argmax(reached, axis=-1)
    at_first = np.take_along_axis(labels, first[..., None], axis=-1)[..., 0].astype(float)
    return np.where(reached.any(axis=-1), at_first, np.nan)


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the first axis and the half width of Student's t interval for it.

    The half width is NaN for a single seed, of which no interval can be made.
    """
    seeds = len(values)
    if seeds < 2:
        return values.mean(axis=0), np.full(values.shape[1:], np.nan)[()]
    quantile = special.stdtrit(seeds - 1, 0.5 + level / 2)
    return values.mean(axis=0), quantile * values.std(axis=0, ddof=1) / np.sqrt(seeds)


def paired_p_value(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Two-sided p-value of the paired t-test over the first axis, the seeds; 1 for equal samples.

    NaN for a single seed.
    """
    difference = a - b
    seeds = len(difference)
    if seeds < 2:
        return np.full(difference.shape[1:], np.nan)
    error = difference.std(axis=0, ddof=1) / np.sqrt(seeds)
    mean = difference.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(mean == 0, 0.0, np.abs(mean) / error)
    return 2.0 * special.stdtr(seeds - 1, -statistic)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's correction for `[m]` p-values of one family; NaN stays NaN (Holm, 1979)."""
    order = np.argsort(p_values)  # NaN last
    family = int(np.sum(~np.isnan(p_values)))
    factors = np.maximum(family - np.arange(len(p_values)), 1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def penalty_matrix(accuracies: np.ndarray, level: float = 0.05) -> np.ndarray:
    """Share of budgets at which one strategy beats another, by paired t-tests over the seeds.

    Args:
      accuracies: `[strategies, seeds, R + 1]`, of the same seeds and budgets.
      level: two-sided level of each test.

    Returns:
      `[strategies, strategies]` in [0, 1]: entry i, j is where i beats j (BADGE, section 4).
    """
    count = len(accuracies)
    share = np.zeros((count, count))
    for i in range(count):
        for j in range(count):
            better = accuracies[i].mean(axis=0) > accuracies[j].mean(axis=0)
            significant = paired_p_value(accuracies[i], accuracies[j]) < level
            share[i, j] = np.mean(better & significant)
    return share
