"""What is said of a data set that can be learned from, and may still not be what was meant."""

from __future__ import annotations

import numpy as np

from jal.data.inputs import Inputs

__all__ = ["merged_columns", "odd_scale"]

_KEPT = 0.9  # of a column's different values: a million random ones keep more
_CLOSE = 0.02  # of the gaps between values, few beside those that it takes to lose a tenth
_APART = 10.0  # times; between sets of one scale deviations differ less
_FEW = 10  # examples, too few for a deviation
_LOOKED_AT = 1000  # examples
_DARK = 64  # of 255


def merged_columns(x: Inputs) -> tuple[str, ...]:
    """A sentence for each column of `[N, D]` numbers whose different values float32 merges.

    Columns are sorted where a thousand of their values lie so close that it may be.
    """
    values = x.values
    if values.ndim != 2 or values.dtype.itemsize < 4 or values.dtype == np.float32:
        return ()
    found = []
    for place in np.flatnonzero(_may_merge(values)).tolist():
        column = np.sort(values[:, place])
        before, after = (_different(one) for one in (column, column.astype(np.float32)))
        if after < _KEPT * before:
            found.append(
                f"{x.column(place)} has {before:,} different values, of which float32 keeps "
                f"{after:,}: subtract its least, {column[0]}, or scale it"
            )
    return tuple(found)


def odd_scale(train: np.ndarray, test: np.ndarray) -> tuple[str, ...]:
    """A sentence where checked inputs `[N, ...]` look as if meant on another scale."""
    if train.dtype == np.uint8:
        largest = int(train.max())
        if largest >= _DARK:
            return ()
        return (
            f"training bytes are at most {largest} of 255, so that learners see at most "
            f"{largest / 255:.2g}: give them as floats if they are no pixels",
        )
    if min(len(train), len(test)) < _FEW:
        return ()
    here, there = _deviations(train), _deviations(test)
    both = (here > 0) & (there > 0)
    ratio = float(np.median(here[both] / there[both])) if both.any() else 1.0
    if 1 / _APART <= ratio <= _APART:
        return ()
    return (
        f"training features deviate {ratio:.3g} times as much as test features: give both on one "
        "scale",
    )


def _may_merge(x: np.ndarray) -> np.ndarray:
    """`[D]` bool: columns whose values, by some of them, may lie closer than float32's do."""
    some = np.random.default_rng(0).permutation(len(x))[:_LOOKED_AT]
    column = np.sort(x[some], axis=0).astype(np.float64)
    gap = np.diff(column, axis=0) * (len(some) / len(x))  # as if all were looked at
    spacing = np.spacing(np.abs(column[1:]).astype(np.float32))
    close = np.sum((gap > 0) & (gap < spacing), axis=0)
    return close > _CLOSE * np.sum(gap > 0, axis=0)


def _different(column: np.ndarray) -> int:
    """How many values a sorted column has."""
    return 1 + int(np.count_nonzero(column[1:] != column[:-1]))


def _deviations(x: np.ndarray) -> np.ndarray:
    """`[D]`, of some of the examples."""
    some = x[:: -(-len(x) // _LOOKED_AT)]
    return some.reshape(len(some), -1).std(axis=0, dtype=np.float64)
