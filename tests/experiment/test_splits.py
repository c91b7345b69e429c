"""An experiment spread over data splits."""

import dataclasses
import os
import re
import signal

import numpy as np
import pandas as pd
import pytest

from jal import data
from jal.experiment import (
    Data,
    Experiment,
    Interrupted,
    LogisticRegression,
    SladeBranson,
    load,
    resume,
    run,
    runner,
    splits,
)
from jal.experiment.agent_configs import Saved
from jal.experiment.folder import create
from jal.experiment.program import Program
from jal.experiment.results import Results, load_so_far
from jal.experiment.splits import check_splits, merged, parts
from jal.report import by_training
from jal.report.tidy import aubcs
from jal.types import InputError

SMALL = Experiment(
    data=Data(source="sklearn:digits", test_size=1500),
    learners={"logreg": LogisticRegression(tol=1e-2)},
    strategies=("random", "margin"),
    seeds=4,
    first_seed=10,
    rounds=2,
    batch=2,
    splits=2,
)
AGENT = dataclasses.replace(
    SMALL, agents={"agent": SladeBranson()}, strategies=("agent", "random"), trainings=4, seeds=8
)


def test_seeds_and_trainings_are_dealt_out_in_turn():
    assert [list(one.seed_numbers()) for one in parts(SMALL)] == [[10, 12], [11, 13]]
    assert [list(one.training_numbers()) for one in parts(AGENT)] == [[10, 12], [11, 13]]
    assert list(SMALL.seed_numbers()) == [10, 11, 12, 13]
    assert [one.split_data().split_seed for one in parts(SMALL)] == [0, 1]
    shifted = dataclasses.replace(SMALL, data=Data(split_seed=5), split=1)
    assert shifted.split_data() == Data(split_seed=6)


def test_the_unit_is_the_split_else_the_training_else_the_seed():
    assert AGENT.units() == 2 and dataclasses.replace(AGENT, splits=1).units() == 4
    assert dataclasses.replace(AGENT, split=1).units() == 2  # its two trainings
    assert SMALL.units() == 2 and dataclasses.replace(SMALL, splits=1).units() == 1
    assert dataclasses.replace(SMALL, split=1).units() == 1


@pytest.mark.parametrize(
    ("experiment", "says"),
    [
        (dataclasses.replace(SMALL, splits=0), "splits must be at least 1, got 0"),
        (dataclasses.replace(SMALL, split=2), "split must be one of the splits 0..1, got 2"),
        (dataclasses.replace(SMALL, split=-1), "split must be one of the splits 0..1, got -1"),
        (dataclasses.replace(SMALL, seeds=5), "5 seeds cannot be spread evenly over 2 splits"),
        (dataclasses.replace(AGENT, trainings=3), "3 trainings cannot be spread evenly"),
        (dataclasses.replace(SMALL, initial_indices=((0,),) * 4), "initial_indices are of one"),
        (dataclasses.replace(SMALL, first_seed=11), "give a first_seed that is a multiple, not 11"),
        (
            dataclasses.replace(AGENT, agents={"agent": Saved("runs/a", "agent", "logreg")}),
            "agent was trained on one split",
        ),
    ],
)
def test_what_cannot_be_spread_is_refused(experiment, says):
    with pytest.raises(InputError, match=re.escape(says)):
        check_splits(experiment, None)


def test_splits_that_are_all_the_same_are_refused():
    x, y = np.zeros((6, 2), np.float32), np.array([0, 1] * 3)
    given = data.from_arrays(x, y, x, y)
    with pytest.raises(InputError, match="all of 2 splits would be the same"):
        run(dataclasses.replace(SMALL, data=Data()), dataset=given, progress=False)
    check_splits(AGENT, given)  # agents' parts are drawn anew


