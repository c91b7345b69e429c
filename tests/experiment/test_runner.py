"""Runs: seeds independent of what runs beside them, saved, resumed, read back."""

import dataclasses
import shutil
import threading
from types import SimpleNamespace

import jax
import numpy as np
import pandas as pd
import pytest

from jal import experiment as ex
from jal import metrics, strategies
from jal.data import load
from jal.experiment import MLP, Experiment, Interrupted, LogisticRegression, runner
from jal.experiment.folder import Checkpoints
from jal.experiment.program import Program
from jal.types import InputError

BASE = Experiment(
    name="small",
    learners={
        "logistic_regression": LogisticRegression(),
        "mlp": MLP(hidden=(16,), epochs=5),
    },
    strategies=("random", "margin", "k_center", "kmeans", "badge"),
    seeds=8,
    rounds=5,
    segment=6,
)
KEYS = ["learner", "strategy", "seed", "round", "metric"]


def frame_of(**change) -> pd.DataFrame:
    return ex.run(dataclasses.replace(BASE, **change), progress=False).frame


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    return frame_of(devices=1)


def compare(whole: pd.DataFrame, part: pd.DataFrame) -> np.ndarray:
    both = part.merge(whole, on=KEYS, suffixes=("", "_whole"))
    assert len(both) == len(part) > 0
    assert (both.labels == both.labels_whole).all()
    return (both.value - both.value_whole).abs().to_numpy()


@pytest.mark.parametrize(
    "change",
    [
        {"devices": 4},
        {"devices": 1, "seeds": 1, "first_seed": 5},
        {"devices": 4, "seeds": 3, "first_seed": 2},
        {"devices": 1, "segment": 1},
        {"devices": 2, "segment": 4},
        {"devices": 1, "strategies": ("badge", "random")},
    ],
    ids=str,
)
def test_mapped_seeds_are_equal_bit_for_bit(whole, change):
    assert compare(whole, frame_of(**change)).max() == 0.0


@pytest.mark.parametrize("at_once", [3, 8])
def test_vmapped_seeds_are_equal_up_to_near_ties(whole, at_once):
    """Rounding may flip a pick where two are all but tied; few do, and none changes a mean much."""
    part = frame_of(devices=2, seeds_at_once=at_once)
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
        "train_loss",
        "imbalance_ratio",
    }
    assert set(whole.seed) == set(range(8)) and set(whole["round"]) == set(range(6))
    assert (whole.labels == 10 + 10 * whole["round"]).all()
    # Strategies share a seed's start, so the first measurement is theirs in common.
    first = whole[(whole["round"] == 0) & (whole.metric == "accuracy")]
    assert (first.groupby(["learner", "seed"]).value.nunique() == 1).all()
    assert first.groupby("learner").value.nunique().min() > 4


def test_batches_that_differ_between_strategies():
    frame = frame_of(batch=(1, 2, 3, 4, 5), batch_of={"margin": 7}, seeds=2)
    by = frame.groupby(["strategy", "round"]).labels.first().unstack()
    assert by.loc["random"].tolist() == [10, 11, 13, 16, 20, 25]
    assert by.loc["margin"].tolist() == [10, 17, 24, 31, 38, 45]


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
        ratio = metrics.imbalance_ratio(jax.numpy.asarray(counts, float))
        np.testing.assert_allclose(row.value, ratio, atol=1e-6)


def test_own_strategies_and_their_batch_sizes():
    margin = strategies.registry["margin"]()

    def cautious():
        import jax.numpy as jnp

        return margin._replace(
            batch_size=lambda key, state, round: 1 + round.labels.n % jnp.int32(4)
        )

    small = dataclasses.replace(BASE, strategies=("margin", "cautious"), seeds=2)
    results = ex.run(small, strategies={"cautious": cautious}, progress=False)
    by = results.frame.groupby(["strategy", "round"]).labels.first().unstack()
    assert by.loc["cautious"].tolist() == [10, 13, 15, 19, 23, 27]
    assert by.loc["margin"].tolist() == [10, 20, 30, 40, 50, 60]
    check_imbalance(results)
    for name, picks in results.labelled.items():
        n = 27 if "cautious" in name else 60
        assert picks.shape == (2, 60) and (picks[:, n:] == -1).all(), name
        assert all(len(set(row)) == n and min(row) >= 0 for row in picks[:, :n].tolist())


def test_a_strategys_curve_does_not_depend_on_the_others(whole):
    """Nor on their batches: what is asked of kmeans is its own batch."""
    alone = frame_of(strategies=("kmeans",), seeds=3)
    beside = frame_of(strategies=("kmeans", "random"), seeds=3, batch_of={"random": 30})
    assert compare(beside, alone).max() == 0.0
    assert compare(whole, alone).max() == 0.0


