"""Data sets as arrays: their checks, their split, their fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jal.types import InputError

__all__ = ["Dataset", "Examples", "Parts", "assemble", "divide", "fingerprint", "from_arrays"]


class Examples(NamedTuple):
    """NumPy arrays `x [N, ...]` (float32 or uint8) and `y [N]` int32."""

    x: np.ndarray
    y: np.ndarray


class Dataset(NamedTuple):
    """A pool to label, a test set to measure on, the number of classes K and maybe their names.

    Checked. Inputs are float32, but for images of bytes: those stay uint8 in memory, and learners
    scale them to [0, 1].
    """

    train: Examples
    test: Examples
    num_classes: int
    class_names: tuple[str, ...] = ()


class Parts(NamedTuple):
    """What a source holds, unchecked; test None without a test set, num_classes None if unsaid."""

    train: Examples
    test: Examples | None = None
    num_classes: int | None = None
    class_names: tuple[str, ...] = ()


def from_arrays(
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    num_classes: int | None = None,
    class_names: Sequence[str] = (),
) -> Dataset:
    """A Dataset from arrays in memory; K is the largest class + 1 unless given.

    Args:
      x_train: `[N, ...]` numbers, made float32; only bytes of images, uint8 `[N, H, W]` or
        `[N, H, W, C]`, stay what they are, and learners scale them to [0, 1].
      y_train: `[N]` integers 0..K-1.
      x_test: as x_train.
      y_test: as y_train.
      num_classes: K.
      class_names: K of them, or none.

    Raises:
      InputError: for non-finite features, labels outside 0..K-1, or shapes that disagree.
    """
    if num_classes is None:
        y_train = _integers("training", y_train)
        num_classes = int(y_train.max()) + 1 if y_train.size else 0
    if num_classes == 1:
        raise InputError("labels must have at least two classes, got one.")
    if class_names and len(class_names) != num_classes:
        raise InputError(f"{len(class_names)} class names were given for {num_classes} classes.")
    train = _checked("training", x_train, y_train, num_classes)
    test = _checked("test", x_test, y_test, num_classes)
    if train.x.shape[1:] != test.x.shape[1:]:
        raise InputError(
            f"training examples have shape {train.x.shape[1:]} but test examples "
            f"{test.x.shape[1:]}: they must agree."
        )
    return Dataset(train, test, num_classes, tuple(class_names))


def assemble(parts: Parts, test_size: int | float, split_seed: int) -> Dataset:
    """The checked Dataset; without a test set, one is drawn from `train`, class-balanced.

    Args:
      parts: of a source.
      test_size: how many examples to draw, or which fraction, in (0, 1).
      split_seed: seed of that draw.

    Raises:
      InputError: as `from_arrays`, and where the draw is impossible.
    """
    if parts.test is not None:
        return from_arrays(*parts.train, *parts.test, parts.num_classes, parts.class_names)
    from sklearn.model_selection import train_test_split

    # Checked before the split, which would fail obscurely.
    y, num_classes = _integers("training", parts.train.y), parts.num_classes
    if num_classes is None:
        num_classes = int(y.max()) + 1 if y.size else 0
    train = _checked("training", parts.train.x, y, num_classes)
    try:
        drawn: list[Any] = train_test_split(
            train.x, train.y, test_size=test_size, random_state=split_seed, stratify=train.y
        )
    except ValueError as error:
        raise InputError(
            f"cannot draw {test_size} class-balanced test examples from {len(y)}: {error}"
        ) from error
    x_train, x_test, y_train, y_test = drawn
    return from_arrays(x_train, y_train, x_test, y_test, num_classes, parts.class_names)


def divide(
    x: np.ndarray, y: np.ndarray, pool: int, num_classes: int | None, class_names: tuple[str, ...]
) -> Parts:
    """Parts of which the first `pool` examples are for training, and the rest, if any, the test."""
    test = Examples(x[pool:], y[pool:]) if pool < len(y) else None
    return Parts(Examples(x[:pool], y[:pool]), test, num_classes, class_names)


def fingerprint(dataset: Dataset) -> str:
    """SHA-256 of the arrays: two runs with the same one saw the same data."""
    digest = hashlib.sha256()
    for array in (*dataset.train, *dataset.test):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _integers(part: str, y: np.ndarray) -> np.ndarray:
    y = np.asarray(y)
    if not np.issubdtype(y.dtype, np.integer):
        raise InputError(f"{part} labels must be integers 0..K-1, got {y.dtype}.")
    return y


def _checked(part: str, x: np.ndarray, y: np.ndarray, num_classes: int) -> Examples:
    x, y = np.asarray(x), _integers(part, y)
    if x.ndim < 2 or y.shape != x.shape[:1]:
        raise InputError(
            f"{part} data must be x [N, ...] and y [N], got shapes {x.shape} and {y.shape}."
        )
    if len(x) == 0:
        raise InputError(f"{part} data hold no examples.")
    outside = np.flatnonzero((y < 0) | (y >= num_classes))
    if outside.size:
        raise InputError(
            f"{part} label {y[outside[0]]} of example {outside[0]} is outside 0..{num_classes - 1}."
        )
    if x.dtype != np.uint8 or x.ndim == 2:
        if not np.issubdtype(x.dtype, np.number) or np.iscomplexobj(x):
            raise InputError(f"{part} features must be numbers, got {x.dtype}.")
        with np.errstate(over="ignore"):  # reported below as infinity
            x = x.astype(np.float32)
        bad = np.flatnonzero(~np.isfinite(x).all(axis=tuple(range(1, x.ndim))))
        if bad.size:
            raise InputError(
                f"{part} features of {bad.size} examples, the first number {bad[0]}, hold NaN or "
                "infinity: impute or drop them."
            )
    return Examples(x, y.astype(np.int32))
