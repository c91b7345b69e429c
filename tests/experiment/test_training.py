"""Trainings: segments, saves, damage and Ctrl-C, of an agent that counts its epochs."""

import _thread
import dataclasses
import errno
import os
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from counted import Counted
from small_runs import changed, contents, flip

from jal import experiment as ex
from jal import files, report
from jal.cli import command
from jal.data import from_arrays
from jal.experiment import Data, Execution, Interrupted, Parts, SladeBranson, Training, training
from jal.experiment.checkpoints import Checkpoints
from jal.experiment.folder import disk_errors, run_sha256
from jal.experiment.history import is_trained
from jal.types import InputError

RNG = np.random.default_rng(0)
Y = np.arange(120) % 3
X = RNG.normal(size=(120, 4)).astype(np.float32)
DATASET = from_arrays(X, Y, X[:30], Y[:30])
FIVE = Training(Counted(epochs=5), "counted", seeds=2, execution=Execution(segment=1, devices=1))


def run(config=FIVE, out=None, **more):
    return ex.run(config, out=out, dataset=DATASET, progress=False, **more)


def resume(folder, config=None, **more):
    return ex.resume(folder, config, dataset=DATASET, **{"allow_code": True} | more)


def segments(monkeypatch, stop_at=None):
    """The segments that run from here on; Ctrl-C in the one that ends at `stop_at`."""
    ran, loop = [], training.run_segments

    def recorded(advance, *given):
        def counted(state, start, stop):
            ran.append((int(start), int(stop)))
            if stop == stop_at:
                _thread.interrupt_main()
            return advance(state, start, stop)

        return loop(counted, *given)

    monkeypatch.setattr(training, "run_segments", recorded)
    return ran


def largest(folder):
    return max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(out=folder)
    return folder


