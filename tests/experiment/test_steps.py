"""Configs that are lists: run one after another in one folder, stopped, gone on with."""

import _thread
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from counted import Counted
from small_runs import changed, contents

from jal import experiment as ex
from jal.data import from_arrays
from jal.experiment import (
    Data,
    Execution,
    Experiment,
    Interrupted,
    Learned,
    LogisticRegression,
    Parts,
    Protocol,
    Training,
    comparison,
    runner,
    training,
)
from jal.types import InputError

RNG = np.random.default_rng(0)
Y = np.arange(200) % 2
X = RNG.normal(size=(200, 4)).astype(np.float32)
DATASET = from_arrays(X, Y, X[:30], Y[:30])
LEARNER = LogisticRegression(tol=1e-2)
ONE = Execution(devices=1, segment=2)
TRAINING = Training(
    Counted(), "agent", Data(parts=Parts()), learner=LEARNER, seeds=2, execution=ONE
)
SMALL = Experiment(
    name="compared",
    data=TRAINING.data,
    learners={"logreg": LEARNER},
    queries=(Learned("agent"), "random"),
    protocol=Protocol(seeds=2, rounds=2, batch=3),
    execution=ONE,
)
STEPS = [TRAINING, SMALL, changed(SMALL, name="margin", queries=("margin",))]


def run(steps=STEPS, out=None):
    return ex.run(steps, out=out, dataset=DATASET, progress=False)


def resume(folder, steps=None, **more):
    return ex.resume(folder, steps, dataset=DATASET, progress=False, **{"allow_code": True} | more)


def seen(monkeypatch) -> list[str]:
    """Names of the steps that run from here on."""
    names, one = [], runner._run_one

    def recorded(config, session):
        names.append(config.name)
        return one(config, session)

    monkeypatch.setattr(runner, "_run_one", recorded)
    return names


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return tmp_path_factory.mktemp("finished") / "run"


@pytest.fixture(scope="module")
def whole(finished):
    return run(out=finished)


@pytest.fixture
def out(whole, finished, tmp_path):
    """The folder of all, finished."""
    return shutil.copytree(finished, tmp_path / "run")


def equal(found, whole):
    untimed = [one.history[one.history.metric != "seconds"] for one in (found[0], whole[0])]
    pd.testing.assert_frame_equal(*untimed)
    for one, other in zip(found[1:], whole[1:], strict=True):
        pd.testing.assert_frame_equal(one.frame, other.frame)


def test_a_list_without_a_folder():
    trained, compared, margin = run()
    assert trained.training.name == "agent" and compared.experiment.name == "compared"
    np.testing.assert_array_equal(
        compared.labelled["logreg/agent"], margin.labelled["logreg/margin"]
    )


def test_a_list_runs_into_a_folder_of_each(whole, out, tmp_path):
    inside = {path.name for path in (tmp_path / "run").iterdir()}
    assert inside == {".lock", "config.json", "agent", "compared", "margin"}
    kept = json.loads((tmp_path / "run" / "config.json").read_text())
    assert [[*step] for step in kept["steps"]] == [["training"], ["experiment"], ["experiment"]]
    equal([ex.load_trained(out / "agent", allow_code=True), *whole[1:]], whole)
    pd.testing.assert_frame_equal(ex.load(tmp_path / "run" / "margin").frame, whole[2].frame)
    before = contents(tmp_path / "run")
    equal(resume(tmp_path / "run"), whole)
    assert contents(tmp_path / "run") == before
    for other, says in (
        (STEPS[:2], "the kind is steps.0.training, steps.1.experiment, steps.2.exp"),
        ([changed(TRAINING, seeds=1), *STEPS[1:]], "seeds is 2 there and 1 here"),
    ):
        with pytest.raises(InputError, match=says):
            resume(tmp_path / "run", other)
    with pytest.raises(InputError, match="holds another run of this config: give another --out"):
        run(out=tmp_path / "run")
    equal(resume(tmp_path / "run", [*STEPS[:2], changed(STEPS[2], confidence=0.5)]), whole)
    with pytest.raises(
        InputError, match=r"holds a list of runs, and no exp.* of one, such as .*run/"
    ):
        ex.load(tmp_path / "run")


