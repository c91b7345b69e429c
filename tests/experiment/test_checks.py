"""Bad experiments: each gets one sentence that names the value and what would be right."""

import dataclasses
import errno
import re
import sys
import tempfile

import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from jal import files, strategies
from jal.code import find
from jal.data import from_arrays
from jal.experiment import (
    CNN,
    MLP,
    SVC,
    Data,
    Execution,
    Experiment,
    Indices,
    LinearSVC,
    LogisticRegression,
    Protocol,
    Query,
    Random,
    Shown,
    Switch,
    load,
    load_data,
    run,
)
from jal.experiment.checks import Checked, check
from jal.experiment.config_file import import_file, keeping_module
from jal.experiment.folder import check_vacant, create
from jal.metrics import evaluator
from jal.report import print_tables
from jal.types import Auxiliary, InputError, Outputs

RNG = np.random.default_rng(0)
DATASET = from_arrays(
    RNG.normal(size=(90, 4)), np.arange(90) % 3, RNG.normal(size=(30, 4)), np.arange(30) % 3
)
PROTOCOL = Protocol(seeds=2, rounds=3, batch=5)
GOOD = Experiment(protocol=PROTOCOL)


def with_protocol(**change) -> Experiment:
    return dataclasses.replace(GOOD, protocol=dataclasses.replace(PROTOCOL, **change))


def checked(experiment: Experiment, dataset=DATASET) -> Checked:
    return check(experiment, dataset, {}, False)


def test_a_class_of_fewer_examples_than_folds():
    """Of 3 in the pool 4 folds hold some in 3; what is not cross-validated is not meant, nor is a
    class that the pool lacks."""
    y = np.repeat([0, 1, 3], (50, 37, 3))

    def pair(y):
        return RNG.normal(size=(len(y), 4)), y

    rare = from_arrays(*pair(y), *pair(np.arange(4)), num_classes=4)
    learners = {
        "one": SVC(C_grid=(0.1, 1.0), folds=4),
        "all": SVC(C_grid=(0.1, 1.0), folds=3),
        "none": SVC(folds=4),
        "later": Switch(folds=4),
    }
    at_random = with_protocol(start=Random(labels=9))
    found = checked(dataclasses.replace(at_random, learners=learners), rare).notes
    assert found == tuple(
        "class 3 has 3 of a pool's examples, fewer than the 4 folds by which "
        f"{name} is cross-validated: some folds hold none of it"
        for name in ("one", "later")
    )
    inner = {"inner": Switch(shallow=SVC(C_grid=(0.1, 1.0), folds=4), folds=2)}
    assert (
        checked(dataclasses.replace(at_random, learners=inner), rare)
        .notes[0]
        .startswith("class 3 has 3 of a pool's examples, fewer than the 4 folds by which inner")
    )
    assert checked(dataclasses.replace(GOOD, learners=learners)).notes == ()


def test_the_least_of_any_seeds_pool_is_told():
    """Of 15 points the first seed's pool has 5 of class 1, the second's 2; the run says so."""
    x, y = RNG.normal(size=(28, 2)), np.array(([0] * 5 + [1] * 2) * 4)

    def split(y, seed):
        few = np.flatnonzero(y == 1)[: 2 if seed else 5]
        pool = np.concatenate([np.flatnonzero(y == 0)[: 15 - len(few)], few])
        return pool, np.setdiff1d(np.arange(28), pool)[:13]

    experiment = Experiment(
        data=Data(
            source=lambda split_seed: from_arrays(x[:15], y[:15], x[15:], y[15:]), split=split
        ),
        learners={"cv": LogisticRegression(C_grid=(0.1, 1.0), folds=4)},
        queries=("random",),
        protocol=Protocol(seeds=2, rounds=1, batch=2),
    )
    notes = run(experiment, progress=False).info["notes"]
    told = "class 1 has 2 of a pool's examples, fewer than the 4 folds"
    assert [note.startswith(told) for note in notes] == [True]


