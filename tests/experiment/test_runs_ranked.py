"""Strategies ranked by the folders of runs, and what is refused."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from jal.cli import command
from jal.experiment import Data, Execution, Experiment, Protocol, Sweep, load, rank, run
from jal.types import InputError

SMALL = Experiment(
    name="small",
    data=Data("sklearn:iris", standardise=True),
    queries=("random", "margin", "k_center"),
    protocol=Protocol(seeds=5, rounds=2, batch=3, metrics="balanced_accuracy"),
    execution=Execution(devices=1),
)
SETS = ("sklearn:iris", "sklearn:wine")
LEARNER = "logistic_regression"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of a sweep over two data sets."""
    path = tmp_path_factory.mktemp("runs") / "sweep"
    run(Sweep(SMALL, {"data.source": SETS}), out=path, progress=False)
    return path


def each(folder):
    return [folder / f"source={name}" for name in SETS]


def areas(path, metric="accuracy"):
    """Mean over the seeds of the trapezoids: budgets are of equal width."""
    frame = load(path).frame
    part = frame[frame.metric == metric].pivot_table(
        index="strategy", columns="round", values="value", aggfunc="mean"
    )
    return (part[0] / 2 + part[1] + part[2] / 2) / 2


def test_of_a_sweep(folder, tmp_path):
    found = rank(folder, out=tmp_path / "new" / "out")[LEARNER]
    means = pd.DataFrame([areas(path) for path in each(folder)], index=list(SETS))
    table = found.table()
    expected = means.rank(axis=1, ascending=False).mean()
    assert table["rank"].to_dict() == expected.to_dict() and table["rank"].is_monotonic_increasing
    assert found.ranks.data_sets == 2
    np.testing.assert_allclose(
        table["mean"].drop("random"),
        means.sub(means.random, axis=0).mean()[table.index.drop("random")],
        atol=1e-6,
    )
    assert (table.drop("random")[["win", "tie", "loss"]].sum(axis=1) == 2).all()
    written = pd.read_csv(tmp_path / "new" / "out" / "ranks.csv", index_col=["learner", "strategy"])
    np.testing.assert_allclose(written.loc[LEARNER]["rank"], table["rank"])
    written = pd.read_csv(tmp_path / "new" / "out" / "areas.csv", index_col=["learner", "data_set"])
    np.testing.assert_allclose(written.loc[LEARNER], means[written.columns], atol=1e-6)
    assert (tmp_path / "new" / "out" / f"ranks_{LEARNER}.png").read_bytes()[1:4] == b"PNG"


def test_of_folders_by_another_metric_against_another_base(folder):
    found = rank(*each(folder), metric="balanced_accuracy", base="margin")[LEARNER]
    means = pd.DataFrame([areas(path, "balanced_accuracy") for path in each(folder)])
    less = means.sub(means.margin, axis=0).mean()
    np.testing.assert_allclose(found.table()["mean"]["random"], less.random, atol=1e-6)
    assert np.isnan(found.table()["mean"]["margin"])


def test_of_data_sets_of_two_classes_and_of_more(folder, tmp_path, capsys):
    two = dataclasses.replace(SMALL, data=Data("sklearn:breast_cancer", standardise=True))
    run(two, out=tmp_path / "two", progress=False)
    for classes, sets in (("all", {*SETS, "sklearn:breast_cancer"}), ("more", {*SETS})):
        assert set(rank(tmp_path / "two", folder, classes=classes)[LEARNER].areas) == sets
    with pytest.raises(InputError, match="on two data sets or more, got 3 on 1"):
        rank(tmp_path / "two", folder, classes="two")
    with pytest.raises(InputError, match="none of these runs is on two classes"):
        rank(folder, classes="two")
    command("rank")([str(tmp_path / "two"), str(folder), "--classes", "more"])
    assert f"{LEARNER}, accuracy: 2 data sets" in " ".join(capsys.readouterr().out.split())


def test_the_command(folder, tmp_path, capsys):
    command("rank")([str(folder), "--out", str(tmp_path / "out")])
    said = capsys.readouterr().out
    table = rank(folder)[LEARNER].table()
    assert "2 data sets" in said and said.rstrip().endswith(f"Open {tmp_path / 'out'}")
    line = next(line.split() for line in said.splitlines() if line.split()[:1] == ["margin"])
    row = table.loc["margin"]
    wins = [str(int(row[kind])) for kind in ("win", "tie", "loss")]
    assert line[1:] == [f"{row['rank']:.2f}", *wins, f"{100 * row['mean']:+.2f}"]


def test_what_is_refused(folder, tmp_path):
    first, second = each(folder)
    with pytest.raises(InputError, match="on two data sets or more, got 3 on 1"):
        rank(first)
    with pytest.raises(InputError, match="are both on sklearn:iris: give one run of each"):
        rank(folder, first)
    with pytest.raises(InputError, match="did not measure f1: give it among"):
        rank(folder, metric="f1")
    for told in ("imbalance_ratio", "train_loss"):  # of which more may be worse
        with pytest.raises(InputError, match=f"did not measure {told}: give it among"):
            rank(folder, metric=told)
    for less in ("log_loss", "train_error", "confusion_0_1"):
        with pytest.raises(InputError, match=f"of {less} less is"):
            rank(folder, metric=less)
    with pytest.raises(InputError, match="has no entropy with logistic_regression: give another"):
        rank(folder, base="entropy")
    with pytest.raises(InputError, match="is not a run's folder"):
        rank(folder, tmp_path)
    other = dataclasses.replace(
        SMALL, data=Data("sklearn:breast_cancer", standardise=True), queries=("random", "entropy")
    )
    run(other, out=tmp_path / "other", progress=False)
    with pytest.raises(InputError, match="give all data sets the same"):
        rank(second, tmp_path / "other")
    with pytest.raises(InputError, match="give one or more folders"):
        rank()
