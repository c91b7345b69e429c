"""Notebooks run from top to bottom and show what they promise."""

from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="needs the extra notebooks")
nbformat = pytest.importorskip("nbformat", reason="needs the extra notebooks")

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own
def test_runs_and_shows(path, monkeypatch):
    monkeypatch.delenv("XLA_FLAGS")
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": "."}}).execute()
    shown = [
        kind
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for kind in output.get("data", {})
    ]
    text = str([cell.get("outputs") for cell in notebook.cells])
    assert "Warning" not in text
    assert shown.count("image/png") == 2 and shown.count("text/html") >= 4
