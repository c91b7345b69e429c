"""The page of the papers names configs that are there, and claims no run that none tells of."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from jal.experiment import Experiment, Sweep, Training
from jal.experiment.config_file import load_config

ROOT = Path(__file__).parents[2]
FOLDERS = ROOT / "configs"
PAGE = (ROOT / "docs" / "pages" / "papers.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(configs/[\w/]+\.py)`", PAGE)))
CONFIGS = [name for name in NAMED if not Path(name).name.startswith("_")]
NUMBERS = {  # tables and figures of each paper, or the experiments of the draft
    "ABAS-RAL": {"Table": 3, "Figure": 3},
    "BRAL-T": {"Table": 10, "Figure": 8},
    "Slade and Branson": {"Table": 2, "Figure": 4},
    "ALAMP": {"Table": 2, "Figure": 5},
    "The comparison of pool and stream": {"Experiment": 3},
}
TELLS_OF_A_RUN = r"\b(Took|Takes|Measured in|Time:)"  # in a docstring


class Row(NamedTuple):
    number: str
    shows: str
    config: str
    run: str
    outcome: str


def rows(paper: str) -> list[Row]:
    section = re.search(rf"^## {paper}$(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert section is not None
    lines = re.findall(r"^\| (?!---)(.*)\|$", section[1], re.M)[1:]
    return [Row(*(cell.strip() for cell in line.split("|"))) for line in lines]


def docstring(name: str) -> str:
    return ast.get_docstring(ast.parse((ROOT / name).read_text(encoding="utf-8"))) or ""


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_is_named_is_one(name):
    made = load_config(ROOT / name)
    for one in made if isinstance(made, tuple) else (made,):
        assert isinstance(one, Experiment | Training | Sweep)


def test_every_file_that_is_named_exists():
    for name in re.findall(r"`((?:configs|jal)/[\w/]+\.py)`", PAGE):
        assert (ROOT / name).is_file(), name


def test_every_config_of_a_paper_is_named():
    for folder in ("abas_ral", "bral_t", "slade_branson", "alamp"):
        there = {f"configs/{folder}/{path.name}" for path in (FOLDERS / folder).glob("[!_]*.py")}
        assert there and there <= set(CONFIGS), there - set(CONFIGS)


def test_the_papers_are_all():
    assert re.findall(r"^## (.*)$", PAGE, re.M) == [*NUMBERS]


@pytest.mark.parametrize("paper", NUMBERS)
def test_every_table_and_figure_has_a_row(paper):
    wanted = [f"{kind} {i + 1}" for kind, n in NUMBERS[paper].items() for i in range(n)]
    assert [row.number for row in rows(paper) if row.number] == wanted


@pytest.mark.parametrize("paper", NUMBERS)
def test_only_what_tells_of_a_run_was_run(paper):
    for row in rows(paper):
        named = re.findall(r"configs/[\w/]+\.py", row.config)
        assert row.run in ("two cores", "one core", "not yet", "nothing to run"), row
        assert row.outcome and (row.number or named), row
        assert named or row.run in ("not yet", "nothing to run"), row
        for name in named:
            told = docstring(name)
            ran = bool(re.search(TELLS_OF_A_RUN, told))
            assert ran == row.run.endswith(("core", "cores")), (row, name)
            assert not (ran and re.search(r"Not run|not yet measured", told)), name
