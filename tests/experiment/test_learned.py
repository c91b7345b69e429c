"""Trained agents as queries: found, or refused in one sentence where they do not fit."""

import dataclasses
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from counted import Counted
from small_runs import changed, flip

from jal import experiment as ex
from jal.data import from_arrays
from jal.data.dataset import fingerprint
from jal.experiment import (
    MLP,
    Code,
    Corruption,
    Data,
    Execution,
    Experiment,
    Imbalance,
    Learned,
    LogisticRegression,
    Parts,
    Protocol,
    Training,
)
from jal.experiment.folder import create
from jal.experiment.history import History
from jal.experiment.learned import find_agents
from jal.experiment.trained import Trained, load_trained, merged_trainings
from jal.rl import Goal, Policy
from jal.types import InputError

RNG = np.random.default_rng(0)
Y = np.arange(200) % 2
X = RNG.normal(size=(200, 4)).astype(np.float32)
DATASET = from_arrays(X, Y, X[:30], Y[:30])
DATA = Data(parts=Parts())
LEARNER = LogisticRegression(tol=1e-2)
TRAINING = Training(
    Counted(), "agent", data=DATA, learner=LEARNER, seeds=2, execution=Execution(devices=1)
)
SMALL = Experiment(
    name="compared",
    data=DATA,
    learners={"logreg": LEARNER},
    queries=(Learned("agent"), "random", "margin"),
    protocol=Protocol(seeds=4, rounds=2, batch=3),
    execution=Execution(devices=1),
)
SPLITS = changed(TRAINING, splits=2, seeds=4)


@pytest.fixture(autouse=True)
def no_pages(monkeypatch):
    """Of trainings without epochs, which nothing reads."""
    monkeypatch.setattr(History, "render", lambda self, folder: None)


def trained(training=TRAINING, step=1.0, size=20) -> Trained:
    """As a training of a policy whose weights are all `step`."""
    seeds = training.seed_numbers()
    policy = Policy(
        {"kernel": jnp.full((len(seeds), size, 1), step)},
        Goal(jnp.full(len(seeds), 0.5), jnp.ones(len(seeds))),
        (),
    )
    history = pd.DataFrame(
        {
            "experiment": training.name,
            "learner": "logistic_regression",
            "strategy": training.name,
            "seed": np.array(seeds, np.int32),
            "epoch": np.int32(-1),
            "metric": "target_quality",
            "value": np.float32(0.5),
        }
    )
    return Trained(training, training.agent, policy, history, {"seconds": 0.0}, ())


def keep(folder, training=TRAINING, **how):
    """Writes such a training where a finished one would be."""
    create(folder, training, fingerprint(DATASET))
    made = dataclasses.replace(trained(training, **how), folder=folder)
    made.save(folder)
    return made


def keep_splits(folder, training=SPLITS):
    create(folder, training, fingerprint(DATASET))
    times = {"seconds": 0.0, "compile_seconds": 0.0, "resumed": False}
    times |= {"notes": [], "data_sha256": fingerprint(DATASET)}
    found = []
    for split in range(training.splits):
        made = keep(folder / f"split_{split}", changed(training, split=split), step=split + 1.0)
        found.append(dataclasses.replace(made, info=times))
    merged_trainings(training, found, False).save(folder)


def find(experiment, folder=None, dataset=DATASET, known=None):
    return find_agents(experiment, dataset, folder, known or {}, True)


def of(name, **change):
    return changed(SMALL, queries=(Learned(str(name)),), **change)


@pytest.fixture
def agent(tmp_path):
    keep(tmp_path / "agent")
    return tmp_path / "agent"


def test_a_trained_agent_is_a_strategy(agent, tmp_path):
    """Above 0 it buys by margin, below at random: so it picks what margin picks."""
    keep(tmp_path / "below", step=-1.0)
    queries = (Learned(str(agent)), "margin", Learned(str(tmp_path / "below")))
    given = {"dataset": DATASET, "progress": False, "allow_code": True}
    results = ex.run(changed(SMALL, queries=queries), out=tmp_path / "run", **given)
    labelled = results.labelled
    np.testing.assert_array_equal(labelled["logreg/agent"], labelled["logreg/margin"])
    assert (labelled["logreg/below"] != labelled["logreg/margin"]).any()
    assert results.info["pool"] == 40 and results.info["agents"]["agent"]["epochs"] == 4
    assert set(results.training.strategy) == {"agent", "below"} and results.units() == 2
    assert set(results.training.learner) == {"logreg"}  # the experiment's name for it
    read = ex.load(tmp_path / "run")
    pd.testing.assert_frame_equal(read.training, results.training)
    # On other policies it is another run, and so it does not go on.
    shutil.rmtree(agent)
    keep(agent, step=2.0)
    (tmp_path / "run" / "manifest.json").unlink()
    with pytest.raises(InputError, match="was run on other data or from other weights"):
        ex.resume(tmp_path / "run", dataset=DATASET, progress=False, allow_code=True)


