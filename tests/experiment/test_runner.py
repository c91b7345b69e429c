"""Runs: seeds independent of what runs beside them, saved, resumed, read back."""

import dataclasses
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jal import experiment as ex
from jal import metrics, strategies
from jal.data import from_arrays, load
from jal.experiment import MLP, Experiment, Interrupted, LogisticRegression, runner
from jal.experiment.checkpoints import Checkpoints
from jal.experiment.lock import locked
from jal.experiment.program import Program
from jal.experiment.results import is_finished, load_so_far
from jal.report import wide_summary
from jal.types import InputError

LINEAR = {"logistic_regression": LogisticRegression()}
BASE = Experiment(
    name="small",
    learners={**LINEAR, "mlp": MLP(hidden=(16,), epochs=5)},
    strategies=("random", "margin"),
    seeds=6,
    rounds=3,
    segment=4,
)
KEYS = ["learner", "strategy", "seed", "round", "metric"]


def frame_of(**change) -> pd.DataFrame:
    return ex.run(dataclasses.replace(BASE, **change), progress=False).frame


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    compiled, compile_ = [], Program.compile
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Program, "compile", lambda self, i: (compiled.append(i), compile_(self, i)))
        frame = frame_of(devices=1, segment=2)
    assert compiled == [0, 2]  # two strategies and two segments share each learner's
    return frame


def compare(whole: pd.DataFrame, part: pd.DataFrame) -> np.ndarray:
    both = part.merge(whole, on=KEYS, suffixes=("", "_whole"))
    assert len(both) == len(part) > 0
    assert (both.labels == both.labels_whole).all()
    return (both.value - both.value_whole).abs().to_numpy()


# Two cells of two segments, with a save after each.
SMALL = dataclasses.replace(BASE, learners=LINEAR, segment=2)
# Of a strategy alone, and one seed.
ALONE = dataclasses.replace(
    SMALL, strategies=("random",), seeds=1, first_seed=5, devices=1, segment=1
)


@pytest.fixture(scope="module")
def whole_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("whole") / "run"