def test_networks_of_a_switch_are_scaled_by_no_seeds_pool():
    experiment = dataclasses.replace(
        GOOD, data=Data("sklearn:iris", split="per_seed"), learners={"both": Switch()}
    )
    with pytest.raises(InputError, match=r"give learners\.both\.network\.normalise none"):
        check(experiment, load_data(experiment.data), {}, False)


@pytest.mark.parametrize(
    ("switch", "says"),
    [
        (Switch(folds=1), "folds of a must be at least 2, got 1"),
        (Switch(lead=-1.0), "lead of a must not be negative, got -1"),
        (Switch(shallow=SVC(C=0.0)), r"C of a\.shallow must be positive, got 0"),
        (Switch(network=MLP(epochs=0)), r"epochs of a\.network must be positive, got 0"),
    ],
    ids=range(4),
)
def test_what_a_switch_cannot_be(switch, says):
    with pytest.raises(InputError, match=says):
        checked(dataclasses.replace(GOOD, learners={"a": switch}))


def test_a_good_one_passes():
    found = checked(GOOD)
    assert found.batches == {"random": (5, 5, 5), "margin": (5, 5, 5)} and found.max_labels == 18
    assert checked(with_protocol(rounds=3, batch=29)).max_labels == 90  # all
    assert checked(with_protocol(batch=60, budget=87)).batches["margin"] == (60, 27, 0)
    checked(with_protocol(first_seed=2**31 - PROTOCOL.seeds))
    # Without two of the classes.
    checked(with_protocol(start=Indices(((0, 3), (1, 4)), every_class=False)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"queries": ("margn",)}, "unknown strategy 'margn': known are random, random_size"),
        ({"queries": ("margin", "margin")}, "two queries are called logistic_regression/margin: "),
        ({"queries": (Query("bald", name="margin"), "margin")}, "two queries are called logisti"),
        ({"queries": ()}, "queries must be one or more, got none"),
        ({"queries": (Query("margin", learners=("svc",)),)}, "unknown learner of margin 'svc': kn"),
        (
            {
                "queries": (Query("margin", learners=("a",)),),
                "learners": {"a": MLP(), "b": MLP()},
            },
            "no query runs with the learner b: leave it out",
        ),
        (
            {
                "queries": (
                    Query("margin", learners=("a",)),
                    Query("margin", learners=("b",), batch=2),
                ),
                "learners": {"a": MLP(), "b": MLP()},
            },
            "two queries are called margin and buy by different batches: give one of them another",
        ),
        ({"learners": {}}, "learners must be one or more, got none"),
        ({"name": "a/b"}, "name must be of printable characters without a slash, got 'a/b'"),
        ({"learners": {"a": LogisticRegression(C=-1.0)}}, "C of a must be positive, got -1.0"),
        ({"learners": {"a": LogisticRegression(tol=-1.0)}}, "tol of a must not be negative"),
        ({"learners": {"a": MLP(batch_size=0)}}, "batch_size of a must be positive, got 0"),
        ({"learners": {"a": MLP(hidden=(3, 0))}}, "hidden of a must be widths of at least 1"),
        ({"learners": {"a": MLP(dropout=1.0)}}, "dropout of a must be at least 0 and below 1, got"),
        ({"execution": Execution(segment=0)}, "segment must be at least 1, got 0"),
        ({"execution": Execution(seeds_at_once=0)}, "seeds_at_once must be at least 1, got 0"),
        ({"queries": (Query("margin", batch=30),)}, "margin would buy 90 labels"),
        ({"shown": Shown(confidence=1.0)}, "confidence must lie between 0 and 1, got 1.0"),
        ({"shown": Shown(target=0.9)}, "target 0.9 is for trained agents, and no query is a Lear"),
        (
            {"shown": Shown(reported={"badge": {"f1": 0.5}})},
            "reported takes learner/query, got 'badge'",
        ),
        (
            {"shown": Shown(reported={"svm/badge": {"f1": 0.5}})},
            "unknown learner 'svm': known are logistic",
        ),
        (
            {"shown": Shown(reported={"logistic_regression/bagde": {}})},
            "unknown query 'bagde': known are random, margin",
        ),
        (
            {"shown": Shown(reported={"logistic_regression/margin": {"f2": 0.5}})},
            "unknown metric of logistic_regression/margin 'f2': known are acc",
        ),
    ],
)
def test_bad_ones(change, says):
    with pytest.raises(InputError, match=says) as caught:
        checked(dataclasses.replace(GOOD, **change))
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"metrics": ("auroc",)}, "unknown metric 'auroc': known are accuracy, log_loss"),
        ({"metrics": ()}, r"metrics must be one or more different names, got \[\]"),
        (
            {"metrics": ("f1", "f1")},
            r"metrics must be one or more different .*, got \['f1', 'f1'\]",
        ),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"first_seed": 2**31 - 1}, "seeds must be below 2\\^31, got 2147483648"),
        ({"first_seed": -1}, "first_seed must be at least 0, got -1"),
        ({"batch": 0}, "batch sizes of random must be at least 1, got 0"),
        ({"batch": (5, 5)}, "batch has 2 numbers for 3 rounds"),
        ({"batch": 30}, "random would buy 90 labels in 3 rounds after the 3 it starts with, but"),
        ({"batch": 30, "budget": 88}, "random would buy 88 labels in 3 rounds after the 3"),
        ({"budget": 0}, "budget must be at least 1 label, got 0"),
        ({"classifier": "agents"}, "classifier agents is for trained agents, and no query is a L"),
        ({"start": Indices(((0, 1, 2),) * 3)}, "start's indices have 3 rows for 2 seeds"),
    ],
)
def test_bad_protocols(change, says):
    with pytest.raises(InputError, match=says) as caught:
        checked(with_protocol(**change))
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_metrics_of_one_name_are_two():
    def accuracy(logits, y):
        return jnp.float32(0)

    checked(with_protocol(metrics=("accuracy", "f1")))
    with pytest.raises(InputError, match="two metrics are called accuracy: give one of them an"):
        checked(with_protocol(metrics=(accuracy,)))


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("math:pi", "to one for each class, got 3.14159"),
        ("math:sqrt", "each class: TypeError: math.sqrt() takes exactly one argument (2 given)."),
        ("numpy:mean", "each class: ConcretizationTypeError: "),
        ("jax.numpy:outer", "each class, and gives ShapeDtypeStruct(shape=(90, 30)"),
        (lambda logits, y: "good", "each class: TypeError: "),
    ],
    ids=range(5),
)
def test_what_is_no_metric(metric, says):
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        check(with_protocol(metrics=(metric,)), DATASET, {}, allow_code=True)
    assert "must be a function of logits [M, K] and y [M] to a number" in str(caught.value)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_a_metric_may_be_a_number_or_one_for_each_class():
    def of_classes(logits, y):
        return jnp.mean(logits, axis=0)

    made = checked(with_protocol(metrics=(of_classes, lambda logits, y: 0.25))).metrics
    outputs = Outputs(jnp.array([[1.0, 2.0, 4.0]]), jnp.zeros((1, 1)))
    found = evaluator(made)(outputs, jnp.array([2]))
    assert {name: float(value) for name, value in found.items()} == {
        "accuracy": 1.0, "of_classes_0": 1.0, "of_classes_1": 2.0, "of_classes_2": 4.0,
        next(name for name in found if "lambda" in name): 0.25,
    }  # fmt: skip


