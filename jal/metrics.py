"""What is measured: of predictions, of learning curves, and of many seeds.

Metrics of predictions and `imbalance_ratio` are pure JAX functions for use inside an episode; the
summaries of finished curves take NumPy arrays and use SciPy's distributions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from jal.types import Array, Outputs

__all__ = [
    "accuracy",
    "aubc",
    "balanced_accuracy",
    "bounds",
    "class_recall",
    "confusion",
    "evaluator",
    "f1",
    "final_accuracy",
    "holm",
    "imbalance_ratio",
    "is_better_lower",
    "labels_to_reach",
    "log_loss",
    "macro_f1",
    "may_be_undefined",
    "mean_interval",
    "of_labelled",
    "paired_p_value",
    "penalty_matrix",
    "precision",
    "recall",
    "registered_name",
    "registry",
    "train_error",
    "wins",
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


def macro_f1(logits: Array, y: Array) -> Array:
    """F1 per class, each class as heavy: of those that `y [M]` or the predictions have."""
    true, predicted, right = _counts(logits, y)
    each = 2.0 * right / jnp.maximum(true + predicted, 1.0)
    return jnp.sum(each) / jnp.sum(true + predicted > 0)


def balanced_accuracy(logits: Array, y: Array) -> Array:
    """Mean recall of the classes that `y [M]` has, each as heavy, `[]` (Brodersen et al., 2010)."""
    true, _, right = _counts(logits, y)
    return jnp.sum(right / jnp.maximum(true, 1.0)) / jnp.sum(true > 0)


def class_recall(logits: Array, y: Array) -> Array:
    """Recall of each class, `[K]`; NaN of a class that `y [M]` does not have."""
    true, _, right = _counts(logits, y)
    return jnp.where(true > 0, right / jnp.maximum(true, 1.0), jnp.nan)


def confusion(logits: Array, y: Array) -> Array:
    """Of each class's examples the share that is predicted as each class, `[K, K]`.

    Rows are true classes and sum to 1; NaN of a class that `y [M]` does not have. The diagonal is
    `class_recall`.
    """
    classes = logits.shape[1]
    true = jax.nn.one_hot(y, classes)
    both = true.T @ jax.nn.one_hot(jnp.argmax(logits, axis=1), classes)
    total = jnp.sum(true, axis=0)[:, None]
    return jnp.where(total > 0, both / jnp.maximum(total, 1.0), jnp.nan)


def train_error(logits: Array, y: Array) -> Array:
    """Share of the labelled points that the fit has wrong, `[]`: those whose `y [M]` is not -1."""
    labelled = y >= 0
    wrong = labelled & (jnp.argmax(logits, axis=1) != y)
    return jnp.sum(wrong) / jnp.maximum(jnp.sum(labelled), 1)


def _counts(logits: Array, y: Array) -> tuple[Array, Array, Array]:
    classes = logits.shape[1]
    true = jax.nn.one_hot(y, classes)
    predicted = jax.nn.one_hot(jnp.argmax(logits, axis=1), classes)
    return jnp.sum(true, axis=0), jnp.sum(predicted, axis=0), jnp.sum(true * predicted, axis=0)


registry: dict[str, Callable[[Array, Array], Array]] = {
    function.__name__: function
    for function in (
        accuracy,
        log_loss,
        precision,
        recall,
        f1,
        macro_f1,
        balanced_accuracy,
        class_recall,
        confusion,
        train_error,
    )
}


def of_labelled(metrics: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The metrics of a test set, and those of the labelled points."""
    ours = {name: metric for name, metric in metrics.items() if metric is train_error}
    return {name: metric for name, metric in metrics.items() if name not in ours}, ours


