"""An experiment spread over data splits."""

import dataclasses
import itertools
import os
import re
import signal
import threading

import numpy as np
import pandas as pd
import pytest
from small_runs import changed, contents

from jal import data
from jal.experiment import (
    Data,
    Experiment,
    Indices,
    Interrupted,
    LogisticRegression,
    Parts,
    Protocol,
    SladeBranson,
    Training,
    comparison,
    load,
    resume,
    run,
    runner,
    session,
    training,
)
from jal.experiment import parts as jal_parts
from jal.experiment.folder import create
from jal.experiment.merging import merged
from jal.experiment.results import Results, load_so_far
from jal.experiment.session import Session
from jal.experiment.splits import check_splits, over_splits
from jal.report import by_training
from jal.report.tidy import aubcs
from jal.types import InputError

SMALL = Experiment(
    data=Data(source="sklearn:digits", test_size=1500),
    learners={"logreg": LogisticRegression(tol=1e-2)},
    protocol=Protocol(seeds=4, first_seed=10, rounds=2, batch=2, splits=2),
)
AGENT = Training(SladeBranson(), "agent", seeds=4, first_seed=10, splits=2)
FRESH = Session(None, None, {}, True, True, False, False, threading.Event())


def trained(count: int) -> pd.DataFrame:
    return pd.DataFrame({"seed": np.repeat(np.arange(count), 2)})


def results(experiment: Experiment, trainings: int = 0) -> Results:
    """Of so many trainings; no agents if 0."""
    history = trained(trainings) if trainings else None
    return Results(experiment, pd.DataFrame(), {}, {}, pd.DataFrame(), history)


def test_seeds_and_trainings_are_dealt_out_in_turn():
    assert [list(one.seed_numbers()) for one in over_splits(SMALL)] == [[10, 12], [11, 13]]
    assert [list(one.seed_numbers()) for one in over_splits(AGENT)] == [[10, 12], [11, 13]]
    assert list(SMALL.seed_numbers()) == list(AGENT.seed_numbers()) == [10, 11, 12, 13]
    for config in (SMALL, AGENT):
        assert [one.split_data().split_seed for one in over_splits(config)] == [0, 1]
        assert over_splits(changed(config, split=1)) == [changed(config, split=1)]
        assert over_splits(changed(config, splits=1)) == [changed(config, splits=1)]
    shifted = changed(SMALL, data=Data(split_seed=5), split=1)
    assert shifted.split_data() == Data(split_seed=6)


def test_the_unit_is_the_split_else_the_training_else_the_seed():
    assert results(SMALL, 4).units() == 2 and results(changed(SMALL, splits=1), 4).units() == 4
    assert results(changed(SMALL, split=1), 2).units() == 2  # its two trainings
    assert results(SMALL).units() == 2 and results(changed(SMALL, splits=1)).units() == 1
    assert results(changed(SMALL, split=1)).units() == 1


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (changed(SMALL, splits=0), "splits must be at least 1, got 0"),
        (changed(SMALL, split=2), "split must be one of the splits 0..1, got 2"),
        (changed(SMALL, split=-1), "split must be one of the splits 0..1, got -1"),
        (changed(SMALL, seeds=5), "5 seeds cannot be spread evenly over 2 splits"),
        (changed(AGENT, seeds=3), "3 seeds cannot be spread evenly over 2 splits"),
        (changed(SMALL, start=Indices(((0,),) * 4)), "the start's indices are of one pool"),
        (changed(SMALL, first_seed=11), "give a first_seed that is a multiple, not 11"),
        (changed(AGENT, first_seed=11), "give a first_seed that is a multiple, not 11"),
    ],
)
def test_what_cannot_be_spread_is_refused(config, says):
    with pytest.raises(InputError, match=re.escape(says)):
        check_splits(config, FRESH)