def test_a_folder_that_cannot_be_made_is_found_before_the_run(tmp_path):
    """Not only when the compiled program is there, and its folder is to be made."""
    (tmp_path / "file").write_text("")
    for folder, why in (
        (tmp_path / "file" / "run", "Not a directory"),
        (tmp_path / "a\0b", "null byte"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(InputError, match=f"cannot create .*{why}.*: give --out a folder that"):
            check_vacant(folder, GOOD)
    check_vacant(tmp_path / "a" / "b", GOOD)
    (tmp_path / "empty").mkdir()
    check_vacant(tmp_path / "empty", GOOD)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]


def test_a_folder_that_could_not_be_written_whole_is_not_there(tmp_path, monkeypatch):
    def full(path, write):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "replace_file", full)
    with pytest.raises(InputError, match=r"cannot create .*run \(No space left on device\): give"):
        create(tmp_path / "run", GOOD, "0" * 64)
    assert not any(tmp_path.iterdir())


def test_a_config_file_that_fails_leaves_the_one_before(tmp_path):
    (tmp_path / "good.py").write_text("one = 1")
    (tmp_path / "bad.py").write_text("1 / 0")
    with keeping_module():
        good = import_file(tmp_path / "good.py")
        with pytest.raises(ZeroDivisionError):
            import_file(tmp_path / "bad.py")
        assert find("thing", "jal_config:one", {}, allow_code=True) == 1
        assert sys.modules["jal_config"] is good and sys.path.count(str(tmp_path)) == 1
    assert str(tmp_path) not in sys.path


