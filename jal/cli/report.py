"""`jal report`, `compare` and `rank`: what runs have found, anew, beside each other, summed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from jal.experiment import Training
from jal.experiment.folder import read_config
from jal.experiment.history import load_history
from jal.experiment.lock import locked
from jal.experiment.results import load_so_far
from jal.experiment.runs_compared import read_runs, write_comparison
from jal.experiment.runs_ranked import rank
from jal.report import print_comparison, print_ranks

__all__ = ["compare_command", "rank_command", "report_command"]


def report_command(arguments: Sequence[str], prog: str = "jal report") -> None:
    """Of a run that is not finished they show what is saved so far, and say so."""
    tyro.cli(_report, args=list(arguments), prog=prog)


def _report(folder: tyro.conf.Positional[Path]) -> None:
    """Reads what was measured, writes curves, summary and report.html (unfinished.png and .html).

    Args:
      folder: a run's, or a training's, of which curves and report.html are written.
    """
    config = read_config(folder)
    if isinstance(config, Training):
        found, unfinished = load_history(folder, config), None
    else:
        found = load_so_far(folder)
        unfinished = found.info.get("unfinished")
    # The manifest of a finished run is written anew; an unfinished one may well be in use.
    with contextlib.nullcontext() if unfinished else locked(folder):
        page = found.render(folder)
    console = Console()
    found.print(console)
    if unfinished:
        console.print(f"unfinished: {unfinished}", highlight=False, markup=False, soft_wrap=True)
    _open(console, page)


def compare_command(arguments: Sequence[str], prog: str = "jal compare") -> None:
    """Two or more runs beside each other: tables, and with --out a page."""
    tyro.cli(_compare, args=list(arguments), prog=prog)


def _compare(folders: tyro.conf.Positional[tuple[Path, ...]], out: Path | None = None) -> None:
    """Shows what runs have found, and how each differs from the first.

    Args:
      folders: of two or more finished runs.
      out: a folder for comparison.csv and comparison.html; nothing is written if not given.
    """
    runs, console = read_runs(folders), Console()
    page = None if out is None else write_comparison(runs, out)
    print_comparison(runs, console)
    if page is not None:
        _open(console, page)


def rank_command(arguments: Sequence[str], prog: str = "jal rank") -> None:
    """Strategies over runs on many data sets: mean ranks, and wins, ties and losses."""
    tyro.cli(_rank, args=list(arguments), prog=prog)


def _rank(
    folders: tyro.conf.Positional[tuple[Path, ...]],
    base: str = "random",
    metric: str = "accuracy",
    classes: Literal["all", "two", "more"] = "all",
    out: Path | None = None,
) -> None:
    """Ranks strategies over runs on many data sets, and counts wins, ties and losses of each.

    Args:
      folders: of finished runs, one for each data set; or of lists and sweeps of them.
      base: the strategy that wins and losses are against.
      metric: of which more is better; the area under its curve counts.
      classes: of which data sets: all, those of two classes, or those of more.
      out: a folder for ranks.csv, areas.csv and a picture for each learner; nothing is written if
        not given.
    """
    console = Console()
    ranking = rank(*folders, base=base, metric=metric, classes=classes, out=out)
    for learner, found in ranking.items():
        print_ranks(found.ranks, found.record, console, f"{learner}, {metric}", base)
    if out is not None:
        _open(console, out)


def _open(console: Console, page: Path) -> None:
    console.print(f"Open {page}", highlight=False, markup=False, soft_wrap=True)
