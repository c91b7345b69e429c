"""Labels of any kind as classes 0..K-1, whose names are kept."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from jal.types import InputError

__all__ = ["Numbering", "as_labels", "class_numbers", "numbering"]

# More classes than _FEW with fewer examples each than these are taken for a regression's targets.
_FEW, _EACH = 20, 5
_SHOWN = 6  # of many labels, in a message
_NAMED = "give y.astype(str), and they are numbered"


class Numbering(NamedTuple):
    """Which label each class has.

    Attributes:
      values: `[K]`: class c is what the source calls values[c].
      names: of the classes; empty where they are the numbers 0..K-1 and have no names.
    """

    values: np.ndarray
    names: tuple[str, ...]


def as_labels(part: str, y: Any) -> np.ndarray:
    """Labels as `[N]` integers, whole floats or strings; bools become False and True.

    Args:
      part: of the data, for errors.
      y: anything with one label for each example.

    Raises:
      InputError: for labels that are missing, of several kinds, fractions or no labels at all.
    """
    if sparse.issparse(y):
        raise InputError(
            f"{part} labels are a sparse matrix: give one class for each example, y [N]."
        )
    if np.ma.is_masked(y):
        raise InputError(f"{part} labels are masked in places: drop the examples without one.")
    try:
        y = np.asarray(y)
    except ValueError as error:
        raise InputError(
            f"{part} labels are lists of several lengths: give one class for each example, as "
            "examples of several classes each cannot be learned."
        ) from error
    if y.dtype == object:
        y = _of_objects(part, y)
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8", "backslashreplace")
    if y.dtype == bool:
        return y.astype(str)
    if y.dtype.kind == "f":
        _refuse(part, y, np.isnan(y), "is missing: drop the examples without one")
        _refuse(
            part,
            y,
            ~np.isfinite(y) | (y != np.rint(y)),
            "is no whole number, so these may be a regression's targets, which jal does not learn: "
            "give classes, such as `np.digitize(y, np.quantile(y, [.25, .5, .75]))`",
        )
    elif y.dtype.kind not in "iuUT":
        raise InputError(
            f"{part} labels must be whole numbers or strings, got {y.dtype}: give one class for "
            "each example."
        )
    return y


def numbering(y: np.ndarray, num_classes: int | None, names: Any) -> Numbering:
    """The classes of the training labels.

    Without `num_classes` they are 0..K-1, and get their names from the labels where these are
    strings, bools, 1..K or -1 and 1. Strings are numbered in the order of `names`, else sorted.

    Args:
      y: of `as_labels`.
      num_classes: K, with labels 0..K-1 of which some may be absent.
      names: of the K classes, or None or empty.

    Raises:
      InputError: for one class alone, a class without an example that `num_classes` does not
        account for, targets of a regression, and names of another number or twice the same.
    """
    names = _names(names)
    if num_classes is not None and num_classes < 1:
        raise InputError(f"labels must have at least two classes, got num_classes {num_classes}.")
    if y.dtype.kind in "UT":
        values = np.asarray(names) if names else np.unique(y)
        expected = len(np.unique(y)) if num_classes is None else num_classes
        if len(values) != expected and not names:
            raise InputError(
                f"training labels have {len(values)} names for num_classes {num_classes}: give "
                "class_names, those without examples among them."
            )
        found = Numbering(values, names or tuple(map(str, values)))
    elif num_classes is not None:
        expected = num_classes
        found = Numbering(np.arange(num_classes), names)
    else:
        found = _of_numbers(y, names)
        expected = len(found.values)
    if expected == 1:
        raise InputError("labels must have at least two classes, got one.")
    if found.names and len(found.names) != expected:
        raise InputError(
            f"{len(found.names)} class names were given for {expected} classes: give one for each, "
            f"and num_classes {len(found.names)} where some classes have no examples."
        )
    return found


def class_numbers(part: str, y: np.ndarray, classes: Numbering) -> np.ndarray:
    """`[N]` int32 classes of labels.

    Raises:
      InputError: for labels that are none of the classes'.
    """
    values = classes.values
    if (y.dtype.kind in "UT") != (values.dtype.kind in "UT"):
        kinds = ["texts or bools" if a.dtype.kind in "UT" else "numbers" for a in (y, values)]
        raise InputError(
            f"{part} labels are {kinds[0]} but the training set's classes {kinds[1]}: give both "
            "alike."
        )
    order = np.argsort(values, kind="stable")
    place = np.searchsorted(values, y, sorter=order).clip(max=len(values) - 1)
    found = order[place].astype(np.int32)
    strange = np.flatnonzero(values[found] != y)
    if strange.size:
        label, at = _shown(y[strange[0]]), strange[0]
        if np.array_equal(values, np.arange(len(values))):
            raise InputError(
                f"{part} label {label} of example {at} is outside 0..{len(values) - 1}."
            )
        raise InputError(
            f"{part} label {label} of example {at} is none of the training set's {len(values)}: "
            f"{_listed(values)}."
        )
    return found


def _of_numbers(y: np.ndarray, names: tuple[str, ...]) -> Numbering:
    values = np.unique(y)
    count = len(values)
    if not names and count > _FEW and len(y) < _EACH * count:
        raise InputError(
            f"{len(y)} training labels have {count} different values, {_listed(values)}: these may "
            f"be a regression's targets, which jal does not learn; if they are classes, {_NAMED}."
        )
    if np.array_equal(values, np.arange(count)):
        return Numbering(values, names)
    counted = np.array_equal(values, np.arange(1, count + 1))
    if counted or count == 1 or np.array_equal(values, [-1, 1]):
        return Numbering(values, names or tuple(map(_shown, values)))
    if values[0] < 0:
        at = int(np.argmax(y == values[0]))
        raise InputError(
            f"training label {_shown(values[0])} of example {at} is negative: drop the example if "
            f"that says that it has no label; if it is a class, {_NAMED}."
        )
    lacking = int(np.argmax(values != np.arange(count)))
    if lacking == 0 and values[0] == 1:  # 1..K with gaps
        lacking = int(np.argmax(values != np.arange(1, count + 1))) + 1
    wanted = int(values[-1]) + 1
    given = f"; give num_classes {wanted} if there is such a class" if wanted < len(y) else ""
    raise InputError(
        f"training labels are {_listed(values)}, and class {lacking} has no example: if these are "
        f"all the classes, and no regression's targets, {_NAMED}{given}."
    )


def _names(names: Any) -> tuple[str, ...]:
    """`class_names` as they may be given: nothing, a sequence, an array, a pandas Index."""
    if names is None:
        return ()
    if isinstance(names, str):
        raise InputError(f"class_names must be a list of names, got the text {names!r}.")
    names = tuple(map(str, names))
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise InputError(f"class name {twice!r} is given twice.")
    return names


def _of_objects(part: str, y: np.ndarray) -> np.ndarray:
    """Python objects of one kind as an array of it."""
    _refuse(part, y, pd.isna(y), "is missing: drop the examples without one")
    if all(isinstance(label, str) for label in y.flat):
        return y.astype(str)
    kinds = sorted({type(label).__name__ for label in y.flat})
    made = np.asarray(y.tolist()) if all(np.ndim(label) == 0 for label in y.flat) else y
    if len(kinds) > 1 or made.dtype == object:
        raise InputError(
            f"{part} labels are objects of the kind {', '.join(kinds)}: give whole numbers, or "
            "strings for all."
        )
    return made


def _refuse(part: str, y: np.ndarray, bad: np.ndarray, why: str) -> None:
    where = np.flatnonzero(bad)
    if where.size:
        raise InputError(f"{part} label {y.flat[where[0]]} of example {where[0]} {why}.")


def _shown(label: Any) -> str:
    """A label as people write it: 1.0 as 1."""
    return str(label) if isinstance(label, str) else str(int(label))


def _listed(values: np.ndarray) -> str:
    first = ", ".join(_shown(value) for value in values[:_SHOWN])
    return first if len(values) <= _SHOWN else f"{first}, ... {_shown(values[-1])}"
