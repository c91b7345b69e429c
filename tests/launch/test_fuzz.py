"""A sample of what launch/fuzz.py does with folders, experiments and command lines."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "launch"))

import fuzz
import fuzz_damages
from fuzz_damages import small_run

from jal.experiment import folder


def test_a_sample_of_damages(capsys):
    assert fuzz.main(["damages", "--count", "8"]) == 0
    shown = capsys.readouterr().out
    assert "8 with seed 0, 0 bad" in shown and "said and equal" in shown


def test_damages_are_found(monkeypatch, tmp_path):
    """Where a config is not verified, its flips are silently wrong."""
    monkeypatch.setattr(folder.files, "digest", lambda tree: "always the same")
    monkeypatch.setattr(fuzz_damages, "_damage", _other_rounds)
    small_run(tmp_path)
    (found,) = fuzz_damages.fuzz_damages(1, 0, tmp_path)
    assert found.what == "wrong"


def _other_rounds(copy, drawn):
    del drawn
    path = copy / "config.json"
    path.write_text(path.read_text().replace('"confidence": 0.95', '"confidence": 0.94'))
    (copy / "manifest.json").write_text("")
    return "confidence"


def test_a_sample_of_experiments_and_commands(capsys):
    assert fuzz.main(["experiments", "--count", "10", "--seed", "1"]) == 0
    assert "10 with seed 1, 0 bad" in capsys.readouterr().out
    assert fuzz.main(["commands", "--count", "12", "--seed", "1"]) == 0
    assert "12 with seed 1, 0 bad" in capsys.readouterr().out
    assert fuzz.main(["commands", "--count", "0"]) == 2