@pytest.fixture(scope="module")
def three_of_five(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stopped") / "run"
    says = f"epochs trained so far are saved: go on with --resume {folder}"
    with pytest.MonkeyPatch.context() as patched:
        ran = segments(patched, stop_at=3)
        with pytest.raises(Interrupted, match=says):
            run(out=folder)
    assert ran == [(0, 1), (1, 2), (2, 3)]
    assert {path.name for path in (folder / "checkpoints").iterdir()} == {"2", "3"}
    return folder


@pytest.fixture
def stopped(three_of_five, tmp_path):
    """The folder of a training that was stopped after three of five epochs."""
    return shutil.copytree(three_of_five, tmp_path / "run")


def test_what_a_training_makes(finished):
    made = run()
    assert made.policy.weights["kernel"].shape == (2, 12, 1)  # a tenth of the points are the state
    assert (np.asarray(made.policy.weights["kernel"]) == 5).all()
    history = made.history
    assert list(history.seed.unique()) == [0, 1] and set(history.learner) == {"logistic_regression"}
    losses = history[history.metric == "loss"]
    assert losses.epoch.tolist() == losses.value.tolist() == [0, 1, 2, 3, 4] * 2
    assert (history[history.metric == "target_quality"].value == 0.5).all()
    assert made.folder is None and made.splits == ()
    read = ex.load_trained(finished, allow_code=True)
    np.testing.assert_array_equal(read.policy.weights["kernel"], made.policy.weights["kernel"])
    timed = history.metric == "seconds"
    pd.testing.assert_frame_equal(read.history[~timed], history[~timed])
    assert (read.training.agent.options, read.agent) == ({"epochs": 5, "step": 1.0}, FIVE.agent)


def test_segments_make_no_difference(finished, monkeypatch):
    ran = segments(monkeypatch)
    made = run(changed(FIVE, segment=2, devices=2))
    assert ran == [(0, 2), (2, 4), (4, 5)]
    assert (np.asarray(made.policy.weights["kernel"]) == 5).all()


def test_a_stopped_training_goes_on(stopped, finished, monkeypatch):
    ran = segments(monkeypatch)
    made = resume(stopped, changed(FIVE, segment=7))
    assert ran == [(3, 5)] and made.info["resumed"]
    whole = ex.load_trained(finished, allow_code=True).history
    timed = whole.metric == "seconds"
    pd.testing.assert_frame_equal(made.history[~timed], whole[~timed])
    assert (made.history[timed].value > 0).all()
    assert not (stopped / "checkpoints").exists() and is_trained(stopped, FIVE)


@pytest.mark.parametrize("part", ["state", "arrays.npz", "manifest.json"])
def test_a_flipped_bit_in_a_training_is_said_and_gone_on_before(stopped, part, monkeypatch, capsys):
    path = stopped / "checkpoints" / "3" / part
    flip(largest(path) if path.is_dir() else path, 30)
    ran = segments(monkeypatch)
    made = resume(stopped)
    says = "the checkpoint of epoch 3 of counted is damaged; going on from that of epoch 2 of count"
    assert says in " ".join(capsys.readouterr().out.split())
    assert ran == [(2, 3), (3, 4), (4, 5)]
    assert (np.asarray(made.policy.weights["kernel"]) == 5).all()
    losses = made.history[made.history.metric == "loss"]
    assert losses.value.tolist() == [0, 1, 2, 3, 4] * 2


def test_a_training_without_a_whole_checkpoint_is_one_sentence(stopped):
    for step in ("2", "3"):
        flip(stopped / "checkpoints" / step / "arrays.npz")
    says = "epoch 3 of counted and that of epoch 2 of counted: delete that folder"
    with pytest.raises(InputError, match=says):
        resume(stopped)


def test_anothers_training_is_none_of_its_own(stopped, tmp_path):
    other = changed(FIVE, agent=Counted(epochs=6))
    with pytest.raises(Interrupted), pytest.MonkeyPatch.context() as patched:
        segments(patched, stop_at=1)
        run(other, out=tmp_path / "other")
    shutil.rmtree(tmp_path / "other" / "checkpoints")
    shutil.copytree(stopped / "checkpoints", tmp_path / "other" / "checkpoints")
    with pytest.raises(InputError, match="are damaged"):
        resume(tmp_path / "other")


@pytest.mark.parametrize("at", ["mkdir", "save"])
def test_a_disk_that_fails_in_a_training_names_the_run(stopped, monkeypatch, at):
    """That is what --resume takes."""

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if at == "mkdir":
        monkeypatch.setattr(type(stopped), "mkdir", fail)
    else:
        monkeypatch.setattr(files, "seal", fail)
    says = (
        f"^cannot write to {stopped}: No space .* make room and go on with --resume {stopped}\\.$"
    )
    with pytest.raises(InputError, match=says):
        resume(stopped)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EDQUOT, "make room"),
        (errno.EACCES, "make it writable"),
        (errno.EROFS, "make it writable"),
        (errno.EPERM, "make it writable"),
        (errno.EIO, "mend that"),
    ],
)
def test_what_would_help_a_disk(tmp_path, code, remedy):
    says = f"^cannot write to .*: {os.strerror(code)}; .* is whole, so {remedy} and go on with"
    with pytest.raises(InputError, match=says), disk_errors(tmp_path):
        raise OSError(code, os.strerror(code))
    if code != errno.EIO:  # as Orbax's writers have it
        with pytest.raises(InputError, match=says), disk_errors(tmp_path):
            raise ValueError(f"INTERNAL: {os.strerror(code)} [a/b]")


DAMAGES = [
    (lambda own: flip(largest(own / "policy" / "policy")), "policy/policy/.*"),
    (lambda own: flip(largest(own / "policy" / "classifier")), "policy/classifier/.*"),
    (lambda own: flip(own / "policy" / "policy.json", 30), "policy/policy.json"),
    (lambda own: (own / "policy" / "policy.json").unlink(), "policy/policy.json"),
    (lambda own: flip(own / "policy" / "manifest.json", 30), "policy/manifest.json"),
    (lambda own: flip(own / "training.parquet", 30), "training.parquet"),
    (lambda own: flip(own / "info.json", 30), "info.json"),
    (lambda own: flip(own / "manifest.json", 30), "(config|manifest).json"),
]


@pytest.mark.parametrize(("damage", "what"), DAMAGES, ids=range(8))
def test_damage_to_a_trained_agent_is_found(finished, tmp_path, damage, what):
    own = shutil.copytree(finished, tmp_path / "copy")
    assert is_trained(own, FIVE)
    damage(own)
    for look in (lambda: is_trained(own, FIVE), lambda: ex.load_trained(own, allow_code=True)):
        says = f"^{what} in {own} is damaged: delete manifest.json there, and --resume trains"
        with pytest.raises(InputError, match=says) as said:
            look()
        assert "\n" not in str(said.value)


