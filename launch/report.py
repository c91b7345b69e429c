"""Makes the pictures and page of a finished run anew: python launch/report.py DIR."""

from __future__ import annotations

import sys
from pathlib import Path

import tyro
from rich.console import Console

from jal import report
from jal.experiment import load
from jal.types import InputError


def main(folder: tyro.conf.Positional[Path]) -> None:
    """Reads the tidy table, writes curves.png and report.html.

    Args:
      folder: a finished run's.
    """
    results = load(folder)
    results.render(folder)
    console = Console()
    config = results.experiment.to_json()
    report.print_tables(results.frame, console, results.info, config, results.training)
    console.print(f"Open {folder / 'report.html'}", highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    try:
        tyro.cli(main, prog="launch/report.py")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
