"""Data sets as arrays: their checks, their split, their fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jal.data.inputs import are_bytes, as_inputs, as_numbers
from jal.data.labels import as_labels, class_numbers, numbering
from jal.data.notes import merged_columns, odd_scale
from jal.types import InputError

__all__ = [
    "Dataset",
    "Examples",
    "Parts",
    "assemble",
    "divide",
    "draw_test",
    "fingerprint",
    "from_arrays",
    "of_classes",
    "take",
]


class Examples(NamedTuple):
    """NumPy arrays `x [N, ...]` (float32 or uint8) and `y [N]` int32."""

    x: np.ndarray
    y: np.ndarray


class Dataset(NamedTuple):
    """A pool to label and a test set to measure on, checked; `take` makes a smaller pool of it.

    Attributes:
      train: the pool. Inputs are float32, but bytes stay uint8, and learners scale them to [0, 1].
      test: likewise.
      num_classes: K.
      class_names: K of them, or none.
      rows: `[N]` int: the training examples' places in the source, its training set's if it has
        one.
      files: of the source's places: where training example i comes from files is it
        files[rows[i]]; else empty.
      notes: sentences on what may not be as it was meant.
      test_rows: `[M]` int: likewise the test examples', where they were drawn from the source; None
        where it has a test set of its own.
    """

    train: Examples
    test: Examples
    num_classes: int
    class_names: tuple[str, ...] = ()
    rows: np.ndarray | None = None
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    test_rows: np.ndarray | None = None


class Parts(NamedTuple):
    """What a source holds, unchecked.

    Attributes:
      train: the training set, or all examples.
      test: None without a test set.
      num_classes: K; None if unsaid.
      class_names: K of them, or none.
      files: of the training examples, or none.
      notes: as in `Dataset`.
    """

    train: Examples
    test: Examples | None = None
    num_classes: int | None = None
    class_names: Sequence[str] | np.ndarray = ()
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def from_arrays(
    x_train: Any,
    y_train: Any,
    x_test: Any,
    y_test: Any,
    num_classes: int | None = None,
    class_names: Sequence[str] | np.ndarray | None = (),
) -> Dataset:
    """A Dataset from arrays, nested lists or pandas objects in memory.

    Labels are classes 0..K-1; strings, bools, 1..K and -1, 1 are numbered in their order, and
    become the classes' names. The test set's are numbered as the training set's.

    Args:
      x_train: `[N, ...]` numbers or bools, made float32. Bytes, uint8 `[N, D]`, `[N, H, W]` or
        `[N, H, W, C]`, stay what they are, and learners scale them to [0, 1]; flat 0s and 1s are
        numbers.
      y_train: `[N]`, one label for each.
      x_test: as x_train, of the same kind.
      y_test: as y_train.
      num_classes: K, where not every class of 0..K-1 has an example.
      class_names: K of them in the order of the classes, or none. Labels that are strings are
        numbered in this order.

    Raises:
      InputError: for features that are no finite numbers, with the column; for missing labels and
        those of a regression; for classes without examples unless num_classes is given; where
        train and test differ in kind or shape.
    """
    train, test = Examples(x_train, y_train), Examples(x_test, y_test)
    names = () if class_names is None else class_names
    return assemble(Parts(train, test, num_classes, names))


def assemble(parts: Parts, test_size: int | float = 0.2, split_seed: int = 0) -> Dataset:
    """The checked Dataset; without a test set, one is drawn from `train`, class-balanced.

    Args:
      parts: of a source.
      test_size: how many examples to draw, or which fraction, in (0, 1).
      split_seed: seed of that draw.

    Raises:
      InputError: as `from_arrays`, and where the draw is impossible.
    """
    given = {"training": parts.train} | ({"test": parts.test} if parts.test is not None else {})
    inputs = {part: as_numbers(part, examples.x) for part, examples in given.items()}
    labels = {part: as_labels(part, examples.y) for part, examples in given.items()}
    for part in given:
        _check_shapes(part, inputs[part].values, labels[part])
    classes = numbering(labels["training"], parts.num_classes, parts.class_names)
    y = {part: class_numbers(part, one, classes) for part, one in labels.items()}
    stay_bytes = are_bytes(*inputs.values())
    x = {part: as_inputs(part, one, stay_bytes) for part, one in inputs.items()}
    found = {part: Examples(x[part], y[part]) for part in given}
    train, rows, drawn = found["training"], np.arange(len(y["training"])), None
    if parts.test is None:
        rows, drawn = draw_test(train.y, test_size, split_seed)
        train, test = _at(train, rows), _at(train, drawn)
    else:
        test = found["test"]
    notes = merged_columns(inputs["training"]) + odd_scale(train.x, test.x)
    return Dataset(
        train,
        test,
        len(classes.values),
        classes.names,
        rows,
        parts.files,
        (*parts.notes, *notes),
        drawn,
    )


def take(dataset: Dataset, chosen: np.ndarray) -> Dataset:
    """The data set whose pool are the training examples `chosen [n]`, in this order."""
    rows = np.arange(len(dataset.train.y)) if dataset.rows is None else dataset.rows
    return dataset._replace(train=_at(dataset.train, chosen), rows=rows[chosen])


def of_classes(dataset: Dataset, classes: Sequence[int]) -> Dataset:
    """The examples of these classes alone, in both sets, numbered anew in the order given.

    Raises:
      InputError: for fewer than two classes, one that is given twice, or one that is none.
    """
    count = dataset.num_classes
    wrong = [one for one in classes if not 0 <= one < count]
    twice = [one for one in classes if list(classes).count(one) > 1]
    if wrong or twice or len(classes) < 2:
        got = f"{(wrong or twice)[0]}{' twice' * (not wrong)}" if wrong or twice else f"{classes}"
        raise InputError(f"classes must be two or more of 0 to {count - 1}, each once, got {got}.")
    number = np.full(count, -1, np.int32)
    number[list(classes)] = np.arange(len(classes))
    made = take(dataset, np.flatnonzero(number[dataset.train.y] >= 0))
    kept, drawn = np.flatnonzero(number[dataset.test.y] >= 0), dataset.test_rows
    test = _at(dataset.test, kept)
    return made._replace(
        test_rows=None if drawn is None else drawn[kept],
        train=made.train._replace(y=number[made.train.y]),
        test=test._replace(y=number[test.y]),
        num_classes=len(classes),
        class_names=tuple(dataset.class_names[one] for one in classes)
        if dataset.class_names
        else (),
    )


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


def _at(examples: Examples, places: np.ndarray) -> Examples:
    return Examples(examples.x[places], examples.y[places])


def draw_test(y: np.ndarray, size: int | float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of a training and of a test set, class-balanced.

    Raises:
      InputError: where the draw is impossible.
    """
    from sklearn.model_selection import train_test_split

    try:
        made: list[Any] = train_test_split(
            np.arange(len(y)), test_size=size, random_state=seed, stratify=y
        )
    except ValueError as error:
        raise InputError(
            f"cannot draw {size} class-balanced test examples from {len(y)}: "
            f"{str(error).rstrip('.')}."
        ) from error
    return made[0], made[1]


def _check_shapes(part: str, x: np.ndarray, y: np.ndarray) -> None:
    if x.ndim < 2 or y.shape != x.shape[:1]:
        raise InputError(
            f"{part} data must be x [N, ...] and y [N], got shapes {x.shape} and {y.shape}"
            f"{_remedy(x, y)}."
        )
    if len(x) == 0:
        raise InputError(f"{part} data hold no examples.")


def _remedy(x: np.ndarray, y: np.ndarray) -> str:
    """What would bring x and y to their shapes, if that can be told."""
    if x.ndim == 1 and y.shape == x.shape:
        return ": give x[:, None] if each example is one number"
    if x.ndim > 1 and y.shape == x.shape[-1:]:
        return ": give np.moveaxis(x, -1, 0)"
    if y.ndim != 2 or len(y) != len(x):
        return ""
    if y.shape[1] == 1:
        return ": give np.ravel(y)"
    if y.dtype.kind in "iuf" and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return ": give np.argmax(y, axis=1)"
    return ": examples of several labels each cannot be learned"