def test_more_metrics():
    small = dataclasses.replace(BASE, strategies=("random",), seeds=2, rounds=2)
    results = ex.run(dataclasses.replace(small, metrics=("log_loss", "f1")), progress=False)
    table = results.table()
    added = ["log_loss", "log_loss_ci", "f1", "f1_ci", "imbalance_ratio", "imbalance_ratio_ci"]
    assert list(table.columns[-6:]) == added
    last = results.frame[(results.frame["round"] == 2) & (results.frame.metric == "f1")]
    np.testing.assert_allclose(table.f1, last.groupby("learner").value.mean(), rtol=1e-6)
    assert results.plot("log_loss")._repr_png_()


def test_one_compilation_for_each_learner(monkeypatch):
    compiled = []
    compile_ = Program.compile
    monkeypatch.setattr(
        Program, "compile", lambda self, cell: (compiled.append(cell), compile_(self, cell))
    )
    frame_of(segment=2, seeds=2)
    assert compiled == [0, 5]  # five strategies and three segments share each


SMALL = dataclasses.replace(BASE, strategies=("random", "badge"), seeds=3, segment=2)


@pytest.fixture(scope="module")
def uninterrupted() -> ex.Results:
    return ex.run(SMALL, progress=False)


class StopError(Exception):
    """Stands for anything that ends a process."""


@pytest.mark.parametrize("saves", [0, 1, 2, 3, 6, 11, 12])
def test_resume_equals_uninterrupted(uninterrupted, tmp_path, monkeypatch, saves):
    """Ended after any of the 12 saves (4 cells of 3 segments), or before the first."""
    save, count = Checkpoints.save, [0]

    def save_then_stop(self, step, tree):
        if count[0] == saves:
            raise StopError
        save(self, step, tree)
        count[0] += 1

    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", save_then_stop)
        if saves < 12:
            with pytest.raises(StopError):
                ex.run(SMALL, out=folder, progress=False)
            assert not (folder / "results.parquet").exists()
            with pytest.raises(InputError, match="not finished: resume it first"):
                ex.load(folder)
        else:
            ex.run(SMALL, out=folder, progress=False)
    # On another number of devices, in other segments.
    resumed = ex.resume(folder, dataclasses.replace(SMALL, devices=2, segment=3), progress=False)
    pd.testing.assert_frame_equal(resumed.frame, uninterrupted.frame)
    for name, picks in uninterrupted.labelled.items():
        np.testing.assert_array_equal(resumed.labelled[name], picks)
    read = ex.load(folder)
    pd.testing.assert_frame_equal(read.frame, uninterrupted.frame)
    assert read.experiment == SMALL and read.table().equals(uninterrupted.table())
    written = {path.name for path in folder.iterdir()}
    assert written == {
        "checkpoints",
        "config.json",
        "curves.png",
        "info.json",
        "labelled.npz",
        "report.html",
        "results.parquet",
    }
    assert len(list((folder / "checkpoints").iterdir())) <= 2  # the newest, not all


