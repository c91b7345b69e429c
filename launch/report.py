"""Makes the pictures and page of a run anew: python launch/report.py DIR.

Of a run that is not finished they show what is saved so far, and say so.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import tyro
from rich.console import Console

from jal import report
from jal.experiment.lock import locked
from jal.experiment.results import Results, load_so_far
from jal.types import InputError


def main(folder: tyro.conf.Positional[Path]) -> None:
    """Reads what was measured, writes curves.png and report.html.

    Args:
      folder: a run's.
    """
    results = _rendered(folder)
    console = Console()
    config = results.experiment.to_json()
    report.print_tables(results.frame, console, results.info, config, results.training)
    if unfinished := results.info.get("unfinished"):
        console.print(f"unfinished: {unfinished}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"Open {folder / 'report.html'}", highlight=False, markup=False, soft_wrap=True)


def _rendered(folder: Path) -> Results:
    """What is shown."""
    results = load_so_far(folder)
    unfinished = "unfinished" in results.info
    # The manifest of a finished run is written anew; an unfinished one may well be in use.
    with contextlib.nullcontext() if unfinished else locked(folder):
        results.render(folder)
    if unfinished and "unfinished" not in load_so_far(folder).info:
        return _rendered(folder)  # it finished meanwhile: its own page may just have been replaced
    return results


if __name__ == "__main__":
    try:
        tyro.cli(main, prog="launch/report.py")
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