def test_where_it_is_looked_for(agent, tmp_path, monkeypatch):
    """Among this process's trainings, beside the run's folder, and by its path."""
    assert find(of("agent"), tmp_path / "run").strategies.keys() == {Learned("agent")}
    (query,) = find(of(agent)).strategies
    assert query.name == "agent"
    monkeypatch.chdir(tmp_path)
    find(of("agent"))
    monkeypatch.chdir(tmp_path.parent)
    with pytest.raises(
        InputError, match=r"^there is no training agent: give Learned the folder of one"
    ):
        find(of("agent"))
    with pytest.raises(InputError, match=r"no training agent: .* finished, or one of a, b"):
        find(of("agent"), known={"a": trained(), "b": trained()})
    known = {"agent": trained(step=3.0)}
    made = find(of("agent"), known=known).strategies[Learned("agent")]
    assert (np.asarray(made.parameters.own["kernel"]) == 3).all() and made.name == "agent"
    # Of one split of several, the folder beside that of all is meant.
    keep_splits(tmp_path / "both")
    one = of("both", splits=2, split=1)
    found = find(one, tmp_path / "run" / "split_1").strategies[Learned("both")]
    assert (np.asarray(found.parameters.own["kernel"]) == 2).all()


def unfinished(folder):
    create(folder, TRAINING, "0")


def experiments(folder):
    create(folder, SMALL, "0")


def lists(folder):
    create(folder, (TRAINING, SMALL), "0")


def damaged(folder):
    keep(folder)
    flip(folder / "policy" / "policy.json", 30)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda folder: None,
            r"there is no training .*agent: give Learned the folder of one that is fin",
        ),
        (unfinished, "holds a training that is not finished: resume it first"),
        (experiments, "holds an experiment, and no training: give Learned the folder of one"),
        (
            lists,
            r"holds a list of runs, and no training: give .* folder of one, such as .*/agent/agent",
        ),
        (damaged, r"policy/policy.json in .* is damaged: delete manifest.json there, and --resume"),
        (lambda folder: keep(folder, size=21), "counted was trained on 21 states, not 20"),
        (lambda folder: keep_splits(folder), "trained on 2 splits of the data, .* is on 1: .*ts 2"),
        (
            lambda folder: keep(folder, changed(TRAINING, seeds=5)),
            "5 trainings are not all used by 4 seeds: give at least 5 seeds",
        ),
    ],
    ids=range(8),
)
def test_what_is_no_agent_for_an_experiment(tmp_path, make, says):
    make(tmp_path / "agent")
    with pytest.raises(InputError, match=says) as caught:
        given = {"dataset": DATASET, "progress": False, "allow_code": True}
        ex.run(of(tmp_path / "agent"), out=tmp_path / "run", **given)
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("training", "change", "says"),
    [
        (TRAINING, {"splits": 2, "split": 0}, "trained on 1 splits .* is on 2: .* give splits 1"),
        (SPLITS, {"splits": 4, "split": 3}, "trained on 2 splits of the data, .* is on 4"),
        (
            SPLITS,
            {"splits": 2, "split": 1, "data": Data(split_seed=3, parts=Parts())},
            "begin with split_seed 0, and this experiment's begin with 3: give the same",
        ),
        (
            changed(SPLITS, split=0),
            {"splits": 2, "split": 1},
            "trained on split 0 alone, and this is split 1, .*: give the training of all splits",
        ),
        (changed(SPLITS, split=0), {"splits": 4, "split": 0}, "trained on 2 splits of the data"),
        (
            changed(SPLITS, split=0),
            {"splits": 2, "split": 0, "data": Data(split_seed=3, parts=Parts())},
            "begin with split_seed 0, and this experiment's begin with 3",
        ),
        (
            SPLITS,
            {"splits": 2, "split": 1, "seeds": 2},
            "2 trainings .* by 1 seeds: give at least 4",
        ),
    ],
    ids=range(7),
)
def test_splits_that_are_not_the_trainings(tmp_path, training, change, says):
    """One split's agents have seen what others are compared on."""
    whole = training.splits > 1 and training.split is None
    (keep_splits if whole else keep)(tmp_path / "agent", training)
    with pytest.raises(InputError, match=says):
        find(of(tmp_path / "agent", **change))