def test_a_folder_beside_which_nothing_can_be_written(tmp_path, monkeypatch):
    def refused(**options):
        assert options["dir"] == tmp_path
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "mkdtemp", refused)
    with pytest.raises(InputError, match=r"cannot create .* \(Permission denied\): give --out"):
        check_vacant(tmp_path / "a" / "b", GOOD)


def test_nothing_is_written_before_the_checks(tmp_path):
    for bad in (
        dataclasses.replace(GOOD, queries=("margn",)),
        dataclasses.replace(GOOD, execution=Execution(devices=9)),
        dataclasses.replace(GOOD, execution=Execution(devices=0)),
        with_protocol(batch=30),
    ):
        with pytest.raises(InputError):
            run(bad, out=tmp_path / "run", dataset=DATASET)
        assert not (tmp_path / "run").exists()


def test_a_pool_without_a_class():
    y = np.where(np.arange(90) % 3 == 1, 0, np.arange(90) % 3)
    dataset = from_arrays(DATASET.train.x, y, DATASET.test.x, DATASET.test.y, num_classes=3)
    with pytest.raises(InputError, match="class 1 has 0 examples in the pool, too few for 1"):
        checked(GOOD, dataset)


def needing(**fields) -> Query:
    """Random sampling that says it needs something."""
    return Query(strategies.registry["random"]()._replace(**fields), name="own")


def _no_stages(key, outputs):
    if not outputs.stages:
        raise InputError("own reads the stages of the network, and this one has none.")
    return {"w": jnp.zeros(outputs.stages[0].shape[1])}


AUXILIARY = Auxiliary(_no_stages, lambda *_: jnp.float32(0), lambda p, o: o.stages[0] @ p["w"])