def evaluator(
    metrics: Sequence[str] | Mapping[str, Callable[[Array, Array], Array]],
) -> Callable[[Outputs, Array], dict[str, Array]]:
    """`(outputs, y) -> {name: value}` for `jal.episode`: scalars, and a confusion `[K, K]`.

    One of shape `[K]` gives a scalar for each class: class_recall is class_recall_0 and so on.

    Args:
      metrics: names in the registry, or functions `(logits [M, K], y [M]) -> [] or [K]` by name.
    """
    if not isinstance(metrics, Mapping):
        metrics = {name: registry[name] for name in metrics}

    def evaluate(outputs: Outputs, y: Array) -> dict[str, Array]:
        found = {}
        for name, metric in metrics.items():
            value = jnp.asarray(metric(outputs.logits, y))
            if value.ndim == 1:
                found |= {f"{name}_{k}": value[k] for k in range(len(value))}
            else:
                found[name] = value
        return found

    return evaluate


def registered_name(name: str) -> str:
    """The metric that gave `name`: class_recall of class_recall_3, confusion of confusion_3_0."""
    base = name.rstrip("0123456789_")
    return base if base in registry else name


def may_be_undefined(name: str) -> bool:
    """Whether NaN is what a metric says of a class without test examples, and no sign of harm."""
    return registered_name(name) in (class_recall.__name__, confusion.__name__)


def imbalance_ratio(counts: Array) -> Array:
    """Standard deviation over mean of class counts `[K]`; 0 when balanced (ALAMP's ir)."""
    return jnp.std(counts) / jnp.mean(counts)


_BOUNDS = {
    **dict.fromkeys(set(registry) - {"log_loss"}, (0.0, 1.0)),
    **dict.fromkeys(("log_loss", "imbalance_ratio"), (0.0, np.inf)),
}


def is_better_lower(name: str) -> bool:
    """Whether less of a metric of `registry` is better, or of a part of it, as of most parts of
    `confusion`."""
    return registered_name(name) in (log_loss.__name__, train_error.__name__, confusion.__name__)


def bounds(name: str) -> tuple[float, float]:
    """The least and the largest value that a metric can have; infinite where none is known."""
    return _BOUNDS.get(registered_name(name), (-np.inf, np.inf))


def aubc(
    labels: np.ndarray, accuracies: np.ndarray, between: tuple[float, float] | None = None
) -> np.ndarray:
    """Area under the budget curve: trapezoids over labels, divided by the labels queried.

    Args:
      labels: `[..., R + 1]` labels in each round, the initial set included.
      accuracies: `[..., R + 1]`; points that are NaN are left out.
      between: the labels from which and to which; curves are straight lines between their points.
        Each curve's own first and last if None.

    Returns:
      `[...]`, in the unit of the accuracies (BRAL-T's AUBC; the initial set is no part of it); NaN
      of a curve that bought no labels, or does not reach from the one end of `between` to the
      other.
    """
    labels, accuracies = np.broadcast_arrays(labels, accuracies)
    rows = zip(
        labels.reshape(-1, labels.shape[-1]).astype(float),
        accuracies.reshape(-1, labels.shape[-1]),
        strict=True,
    )
    areas = [_area(*row, between) for row in rows]
    return np.array(areas).reshape(labels.shape[:-1])[()]


