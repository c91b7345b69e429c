"""Inputs of any kind as numbers; what cannot be numbers is refused by the column's name."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy import sparse

from jal.types import InputError

__all__ = ["Inputs", "are_bytes", "as_inputs", "as_numbers"]


class Inputs(NamedTuple):
    """An array of numbers or bools, `[N, ...]`, and the names of its columns, if they have any."""

    values: np.ndarray
    columns: tuple[Any, ...] = ()

    def column(self, place: int) -> str:
        """A column in words."""
        return f"column {self.columns[place]!r}" if self.columns else f"column {place}"


def as_numbers(part: str, x: Any) -> Inputs:
    """Inputs as an array of numbers or bools of the type they came in.

    Args:
      part: of the data, for errors.
      x: an array or nested lists `[N, ...]`, or a pandas DataFrame.

    Raises:
      InputError: naming the column that holds no numbers, with what would work.
    """
    what = f"{part} features"
    if sparse.issparse(x):
        rows, columns = x.shape
        raise InputError(
            f"{what} are a sparse matrix: give x.toarray(), {rows * columns * 4 / 2**20:,.0f} MiB "
            "as float32, or fewer columns by sklearn.decomposition.TruncatedSVD."
        )
    if np.ma.is_masked(x):
        raise InputError(f"{what} are masked in places: fill them, as x.filled(0) does.")
    if hasattr(x, "columns") and hasattr(x, "items"):
        return _of_frame(what, x)
    try:
        values = np.asarray(x)
    except Exception as error:  # of lists, and of other libraries' arrays
        raise InputError(
            f"{what} make no array, for {_unequal(x) or str(error).rstrip('.')}: give numbers "
            "[N, ...], as many for each example."
        ) from error
    if values.dtype == object and values.ndim == 1:
        unequal = _unequal(values)
        why = f", for {unequal}: pad them to one" if unequal else ": give np.stack(x)"
        raise InputError(f"{what} are {len(values)} Python objects{why}.")
    if values.dtype.names:
        raise InputError(
            f"{what} are records of {', '.join(values.dtype.names)}: give "
            "numpy.lib.recfunctions.structured_to_unstructured(x)."
        )
    if values.dtype.kind in "UST" and values.ndim == 2:
        for place, column in enumerate(values.T):
            _check_read(f"column {place} of {what}", column)
    if values.dtype == object and values.ndim == 2:
        columns = enumerate(values.T)
        made = [_of_column(f"column {place} of {what}", column) for place, column in columns]
        return Inputs(np.stack(made, axis=1) if made else np.zeros(values.shape))
    return Inputs(_of_column(what, values))


def are_bytes(*parts: Inputs) -> bool:
    """Whether parts are bytes, which learners scale to [0, 1]: uint8, but for flat 0s and 1s.

    Raises:
      InputError: unless they agree in this, in their shapes and in their columns' names and order.
    """
    first = parts[0]
    kinds = [part.values.dtype == np.uint8 for part in parts]
    above_one = [
        p.values.ndim > 2 or bool(p.values.max(initial=0) > 1) for p in parts if any(kinds)
    ]
    for part, kind in zip(parts[1:], kinds[1:], strict=True):
        _check_columns(first.columns, part.columns)
        if first.values.shape[1:] != part.values.shape[1:]:
            raise InputError(
                f"training examples have shape {first.values.shape[1:]} but test examples "
                f"{part.values.shape[1:]}: they must agree."
            )
        if kind != kinds[0] and above_one[kinds.index(True)]:
            raise InputError(
                f"training features are {first.values.dtype} but test features "
                f"{part.values.dtype}, and bytes (uint8) are scaled to [0, 1]: give both as bytes, "
                "or both as floats on one scale."
            )
    return all(kinds) and any(above_one)


def as_inputs(part: str, x: Inputs, stay_bytes: bool) -> np.ndarray:
    """float32, or bytes as they are.

    Args:
      part: of the data, for errors.
      x: of `as_numbers`, with examples.
      stay_bytes: of `are_bytes`.

    Raises:
      InputError: for images with channels first, no features, NaN or infinity.
    """
    values = x.values
    if values.size == 0:
        raise InputError(f"{part} examples have no features: their shape is {values.shape[1:]}.")
    if _channels_first(values.shape):
        raise InputError(
            f"{part} images have shape {values.shape[1:]}, channels first: give "
            "x.transpose(0, 2, 3, 1); or x.reshape(len(x), -1) if they are no images."
        )
    if stay_bytes:
        return values
    with np.errstate(over="ignore"):  # reported below as infinity
        made = values.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(made).all(axis=tuple(range(1, made.ndim))))
    if bad.size:
        where = ""
        if made.ndim == 2:
            where = f" in {x.column(int(np.argmin(np.isfinite(made[bad[0]]))))}"
        raise InputError(
            f"{part} features of {bad.size} examples, the first number {bad[0]}, hold NaN or "
            f"infinity{where}: impute or drop them."
        )
    return made


def _check_columns(train: tuple[Any, ...], test: tuple[Any, ...]) -> None:
    if not train or not test or train == test:
        return
    strange = [name for name in (*train, *test) if name not in train or name not in test]
    if strange:
        raise InputError(
            f"{strange[0]!r} is a column of training or of test features alone: give both the same."
        )
    raise InputError(
        "test columns are in another order than training columns: give x_test[x_train.columns]."
    )


def _channels_first(shape: Sequence[int]) -> bool:
    """`[N, C, H, W]` of 1 or 3 channels; images are no strips of 1 or 3 rows with many channels."""
    if len(shape) != 4 or shape[1] not in (1, 3):
        return False
    _, _, height, width = shape
    return min(height, width) > 4 and max(height, width) <= 4 * min(height, width)


def _of_frame(what: str, frame: Any) -> Inputs:
    made = [
        _of_column(f"column {name!r} of {what}", np.asarray(column))
        for name, column in frame.items()
    ]
    values = np.stack(made, axis=1) if made else np.zeros((len(frame), 0))
    return Inputs(values, tuple(frame.columns))


def _of_column(what: str, column: np.ndarray) -> np.ndarray:
    """The column, or all of an array, if it holds numbers or bools."""
    if column.dtype == bool or _is_real(column.dtype):
        return column
    if column.dtype == object:
        strange = [v for v in column.flat if not isinstance(v, numbers.Real | np.bool_)][:1]
        if not strange:
            return column.astype(np.float64)
        how = "encode it, as pandas.get_dummies does"
        if not isinstance(strange[0], str):
            how = "give numbers, and impute what is missing"
        raise InputError(f"{what} holds {strange[0]!r}: {how}.")
    if column.dtype.kind in "UST":
        _check_read(what, column)
    how = {
        "U": "give x.astype(np.float32)",
        "S": "give x.astype(np.float32)",
        "T": "give x.astype(np.float32)",
        "c": "give their real and imaginary parts, or np.abs",
        "M": "give (t - t.min()) / np.timedelta64(1, 'D')",
        "m": "give t / np.timedelta64(1, 'D')",
    }.get(column.dtype.kind, "give floats")
    raise InputError(f"{what} must be numbers, got {column.dtype}: {how}.")


def _is_real(dtype: np.dtype) -> bool:
    """Of integers and floats, bfloat16 among them; NumPy counts times as integers."""
    if dtype.kind == "m":
        return False
    return jnp.issubdtype(dtype, jnp.integer) or jnp.issubdtype(dtype, jnp.floating)


def _check_read(what: str, texts: np.ndarray) -> None:
    """Raises InputError at the first text that is not that of a number."""
    for text in texts.flat:
        try:
            float(text)
        except ValueError:
            raise InputError(
                f"{what} must be numbers, got {str(text)!r}: encode it, as pandas.get_dummies does."
            ) from None


def _unequal(x: Any) -> str | None:
    """The first example whose shape is not the first one's, in words."""
    try:
        shapes = [np.shape(example) for example in x]
    except Exception:  # an example that is itself ragged
        return "an example of lists of several lengths"
    strange = next((i for i, shape in enumerate(shapes) if shape != shapes[0]), None)
    if strange is None:
        return None
    return f"example {strange} has shape {shapes[strange]} and example 0 {shapes[0]}"