@pytest.mark.parametrize(
    ("fields", "learner", "says"),
    [
        (
            {"needs": frozenset({"sample"})},
            MLP(),
            r"own needs dropout: a_net has dropout 0; give learners\.a_net\.dropout 0\.3\.",
        ),
        (
            {"needs": frozenset({"sample"})},
            LogisticRegression(),
            r"own needs dropout: a_net \(LogisticRegression\) has none; take a network with",
        ),
        (
            {"needs": frozenset({"head"})},
            SVC(),
            r"own needs a last layer on features: a_net \(SVC\) has none; take a network, Logistic",
        ),
        (
            {"needs": frozenset({"wings"})},
            MLP(),
            r"own needs the learner's wings: a_net \(MLP\) has none; take another learner",
        ),
        (
            {"auxiliary": AUXILIARY},
            LogisticRegression(),
            r"own trains a part of its own in a network's steps: a_net \(LogisticRegression\) is",
        ),
        (
            {"auxiliary": AUXILIARY},
            MLP(hidden=()),
            "own with a_net: own reads the stages of the network, and this one has none",
        ),
    ],
    ids=["dropout 0", "no dropout", "no head", "unknown", "no minibatches", "no stages"],
)
def test_learners_without_what_a_strategy_needs(fields, learner, says):
    bad = dataclasses.replace(GOOD, learners={"fits": MLP(dropout=0.1), "a_net": learner})
    bad = dataclasses.replace(bad, queries=("random", needing(**fields)))
    if fields == {"needs": frozenset({"wings"})}:
        bad = dataclasses.replace(bad, learners={"a_net": learner})
    with pytest.raises(InputError, match=says) as caught:
        checked(bad)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    # Where its query is not for that learner, there is no need.
    own = Query(needing(**fields).strategy, name="own", learners=("fits",))
    if fields.get("needs") == frozenset({"sample"}):
        checked(dataclasses.replace(bad, queries=("random", own)))


def test_what_needs_are_met_by():
    """Each with the learners that have it, and nothing is compiled to find out."""
    images = from_arrays(
        np.zeros((90, 8, 8, 1)), np.arange(90) % 3, np.zeros((30, 8, 8, 1)), np.arange(30) % 3
    )
    networks = {"mlp": MLP(dropout=0.1), "cnn": CNN(dropout=0.25)}
    linear = {"logistic_regression": LogisticRegression(), "linear_svc": LinearSVC()}
    for fields, learners in (
        ({"needs": frozenset({"sample", "head"})}, networks),
        ({"auxiliary": AUXILIARY}, networks | {"thresholded": MLP(thresholding=True)}),
        ({"needs": frozenset({"head"})}, {"mlp": MLP()}),
    ):
        good = dataclasses.replace(GOOD, learners=learners, queries=(needing(**fields),))
        assert {name for name, _ in checked(good, images).strategies} == set(learners)
    own = needing(needs=frozenset({"head"}))
    checked(dataclasses.replace(GOOD, learners=linear, queries=(own,)))


def of_a_net(name: str = "net", learning_rate: float = 0.05) -> Experiment:
    """One program, whatever the name and rate."""
    start = Indices(((0, 1, 2), (3, 4, 5)))
    return dataclasses.replace(
        with_protocol(start=start, rounds=1),
        learners={name: MLP(hidden=(4,), epochs=2, learning_rate=learning_rate, normalise="none")},
        queries=("margin",),
    )


def test_training_that_diverges_is_named():
    with pytest.raises(InputError, match=r"net with margin has train_loss = .* for seed 0 in"):
        run(of_a_net(learning_rate=1e30), dataset=DATASET, progress=False)


def test_outputs_that_are_not_finite_are_named():
    """One point of the pool overflows; training and the test set never see it."""
    x = DATASET.train.x.copy()
    x[50] = 3e38
    dataset = from_arrays(x, DATASET.train.y, *DATASET.test)
    says = "net with margin has outputs that are not finite for seed 0 in round 0: training"
    with pytest.raises(InputError, match=says):
        run(of_a_net(), dataset=dataset, progress=False)


def test_a_learner_may_have_any_name(tmp_path):
    name = "C=1 a/b $x_{$ [/b] <i>"
    reported = Shown(reported={f"{name}/margin": {"accuracy": 0.5}})
    experiment = dataclasses.replace(of_a_net(name), shown=reported)
    results = run(experiment, out=tmp_path / "run", dataset=DATASET)
    assert set(results.frame.learner) == {name}
    print_tables(results.frame, Console(quiet=True))
    assert load(tmp_path / "run").table().equals(results.table())
    assert "in the paper" in (tmp_path / "run" / "report.html").read_text()