def found(split: int) -> Results:
    """Two seeds of a split; the second bought nothing more."""
    seeds = np.repeat([10 + split, 12 + split], 2)
    frame = pd.DataFrame(
        {
            "learner": "logreg",
            "strategy": "random",
            "seed": seeds.astype(np.int32),
            "round": [0, 1, 0, 1],
            "metric": "accuracy",
            "value": seeds / 100,
        }
    )
    info = {
        "seconds": 1.5,
        "compile_seconds": 1.0,
        "cell_seconds": {"logreg/random": 0.25},
        "resumed": split == 0,
        "notes": ["one", f"of {split}"],
        "data_sha256": str(split),
        "pool": 90 + split,
        "device": "cpu",
    }
    labelled = np.array([[1, 2, 3], [4, 5, 6]])[:, : 3 - split] + 10 * split
    picks = frame.loc[frame["round"] == 0, ["seed", "learner", "strategy"]]
    return Results(SMALL, frame, info, {"logreg/random": labelled}, picks)


def test_results_of_splits_become_one_table_with_seeds_in_order():
    whole = merged(SMALL, [found(0), found(1)], False)
    assert whole.frame.seed.tolist() == [10, 10, 11, 11, 12, 12, 13, 13]
    assert whole.frame.split.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    assert whole.frame["round"].tolist() == [0, 1] * 4
    np.testing.assert_allclose(whole.frame.value, whole.frame.seed / 100)
    assert whole.picks[["seed", "split"]].to_numpy().tolist() == [
        [10, 0],
        [11, 1],
        [12, 0],
        [13, 1],
    ]
    np.testing.assert_array_equal(
        whole.labelled["logreg/random"], [[1, 2, 3], [11, 12, -1], [4, 5, 6], [14, 15, -1]]
    )
    assert whole.info == {
        "seconds": 3.0,
        "compile_seconds": 2.0,
        "cell_seconds": {"logreg/random": 0.5},
        "resumed": True,
        "notes": ["one", "of 0", "of 1"],
        "data_sha256": ["0", "1"],
        "pool": [90, 91],
        "device": "cpu",
    }
    assert whole.training is None


def test_a_run_over_splits_equals_its_splits_and_goes_on(tmp_path):
    out = tmp_path / "run"
    whole = run(SMALL, out=out, progress=False)
    assert len(whole.frame[whole.frame.metric == "accuracy"]) == 2 * 4 * 3
    alone = load(out / "split_1")
    assert alone.experiment == dataclasses.replace(SMALL, split=1)
    own = whole.frame.query("split == 1").drop(columns="split").reset_index(drop=True)
    pd.testing.assert_frame_equal(own, alone.frame)
    assert sorted(set(alone.frame.seed)) == [11, 13]
    assert len(set(whole.info["data_sha256"])) == 2
    assert whole.table().aubc_ci.notna().all() and len(whole.rows().seed.unique()) == 2
    assert "over the splits" in (out / "report.html").read_text()
    loaded = load(out)
    pd.testing.assert_frame_equal(loaded.frame, whole.frame)
    # As if it had been killed in the second split.
    for name in ("results.parquet", "manifest.json"):
        (out / name).unlink(missing_ok=True)
        (out / "split_1" / name).unlink(missing_ok=True)
    again = resume(out, progress=False)
    pd.testing.assert_frame_equal(again.frame, whole.frame)


@pytest.mark.parametrize("error", [Interrupted("go on with run/split_0"), KeyboardInterrupt()])
def test_an_interrupted_run_says_the_folder_of_all(error, tmp_path, monkeypatch):
    def stopped(experiment, folder, dataset, strategies, progress, on_rows, resumed, event, before):
        before("0")
        raise error

    monkeypatch.setattr(runner, "_run_one", stopped)
    out = tmp_path / "run"
    says = f"interrupted in split 1 of 2; what was finished is saved: go on with --resume {out}"
    with pytest.raises(Interrupted, match=f"^{re.escape(says)}$"):
        run(SMALL, out=out, progress=False)


def test_before_there_is_a_folder_nothing_can_be_gone_on_with(tmp_path, monkeypatch):
    def stopped(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "_run_one", stopped)
    with pytest.raises(KeyboardInterrupt) as stop:
        run(SMALL, out=tmp_path / "run", progress=False)
    assert not isinstance(stop.value, Interrupted)


