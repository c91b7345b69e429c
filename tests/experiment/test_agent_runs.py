"""Experiments with agents: trained, saved, resumed, compared, and applied to other data."""

import dataclasses
import errno
import os
import shutil
import threading

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jal import experiment as ex
from jal import files, report
from jal.experiment import (
    MLP,
    AbasRal,
    Data,
    Experiment,
    Features,
    Interrupted,
    LogisticRegression,
    Parts,
    Saved,
    SladeBranson,
    agent_training,
)
from jal.experiment.agent_program import AgentProgram
from jal.experiment.checkpoints import Checkpoints
from jal.experiment.folder import create, disk_errors
from jal.experiment.progress import RunProgress
from jal.rl import Goal, TrainingState, Warmth
from jal.rl.policy import load_policy
from jal.types import InputError

SMALL = Experiment(
    name="agents",
    data=Data(test_size=897, features=Features("pca", components=8)),
    learners={"logistic_regression": LogisticRegression(tol=1e-3)},
    agents={
        "sizes": AbasRal(
            epochs=4,
            episodes=2,
            updates=5,
            warm_episodes=3,
            max_steps=20,
            state_size=10,
            capacity=200,
            initial=0.2,
        )
    },
    strategies=("sizes", "random"),
    metrics=("precision", "f1"),
    trainings=2,
    training_segment=2,
    seeds=5,
    rounds=4,
    batch=10,
    start="random",
    initial=40,
    target=0.9,
    segment=5,
    devices=1,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run") / "whole"


@pytest.fixture(scope="module")
def whole(folder):
    return ex.run(SMALL, out=folder, progress=False)


def test_what_is_kept_of_a_training(whole, folder):
    assert set(whole.training.columns) == {
        *("experiment", "learner", "strategy", "seed", "epoch", "metric", "value")
    }
    history = whole.training[whole.training.epoch >= 0]
    assert history.groupby("metric").size().eq(2 * 4).all()
    assert whole.training.groupby("metric").size()["target_quality"] == 2
    agent, policy = load_policy(folder / "agents" / "logistic_regression.sizes" / "policy")
    assert agent == SMALL.agents["sizes"] and policy.goal.quality.shape == (2,)
    targets = whole.training[whole.training.metric == "target_quality"].value
    np.testing.assert_allclose(targets, policy.goal.quality)
    pd.testing.assert_frame_equal(ex.load(folder).training, whole.training)
    assert (folder / "report.html").read_text().count("<h3>Training of") == 1
    kept = {path.name for path in (folder / "agents" / "logistic_regression.sizes").iterdir()}
    assert kept == {"policy", "training.parquet", "manifest.json"}


def test_the_pool_is_the_part_for_the_evaluation(whole):
    assert whole.info["pool"] == 180
    for picks in whole.labelled.values():
        assert picks.max() < 180
    sizes = whole.frame[(whole.frame.strategy == "sizes") & (whole.frame.metric == "f1")]
    bought = np.diff(sizes.pivot(index="seed", columns="round", values="labels"), axis=1)
    assert (bought >= 1).all() and (bought <= 18).all()


def test_where_runs_reach_their_target(whole):
    stops = whole.stops()
    assert len(stops) == 2 * 5
    assert list(stops[stops.strategy == "random"].training) == [0, 1, 0, 1, 0]
    goals = whole.training[whole.training.metric == "target_quality"].sort_values("seed").value
    for row in stops.itertuples():
        cell = whole.frame[(whole.frame.strategy == row.strategy) & (whole.frame.seed == row.seed)]
        precision = cell[cell.metric == "precision"].sort_values("round")
        hit = precision[precision.value >= 0.9 * goals.iloc[row.training]]
        assert row.reached == bool(len(hit))
        at = hit.iloc[0] if len(hit) else precision.iloc[-1]
        assert (row.round, row.budget) == (at["round"], at.labels / 180)
        assert row.precision == at.value
    table = report.target_summary(stops)
    own = stops[stops.strategy == "sizes"]
    assert table.loc[("logistic_regression", "sizes", "max"), "f1"] == own.f1.max()
    beside = report.budget_differences(stops, "sizes").loc[("logistic_regression", "random")]
    means = stops.pivot_table(index="training", columns="strategy", values="budget")
    np.testing.assert_allclose(beside.difference, (means.random - means.sizes).mean())


def flip(path, place=-1):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def largest(folder):
    return max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda own: flip(largest(own / "policy" / "policy")), "policy/policy/.*"),
        (lambda own: flip(largest(own / "policy" / "classifier")), "policy/classifier/.*"),
        (lambda own: flip(own / "policy" / "policy.json", 30), "policy/policy.json"),
        (lambda own: (own / "policy" / "policy.json").unlink(), "policy/policy.json"),
        (lambda own: flip(own / "policy" / "manifest.json", 30), "policy/manifest.json"),
        (lambda own: flip(own / "training.parquet", 30), "training.parquet"),
        (lambda own: flip(own / "manifest.json", 30), "(policy/)?manifest.json"),
    ],
    ids=range(7),
)
def test_damage_to_a_trained_agent_is_found(whole, folder, tmp_path, damage, what):
    del whole
    copy = shutil.copytree(folder, tmp_path / "copy")
    own = copy / "agents" / "logistic_regression.sizes"
    assert agent_training._is_trained(own)
    damage(own)
    with pytest.raises(
        InputError, match=f"^{what} in {own} is damaged: delete that folder"
    ) as said:
        agent_training._is_trained(own)
    assert "\n" not in str(said.value)


