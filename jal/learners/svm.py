"""What the two support vector machines, `svc` and `linear_svc`, have in common."""

from __future__ import annotations

from typing import NamedTuple

from jal.learners.cross_validation import check_grid
from jal.types import Array, InputError

__all__ = ["SVMHyper", "check_options"]


class SVMHyper(NamedTuple):
    """`C []`, the price of a violated margin; multiplies the grid where C is cross-validated."""

    C: Array | float


def check_options(
    C: float, C_grid: tuple[float, ...], folds: int, class_weight: str | None
) -> tuple[float, ...]:
    """The grid in increasing order; 1 alone if empty.

    Raises:
      InputError: for options that cannot work.
    """
    grid = check_grid(C, C_grid, folds)
    if class_weight not in (None, "balanced"):
        raise InputError(f'class_weight must be "balanced" or None, got {class_weight!r}.')
    return grid
