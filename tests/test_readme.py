"""What README and the tables of strategies show is so."""

import inspect
import re
import runpy
from pathlib import Path

import pytest

from jal import strategies
from jal.experiment import MLP, Experiment, Query
from jal.experiment.queries import make

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
STRATEGIES = (ROOT / "docs" / "pages" / "strategies.md").read_text()


def test_one_scorer_alone():
    block = re.search(r"## One scorer alone.*?```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    lines = [line for line in block.group(1).splitlines() if line]
    assert len(lines) <= 5
    names: dict = {}
    exec("\n".join(lines), names)
    assert len(set(names["picks"].tolist())) == 5


def test_something_of_your_own():
    block = re.search(r"## Something of your own.*?```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    names: dict = {"__name__": "own"}
    exec(block.group(1).replace(".table()", ""), names)
    results = names["run"](names["experiment"], progress=False)
    assert list(results.table().index) == [("stiff", "random"), ("stiff", "doubt")]
    training, compared = names["steps"]
    training.check(), compared.check()


@pytest.fixture(scope="module")
def script() -> dict:
    return runpy.run_path(str(ROOT / "launch" / "strategies.py"))


def test_the_tables_are_current(script):
    run = "run: python launch/strategies.py docs/pages/strategies.md"
    assert script["replaced"](STRATEGIES) == STRATEGIES, run
    assert all(mark in STRATEGIES for mark in script["TABLES"])


def test_the_table_of_defaults_has_a_row_for_each_option(script):
    head, _, *rows = script["defaults"]().splitlines()
    assert {row.replace(r"\|", "").count("|") for row in (head, *rows)} == {6}
    options = [
        (name, option.name)
        for name, member in strategies.registry.items()
        for option in inspect.signature(member.make).parameters.values()
    ]
    assert [tuple(row.split("`")[1:4:2]) for row in rows] == options
    text = "\n".join(rows)
    assert "| `bait` | `ridge` | 1.0 | code |  |" in text
    assert "| `cluster_margin` | `sample` | 10,000 | ours | " in text
    assert "| `prob_cover` | `deltas` | 0.05, 0.1, ... 2.0 | ours | " in text


def test_the_table_has_a_row_for_each_strategy(script):
    head, _, *rows = script["table"]().splitlines()
    assert head.count("|") == 9 and all(row.count("|") == 9 for row in rows)
    assert [row.split("`")[1] for row in rows] == list(strategies.registry)
    for row, (name, member) in zip(rows, strategies.registry.items(), strict=True):
        made = member()
        assert member.paper in row and member.cost in row and member.trains in row
        assert ("dropout," in row or "dropout |" in row) == ("sample" in made.needs), name
        assert ("minibatch training" in row) == (made.auxiliary is not None), name
        assert row.endswith("| yes |") == made.cold_start, name
    caps = {row.split("`")[1]: row.split(" | ")[-2].strip(" |") for row in rows}
    assert caps["fl1mi"] == "max_queries 256, sample 2,000" and caps["margin"] == ""


def test_a_text_without_marks_is_left(script):
    with pytest.raises(ValueError, match="there must be one"):
        script["replaced"]("no table here")


def test_the_options_shown_exist():
    """The page's experiment with options is one that can be made."""
    block = re.search(r"^(Experiment\(.*?)^```", STRATEGIES, re.MULTILINE | re.DOTALL)
    assert block is not None
    names = {"Experiment": Experiment, "MLP": MLP, "Query": Query}
    experiment = Experiment.checked(eval(block.group(1), names))
    experiment.check()
    assert [make(query, allow_code=False).name for query in experiment.queries] == [
        "random",
        "bald",
        "bald_50",
    ]
