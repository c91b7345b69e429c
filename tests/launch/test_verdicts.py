"""launch/verdicts.py, of the folders of two runs of a list, one a copy."""

import runpy
import shutil
import sys
from pathlib import Path

import pytest

from jal import experiment as ex
from jal.types import InputError

SCRIPT = Path(__file__).parents[2] / "launch" / "verdicts.py"


@pytest.mark.slow
def test_tables_and_correlations(tmp_path, monkeypatch, capsys):
    one = ex.Experiment(
        name="a",
        learners={"weak": ex.LogisticRegression(C=0.01), "strong": ex.LogisticRegression(C=10.0)},
        queries=("random", "margin", "entropy"),
        protocol=ex.Protocol(seeds=2, rounds=1, batch=5),
        execution=ex.Execution(devices=1),
    )
    ex.run([one], out=tmp_path / "first", progress=False)
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, sorted(tmp_path.iterdir()))])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    said = capsys.readouterr().out.strip().split("\n\n")
    titles = [text for text in said if text.endswith(":")]
    assert titles == ["a, weak:", "a, strong:"] * 2
    tables = [text.splitlines() for text in said if text.startswith("|")]
    assert [len(table) for table in tables] == [4] * 4  # heads, rule, margin and entropy
    assert tables[0] == tables[2] and tables[0] != tables[1]
    assert {row.split(" | ")[0] for row in tables[0][2:]} == {"| margin", "| entropy"}
    sentences = [text for text in said if "rank correlation" in text]
    assert len(sentences) == 4
    assert sentences[0].startswith("a, weak, and a, weak: rank correlation 1.00 [")
    assert sentences[1].startswith("a, weak, and a, strong: rank correlation")
    assert all(text.endswith("of 3 strategies.") for text in sentences)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path / "first"), "--base", "margin"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    said = capsys.readouterr().out
    assert "| AUBC less margin's, points |" in said and "| random |" in said
    argv = [str(SCRIPT), str(tmp_path / "first"), "--learners", "strong", "weak"]
    monkeypatch.setattr(sys, "argv", argv)
    runpy.run_path(str(SCRIPT), run_name="__main__")
    said = capsys.readouterr().out.splitlines()
    assert said[2] == "| labels | strong | weak | strong less weak, points |"
    assert [row.split(" | ")[0] for row in said[4:]] == ["| 10", "| 15"]
    names = runpy.run_path(str(SCRIPT))
    with pytest.raises(InputError, match="no runs have a learner nobody"):
        names["apart"]([[ex.load(tmp_path / "first" / "a")]], ("strong", "nobody"), "random")
    two = [[ex.load(tmp_path / name / "a")] for name in ("first", "second")]
    with pytest.raises(InputError, match="2 runs have a learner strong: give the folder of one"):
        names["apart"](two, ("strong", "weak"), "random")
