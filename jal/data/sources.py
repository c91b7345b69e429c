"""Where data sets come from, behind one function."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jal.types import InputError

__all__ = ["Dataset", "Examples", "fingerprint", "from_arrays", "load"]


class Examples(NamedTuple):
    """NumPy arrays `x [N, ...]` (float32 or uint8) and `y [N]` int32."""

    x: np.ndarray
    y: np.ndarray


class Dataset(NamedTuple):
    """A pool to label, a test set to measure on, and the number of classes K; checked."""

    train: Examples
    test: Examples
    num_classes: int


def load(source: str, test_size: int = 797, split_seed: int = 0) -> Dataset:
    """The data set that `source` names.

    Args:
      source: `sklearn:digits`, the 1,797 8x8 images bundled with scikit-learn, scaled to [0, 1]; or
        `npz:PATH`, a NumPy archive with `x_train`, `y_train`, `x_test`, `y_test`, or with `x` and
        `y`, which are then split.
      test_size: test examples where the source has no split of its own, drawn class-balanced.
      split_seed: seed of that draw.

    Raises:
      InputError: for an unknown source or arrays that cannot be learned from.
    """
    kind, _, name = source.partition(":")
    if source == "sklearn:digits":
        from sklearn.datasets import load_digits

        digits: Any = load_digits()
        return _split(digits.data / 16.0, digits.target, test_size, split_seed)
    if kind == "npz" and name:
        return _load_npz(Path(name), test_size, split_seed)
    raise InputError(f"unknown dataset {source!r}: give sklearn:digits or npz:PATH.")


def from_arrays(
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    num_classes: int | None = None,
) -> Dataset:
    """A Dataset from arrays in memory; K is the largest class + 1 unless given.

    Raises:
      InputError: for non-finite features, labels outside 0..K-1, or shapes that disagree.
    """
    if num_classes is None:
        y_train = _integers("training", y_train)
        num_classes = int(y_train.max()) + 1 if y_train.size else 0
    if num_classes == 1:
        raise InputError("labels must have at least two classes, got one.")
    train = _checked("training", x_train, y_train, num_classes)
    test = _checked("test", x_test, y_test, num_classes)
    if train.x.shape[1:] != test.x.shape[1:]:
        raise InputError(
            f"training examples have shape {train.x.shape[1:]} but test examples "
            f"{test.x.shape[1:]}: they must agree."
        )
    return Dataset(train, test, num_classes)


def fingerprint(dataset: Dataset) -> str:
    """SHA-256 of the arrays: two runs with the same one saw the same data."""
    digest = hashlib.sha256()
    for array in (*dataset.train, *dataset.test):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _load_npz(path: Path, test_size: int, split_seed: int) -> Dataset:
    if not path.is_file():
        raise InputError(f"dataset file {path} does not exist.")
    if not zipfile.is_zipfile(path):
        raise InputError(f"dataset file {path} is not a NumPy .npz archive.")
    try:
        with np.load(path) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"dataset file {path} is not a NumPy .npz archive ({error}).") from error
    if {"x_train", "y_train", "x_test", "y_test"} <= arrays.keys():
        return from_arrays(*(arrays[n] for n in ("x_train", "y_train", "x_test", "y_test")))
    if {"x", "y"} <= arrays.keys():
        return _split(arrays["x"], arrays["y"], test_size, split_seed)
    raise InputError(
        f"dataset file {path} holds {', '.join(sorted(arrays)) or 'nothing'}: it must hold "
        "x and y, or x_train, y_train, x_test and y_test."
    )


def _split(x: np.ndarray, y: np.ndarray, test_size: int, seed: int) -> Dataset:
    from sklearn.model_selection import train_test_split

    # Checked before the split, which would fail obscurely.
    y = _integers("training", y)
    num_classes = int(y.max()) + 1 if y.size else 0
    examples = _checked("training", x, y, num_classes)
    try:
        parts: list[Any] = train_test_split(
            examples.x, examples.y, test_size=test_size, random_state=seed, stratify=examples.y
        )
    except ValueError as error:
        raise InputError(
            f"cannot draw {test_size} class-balanced test examples from {len(x)}: {error}"
        ) from error
    x_train, x_test, y_train, y_test = parts
    return from_arrays(x_train, y_train, x_test, y_test, num_classes)


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
    if x.dtype != np.uint8:
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
