"""`jal report` and `jal compare`: what runs have found, shown anew or beside each other."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import tyro
from rich.console import Console

from jal.experiment import compare
from jal.experiment.lock import locked
from jal.experiment.results import load_so_far

__all__ = ["compare_command", "report_command"]


def report_command(arguments: Sequence[str], prog: str = "jal report") -> None:
    """Of a run that is not finished they show what is saved so far, and say so."""
    tyro.cli(_report, args=list(arguments), prog=prog)


def _report(folder: tyro.conf.Positional[Path]) -> None:
    """Reads what was measured, writes curves, summary and report.html (unfinished.png and .html).

    Args:
      folder: a run's.
    """
    results = load_so_far(folder)
    # The manifest of a finished run is written anew; an unfinished one may well be in use.
    unfinished = results.info.get("unfinished")
    with contextlib.nullcontext() if unfinished else locked(folder):
        page = results.render(folder)
    console = Console()
    results.print(console)
    if unfinished:
        console.print(f"unfinished: {unfinished}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"Open {page}", highlight=False, markup=False, soft_wrap=True)


def compare_command(arguments: Sequence[str], prog: str = "jal compare") -> None:
    """Two or more runs beside each other: a table, and with --out a page."""
    tyro.cli(_compare, args=list(arguments), prog=prog)


def _compare(folders: tyro.conf.Positional[tuple[Path, ...]], out: Path | None = None) -> None:
    """Shows what runs have found, and how each differs from the first.

    Args:
      folders: of two or more finished runs.
      out: a folder for comparison.csv and comparison.html; nothing is written if not given.
    """
    table = compare(*folders, out=out)
    console = Console()
    console.print(table.to_string(), highlight=False, markup=False, soft_wrap=True)
    if out is not None:
        console.print(
            f"Open {out / 'comparison.html'}", highlight=False, markup=False, soft_wrap=True
        )