@pytest.fixture(scope="module")
def uninterrupted(whole_folder) -> ex.Results:
    return ex.run(SMALL, out=whole_folder, progress=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    ex.run(ALONE, out=folder, progress=False)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    """A finished run of ALONE's."""
    return shutil.copytree(finished, tmp_path / "run")


def test_mapped_seeds_are_equal_bit_for_bit(whole, uninterrupted):
    """On 1, 3 or 4 devices, in segments or whole, beside other seeds."""
    assert compare(whole, uninterrupted.frame).max() == 0.0
    mlp = {"mlp": BASE.learners["mlp"]}
    assert compare(whole, frame_of(learners=mlp, devices=3, seeds=3, first_seed=2)).max() == 0.0


def test_a_strategys_curve_does_not_depend_on_the_others(whole, finished):
    frame = ex.load(finished).frame
    found = compare(whole, frame)
    assert found[frame.metric.isin(["accuracy", "imbalance_ratio"])].max() == 0.0
    assert found.max() < 1e-6  # of another program, other rounding of the gradient's norm


def test_what_is_asked_for_is_a_strategys_own_batch():
    """Strategies share a program where their largest batches agree."""
    names = ("kmeans", "random", "margin")
    mixed = dataclasses.replace(SMALL, strategies=names, batch_of={"random": 30})
    program = Program(mixed, load("sklearn:digits"), strategies.registry)
    shared = [program._members(cell) for cell in range(3)]
    assert shared == [["kmeans", "margin"], ["random"], ["kmeans", "margin"]]


def test_vmapped_seeds_are_equal_up_to_near_ties(whole):
    """Rounding may flip a pick where two are all but tied; few do, and none changes a mean much."""
    part = frame_of(devices=1, seeds_at_once=4, learners=LINEAR)
    accuracy = part.metric == "accuracy"
    difference = compare(whole, part)[accuracy.to_numpy()]
    assert np.mean(difference == 0) > 0.8
    assert difference.mean() < 2e-3


def test_the_tidy_table(whole):
    assert list(whole.columns) == [
        "experiment",
        "learner",
        "strategy",
        "seed",
        "round",
        "labels",
        "metric",
        "value",
    ]
    assert not whole.duplicated(KEYS).any() and whole.value.notna().all()
    assert set(whole.metric) == {
        "accuracy",
        "newton_steps",
        "gradient_norm",
        "converged",
        "train_loss",
        "chance_loss",
        "imbalance_ratio",
    }
    assert set(whole.seed) == set(range(6)) and set(whole["round"]) == set(range(4))
    assert (whole.labels == 10 + 10 * whole["round"]).all()
    # Strategies share a seed's start, so the first measurement is theirs in common.
    first = whole[(whole["round"] == 0) & (whole.metric == "accuracy")]
    assert (first.groupby(["learner", "seed"]).value.nunique() == 1).all()
    assert first.groupby("learner").value.nunique().min() > 3


def check_imbalance(results: ex.Results) -> None:
    """Its ratio in the table is that of the labels bought, as jal.metrics has it."""
    y = load("sklearn:digits").train.y
    frame = results.frame[results.frame.metric == "imbalance_ratio"]
    rounds = results.experiment.rounds + 1
    assert len(frame) == len(results.labelled) * results.experiment.seeds * rounds
    assert frame.value.nunique() > 5
    for row in frame.itertuples():
        picks = results.labelled[f"{row.learner}/{row.strategy}"][row.seed][: row.labels]
        counts = np.bincount(y[picks], minlength=10)
        assert counts.sum() == row.labels
        ratio = metrics.imbalance_ratio(jnp.asarray(counts, float))
        np.testing.assert_allclose(row.value, ratio, atol=1e-6)


def test_batches_that_differ_and_metrics_that_are_asked_for():
    """By rounds, by strategies, and one of the user's that chooses them itself."""
    margin = strategies.registry["margin"]()

    def cautious():
        size = lambda key, state, round: 1 + round.labels.n % jnp.int32(4)  # noqa: E731
        return margin._replace(batch_size=size, largest=lambda points: 5)

    small = dataclasses.replace(
        BASE,
        learners=LINEAR,
        strategies=("margin", "random", "cautious"),
        seeds=2,
        batch=(1, 2, 5),
        batch_of={"random": 5},
        metrics=("log_loss", "f1"),
    )
    results = ex.run(small, strategies={"cautious": cautious}, progress=False)
    by = results.frame.groupby(["strategy", "round"]).labels.first().unstack()
    assert by.loc["margin"].tolist() == [10, 11, 13, 18]
    assert by.loc["random"].tolist() == [10, 15, 20, 25]
    assert by.loc["cautious"].tolist() == [10, 13, 15, 19]
    check_imbalance(results)
    for name, picks in results.labelled.items():
        n = by.loc[name.split("/")[1], 3]
        assert picks.shape == (2, 25) and (picks[:, n:] == -1).all(), name
        assert all(len(set(row)) == n and min(row) >= 0 for row in picks[:, :n].tolist())
    table = results.table()
    added = ["log_loss", "log_loss_ci", "f1", "f1_ci", "imbalance_ratio", "imbalance_ratio_ci"]
    assert list(table.columns[-6:]) == added
    last = results.frame[(results.frame["round"] == 3) & (results.frame.metric == "f1")]
    means = last.groupby("strategy", sort=False).value.mean()
    np.testing.assert_allclose(table.f1, means, rtol=1e-6)
    assert results.plot("log_loss")._repr_png_()


def test_a_strategy_that_chooses_its_batches_may_choose_all_that_it_can():
    """Up to what it says is its largest batch, or the experiment; one of both there must be."""
    margin = strategies.registry["margin"]()
    chooser = margin._replace(batch_size=lambda key, state, round: jnp.int32(30))
    small = dataclasses.replace(
        BASE, learners=LINEAR, strategies=("chooser", "random_size"), seeds=2, rounds=2, batch=3
    )
    says = "chooser chooses its batches and does not say their largest: give its Strategy"
    with pytest.raises(InputError, match=says):
        ex.run(small, strategies={"chooser": lambda: chooser}, progress=False)
    for own, given, bought in ((lambda points: points // 10, {}, 30), (None, {"chooser": 7}, 7)):
        mine = chooser._replace(largest=own)
        experiment = dataclasses.replace(small, batch_of=given)
        results = ex.run(experiment, strategies={"chooser": lambda m=mine: m}, progress=False)
        by = results.frame.groupby(["strategy", "round", "seed"]).labels.first().unstack()
        assert (by.loc["chooser"].to_numpy() == 10 + bought * np.arange(3)[:, None]).all()
        sizes = np.diff(by.loc["random_size"], axis=0)
        assert sizes.max() > 30 and sizes.min() >= 0 and len(set(sizes.ravel().tolist())) > 2


def test_a_budget_bounds_all_batches_but_those_that_are_chosen():
    """A strategy that has spent it is fitted and measured again, and labels nothing."""
    margin = strategies.registry["margin"]()
    chooser = margin._replace(batch_size=lambda key, state, round: jnp.int32(4))
    small = dataclasses.replace(
        BASE,
        learners=LINEAR,
        strategies=("margin", "random", "chooser"),
        seeds=2,
        rounds=4,
        batch=(1, 5, 5, 5),
        batch_of={"random": 5, "chooser": 4},
        budget=7,
    )
    results = ex.run(small, strategies={"chooser": lambda: chooser}, progress=False)
    by = results.frame.groupby(["strategy", "round"]).labels.first().unstack()
    assert by.loc["margin"].tolist() == [10, 11, 16, 17, 17]
    assert by.loc["random"].tolist() == [10, 15, 17, 17, 17]
    assert by.loc["chooser"].tolist() == [10, 14, 18, 22, 26]
    accuracy = results.frame[
        (results.frame.metric == "accuracy") & (results.frame.strategy != "chooser")
    ]
    curves = accuracy.pivot(index=["strategy", "seed"], columns="round", values="value")
    np.testing.assert_allclose(curves[4], curves[3], atol=1e-6)  # the same labels
    for name, picks in results.labelled.items():
        n = by.loc[name.split("/")[1], 4]
        assert (picks[:, n:] == -1).all()
        assert all(len(set(row)) == n and min(row) >= 0 for row in picks[:, :n].tolist())


class StopError(Exception):
    """Stands for anything that ends a process."""


@pytest.mark.parametrize("saves", [0, 1, 3])
def test_resume_equals_uninterrupted(uninterrupted, tmp_path, monkeypatch, saves):
    """Ended after any of the 4 saves (2 cells of 2 segments), or before the first.

    By a clock that runs a second in each of the first cell's segments, ten in the second's.
    """
    save, advance, now, count = Checkpoints.save, Program.advance, [0.0], [0]

    def timed(self, cell, *rest):
        now[0] += 10.0**cell
        return advance(self, cell, *rest)

    def save_then_stop(self, *args):
        if count[0] == saves:
            raise StopError
        save(self, *args)
        count[0] += 1

    monkeypatch.setattr(runner, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(Program, "advance", timed)
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", save_then_stop)
        with pytest.raises(StopError):
            ex.run(SMALL, out=folder, progress=False)
    assert not (folder / "results.parquet").exists()
    with pytest.raises(InputError, match="not finished: resume it first"):
        ex.load(folder)
    # On another number of devices, in other segments.
    resumed = ex.resume(folder, dataclasses.replace(SMALL, devices=1, segment=3), progress=False)
    pd.testing.assert_frame_equal(resumed.frame, uninterrupted.frame)
    for name, picks in uninterrupted.labelled.items():
        np.testing.assert_array_equal(resumed.labelled[name], picks)
    read = ex.load(folder)
    pd.testing.assert_frame_equal(read.frame, uninterrupted.frame)
    assert read.experiment == SMALL and read.table().equals(uninterrupted.table())
    # Two segments each; the one that was lost does not count.
    found = {"logistic_regression/random": 2.0, "logistic_regression/margin": 20.0}
    assert read.info["cell_seconds"] == resumed.info["cell_seconds"] == found
    of_margin = read.seconds().loc[("logistic_regression", "margin")]
    np.testing.assert_allclose(of_margin, [20 / 18, 18 / 18])  # 6 seeds, 3 queries
    written = {path.name for path in folder.iterdir()}
    assert written == {
        ".lock",
        "checkpoints",
        "config.json",
        "curves.png",
        "curves.svg",
        "info.json",
        "labelled.csv",
        "labelled.npz",
        "manifest.json",
        "report.html",
        "results.csv",
        "results.parquet",
        "summary.csv",
        "summary.tex",
    }
    rows = pd.read_csv(folder / "results.csv", dtype={"value": np.float32})
    pd.testing.assert_frame_equal(rows, read.frame, check_dtype=False, check_exact=True)
    pd.testing.assert_frame_equal(
        pd.read_csv(folder / "summary.csv"), wide_summary(read.frame, read.about())
    )
    assert len(list((folder / "checkpoints").iterdir())) <= 2  # the newest, not all


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, monkeypatch):
    import _thread

    advance, calls = Program.advance, [0]

    def interrupted_advance(self, *args):
        calls[0] += 1
        if calls[0] == 4:  # the first warms the program up
            _thread.interrupt_main()
        return advance(self, *args)

    folder = tmp_path / "run"
    monkeypatch.setattr(Program, "advance", interrupted_advance)
    with pytest.raises(Interrupted, match=f"1 finished and 2 of .* go on with --resume {folder}"):
        ex.run(SMALL, out=folder, progress=False)
    assert calls[0] == 4


def test_runs_off_the_main_thread(uninterrupted):
    found = []
    thread = threading.Thread(target=lambda: found.append(ex.run(SMALL, progress=False)))
    thread.start()
    thread.join()
    pd.testing.assert_frame_equal(found[0].frame, uninterrupted.frame)


def test_folders_that_do_not_belong(folder, tmp_path):
    other = dataclasses.replace(ALONE, rounds=2)
    with pytest.raises(InputError, match="holds another run, in which rounds is 3 there and 2"):
        ex.run(other, out=folder, progress=False)
    with pytest.raises(InputError, match="holds another run of this experiment: give another --o"):
        ex.run(ALONE, out=folder, progress=False)
    with pytest.raises(InputError, match="belongs to another config: rounds is 3 there and 2"):
        ex.resume(folder, other, progress=False)
    with pytest.raises(InputError, match=r"is not a run's folder: it has no config\.json"):
        ex.resume(tmp_path, progress=False)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty: give --out a new or an empty folder"):
        ex.run(ALONE, out=tmp_path / "notes", progress=False)
    assert (tmp_path / "notes" / "a.txt").read_text() == "mine"


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def damage_checkpoints(folder):
    for step in (folder / "checkpoints").iterdir():
        (step / "arrays.npz").write_bytes(b"")
    (folder / "info.json").write_text("{}")


def without_checksum(folder):
    config = json.loads((folder / "config.json").read_text())
    del config["sha256"]
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("damage", "does", "says"),
    [
        (lambda f: (f / "config.json").write_text("{"), ex.load, "config.json cannot be read"),
        (lambda f: (f / "config.json").write_text("[]"), ex.load, "is not an experiment's config"),
        (lambda f: (f / "config.json").write_bytes(b"\xff"), ex.load, "cannot be read"),
        (lambda f: edit(f / "config.json", '"C": 1.0', '"C": 3.0'), ex.load, "damaged or was edi"),
        (lambda f: edit(f / "config.json", '"rounds": 3', '"rounds": 2'), ex.resume, "or was edit"),
        (lambda f: edit(f / "config.json", "data_sha", "dbta_sha"), ex.resume, "not an experiment"),
        (without_checksum, ex.load, "is a run of an earlier jal, whose files have no checksums"),
        (
            lambda f: (f / "results.parquet").write_text("x"),
            ex.load,
            "results.parquet in .* is dam",
        ),
        (lambda f: (f / "labelled.npz").unlink(), ex.load, "labelled.npz in .* is damaged: --resu"),
        (lambda f: edit(f / "info.json", "seconds", "secands"), ex.load, "info.json in .* is dama"),
        (
            lambda f: edit(f / "manifest.json", "info", "infa"),
            ex.load,
            "info.json in .* is damaged",
        ),
        (lambda f: (f / "manifest.json").unlink(), ex.load, "not finished: resume it first"),
        (damage_checkpoints, ex.resume, "are damaged, that of round 3 .* and that of round 2 of"),
    ],
    ids=range(13),
)
def test_damaged_folders(folder, damage, does, says):
    damage(folder)
    with pytest.raises(InputError, match=says) as caught:
        does(folder)
    assert "\n" not in str(caught.value)


def contents(folder) -> dict:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.mark.parametrize(
    "lost",
    ["results.parquet", "results.csv", "labelled.npz", "info.json", "report.html", "manifest.json"],
)
def test_resume_writes_anew_what_was_lost(folder, lost, monkeypatch):
    """From the checkpoint, without compiling or computing; what was measured of time stays."""
    monkeypatch.setattr(Program, "compile", None)
    before, written = ex.load(folder), contents(folder)
    (folder / lost).write_bytes((folder / lost).read_bytes()[:-9])
    if lost not in ("report.html", "results.csv"):  # which nothing is read from
        with pytest.raises(InputError, match=f"{lost} in .* is damaged: --resume"):
            ex.load(folder)
    ex.resume(folder, progress=False)
    after = ex.load(folder)
    pd.testing.assert_frame_equal(after.frame, before.frame)
    assert after.info["cell_seconds"] == before.info["cell_seconds"]
    assert lost in ("info.json", "manifest.json") or after.info == before.info
    for name, picks in before.labelled.items():
        np.testing.assert_array_equal(after.labelled[name], picks)
    assert contents(folder).keys() == written.keys()


def test_a_finished_run_is_left_as_it_is(folder, capsys):
    before = contents(folder)
    found = ex.resume(folder, dataclasses.replace(ALONE, confidence=0.5))
    assert capsys.readouterr().out.strip() == f"{folder} is finished already"
    assert contents(folder) == before
    read = ex.load(folder)
    pd.testing.assert_frame_equal(found.frame, read.frame)
    assert found.info == read.info and found.experiment.confidence == 0.5
    with pytest.raises(
        InputError, match=r"data\.source is 'sklearn:digits' there and 'arrays' her"
    ):
        ex.resume(folder, dataset=load("sklearn:digits"), progress=False)
    assert contents(folder) == before


def test_a_damaged_checkpoint_is_gone_on_before(uninterrupted, whole_folder, tmp_path, capsys):
    folder = shutil.copytree(whole_folder, tmp_path / "run")
    assert {path.name for path in (folder / "checkpoints").iterdir()} == {"6", "8"}
    (folder / "manifest.json").unlink()
    (folder / "checkpoints" / "8" / "arrays.npz").write_bytes(b"")
    resumed = ex.resume(folder)
    says = "the checkpoint of round 3 of logistic_regression · margin is damaged; going on from"
    out = " ".join(capsys.readouterr().out.split())
    assert f"{says} that of round 1 of logistic_regression · margin" in out
    pd.testing.assert_frame_equal(resumed.frame, uninterrupted.frame)
    assert ex.load(folder).frame.equals(uninterrupted.frame)


def test_what_an_unfinished_run_shows(uninterrupted, whole_folder, tmp_path):
    """The finished cells, and of the one under way the rounds that are saved; marked."""
    folder = shutil.copytree(whole_folder, tmp_path / "run")
    (folder / "manifest.json").unlink()
    shutil.rmtree(folder / "checkpoints" / "8")
    found = load_so_far(folder)
    what = "1 of 2 learners and strategies finished, round 1 of 3 of logistic_regression · margin"
    assert found.info == {"unfinished": what}
    frame = uninterrupted.frame
    saved = (frame.strategy == "random") | (frame["round"] <= 1)
    saved &= frame.metric != "imbalance_ratio"
    pd.testing.assert_frame_equal(found.frame, frame[saved].reset_index(drop=True))
    found.render(folder)
    assert f"UNFINISHED: {what}" in (folder / "unfinished.html").read_text()
    assert not (folder / "manifest.json").exists()
    (folder / "checkpoints" / "6").rename(folder / "6")
    with pytest.raises(InputError, match="no round of it is saved yet: resume it by --resume"):
        load_so_far(folder)


def test_a_run_that_finishes_while_its_page_is_made(uninterrupted, whole_folder, tmp_path):
    """What is shown of the unfinished one is no part of it, whenever it is written."""
    folder = shutil.copytree(whole_folder, tmp_path / "run")
    (folder / "manifest.json").rename(tmp_path / "manifest.json")
    so_far = load_so_far(folder)
    (tmp_path / "manifest.json").rename(folder / "manifest.json")
    assert so_far.render(folder) == folder / "unfinished.html"
    assert is_finished(folder) and "UNFINISHED" not in (folder / "report.html").read_text()
    load_so_far(folder).save(folder)
    assert is_finished(folder) and not [*folder.glob("unfinished.*")]


def test_pictures_made_anew_are_sealed(folder):
    for name in ("curves.png", "curves.svg", "summary.csv", "summary.tex", "report.html"):
        (folder / name).unlink()
    assert not is_finished(folder)
    load_so_far(folder).render(folder)
    assert is_finished(folder)
    (folder / "report.html").write_text("another")
    assert not is_finished(folder)


def test_a_run_in_use_is_left_alone(folder):
    """By this process or another; a dead one's lock is taken over."""
    (folder / "manifest.json").unlink()
    with locked(folder):
        before = contents(folder)
        says = f"{folder} is in use by process {os.getpid()} on host {socket.gethostname()}: wait"
        with pytest.raises(InputError, match=says):
            ex.resume(folder, progress=False)
        assert contents(folder) == before
    hold = "import filelock, sys; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); "
    hold += "print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, folder / ".lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        (folder / ".holder").write_text(f"process {other.pid} on host far")
        assert other.stdout is not None and other.stdout.readline() == b"\n"
        with pytest.raises(InputError, match=f"is in use by process {other.pid} on host far"):
            ex.resume(folder, progress=False)
        other.kill()
    ex.resume(folder, progress=False)
    assert not (folder / ".holder").exists() and ex.load(folder)


def test_a_run_where_nothing_can_be_locked(folder, monkeypatch):
    """A file system without flock is refused: a lock that is a file would outlive who is killed."""

    def fail(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", fail)
    before = contents(folder).keys()
    with (
        pytest.raises(
            InputError, match=f"^{folder} is on a file system without locks .Function no"
        ),
        locked(folder),
    ):
        pass
    assert contents(folder).keys() <= {*before, folder / ".lock"}


def test_resume_on_other_data(folder):
    digits = load("sklearn:digits")
    changed = from_arrays(digits.train.x + 1, digits.train.y, *digits.test)
    with pytest.raises(
        InputError, match=r"data\.source is 'sklearn:digits' there and 'arrays' here"
    ):
        ex.resume(folder, dataset=changed, progress=False)


def test_resume_knows_pretrained_weights(tmp_path):
    """A run depends on the data and on the weights files that its learners start from."""
    from jal.data.sources import fingerprint
    from jal.experiment.runner import _identity

    dataset, weights = load("sklearn:digits"), tmp_path / "model.safetensors"
    learners = {"a": ex.ResNet(), "b": ex.ResNet(weights=str(weights))}
    plain = dataclasses.replace(SMALL, learners={"a": learners["a"]})
    assert _identity(plain, dataset, {}) == fingerprint(dataset)
    found = []
    for content in (b"one", b"two", b"one"):
        weights.write_bytes(content)
        change = dataclasses.replace(SMALL, learners=learners)
        found.append(_identity(change, dataset, {}))
    assert found[0] == found[2] != found[1] and fingerprint(dataset) not in found


def test_results_show_inline(uninterrupted):
    assert uninterrupted.plot()._repr_png_().startswith(b"\x89PNG")
    table = uninterrupted.table()
    assert list(table.index) == [
        (learner, s) for learner in SMALL.learners for s in SMALL.strategies
    ]
    assert "±" not in table._repr_html_() and "aubc" in table._repr_html_()
    assert uninterrupted.significance("logistic_regression").shape == (2, 2)


def test_the_first_cell_is_timed_like_the_others(monkeypatch):
    """Starting seeds is waited for, and a program's first execution is of no rounds."""
    began, rounds, waited, wait = [], [], [], jax.block_until_ready

    def started(self: Program, cell: int, start=Program.start):
        waited.clear()
        state = start(self, cell)
        began.append((cell, any(one is state for one in waited)))
        return state

    def advanced(self: Program, cell: int, state, start: int, stop: int, advance=Program.advance):
        rounds.append((cell, start, stop))
        return advance(self, cell, state, start, stop)

    monkeypatch.setattr(jax, "block_until_ready", lambda tree: (waited.append(wait(tree)), tree)[1])
    monkeypatch.setattr(Program, "start", started)
    monkeypatch.setattr(Program, "advance", advanced)
    ex.run(dataclasses.replace(SMALL, devices=1, segment=4), progress=False)
    assert rounds == [(0, 0, 0), (0, 0, 4), (1, 0, 4)]  # both cells share a program
    assert began == [(0, True), (0, True), (1, True)]


def test_a_class_without_test_examples_has_no_recall(tmp_path):
    """It is no sign that training diverged; the others have theirs, with their names."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = np.arange(60) % 3
    data = from_arrays(x, y, x, np.where(y == 1, 0, y), 3, ["cat", "dog", "eel"])
    small = Experiment(
        strategies=("random",), seeds=2, rounds=1, metrics=("class_recall",), devices=1
    )
    results = ex.run(small, dataset=data, out=tmp_path / "run", progress=False)
    found = results.frame.metric.unique()
    assert {name for name in found if name.startswith("class")} == {
        "class_recall_0",
        "class_recall_2",
    }
    assert results.about().classes == ("cat", "dog", "eel")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<th>cat</th><th>eel</th>" in page


def test_rows_of_each_segment_are_handed_out(uninterrupted):
    """Four segments of two rounds; together they are the table, each row once."""
    found = []
    ex.run(SMALL, progress=False, on_rows=found.append)
    cells = [("random", 0), ("random", 2), ("margin", 0), ("margin", 2)]
    for rows, (strategy, first) in zip(found, cells, strict=True):
        assert set(rows.strategy) == {strategy} and set(rows["round"]) == {first, first + 1}
    whole = uninterrupted.frame[uninterrupted.frame.metric != "imbalance_ratio"]
    keys = [*KEYS, "labels", "experiment"]
    both = pd.concat(found).merge(whole, on=keys, suffixes=("", "_whole"))
    assert len(both) == len(whole) == sum(map(len, found))
    np.testing.assert_array_equal(both.value, both.value_whole)


def test_a_hook_that_fails_is_not_silent():
    def stop(rows: pd.DataFrame) -> None:
        raise RuntimeError("the logger is gone")

    with pytest.raises(RuntimeError, match="the logger is gone"):
        ex.run(ALONE, progress=False, on_rows=stop)
