"""Runs compared by their folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jal import report
from jal.experiment.folder import replace_file
from jal.experiment.results import load
from jal.types import InputError

__all__ = ["compare", "read_runs", "write_comparison"]

TABLE, PAGE = "comparison.csv", "comparison.html"


def compare(*folders: str | Path, out: str | Path | None = None) -> pd.DataFrame:
    """The table of `jal.report.compare`: what runs have found, and how it differs from the first.

    Args:
      folders: of two or more finished runs.
      out: a folder, made if it is not there, for comparison.csv and the page comparison.html;
        nothing is written if None.

    Raises:
      InputError: for fewer than two folders or the same one twice, for runs that are not finished
        or damaged, and where no learner and strategy is in two of them.
    """
    runs = read_runs(folders)
    if out is not None:
        write_comparison(runs, Path(out))
    return report.compare(runs)


def read_runs(folders: Sequence[str | Path]) -> list[report.Run]:
    """The runs in these folders, found to have something in common.

    Raises:
      InputError: as `compare`.
    """
    paths = [Path(folder) for folder in folders]
    if len(paths) < 2:
        raise InputError(f"a comparison is of two runs or more, got {len(paths)}.")
    for place, path in enumerate(paths):
        if path.resolve() in [other.resolve() for other in paths[:place]]:
            raise InputError(f"{path} is given twice: give folders of different runs.")
    names = [path.resolve().name for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    runs = []
    for name, path in zip(names, paths, strict=True):
        found = load(path)
        runs.append(report.Run(name, found.about(), found.frame, found.info))
    if not report.shared(runs):
        raise InputError(
            f"{', '.join(names)} have no learner and strategy in common: nothing can be compared."
        )
    return runs


def write_comparison(runs: Sequence[report.Run], folder: Path) -> Path:
    """Writes comparison.csv and comparison.html into a folder; returns the page's path."""
    table, page = report.compare(runs), report.comparison_page(runs)
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / TABLE, lambda path: table.reset_index().to_csv(path, index=False))
    replace_file(folder / PAGE, lambda path: path.write_text(page, encoding="utf-8"))
    return folder / PAGE