@pytest.mark.parametrize("saves", [2, 4])
def test_seconds_are_those_of_the_rounds_and_survive_a_stop(tmp_path, monkeypatch, saves):
    """By a clock that runs a second in each of the first cell's segments, ten in the second's."""
    small = dataclasses.replace(SMALL, learners={"logistic_regression": LogisticRegression()})
    now, count, save = [0.0], [0], Checkpoints.save
    advance = Program.advance

    def timed(self, cell, *rest):
        now[0] += 10.0**cell
        return advance(self, cell, *rest)

    def save_then_stop(self, step, tree):
        if count[0] == saves:
            raise StopError
        save(self, step, tree)
        count[0] += 1

    monkeypatch.setattr(runner, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(Program, "advance", timed)
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", save_then_stop)
        with pytest.raises(StopError):
            ex.run(small, out=tmp_path / "run", progress=False)
    results = ex.resume(tmp_path / "run", progress=False)
    found = ex.load(tmp_path / "run").info["cell_seconds"]
    assert found == results.info["cell_seconds"]
    # Three segments each; the one that was lost does not count.
    assert found == {"logistic_regression/random": 3.0, "logistic_regression/badge": 30.0}
    of_badge = results.seconds().loc[("logistic_regression", "badge")]
    assert of_badge.tolist() == [2.0, 1.8]  # 3 seeds, 5 queries


def test_ctrl_c_saves_and_says_how_to_go_on(uninterrupted, tmp_path, monkeypatch):
    import _thread

    advance, calls = Program.advance, [0]

    def interrupted_advance(self, *args):
        calls[0] += 1
        if calls[0] == 4:
            _thread.interrupt_main()
        return advance(self, *args)

    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(Program, "advance", interrupted_advance)
        with pytest.raises(Interrupted, match=f"go on with --resume {folder}"):
            ex.run(SMALL, out=folder, progress=False)
    assert calls[0] == 4
    pd.testing.assert_frame_equal(ex.resume(folder, progress=False).frame, uninterrupted.frame)


def test_runs_off_the_main_thread(uninterrupted):
    found = []
    thread = threading.Thread(target=lambda: found.append(ex.run(SMALL, progress=False)))
    thread.start()
    thread.join()
    pd.testing.assert_frame_equal(found[0].frame, uninterrupted.frame)


def test_folders_that_do_not_belong(tmp_path, uninterrupted):
    folder = tmp_path / "run"
    tiny = dataclasses.replace(SMALL, rounds=1, strategies=("random",), seeds=1)
    ex.run(tiny, out=folder, progress=False)
    other = dataclasses.replace(tiny, rounds=2)
    with pytest.raises(InputError, match="holds another run, in which rounds is 1 there and 2"):
        ex.run(other, out=folder, progress=False)
    with pytest.raises(InputError, match="holds another run of this experiment: give another --o"):
        ex.run(tiny, out=folder, progress=False)
    with pytest.raises(InputError, match="belongs to another config: rounds is 1 there and 2"):
        ex.resume(folder, other, progress=False)
    with pytest.raises(InputError, match=r"is not a run's folder: it has no config\.json"):
        ex.resume(tmp_path, progress=False)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty: give --out a new or an empty folder"):
        ex.run(tiny, out=tmp_path / "notes", progress=False)
    assert (tmp_path / "notes" / "a.txt").read_text() == "mine"


def damage_checkpoint(folder):
    (step,) = (p for p in (folder / "checkpoints").iterdir() if p.name.isdigit())
    shutil.rmtree(step / "default")


@pytest.mark.parametrize(
    ("damage", "does", "says"),
    [
        (lambda f: (f / "config.json").write_text("{"), ex.load, "config.json cannot be read"),
        (lambda f: (f / "config.json").write_text("[]"), ex.load, "is not an experiment's config"),
        (lambda f: (f / "config.json").write_bytes(b"\xff"), ex.load, "cannot be read"),
        (lambda f: (f / "results.parquet").write_text("x"), ex.load, "are damaged: --resume"),
        (lambda f: (f / "labelled.npz").unlink(), ex.load, "are damaged: --resume"),
        (damage_checkpoint, ex.resume, "is damaged: delete that folder, and --resume"),
    ],
    ids=range(6),
)
def test_damaged_folders(tmp_path, damage, does, says):
    folder = tmp_path / "run"
    tiny = dataclasses.replace(SMALL, rounds=1, strategies=("random",), seeds=1)
    before = ex.run(tiny, out=folder, progress=False).frame
    config = (folder / "config.json").read_bytes()
    damage(folder)
    with pytest.raises(InputError, match=says):
        does(folder)
    (folder / "config.json").write_bytes(config)
    if does is ex.resume:
        shutil.rmtree(folder / "checkpoints")
    pd.testing.assert_frame_equal(ex.resume(folder, progress=False).frame, before)
    pd.testing.assert_frame_equal(ex.load(folder).frame, before)


def test_resume_on_other_data(tmp_path):
    from jal.data import from_arrays, load

    tiny = dataclasses.replace(SMALL, rounds=1, strategies=("random",), seeds=1)
    ex.run(tiny, out=tmp_path / "run", progress=False)
    digits = load("sklearn:digits")
    changed = from_arrays(digits.train.x + 1, digits.train.y, *digits.test)
    with pytest.raises(InputError, match="was run on other data"):
        ex.resume(tmp_path / "run", dataset=changed, progress=False)


def test_resume_knows_pretrained_weights(tmp_path):
    """A run depends on the data and on the weights files that its learners start from."""
    from jal.data.sources import fingerprint, load
    from jal.experiment.runner import _identity

    dataset, weights = load("sklearn:digits"), tmp_path / "model.safetensors"
    learners = {"a": ex.ResNet(), "b": ex.ResNet(weights=str(weights))}
    plain = dataclasses.replace(SMALL, learners={"a": learners["a"]})
    assert _identity(plain, dataset) == fingerprint(dataset)
    found = []
    for content in (b"one", b"two", b"one"):
        weights.write_bytes(content)
        found.append(_identity(dataclasses.replace(SMALL, learners=learners), dataset))
    assert found[0] == found[2] != found[1] and fingerprint(dataset) not in found


def test_results_show_inline(uninterrupted):
    assert uninterrupted.plot()._repr_png_().startswith(b"\x89PNG")
    table = uninterrupted.table()
    assert list(table.index) == [
        (learner, s) for learner in SMALL.learners for s in SMALL.strategies
    ]
    assert "±" not in table._repr_html_() and "aubc" in table._repr_html_()
    assert uninterrupted.significance("mlp").shape == (2, 2)