@pytest.mark.parametrize("split", [None, 1])
def test_splits_that_are_the_trainings(tmp_path, split):
    training = changed(SPLITS, split=split)
    (keep if split else keep_splits)(tmp_path / "agent", training)
    same = of(tmp_path / "agent", splits=2, split=1, seeds=8)
    found = find(same)
    assert list(found.history.seed) == [1, 3] and len(found.weights[0]) == 2
    # Its own split's trainings are the units, alone as among the others.
    history = found.history
    results = ex.Results(same, pd.DataFrame(), {}, {}, pd.DataFrame(), history)
    about = results.about()
    assert results.units() == 2 and (about.unit, about.units, about.splits) == ("trainings", 2, 1)


def test_one_split_alone_is_a_training_for_other_data(tmp_path):
    """Of the same data only those of that split, drawn by split_seed 0 + 1, are other points."""
    keep(tmp_path / "agent", changed(SPLITS, split=1))
    for data in (Data("npz:other.npz", parts=Parts()), Data(split_seed=1, parts=Parts())):
        assert list(find(of(tmp_path / "agent", data=data)).history.seed) == [1, 3]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"split_seed": 7}, "data.split_seed is 0 there and 7 here"),
        ({"parts": Parts(train=0.5)}, r"data.parts is Parts\(.*train=0.6.* there and .*train=0.5"),
        ({"test_size": 50}, "data.test_size is None there and 50 here"),
        ({"train_share": 0.5}, "data.train_share is 1.0 there and 0.5 here"),
        ({"classes": (0, 1, 2)}, r"data.classes is None there and \(0, 1, 2\) here"),
        ({"imbalance": Imbalance("step")}, "data.imbalance is .* there and .*'step'.* here"),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else "",
)
def test_agents_are_not_compared_on_points_that_they_were_trained_on(agent, change, says):
    """Nor where a list has yet to train them; other noise, or other data, is no such thing."""
    data = dataclasses.replace(DATA, **change)
    with pytest.raises(InputError, match=f"parts of sklearn:digits that were drawn .*{says}"):
        find(of(agent, data=data))
    with pytest.raises(InputError, match=says):
        ex.run([TRAINING, changed(of("agent"), data=data)], progress=False)
    find(of(agent, data=dataclasses.replace(DATA, corruption=Corruption(0.1))))
    find(of(agent, data=dataclasses.replace(data, source="npz:other.npz")))


def test_agents_of_other_classes_have_seen_none_of_these(tmp_path):
    keep(tmp_path / "agent", changed(TRAINING, data=dataclasses.replace(DATA, classes=(0, 1))))
    find(of(tmp_path / "agent", data=dataclasses.replace(DATA, classes=(2, 3), split_seed=7)))
    with pytest.raises(InputError, match=r"data.classes is \(0, 1\) there and \(1, 2\) here"):
        find(of(tmp_path / "agent", data=dataclasses.replace(DATA, classes=(1, 2))))


def test_learners_side_by_side_have_the_agents_of_their_seeds(tmp_path):
    """Even seeds' agent buys by margin, odd ones' at random: so it is beside another learner."""
    keep(tmp_path / "agent", step=np.array([1.0, -1.0])[:, None, None])
    two = {str(C): LogisticRegression(C=C) for C in (0.01, 100.0)}
    given = {"dataset": DATASET, "progress": False, "allow_code": True}
    queries = (Learned(str(tmp_path / "agent")), "margin")
    both = ex.run(changed(SMALL, learners=two, queries=queries), **given).labelled
    for name, learner in two.items():
        alone = ex.run(changed(SMALL, learners={name: learner}, queries=queries), **given).labelled
        np.testing.assert_array_equal(both[f"{name}/agent"], alone[f"{name}/agent"])
        same = (both[f"{name}/agent"] == both[f"{name}/margin"]).all(axis=1)
        assert same[::2].all() and not same[1::2].any()
    assert (both["0.01/margin"] != both["100.0/margin"]).any()


def test_all_agents_have_as_many_trainings(agent, tmp_path):
    keep(tmp_path / "other", changed(TRAINING, seeds=1, name="other"))
    both = changed(SMALL, queries=(Learned(str(agent)), Learned(str(tmp_path / "other"))))
    with pytest.raises(InputError, match=r"as many trainings, got {'agent': 2, 'other': 1}: train"):
        find(both)


def test_parts_are_needed(agent):
    with pytest.raises(
        InputError, match=r"and data\.parts is None: give Parts\(\), the same as its"
    ):
        find(of(agent, data=Data()))


