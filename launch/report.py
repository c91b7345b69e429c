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
from jal.experiment.results import load_so_far
from jal.types import InputError


def main(folder: tyro.conf.Positional[Path]) -> None:
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
    report.print_tables(results.frame, console, results.info, results.about(), results.training)
    if unfinished:
        console.print(f"unfinished: {unfinished}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"Open {page}", highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    try:
        tyro.cli(main, prog="launch/report.py")
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