def _area(labels: np.ndarray, accuracies: np.ndarray, between: tuple[float, float] | None) -> float:
    present = np.isfinite(labels) & np.isfinite(accuracies)
    labels, accuracies = labels[present], accuracies[present]
    if not labels.size:
        return np.nan
    low, high = between or (labels[0], labels[-1])
    if not labels[0] <= low < high <= labels[-1]:
        return np.nan
    inside = (labels > low) & (labels < high)
    ends = np.interp([low, high], labels, accuracies)
    # Of several rounds with as many labels the last begins a curve and the first ends it.
    last, first = np.searchsorted(labels, low, side="right") - 1, np.searchsorted(labels, high)
    if labels[last] == low:
        ends[0] = accuracies[last]
    if labels[first] == high:
        ends[1] = accuracies[first]
    at = np.concatenate([[low], labels[inside], [high]])
    heights = np.concatenate([ends[:1], accuracies[inside], ends[1:]])
    return float(np.trapezoid(heights, at)) / (high - low)


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

    NaN are left out. The half width is NaN for a single value, of which no interval can be made.
    """
    mean, deviation, count = _moments(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = special.stdtrit(count - 1, 0.5 + level / 2) * deviation / np.sqrt(count)
    return mean[()], half[()]


def paired_p_value(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Two-sided p-value of the paired t-test over the first axis, the seeds; 1 for equal samples.

    Pairs with a NaN are left out. NaN where no test can be made: of fewer than two pairs, and where
    the differences vary by no more than the rounding of the values, which are taken for float32.
    """
    difference = a - b
    mean, deviation, count = _moments(difference)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2.0 * special.stdtr(count - 1, -np.abs(mean) * np.sqrt(count) / deviation)
    largest = np.fmax(np.abs(a), np.abs(b)).max(axis=0, initial=0.0, where=~np.isnan(difference))
    p = np.where(deviation > _ROUNDING * largest, p, np.nan)
    equal = (difference == 0) | np.isnan(difference)
    return np.where((count > 1) & equal.all(axis=0), 1.0, p)[()]


_ROUNDING = 4 * float(np.finfo(np.float32).eps)  # relative, of a difference of two values


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, standard deviation and number over the first axis, without NaN.

    NaN means of none, NaN deviations of fewer than two.
    """
    present = ~np.isnan(values)
    count = np.asarray(present.sum(axis=0), float)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.asarray(values.sum(axis=0, where=present) / count)
        squares = np.square(values - mean).sum(axis=0, where=present)
        deviation = np.sqrt(squares / (count - 1))
    return mean, deviation, count


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's correction for `[m]` p-values of one family (Holm, 1979).

    NaN, of a test that was not made, stays NaN and is no member of the family.
    """
    order = np.argsort(p_values)  # NaN last
    family = int(np.sum(~np.isnan(p_values)))
    factors = np.maximum(family - np.arange(len(p_values)), 1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def penalty_matrix(accuracies: np.ndarray, level: float = 0.05, fewest: int = 2) -> np.ndarray:
    """Share of budgets at which one strategy beats another, by paired t-tests over the seeds.

    Args:
      accuracies: `[strategies, seeds, R + 1]`, of the same seeds and budgets; NaN where one has not
        run.
      level: two-sided level of each test.
      fewest: seeds of a pair; a budget at which fewer have run with both counts for neither.

    Returns:
      `[strategies, strategies]` in [0, 1]: entry i, j is where i beats j (BADGE, section 4), of
      their seeds and budgets in common; NaN without any.
    """
    count = len(accuracies)
    share = np.zeros((count, count))
    for i in range(count):
        for j in range(count):
            difference = accuracies[i] - accuracies[j]
            compared = (~np.isnan(difference)).sum(axis=0) >= fewest
            if not compared.any():
                share[i, j] = np.nan
                continue
            significant = paired_p_value(accuracies[i], accuracies[j]) < level
            better = _moments(difference)[0] > 0
            share[i, j] = np.mean((better & significant)[compared])
    return share


def wins(accuracies: np.ndarray) -> np.ndarray:
    """At how many budgets one strategy's mean accuracy is above another's, tested or not.

    Args:
      accuracies: as `penalty_matrix` takes them.

    Returns:
      `[strategies, strategies]` int: entry i, j counts the budgets at which i is above j (BRAL-T,
      appendix C.2), of their seeds and budgets in common; equal ones count for neither.
    """
    differences = accuracies[:, None] - accuracies[None]
    known = ~np.isnan(differences)
    # A sum of equal accuracies in another order may differ by rounding.
    above = np.where(known, differences, 0.0).sum(axis=2) > 1e-6 * known.sum(axis=2)
    return np.sum(above, axis=-1)