def test_splits_that_are_all_the_same_are_refused():
    x, y = np.zeros((6, 2), np.float32), np.array([0, 1] * 3)
    given = data.from_arrays(x, y, x, y)
    with pytest.raises(InputError, match="all of 2 splits would be the same"):
        run(changed(SMALL, data=Data()), dataset=given, progress=False)
    # Parts are drawn anew, of a training or of an experiment.
    assert check_splits(AGENT, FRESH._replace(dataset=given)) is given
    parts = changed(SMALL, data=Data(parts=Parts()))
    assert check_splits(parts, FRESH._replace(dataset=given)) is given


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
    assert alone.experiment == changed(SMALL, split=1)
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
    def stopped(config, session):
        session.before("0")
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
    advance = comparison._advance

    def interrupted(program, cell):
        run_segment = advance(program, cell)

        def with_signal(state, start, stop):
            if cell.query == "margin":
                os.kill(os.getpid(), signal.SIGINT)
            return run_segment(state, start, stop)

        return with_signal

    out = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(comparison, "_advance", interrupted)
        with pytest.raises(Interrupted, match=f"in split 1 of 2; .*--resume {out}$"):
            run(SMALL, out=out, progress=False)
    load(out / "split_0")
    assert not (out / "split_1").exists()
    resumed = resume(out, progress=False)
    assert resumed.info["resumed"]
    pd.testing.assert_frame_equal(resumed.frame, run(SMALL, progress=False).frame)
    # Once more, as where a data set is given: no byte changes.
    before = contents(out)
    runner._run(changed(SMALL, confidence=0.5), FRESH._replace(folder=out, resumed=True))
    assert contents(out) == before


def test_the_config_is_checked_before_a_second_split_is_loaded(monkeypatch):
    seen = []

    def counted(config, allow_code):
        seen.append(config.split_seed)
        return data.load("sklearn:digits", test_size=1500, split_seed=config.split_seed)

    monkeypatch.setattr(session, "load_data", counted)
    with pytest.raises(InputError, match="unknown strategy 'nonsense'"):
        run(changed(SMALL, queries=("nonsense",)), progress=False)
    assert seen == [0]


def test_a_source_with_a_test_set_of_its_own_has_no_splits(monkeypatch):
    same = data.load("sklearn:digits", test_size=1500)
    monkeypatch.setattr(session, "load_data", lambda config, allow_code: same)
    with pytest.raises(InputError, match="all of 2 splits would be the same"):
        run(SMALL, progress=False)


def test_the_units_of_a_split_are_its_trainings():
    """Seeds of a split are `splits` apart: its trainings go by their place."""
    experiment = changed(SMALL, seeds=16, splits=4, first_seed=8, split=3)
    seeds, units = list(experiment.seed_numbers()), results(experiment, 2).units()
    assert seeds == [11, 15, 19, 23] and units == 2
    rows = [
        {"learner": "l", "strategy": "s", "seed": seed, "round": n, "labels": 10 + n}
        | {"metric": "accuracy", "value": place + n, "experiment": "e"}
        for place, seed in enumerate(seeds)
        for n in range(2)
    ]
    frame = pd.DataFrame(rows)
    table = by_training(frame, units)
    assert table.seed.tolist() == [0, 0, 1, 1] and table.value.tolist() == [1, 2, 2, 3]
    assert aubcs(frame, "l", units).s.tolist() == [1.5, 2.5]


def test_one_split_runs_alone_on_its_data(monkeypatch):
    seen = []

    def loaded(config, allow_code):
        seen.append(config.split_seed)
        raise InputError("enough")

    monkeypatch.setattr(session, "load_data", loaded)
    with pytest.raises(InputError, match="enough"):
        run(changed(SMALL, split=1), progress=False)
    assert seen == [1]


def test_parts_are_drawn_by_the_split(monkeypatch):
    """Those of a training, and the one that an experiment is on."""

    def divided(dataset, parts, seed):
        raise InputError(f"divided by {seed}")

    monkeypatch.setattr(training, "divide", divided)
    monkeypatch.setattr(jal_parts, "divide", divided)
    for config, split in itertools.product((AGENT, SMALL), range(2)):
        one = changed(config, data=Data(split_seed=5, parts=Parts()), split=split)
        with pytest.raises(InputError, match=f"divided by {5 + split}"):
            run(one, progress=False)


def test_seeds_of_a_split_are_those_of_a_run_on_its_data():
    alone = run(changed(SMALL, split=1), progress=False)
    data = dataclasses.replace(SMALL.data, split_seed=1)
    every = run(changed(SMALL, splits=1, data=data), progress=False)
    theirs = every.frame[every.frame.seed.isin([11, 13])].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.frame, theirs)


def test_what_is_there_of_unfinished_splits_is_in_their_folders(tmp_path):
    create(tmp_path / "run", SMALL, "0")
    with pytest.raises(InputError, match=r"over 2 splits that is not finished: .*run/split_0"):
        load_so_far(tmp_path / "run")
