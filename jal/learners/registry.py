"""Learners by name: `registry[name](input_shape, num_classes, max_labels=..., **options)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jal.learners.logistic_regression import logistic_regression
from jal.learners.sgd import sgd
from jal.networks.mlp import mlp
from jal.types import Learner

__all__ = ["registry", "sgd_mlp"]


def sgd_mlp(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    hidden: Sequence[int] = (128,),
    max_labels: int | None = None,
    **options: Any,
) -> Learner:
    """An MLP trained by `sgd`; options are those of `sgd`."""
    return sgd(mlp(input_shape, num_classes, hidden), max_labels=max_labels, **options)


registry: dict[str, Callable[..., Learner]] = {
    "logistic_regression": logistic_regression,
    "mlp": sgd_mlp,
}