def test_a_trained_agent_is_verified_before_its_checkpoints_go(whole, folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "manifest.json").unlink()
    own = copy / "agents" / "logistic_regression.sizes"
    (own / "checkpoints" / "2").mkdir(parents=True)
    policy = largest(own / "policy" / "policy")
    flip(policy)
    with pytest.raises(InputError, match=f"in {own} is damaged: delete that folder, and --resume"):
        ex.resume(copy, progress=False)
    assert (own / "checkpoints" / "2").is_dir()
    flip(policy)
    resumed = ex.resume(copy, progress=False)
    pd.testing.assert_frame_equal(resumed.training, whole.training)
    assert not (own / "checkpoints").exists()


def counting(epochs: int) -> tuple[AgentProgram, list[tuple[int, int]]]:
    """A training of two agents that counts its epochs, and the segments that are asked for."""
    none, ran = jnp.zeros(2), []
    names = ("return", "length", "budget", "quality", "success", "loss", "epsilon")
    history = {name: jnp.full((2, epochs), jnp.nan) for name in names}
    goal, warmth = Goal(none, none), Warmth(*[none + 1] * 6)
    state = TrainingState(none, none, none, goal, (), (), warmth, none > 0, history)  # pyright: ignore

    def advance(state, start, stop):
        ran.append((start, stop))
        now = jnp.arange(start, stop, dtype=jnp.float32)
        history = {name: old.at[:, start:stop].set(now) for name, old in state.history.items()}
        return state._replace(agent=state.agent + (stop - start), history=history)

    return AgentProgram(lambda: state, advance, state, epochs, 0.0), ran


CELL = ("logistic_regression", "sizes")


def trained(own, epochs=5, stop_at=None, segment=1):
    """The last state of such a training in `own`, the segments that ran, and what was said."""
    program, ran = counting(epochs)
    shown, said = RunProgress(1, 1, 1, False), []
    shown.note = said.append  # pyright: ignore
    interrupted = threading.Event()

    def advance(state, start, stop):
        if stop == stop_at:
            interrupted.set()
        return program.advance(state, start, stop)

    experiment = dataclasses.replace(SMALL, training_segment=segment)
    counted = program._replace(advance=advance)
    try:
        state, _ = agent_training._train(experiment, CELL, counted, shown, interrupted, own)
    except Interrupted:
        state = None
    return state, ran, said


@pytest.fixture
def own(tmp_path):
    """The folder of an agent, in a run's, that was stopped after three of five epochs."""
    create(tmp_path / "run", SMALL, "of no data")
    own = tmp_path / "run" / "agents" / ".".join(CELL)
    assert trained(own, stop_at=3)[1] == [(0, 1), (1, 2), (2, 3)]
    assert {path.name for path in (own / "checkpoints").iterdir()} == {"2", "3"}
    return own


@pytest.mark.parametrize("part", ["state", "arrays.npz", "manifest.json"])
def test_a_flipped_bit_in_a_training_is_said_and_gone_on_before(own, part):
    path = own / "checkpoints" / "3" / part
    flip(largest(path) if path.is_dir() else path, 30)
    state, ran, said = trained(own)
    where = "sizes · logistic_regression"
    says = (
        f"the checkpoint of epoch 3 of {where} is damaged; going on from that of epoch 2 of {where}"
    )
    assert said[0] == says and ran == [(2, 3), (3, 4), (4, 5)]
    assert state is not None and (np.asarray(state.agent) == 5).all()
    np.testing.assert_array_equal(state.history["loss"], np.tile(np.arange(5), (2, 1)))


def test_a_training_without_a_whole_checkpoint_is_one_sentence(own):
    for step in ("2", "3"):
        flip(own / "checkpoints" / step / "arrays.npz")
    says = "epoch 3 of sizes · logistic_regression and that of epoch 2 .*: delete that folder"
    with pytest.raises(InputError, match=says):
        trained(own)


def test_anothers_training_is_none_of_its_own(own):
    other = own.with_name("logistic_regression.other")
    own.rename(other)
    with pytest.raises(InputError, match="are damaged"):
        trained(other)


@pytest.mark.parametrize("at", ["mkdir", "save"])
def test_a_disk_that_fails_in_a_training_names_the_run(own, monkeypatch, at):
    """That is what --resume takes, and not the agent's folder."""
    run = own.parents[1]

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if at == "mkdir":
        monkeypatch.setattr(type(own), "mkdir", fail)
    else:
        monkeypatch.setattr(files, "seal", fail)
    says = f"^cannot write to {run}: No space .* make room and go on with --resume {run}\\.$"
    with pytest.raises(InputError, match=says):
        trained(own)


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


