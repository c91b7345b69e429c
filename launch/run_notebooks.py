"""Runs notebooks from top to bottom and keeps their outputs, less what differs from run to run.

python launch/run_notebooks.py notebooks/*.ipynb
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import nbclient
import nbformat
from nbformat import NotebookNode

LIVE = "application/vnd.jupyter.widget-view+json"
TEXTS = {"text/html", "text/plain"}


def main(paths: list[str]) -> None:
    """Runs each and writes it back."""
    for path in map(Path, paths):
        notebook = nbformat.read(path, as_version=4)
        begun, used = time.perf_counter(), os.times()
        execute(notebook)
        wall, now = time.perf_counter() - begun, os.times()
        spent = sum(now[2:4]) - sum(used[2:4])
        nbformat.write(cleaned(notebook), path)
        print(f"{path.name}: {wall:.0f} s, {spent:.0f} s of CPU", flush=True)


def execute(notebook: NotebookNode) -> None:
    """Runs all cells, in the current folder; an hour is too long for one."""
    options = {"timeout": 3600, "coalesce_streams": True, "resources": {"metadata": {"path": "."}}}
    nbclient.NotebookClient(notebook, **options).execute()


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """The same notebook without times, widgets, and metadata of the machine."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = NotebookNode(kernelspec=kernel, language_info={"name": "python"})
    for cell in notebook.cells:
        cell.metadata = NotebookNode()
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if not _empty(one)]
    return notebook


def _empty(output: NotebookNode) -> bool:
    """Whether it shows nothing without a kernel: progress, and what its end leaves."""
    data = output.get("data", {"text/plain": " "})
    return LIVE in data or (set(data) <= TEXTS and not data["text/plain"])


if __name__ == "__main__":
    main(sys.argv[1:])
