"""Runs' folders compared, and what is refused."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from jal.cli import command
from jal.experiment import Execution, Experiment, Protocol, compare, load, run
from jal.types import InputError

SMALL = Experiment(
    name="small", protocol=Protocol(seeds=2, rounds=1), execution=Execution(devices=1)
)


def with_batch(batch):
    protocol = dataclasses.replace(SMALL.protocol, batch=batch)
    return dataclasses.replace(SMALL, protocol=protocol)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Of batches of 10, and of 20."""
    base = tmp_path_factory.mktemp("runs")
    for name, batch in (("ten", 10), ("twenty", 20)):
        run(with_batch(batch), out=base / name, progress=False)
    return base / "ten", base / "twenty"


def test_two_folders(folders, tmp_path):
    table = compare(*folders, out=tmp_path / "new" / "folder")
    assert [path.name for path in sorted((tmp_path / "new" / "folder").iterdir())] == [
        "comparison.csv",
        "comparison.html",
    ]
    learner = "logistic_regression"
    assert table.index.tolist() == [
        (learner, strategy, name) for strategy in ("random", "margin") for name in ("ten", "twenty")
    ]
    final = {path.name: load(path).table().final.loc[learner] for path in folders}
    less = final["twenty"] - final["ten"]
    np.testing.assert_allclose(
        table.final_less.xs("twenty", level="run").loc[learner, less.index], less, rtol=1e-5
    )
    written = pd.read_csv(tmp_path / "new" / "folder" / "comparison.csv")
    np.testing.assert_allclose(written.aubc, table.aubc)
    page = (tmp_path / "new" / "folder" / "comparison.html").read_text()
    assert "<tr><td>protocol.batch</td><td>10</td><td>20</td></tr>" in page


def test_the_command(folders, tmp_path, capsys):
    """Two seeds: no test, and intervals; the page is written where asked."""
    command("compare")([*map(str, folders), "--out", str(tmp_path / "out")])
    said = capsys.readouterr().out
    assert said.startswith("The AUBC of twenty is not tested against ten's, of too few pairs")
    row = compare(*folders).loc["logistic_regression", "margin", "twenty"]
    assert f"{row.final:.4f} ± {row.final_ci:.4f}" in said and f"{row.final:.6f}" not in said
    assert f"{100 * row.aubc_less:+.2f} ± {100 * row.aubc_less_ci:.2f}" in said
    assert said.rstrip().endswith(f"Open {tmp_path / 'out' / 'comparison.html'}")
    assert (tmp_path / "out" / "comparison.csv").is_file()
    command("compare")([*map(str, folders)])
    assert "Open" not in capsys.readouterr().out


def test_what_is_refused(folders, tmp_path):
    with pytest.raises(InputError, match="of two runs or more, got 1"):
        compare(folders[0])
    with pytest.raises(InputError, match="ten is given twice: give"):
        compare(folders[0], folders[0].parent / "twenty" / ".." / "ten")
    other = dataclasses.replace(SMALL, queries=("entropy",))
    run(other, out=tmp_path / "ten", progress=False)
    with pytest.raises(InputError, match=r"/ten, .*/ten have no learner and strategy in common"):
        compare(folders[0], tmp_path / "ten")
    with pytest.raises(InputError, match="is not a run's folder"):
        compare(folders[0], tmp_path / "none")