@pytest.mark.agents
def test_interrupted_in_training_and_resumed(whole, tmp_path, monkeypatch):
    folder, save = tmp_path / "stopped", Checkpoints.save
    stop = agent_training._stop_here
    saved = []

    def saved_once(self, step, *rest):
        save(self, step, *rest)
        saved.append(step)

    def stop_after(interrupted, own):
        if saved:
            interrupted.set()
        stop(interrupted, own)

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", saved_once)
        patched.setattr(agent_training, "_stop_here", stop_after)
        with pytest.raises(Interrupted, match=f"so far are saved: .* {folder}"):
            ex.run(SMALL, out=folder, progress=False)
    assert saved == [2]
    resumed = ex.resume(folder, progress=False)
    timed = resumed.training.metric == "seconds"
    assert timed.sum() > 0 and (resumed.training.value[timed] > 0).all()
    pd.testing.assert_frame_equal(resumed.training[~timed], whole.training[~timed])
    pd.testing.assert_frame_equal(resumed.frame, whole.frame)


@pytest.mark.agents
def test_a_policy_is_applied_to_other_data(whole, folder):
    del whole
    other = dataclasses.replace(
        SMALL,
        data=Data(test_size=897, split_seed=5, features=Features("pca", components=5)),
        agents={"learned": Saved(str(folder), "sizes", "logistic_regression")},
        strategies=("learned", "random"),
        seeds=2,
    )
    results = ex.run(other, progress=False)
    assert set(results.training.metric) == {"target_quality", "target_budget"}
    assert len(results.stops()) == 4
    assert Experiment.from_json(other.to_json()) == other


@pytest.mark.agents
def test_a_pretrained_classifier_is_where_seeds_start():
    learner = MLP(hidden=(16,), epochs=5, batch_size=64, learning_rate=0.05, warm_start=True)
    pretrained = dataclasses.replace(
        SMALL, learners={"mlp": learner}, seeds=4, classifier="pretrained"
    )
    scratch = Experiment(
        data=SMALL.data, learners={"mlp": learner}, strategies=("random",), seeds=4, rounds=1
    )
    scratch = dataclasses.replace(scratch, start="random", initial=40)
    found = []
    for experiment in (pretrained, scratch):
        frame = ex.run(experiment, progress=False).frame
        first = frame[(frame.metric == "accuracy") & (frame["round"] == 0)]
        found.append(first[first.strategy == "random"].value.mean())
    assert found[0] > found[1] + 0.05


@pytest.mark.agents
def test_points_by_an_agent():
    agent = SladeBranson(
        points=2,
        budget=10,
        epochs=2,
        episodes=2,
        updates=3,
        warm_episodes=2,
        candidates=20,
        hidden=(8,),
    )
    points = dataclasses.replace(
        SMALL,
        agents={"ddqn": agent},
        strategies=("ddqn", "random"),
        parts=Parts(state=0.05, warm=0.0, train=0.5, evaluation=0.3, holdout=0.15),
        batch=2,
        start="balanced",
        initial=1,
    )
    results = ex.run(points, progress=False)
    labels = results.frame[results.frame.strategy == "ddqn"].labels
    assert set(labels) == {10, 12, 14, 16, 18}
    assert results.stops() is None  # its warm start has no target to reach


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"agents": {"margin": AbasRal()}}, "agent 'margin' has a strategy's name"),
        ({"strategies": ("random",)}, "agent 'sizes' is not among the strategies"),
        ({"agents_on": {"sizes": "mlp"}}, "unknown learner 'mlp'"),
        ({"agents_on": {"random": "logistic_regression"}}, "unknown agent 'random'"),
        ({"trainings": 0}, "trainings must be at least 1"),
        ({"trainings": 6}, "6 trainings are not all used by 5 seeds"),
        ({"target": 0.0}, r"target must be a share in \(0, 1\]"),
        ({"classifier": "pretrained"}, "no start for logistic_regression"),
        ({"agents": {"a.b": AbasRal()}}, "'a.b' names a folder of the run"),
        ({"agents": {}, "strategies": ("random",), "trainings": 1}, "target 0.9 is for agents"),
        ({"parts": Parts(state=0.0)}, "parts.state must be a share above 0"),
        ({"parts": Parts(train=0.9)}, "shares must be positive and sum to at most 1"),
        ({"parts": Parts(warm=0.002)}, "the warm pool has 0 points of class"),
    ],
)
def test_what_experiments_refuse(change, says):
    with pytest.raises(InputError, match=says):
        ex.run(dataclasses.replace(SMALL, **change), progress=False)


def test_replay_buffers_that_do_not_fit(monkeypatch):
    monkeypatch.setattr("jal.memory.free_bytes", lambda devices: 10_000)
    agent = dataclasses.replace(SMALL.agents["sizes"], capacity=5_000)
    says = r"the replay buffers of sizes take .* lower the agent's capacity"
    with pytest.raises(InputError, match=says):
        ex.run(dataclasses.replace(SMALL, agents={"sizes": agent}), progress=False)
