"""Runs: saved, resumed, read back, damaged, in use."""

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small_runs import ALONE, SMALL, changed, contents

from jal import experiment as ex
from jal import files
from jal.data import from_arrays, load
from jal.experiment import Interrupted, comparison, segments
from jal.experiment.checkpoints import Checkpoints
from jal.experiment.lock import locked
from jal.experiment.results import is_finished, load_so_far
from jal.types import InputError


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


class StopError(Exception):
    """Stands for anything that ends a process."""


@pytest.mark.parametrize("saves", [0, 1, 3])
def test_resume_equals_uninterrupted(uninterrupted, tmp_path, monkeypatch, saves):
    """Ended after any of the 4 saves (2 cells of 2 segments), or before the first.

    By a clock that runs a second in each of the first cell's segments, ten in the second's.
    """
    save, advance, now, count = Checkpoints.save, comparison._advance, [0.0], [0]

    def timed(program, cell):
        run, seconds = advance(program, cell), {"random": 1.0, "margin": 10.0}[cell.query]

        def ticked(*given):
            now[0] += seconds
            return run(*given)

        return ticked

    def save_then_stop(self, *args):
        if count[0] == saves:
            raise StopError
        save(self, *args)
        count[0] += 1

    monkeypatch.setattr(segments, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(comparison, "_advance", timed)
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", save_then_stop)
        with pytest.raises(StopError):
            ex.run(SMALL, out=folder, progress=False)
    assert not (folder / "results.parquet").exists()
    with pytest.raises(InputError, match="not finished: resume it first"):
        ex.load(folder)
    # On another number of devices, in other segments.
    resumed = ex.resume(folder, changed(SMALL, devices=1, segment=3), progress=False)
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
    assert len(list((folder / "checkpoints").iterdir())) <= 2  # the newest, not all


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, monkeypatch):
    import _thread

    advance, calls = comparison._advance, [0]

    def interrupted_advance(program, cell):
        run = advance(program, cell)

        def counted(*given):
            calls[0] += 1
            if calls[0] == 4:  # the first warms the program up
                _thread.interrupt_main()
            return run(*given)

        return counted

    folder = tmp_path / "run"
    monkeypatch.setattr(comparison, "_advance", interrupted_advance)
    with pytest.raises(
        Interrupted, match=f"all of 1 finished and 2 of .* go on with --resume {folder}"
    ):
        ex.run(SMALL, out=folder, progress=False)
    assert calls[0] == 4


def test_folders_that_do_not_belong(folder, tmp_path):
    other = changed(ALONE, rounds=2)
    with pytest.raises(
        InputError, match=r"holds another run, in which protocol\.rounds is 3 there and 2"
    ):
        ex.run(other, out=folder, progress=False)
    with pytest.raises(InputError, match="holds another run of this config: give another --o"):
        ex.run(ALONE, out=folder, progress=False)
    with pytest.raises(
        InputError, match=r"belongs to another config: protocol\.rounds is 3 there and 2"
    ):
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


def test_a_run_of_an_earlier_jal_is_one_sentence(tmp_path):
    """As version 0.1 wrote its config, with what identifies its data and with its SHA-256."""
    folder = tmp_path / "old"
    folder.mkdir()
    old = {"name": "old", "learners": {}, "strategies": ["random"], "seeds": 4, "start": "balanced"}
    tree = {"experiment": old, "data_sha256": "0"}
    text = json.dumps(tree | {"sha256": files.digest(tree)}, indent=2) + "\n"
    (folder / "config.json").write_text(text)
    says = (
        f"{folder} is a run of an earlier jal, whose configs had another form: read its "
        "results.parquet as it is, or run the experiment anew."
    )
    for look in (
        lambda: ex.load(folder),
        lambda: load_so_far(folder),
        lambda: ex.resume(folder),
        lambda: ex.resume(folder, ALONE),
        lambda: ex.run(ALONE, out=folder, progress=False),
        lambda: ex.load_trained(folder),
    ):
        with pytest.raises(InputError) as caught:
            look()
        assert str(caught.value) == says
    assert (folder / "config.json").read_text() == text


@pytest.mark.parametrize(
    ("damage", "does", "says"),
    [
        (lambda f: (f / "config.json").write_text("{"), ex.load, "config.json cannot be read"),
        (lambda f: (f / "config.json").write_text("[]"), ex.load, "is not an experiment's config"),
        (lambda f: (f / "config.json").write_bytes(b"\xff"), ex.load, "cannot be read"),
        (lambda f: edit(f / "config.json", '"C": 1.0', '"C": 3.0'), ex.load, "damaged or was edi"),
        (lambda f: edit(f / "config.json", '"rounds": 3', '"rounds": 2'), ex.resume, "or was edit"),
        (lambda f: edit(f / "config.json", "data_sha", "dbta_sha"), ex.resume, "not an experiment"),
        (
            without_checksum,
            ex.load,
            "is a run of an earlier jal, whose configs had another form: read its results.parquet",
        ),
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


@pytest.mark.parametrize(
    "lost",
    ["results.parquet", "results.csv", "labelled.npz", "info.json", "report.html", "manifest.json"],
)
def test_resume_writes_anew_what_was_lost(folder, lost, monkeypatch):
    """From the checkpoint, without compiling or computing; what was measured of time stays."""
    monkeypatch.setattr(comparison, "_compile", None)
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
    found = ex.resume(folder, changed(ALONE, confidence=0.5))
    assert capsys.readouterr().out.strip() == f"{folder} is finished already"
    assert contents(folder) == before
    read = ex.load(folder)
    pd.testing.assert_frame_equal(found.frame, read.frame)
    assert found.info == read.info and found.experiment.shown.confidence == 0.5
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
    from jal.experiment.comparison import _identity

    dataset, weights = load("sklearn:digits"), tmp_path / "model.safetensors"
    learners = {"a": ex.ResNet(), "b": ex.ResNet(weights=str(weights))}
    plain = changed(SMALL, learners={"a": learners["a"]})
    assert _identity(plain, dataset, []) == fingerprint(dataset)
    found = []
    for content in (b"one", b"two", b"one"):
        weights.write_bytes(content)
        change = changed(SMALL, learners=learners)
        found.append(_identity(change, dataset, []))
    assert found[0] == found[2] != found[1] and fingerprint(dataset) not in found