def test_a_trained_agent_is_verified_before_its_checkpoints_go(stopped, finished, monkeypatch):
    """A damaged policy is trained anew once its manifest is deleted, from the checkpoints."""
    for name in ("policy", "training.parquet", "info.json", "manifest.json"):
        copy = shutil.copytree if (finished / name).is_dir() else shutil.copy
        copy(finished / name, stopped / name)
    flip(largest(stopped / "policy" / "policy"))
    with pytest.raises(InputError, match=r"in .* is damaged: delete manifest\.json there, and --r"):
        resume(stopped)
    assert (stopped / "checkpoints" / "3").is_dir()
    (stopped / "manifest.json").unlink()
    ran = segments(monkeypatch)
    made = resume(stopped)
    assert ran == [(3, 4), (4, 5)] and is_trained(stopped, FIVE)
    assert (np.asarray(made.policy.weights["kernel"]) == 5).all()


def test_a_training_has_a_page(finished):
    """Its losses are 0 to 4 in each of the two; all that warm start found is 1."""
    page = (finished / "report.html").read_text()
    said = "Over 2 trainings with logistic_regression, the episodes of counted's last epoch have a"
    assert f'<p class="result">{said} return of 4.0000 and end at a quality of 4.0000 with' in page
    assert "the best that warm start saw is 1.0000; the targets are 0.5000 with 100.00 %" in page
    assert "<td>seeds</td><td>2</td>" in page and "2 trainings of 5 epochs" in page
    assert (finished / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert files.damaged(finished, ["report.html", "curves.png"], run_sha256(finished)) is None


@pytest.mark.parametrize("lost", ["report.html", "curves.png"])
def test_a_page_is_made_of_the_rest(finished, tmp_path, lost, capsys):
    """Without its agent's code, and a training is finished without it."""
    own = shutil.copytree(finished, tmp_path / "copy")
    (own / lost).unlink()
    assert is_trained(own, FIVE) and resume(own).agent == FIVE.agent
    assert not (own / lost).exists()
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "counted", None)
        command("report")([str(own)])
    said = " ".join(capsys.readouterr().out.split())
    assert "Over 2 trainings with logistic_regression, the episodes of counted's last" in said
    assert said.endswith(f"Open {own / 'report.html'}")
    assert (own / lost).read_bytes() == (finished / lost).read_bytes()
    assert files.damaged(own, [lost], run_sha256(own)) is None