def test_an_interrupt_in_the_last_segment_of_a_split_is_heard(tmp_path, monkeypatch):
    """The split is finished, and the next one not begun; resumed, all is as never interrupted."""
    advance = Program.advance

    def interrupted(program, cell, state, done, stop):
        if cell == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return advance(program, cell, state, done, stop)

    out = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(Program, "advance", interrupted)
        with pytest.raises(Interrupted, match=f"in split 1 of 2; .*--resume {out}$"):
            run(SMALL, out=out, progress=False)
    load(out / "split_0")
    assert not (out / "split_1").exists()
    resumed = resume(out, progress=False)
    assert resumed.info["resumed"]
    pd.testing.assert_frame_equal(resumed.frame, run(SMALL, progress=False).frame)
    # Once more, as where a data set is given: no byte changes.
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    runner._run(dataclasses.replace(SMALL, confidence=0.5), out, None, None, False, None, True)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == before


def test_the_config_is_checked_before_a_second_split_is_loaded(monkeypatch):
    seen = []

    def counted(config):
        seen.append(config.split_seed)
        return data.load("sklearn:digits", test_size=1500, split_seed=config.split_seed)

    monkeypatch.setattr(runner, "load_data", counted)
    monkeypatch.setattr(splits, "load_data", counted)
    with pytest.raises(InputError, match="unknown strategy 'nonsense'"):
        run(dataclasses.replace(SMALL, strategies=("nonsense",)), progress=False)
    assert seen == [0]


def test_a_source_with_a_test_set_of_its_own_has_no_splits(monkeypatch):
    same = data.load("sklearn:digits", test_size=1500)
    monkeypatch.setattr(runner, "load_data", lambda config: same)
    monkeypatch.setattr(splits, "load_data", lambda config: same)
    with pytest.raises(InputError, match="all of 2 splits would be the same"):
        run(SMALL, progress=False)


def test_the_units_of_a_split_are_its_trainings():
    """Seeds of a split are `splits` apart: its trainings go by their place."""
    agent = dataclasses.replace(AGENT, trainings=8, seeds=16, splits=4, first_seed=8, split=3)
    seeds = list(agent.seed_numbers())
    assert seeds == [11, 15, 19, 23] and agent.units() == 2
    rows = [
        {"learner": "l", "strategy": "s", "seed": seed, "round": n, "labels": 10 + n}
        | {"metric": "accuracy", "value": place + n, "experiment": "e"}
        for place, seed in enumerate(seeds)
        for n in range(2)
    ]
    frame = pd.DataFrame(rows)
    table = by_training(frame, agent.units())
    assert table.seed.tolist() == [0, 0, 1, 1] and table.value.tolist() == [1, 2, 2, 3]
    assert aubcs(frame, "l", agent.units()).s.tolist() == [1.5, 2.5]


def test_one_split_runs_alone_on_its_data(monkeypatch):
    seen = []

    def loaded(config):
        seen.append(config.split_seed)
        raise InputError("enough")

    monkeypatch.setattr(runner, "load_data", loaded)
    with pytest.raises(InputError, match="enough"):
        run(dataclasses.replace(SMALL, split=1), progress=False)
    assert seen == [1]


def test_the_parts_of_agents_are_drawn_by_the_split(monkeypatch):
    def divided(dataset, parts, seed):
        raise InputError(f"divided by {seed}")

    monkeypatch.setattr(runner, "arena", divided)
    for split in range(2):
        one = dataclasses.replace(AGENT, data=Data(split_seed=5), split=split)
        with pytest.raises(InputError, match=f"divided by {5 + split}"):
            run(one, progress=False)


def test_seeds_of_a_split_are_those_of_a_run_on_its_data():
    alone = run(dataclasses.replace(SMALL, split=1), progress=False)
    data = dataclasses.replace(SMALL.data, split_seed=1)
    every = run(dataclasses.replace(SMALL, splits=1, data=data), progress=False)
    theirs = every.frame[every.frame.seed.isin([11, 13])].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.frame, theirs)


def test_what_is_there_of_unfinished_splits_is_in_their_folders(tmp_path):
    create(tmp_path / "run", SMALL, "0")
    with pytest.raises(InputError, match=r"over 2 splits that is not finished: .*run/split_0"):
        load_so_far(tmp_path / "run")
