"""What the two support vector machines, `svc` and `linear_svc`, have in common."""

from __future__ import annotations

import math
from typing import NamedTuple

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
    for value in (C, *C_grid):
        if not (value > 0 and math.isfinite(value)):
            raise InputError(f"C and every C in C_grid must be positive numbers, got {value}.")
    if C_grid and folds < 2:
        raise InputError(f"cross-validation needs at least 2 folds, got {folds}.")
    if class_weight not in (None, "balanced"):
        raise InputError(f'class_weight must be "balanced" or None, got {class_weight!r}.')
    return tuple(sorted(C_grid)) or (1.0,)