def test_a_training_is_finished_before_its_page_is_made(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no page")

    monkeypatch.setattr(report, "training_page", fail)
    with pytest.raises(RuntimeError, match="no page"):
        run(out=tmp_path / "run")
    assert is_trained(tmp_path / "run", FIVE)


def test_the_page_of_a_training_that_is_not_finished(stopped):
    with pytest.raises(InputError, match="holds a training that is not finished: resume it first"):
        command("report")([str(stopped)])
    assert not (stopped / "report.html").exists()


def test_the_page_of_a_damaged_training(finished, tmp_path):
    own = shutil.copytree(finished, tmp_path / "copy")
    flip(own / "training.parquet", 30)
    with pytest.raises(InputError, match=r"training\.parquet in .* is damaged"):
        command("report")([str(own)])


@pytest.mark.slow
def test_the_page_of_several_splits(tmp_path):
    """One of all, and one of each."""
    both = changed(FIVE, splits=2, seeds=4)
    made = run(both, out=tmp_path / "run")
    pages = [(tmp_path / "run" / of / "report.html").read_text() for of in (".", "split_1")]
    assert "Over 2 splits with" in pages[0] and "4 trainings of 5 epochs" in pages[0]
    assert "Over 2 trainings with" in pages[1] and "2 trainings of 5 epochs" in pages[1]
    assert is_trained(tmp_path / "run", both)
    assert len(made.info["data_sha256"]) == 2 and made.shown().plot().axes


def test_a_finished_training_is_left_as_it_is(finished, capsys):
    before = contents(finished)
    found = resume(finished, changed(FIVE, segment=2))
    assert capsys.readouterr().out.strip() == f"{finished} is finished already"
    assert contents(finished) == before and found.agent == FIVE.agent
    with pytest.raises(
        InputError, match=r"belongs to another config: agent\.epochs is 5 there and 6"
    ):
        resume(finished, changed(FIVE, agent=Counted(epochs=6)))
    with pytest.raises(InputError, match="holds another run of this config: give another --out"):
        run(out=finished)
    other = ex.Experiment(protocol=ex.Protocol(seeds=1, rounds=1))
    with pytest.raises(
        InputError, match="another run, in which the kind is training there and exper"
    ):
        run(other, out=finished)
    with pytest.raises(InputError, match=r"holds a training, and no experiment: .* of one\.$"):
        ex.load(finished)
    assert contents(finished) == before


def test_a_loss_that_is_not_finite_is_named(monkeypatch):
    with pytest.raises(InputError) as caught:
        run(changed(FIVE, agent=dataclasses.replace(Broken(), epochs=3)))
    assert str(caught.value) == (
        "counted with logistic_regression has a loss that is not finite in training 0, epoch 1: "
        "lower its learning_rate."
    )


@dataclasses.dataclass(frozen=True)
class Broken(Counted):
    """Its second epoch diverges."""

    def trainer(self, data, learner, num_classes):
        made = super().trainer(data, learner, num_classes)

        def run(state, start, stop, train):
            state = made.run(state, start, stop, train)
            loss = state.history["loss"]
            return state._replace(history=state.history | {"loss": loss.at[1].set(np.inf)})

        return made._replace(run=run)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"first_seed": -1}, "first_seed must be at least 0, got -1"),
        ({"first_seed": 2**31 - 1}, r"seeds must be below 2\^31, got 2147483648"),
        ({"segment": 0}, "segment must be at least 1, got 0"),
        ({"name": "a/b"}, "name must be of printable characters without a slash, got 'a/b'"),
        (
            {"data": Data()},
            "the training counted is on parts of its data, and data.parts is None: g",
        ),
        ({"data": Data(parts=Parts(state=0.0))}, "parts.state must be a share above 0"),
        ({"data": Data(parts=Parts(train=0.9))}, "the parts must sum to at most 1"),
        ({"learner": "forest"}, "unknown learner 'forest': known are logistic_regression"),
        ({"learner": 3}, "learner must say its type, one of LogisticRegression, .*, got 3"),
        ({"learner": ex.MLP(epochs=0)}, "epochs of mlp must be positive, got 0"),
        (
            {"agent": "abas_ral"},
            "agent must say its type, one of AbasRal, LalRl, .*, got 'abas_ral'",
        ),
        ({"agent": None}, "agent must say its type, one of AbasRal, .*, got None"),
        ({"agent": ex.MLP()}, "agent <MLP> must be a jal.rl.Agent, and has no trainer, strategy"),
        ({"agent": SladeBranson(points=0)}, "slade_branson takes a positive points, got 0"),
        ({"splits": 0}, "splits must be at least 1, got 0"),
        ({"devices": 9}, "devices must be between 1 and the 4 present, got 9"),
    ],
    ids=range(17),
)
def test_what_trainings_refuse(change, says, tmp_path):
    with pytest.raises(InputError, match=says) as caught:
        run(changed(FIVE, **change), out=tmp_path / "run")
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


def test_a_name_stands_for_the_learner():
    assert Training(Counted(), learner="mlp").learner == ex.MLP()
    assert run(changed(FIVE, learner="linear_svc")).history.learner.unique() == ["linear_svc"]


def test_json_and_back():
    given = changed(FIVE, learner=ex.MLP(), agent=SladeBranson(points=3, hidden=(4,)), split=1)
    assert Training.from_json(given.to_json()) == given
    tree = FIVE.to_json()
    assert tree["agent"] == {"type": "counted:Counted", "epochs": 5, "step": 1.0}
    assert Training.from_json(tree).agent == ex.Code("counted:Counted", epochs=5, step=1.0)


def test_the_loop_is_not_begun_after_ctrl_c_in_warm_start(tmp_path, monkeypatch):
    ran = segments(monkeypatch)
    program = training.training_program

    def interrupted(*given):
        made = program(*given)

        def begin():
            _thread.interrupt_main()
            return made.begin()

        return made._replace(begin=begin)

    monkeypatch.setattr(training, "training_program", interrupted)
    with pytest.raises(Interrupted):
        run(out=tmp_path / "run")
    assert ran == [] and (tmp_path / "run" / "config.json").is_file()
    with pytest.raises(KeyboardInterrupt) as stop:
        run()
    assert not isinstance(stop.value, Interrupted)


def test_a_checkpoint_is_dropped_with_its_folder(stopped):
    Checkpoints.drop(stopped)
    assert not (stopped / "checkpoints").exists() and (stopped / "config.json").is_file()