def test_each_query_is_told_of_in_the_history(agent, tmp_path):
    keep(tmp_path / "other", changed(TRAINING, name="whatever"), step=2.0)
    experiment = changed(
        SMALL,
        learners={"a": LEARNER, "b": LEARNER},
        queries=(
            Learned(str(agent), learners=("a",)),
            Learned(str(tmp_path / "other"), name="second"),
            "random",
        ),
    )
    found = find(experiment)
    cells = found.history.groupby(["learner", "strategy"]).size()
    assert cells.to_dict() == {("a", "agent"): 2, ("a", "second"): 2, ("b", "second"): 2}
    assert [float(weights.max()) for weights in found.weights] == [1.0, 2.0]
    assert set(found.history.experiment) == {"compared"}


WARM = MLP(hidden=(4,), epochs=2, warm_start=True)


@pytest.mark.parametrize(
    ("learners", "queries", "says"),
    [
        (
            {"logreg": LEARNER},
            (Learned("agent"),),
            "no start for logreg, which starts anew in every",
        ),
        (
            {"a": WARM, "b": WARM},
            (Learned("agent", learners=("a",)), "random"),
            "no agent was trained with b, whose classifier its queries could start from",
        ),
        (
            {"a": dataclasses.replace(WARM, epochs=3)},
            (Learned("agent"),),
            "agent was trained with another learner than a, so its classifier is no start for it",
        ),
    ],
    ids=range(3),
)
def test_classifiers_that_are_no_start(learners, queries, says):
    experiment = changed(SMALL, learners=learners, queries=queries, classifier="agents")
    known = {"agent": trained(changed(TRAINING, learner=WARM))}
    with pytest.raises(InputError, match=says):
        find(experiment, known=known)


def test_seeds_start_from_the_classifier_of_their_training(tmp_path):
    """The same numbers from the folder as from the process that trained."""
    training = changed(TRAINING, learner=WARM)
    made = ex.run(training, out=tmp_path / "agent", dataset=DATASET, progress=False)
    experiment = changed(
        SMALL, learners={"net": WARM}, queries=(Learned("agent"),), classifier="agents"
    )
    there = find(experiment, tmp_path / "run").starts["net"]
    here = find(experiment, known={"agent": made}).starts["net"]
    first = there.params["hidden"][0]["kernel"]
    np.testing.assert_array_equal(first, here.params["hidden"][0]["kernel"])
    assert first.shape == (2, 4, 4) and (np.asarray(first[0]) != np.asarray(first[1])).any()


@dataclasses.dataclass(frozen=True)
class Own:
    """A learner that is not jal's, and whose classifier may be a start."""

    warm_start: bool = True

    def build(self, dataset, max_labels):
        return WARM.build(dataset, max_labels)


def test_the_classifier_of_ones_own_learner_is_a_start_also_once_it_was_read(tmp_path):
    """In a folder the dataclass is a name and its fields."""
    training = changed(TRAINING, learner=Own())
    made = ex.run(training, dataset=DATASET, progress=False)
    experiment = changed(
        SMALL, learners={"net": Own()}, queries=(Learned("agent"),), classifier="agents"
    )
    read = Experiment.from_json(json.loads(json.dumps(experiment.to_json())))
    assert isinstance(read.learners["net"], Code)
    starts = [find(one, known={"agent": made}).starts["net"] for one in (experiment, read)]
    jax.tree.map(np.testing.assert_array_equal, *starts)
    anew = changed(read, learners={"net": Code(Own, warm_start=False)})
    with pytest.raises(InputError, match="is no start for net, which starts anew in every round"):
        find(anew, known={"agent": made})


def test_a_training_of_splits_is_read_with_each_of_them(tmp_path):
    keep_splits(tmp_path / "both")
    read = load_trained(tmp_path / "both", allow_code=True)
    assert [one.training.split for one in read.splits] == [0, 1]
    assert read.history.split.tolist() == [0, 0, 1, 1]
    flip(tmp_path / "both" / "split_1" / "training.parquet", 30)
    with pytest.raises(InputError, match=r"training\.parquet in .*split_1 is damaged"):
        load_trained(tmp_path / "both", allow_code=True)


def test_the_code_of_an_agents_folder_is_not_looked_up_unasked(agent):
    """Imported or not: what a folder names could be any function."""
    with pytest.raises(InputError, match="agent counted:Counted is code that would be imported"):
        load_trained(agent)
    with pytest.raises(InputError, match="agent counted:Counted is code that would be imported"):
        ex.run(of(agent), dataset=DATASET, progress=False)
    assert load_trained(agent, allow_code=True).agent == Counted()
