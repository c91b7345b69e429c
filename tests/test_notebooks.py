"""Notebooks run from top to bottom and show what they promise."""

import re
import sys
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="needs the extra notebooks")
nbformat = pytest.importorskip("nbformat", reason="needs the extra notebooks")

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "launch"))

import run_notebooks
from IPython.core.inputtransformer2 import TransformerManager

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def read(path):
    return nbformat.read(path, as_version=4)


def outputs(notebook):
    return [one for cell in notebook.cells for one in cell.get("outputs", [])]


def kinds(notebook):
    """How many pictures and tables it shows; progress is HTML as well, and neither."""
    data = [one.get("data", {}) for one in outputs(notebook)]
    return {
        "pictures": sum("image/png" in one for one in data),
        "tables": sum("<table" in one.get("text/html", "") for one in data),
    }


@each
def test_is_committed_as_it_ran(path):
    """Every code cell in order, no error or warning, nothing of the machine."""
    notebook = read(path)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    shown = outputs(notebook)
    assert shown and not [one for one in shown if one.output_type == "error"]
    text = str(shown)
    assert "Warning" not in text and not re.search(r"/(home|tmp|root|work|opt|usr)/", text)
    assert run_notebooks.cleaned(read(path)) == notebook
    assert min(kinds(notebook).values()) >= 2


@each
def test_opens_in_colab(path):
    """A badge of its own, and a cell that installs jal there and nowhere else."""
    cells = read(path).cells
    badge = f"https://colab.research.google.com/github/OWNER/jal/blob/main/notebooks/{path.name}"
    assert f"]({badge})" in cells[0].source
    assert f"]({badge})" in (ROOT / "README.md").read_text()
    install = TransformerManager().transform_cell(cells[1].source)
    called = []
    names = {"get_ipython": lambda: called.append("pip")}
    exec(compile(install, path.name, "exec"), names)
    assert not called and "google.colab" in cells[1].source


@each
def test_cells_are_python(path):
    shell = TransformerManager()
    for i, cell in enumerate(read(path).cells):
        if cell.cell_type == "code":
            compile(shell.transform_cell(cell.source), f"{path.name}, cell {i}", "exec")


def test_the_page_lists_them():
    page = (ROOT / "docs/pages/notebooks.md").read_text()
    assert sorted(set(re.findall(r"notebooks/(\w+\.ipynb)", page))) == [
        one.name for one in NOTEBOOKS
    ]


@pytest.mark.slow
@each
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own
def test_runs_and_shows(path, monkeypatch, tmp_path):
    """As many pictures and tables as are committed."""
    monkeypatch.delenv("XLA_FLAGS")
    monkeypatch.chdir(tmp_path)  # what a notebook writes is gone afterwards
    notebook, committed = read(path), read(path)
    run_notebooks.execute(notebook)
    assert "Warning" not in str(outputs(notebook))
    assert kinds(notebook) == kinds(committed)
