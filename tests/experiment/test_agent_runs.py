"""jal's agents: trained and compared by one config, resumed, and applied to other data."""

import _thread
import dataclasses

import numpy as np
import pandas as pd
import pytest
from small_runs import changed, contents

from jal import experiment as ex
from jal import report
from jal.experiment import (
    MLP,
    AbasRal,
    Data,
    Execution,
    Experiment,
    Features,
    Interrupted,
    Learned,
    LogisticRegression,
    Parts,
    Protocol,
    Random,
    Shown,
    SladeBranson,
    Training,
)
from jal.experiment.checkpoints import Checkpoints
from jal.rl.policy import load_policy
from jal.types import InputError

DATA = Data(test_size=897, features=Features("pca", components=8), parts=Parts())
LEARNER = LogisticRegression(tol=1e-3)
TRAINING = Training(
    AbasRal(
        epochs=4,
        episodes=2,
        updates=5,
        warm_episodes=3,
        max_steps=20,
        state_size=10,
        capacity=200,
        initial=0.2,
    ),
    name="sizes",
    data=DATA,
    learner=LEARNER,
    seeds=2,
    execution=Execution(segment=2, devices=1),
)
SMALL = Experiment(
    name="agents",
    data=DATA,
    learners={"logistic_regression": LEARNER},
    queries=(Learned("sizes"), "random"),
    protocol=Protocol(
        seeds=5, rounds=4, batch=10, start=Random(labels=40), metrics=("precision", "f1")
    ),
    execution=Execution(segment=5, devices=1),
    shown=Shown(target=0.9),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run") / "whole"


@pytest.fixture(scope="module")
def both(folder):
    return ex.run([TRAINING, SMALL], out=folder, progress=False)


@pytest.fixture(scope="module")
def whole(both):
    return both[1]


def test_what_is_kept_of_a_training(both, folder):
    trained, whole = both
    assert set(whole.training.columns) == {
        *("experiment", "learner", "strategy", "seed", "epoch", "metric", "value")
    }
    history = whole.training[whole.training.epoch >= 0]
    assert history.groupby("metric").size().eq(2 * 4).all()
    assert whole.training.groupby("metric").size()["target_quality"] == 2
    agent, policy = load_policy(folder / "sizes" / "policy")
    assert agent == TRAINING.agent == trained.agent and policy.goal.quality.shape == (2,)
    targets = whole.training[whole.training.metric == "target_quality"].value
    np.testing.assert_allclose(targets, policy.goal.quality)
    pd.testing.assert_frame_equal(ex.load(folder / "agents").training, whole.training)
    pd.testing.assert_frame_equal(
        trained.history.drop(columns=["experiment"]), whole.training.drop(columns=["experiment"])
    )
    assert (folder / "agents" / "report.html").read_text().count("<h3>Training of") == 1
    kept = {path.name for path in (folder / "sizes").iterdir()}
    assert kept == {
        *(".lock", "config.json", "info.json", "manifest.json", "policy", "training.parquet"),
        *("curves.png", "report.html"),
    }
    read = ex.load_trained(folder / "sizes")
    assert (read.training, read.agent, read.info) == (TRAINING, agent, trained.info)
    pd.testing.assert_frame_equal(read.history, trained.history)
    assert {path.name for path in folder.iterdir()} == {".lock", "agents", "config.json", "sizes"}


def test_a_finished_list_is_left_as_it_is(both, folder, capsys):
    before = contents(folder)
    again = ex.resume(folder)
    said = capsys.readouterr().out
    assert f"{folder / 'sizes'} is finished already" in " ".join(said.split())
    assert contents(folder) == before
    pd.testing.assert_frame_equal(again[1].frame, both[1].frame)
    pd.testing.assert_frame_equal(again[0].history, both[0].history)


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


@pytest.mark.agents
def test_interrupted_in_training_and_resumed(both, tmp_path, monkeypatch):
    folder, save = tmp_path / "stopped", Checkpoints.save
    saved = []

    def saved_once(self, step, *rest):
        save(self, step, *rest)
        saved.append(step)
        _thread.interrupt_main()

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", saved_once)
        says = f"interrupted in sizes; what was finished is saved: go on with --resume {folder}"
        with pytest.raises(Interrupted, match=says):
            ex.run([TRAINING, SMALL], out=folder, progress=False)
    assert saved == [2]
    trained, resumed = ex.resume(folder, progress=False)
    timed = resumed.training.metric == "seconds"
    assert timed.sum() > 0 and (resumed.training.value[timed] > 0).all()
    pd.testing.assert_frame_equal(resumed.training[~timed], both[1].training[~timed])
    pd.testing.assert_frame_equal(resumed.frame, both[1].frame)
    assert trained.info["resumed"]


@pytest.mark.agents
def test_a_policy_is_applied_to_other_data(both, folder):
    del both
    data = Data(test_size=897, split_seed=5, features=Features("pca", components=5), parts=Parts())
    learned = Learned(str(folder / "sizes"), name="learned")
    other = changed(SMALL, data=data, queries=(learned, "random"), seeds=2)
    results = ex.run(other, progress=False)
    assert set(results.frame.strategy) == {"learned", "random"}
    assert set(results.training.strategy) == {"learned"}
    assert len(results.stops()) == 4
    assert Experiment.from_json(other.to_json()) == other


@pytest.mark.agents
def test_an_agents_classifier_is_where_seeds_start():
    learner = MLP(hidden=(16,), epochs=5, batch_size=64, learning_rate=0.05, warm_start=True)
    steps = [
        dataclasses.replace(TRAINING, learner=learner),
        changed(SMALL, learners={"mlp": learner}, seeds=4, classifier="agents"),
    ]
    untrained = changed(
        SMALL, learners={"mlp": learner}, queries=("random",), seeds=4, rounds=1, target=1.0
    )
    found = []
    for results in (ex.run(steps, progress=False)[1], ex.run(untrained, progress=False)):
        frame = results.frame
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
    parts = Parts(state=0.05, warm=0.0, train=0.5, evaluation=0.3, holdout=0.15)
    data = dataclasses.replace(DATA, parts=parts)
    points = changed(
        SMALL,
        data=data,
        queries=(Learned("ddqn"), "random"),
        batch=2,
        start=ex.Balanced(),
    )
    steps = [dataclasses.replace(TRAINING, agent=agent, name="ddqn", data=data), points]
    _, results = ex.run(steps, progress=False)
    labels = results.frame[results.frame.strategy == "ddqn"].labels
    assert set(labels) == {10, 12, 14, 16, 18}
    assert results.stops() is None  # its warm start has no target to reach


def test_a_pool_too_small_for_an_agent():
    data = dataclasses.replace(DATA, parts=Parts(warm=0.002))
    with pytest.raises(InputError, match="the warm pool has 0 points of class"):
        ex.run(dataclasses.replace(TRAINING, data=data), progress=False)


def test_replay_buffers_that_do_not_fit(monkeypatch):
    monkeypatch.setattr("jal.memory.free_bytes", lambda devices: 10_000)
    agent = dataclasses.replace(TRAINING.agent, capacity=5_000)
    says = r"the replay buffers of sizes take .* lower the agent's capacity"
    with pytest.raises(InputError, match=says):
        ex.run(dataclasses.replace(TRAINING, agent=agent), progress=False)