@pytest.mark.parametrize(
    ("module", "name", "where", "left"),
    [
        (training, "run_training", "agent", ["agent", "compared", "margin"]),
        (comparison, "run_segments", "compared", ["agent", "compared", "margin"]),
    ],
    ids=["as the training ends", "in the experiment"],
)
def test_stopped_and_gone_on_with(whole, tmp_path, monkeypatch, module, name, where, left):
    out, work = tmp_path / "run", getattr(module, name)

    def interrupted(*given):
        found = work(*given)
        if module is training:  # outside of what hears it: a signal may land in a destructor
            raise KeyboardInterrupt
        _thread.interrupt_main()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(module, name, interrupted)
        says = f"^interrupted in {where}; what was finished is saved: go on with --resume {out}$"
        with pytest.raises(Interrupted, match=says):
            run(out=out)
    assert not (out / "margin").exists()
    names = seen(monkeypatch)
    equal(resume(out, STEPS), whole)
    assert names == left and (out / "compared" / "results.parquet").is_file()


def test_a_training_that_is_finished_is_not_trained_again(whole, out, monkeypatch):
    for name in ("compared", "margin"):
        (out / name / "manifest.json").unlink()
    before = contents(out / "agent")
    monkeypatch.setattr(training, "training_program", None)
    equal(resume(out), whole)
    assert contents(out / "agent") == before


def test_an_experiment_is_gone_on_with_alone(whole, out):
    """Its agent is beside it."""
    (out / "compared" / "manifest.json").unlink()
    found = ex.resume(out / "compared", dataset=DATASET, progress=False, allow_code=True)
    pd.testing.assert_frame_equal(found.frame, whole[1].frame)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([], r"a list is of one or more configs of different names, got \[\]"),
        ([SMALL, SMALL], r"of different names, got \['compared', 'compared'\]"),
        ([SMALL, TRAINING], "there is no training agent: give Learned the folder of one that is"),
        (
            [TRAINING, changed(SMALL, queries=(Learned("agnet"),))],
            "no training agnet: .*one of agent",
        ),
        ([TRAINING, "margin"], "a list is of experiments and trainings, got a str in it"),
        ([[TRAINING], SMALL], "a list is of experiments and trainings, got a list in it"),
        ([TRAINING, changed(SMALL, queries=("margn",))], "unknown strategy 'margn'"),
        ([TRAINING, changed(SMALL, rounds=0)], "rounds must be at least 1, got 0"),
        (
            [TRAINING, changed(SMALL, batch=30)],
            "random would buy 60 labels in 2 rounds after the 2",
        ),
        ([TRAINING, changed(SMALL, seeds=1)], "2 trainings are not all used by 1 seeds"),
        ([TRAINING, changed(SMALL, splits=2)], "agent was trained on 1 splits of the data, and"),
        ([changed(TRAINING, splits=2), SMALL], "agent was trained on 2 splits of the data, and"),
        ([TRAINING, changed(SMALL, data=Data())], r"and data\.parts is None: give Parts"),
        ([STEPS[2], changed(TRAINING, data=Data())], "the training agent is on parts of its data"),
        ([STEPS[2], changed(TRAINING, learner="cnn")], "a CNN takes images"),
        (
            [TRAINING, changed(TRAINING, name="b", agent=LogisticRegression())],
            "agent <LogisticRegression> must be a jal.rl.Agent",
        ),
    ],
    ids=range(16),
)
def test_what_lists_refuse_before_anything_is_trained(steps, says, tmp_path, monkeypatch):
    ran = []
    for module in (training, comparison):
        monkeypatch.setattr(module, "run_segments", lambda *given: ran.append(given))
    with pytest.raises(InputError, match=says):
        run(steps, out=tmp_path / "run")
    assert ran == [] and not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_list_over_splits(tmp_path):
    """Each split's agent is compared on its split."""
    steps = [changed(TRAINING, splits=2, seeds=4), changed(SMALL, splits=2, seeds=4)]
    trained, compared = run(steps, out=tmp_path / "run")
    assert [one.training.split for one in trained.splits] == [0, 1]
    assert compared.units() == 2 and compared.training.split.unique().tolist() == [0, 1]
    assert compared.training.seed.unique().tolist() == [0, 1, 2, 3]
    alone = ex.load(tmp_path / "run" / "compared" / "split_1")
    assert alone.training.seed.unique().tolist() == [1, 3]
    names = {path.name for path in (tmp_path / "run" / "agent").iterdir()}
    assert names >= {"split_0", "split_1", "training.parquet", "manifest.json"}
    for path in ("compared/manifest.json", "compared/split_1/manifest.json"):
        (tmp_path / "run" / path).unlink()
    again = resume(tmp_path / "run")
    pd.testing.assert_frame_equal(again[1].frame, compared.frame)
