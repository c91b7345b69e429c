"""Strategies, learners, agents, metrics, data of one's own: run, kept, gone on with alone."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from counted import Wider
from small_runs import changed

from jal import experiment as ex
from jal import learners, strategies
from jal.experiment import Code, Data, Experiment, Learned, Parts, Protocol, Query, Training
from jal.experiment.config_file import load_config
from jal.types import InputError

# What somebody's module has; each of it is one way of giving a thing of one's own.
MODULE = """
import dataclasses
import jax.numpy as jnp
import numpy as np
from jal import learners, rl, strategies
from jal.data import from_arrays

@dataclasses.dataclass(frozen=True)
class Forest:
    C: float = 1.0

    def build(self, dataset, max_labels):
        return linear(dataset.train.x.shape[1:], dataset.num_classes, max_labels, self.C)

def linear(shape, classes, max_labels, C=1.0):
    return learners.registry["logistic_regression"](
        shape, classes, max_labels=max_labels, C=C, tol=1e-2
    )

def timid(power: int = 1):
    return strategies.registry["margin"]() if power == 1 else strategies.registry["random"]()

def errors(logits, y):
    return 1 - jnp.mean(jnp.argmax(logits, -1) == y)

def points(split_seed, test_size=None):
    rng = np.random.default_rng(split_seed)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    return from_arrays(x, y, x[: test_size or 20], y[: test_size or 20])
"""
CONFIG = """
import sys
from jal.experiment import Code, Data, Experiment, Protocol, Query

def get_config():
    me = sys.modules[__name__]
    return Experiment(
        name="own",
        data=Data(points),
        learners={"forest": Forest(C=0.5), "linear": linear, "named": Code(linear, C=2.0)},
        queries=(Query(timid), Query(timid, name="bold", power=2)),
        protocol=Protocol(seeds=2, rounds=1, batch=2, metrics=("accuracy", errors)),
    )
"""
SMALL = Experiment(
    data=Data("theirs:points"),
    learners={"linear": Code("theirs:linear")},
    queries=("random",),
    protocol=Protocol(seeds=2, rounds=1, batch=2),
)


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """The module, on the path and imported; what is imported goes with it."""
    (tmp_path / "theirs.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield __import__("theirs")
    forget(before)


def forget(before):
    for name in {"theirs", "late", "jal_config", "helper", "pack", "pack.inner"} & (
        set(sys.modules) - before
    ):
        del sys.modules[name]


def run(config, out=None, **more):
    return ex.run(config, out=out, progress=False, **more)


def unfinished(folder):
    """As if it had been stopped before the results were written."""
    for name in ("manifest.json", "results.parquet"):
        (folder / name).unlink(missing_ok=True)
    return folder


def forgotten(folder, says=None, module="theirs"):
    """Refuses without allow_code once the module is not imported; goes on with it."""
    sys.modules.pop(module)
    says = says or "is code that would be imported: add --allow-code"
    with pytest.raises(InputError, match=says) as caught:
        ex.resume(folder, progress=False)
    assert "\n" not in str(caught.value) and module not in sys.modules
    return ex.resume(folder, progress=False, allow_code=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: {"queries": (m.timid, Query(m.timid, name="bold", power=2))},
        lambda m: {"queries": ("theirs:timid", Query("theirs:timid", name="b", power=2))},
        lambda m: {"learners": {"a": m.Forest(C=0.5), "b": m.linear, "c": Code(m.linear, C=2.0)}},
        lambda m: {"learners": ("theirs:linear",)},
        lambda m: {"learners": {"a": m.Forest}},
        lambda m: {"metrics": ("f1", m.errors)},
        lambda m: {"metrics": "theirs:errors"},
        lambda m: {"data": Data(m.points, split_seed=3, test_size=10)},
    ],
    ids=range(8),
)
def test_things_of_a_module_run_and_go_on_alone(theirs, tmp_path, change):
    experiment = changed(SMALL, **change(theirs))
    whole = run(experiment, tmp_path / "run")
    kept = ex.load(tmp_path / "run").experiment
    assert kept.to_json() == Experiment.checked(experiment).to_json()
    again = ex.resume(unfinished(tmp_path / "run"), experiment, progress=False)
    pd.testing.assert_frame_equal(again.frame, whole.frame)
    found = forgotten(unfinished(tmp_path / "run"))
    pd.testing.assert_frame_equal(found.frame, whole.frame)
    if "metrics" in change(theirs):
        errors = whole.frame[whole.frame.metric == "errors"].value.to_numpy()
        right = whole.frame[whole.frame.metric == "accuracy"].value.to_numpy()
        np.testing.assert_allclose(errors, 1 - right, atol=1e-6)


def test_options_reach_what_is_named(theirs):
    experiment = changed(
        SMALL,
        learners={"weak": Code("theirs:Forest", C=1e-4), "other": Code(theirs.Forest, C=1e4)},
        queries=(Query("theirs:timid"), Query("theirs:timid", name="bold", power=2), "margin"),
    )
    found = run(experiment)
    steps = found.frame[found.frame.metric == "newton_steps"].groupby("learner").value.mean()
    assert steps["weak"] < steps["other"] - 1
    of = found.labelled
    np.testing.assert_array_equal(of["weak/timid"], of["weak/margin"])
    assert (of["weak/bold"] != of["weak/margin"]).any()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"learners": {"a": Code("theirs:linear", D=1)}},
            "learner a: linear cannot be called with 2 arguments and the opt",
        ),
        ({"learners": {"a": Code("theirs:Forest", D=1)}}, "unknown option 'D' of Forest"),
        (
            {"learners": {"a": Code("theirs:Forest", C="x")}},
            r"learners\.a\.C must be float, got 'x'",
        ),
        ({"learners": {"a": "theirs:nothing"}}, "learner a, theirs:nothing is not there"),
        ({"learners": {"a": "theirs:points"}}, "learner a: points cannot be called with 2"),
        (
            {"learners": {"a": lambda shape, classes, max_labels: 3}},
            "learner a must be a Learner, .*",
        ),
        (
            {"learners": {"a": Code("theirs:MODULE_")}},
            "is not there: module theirs has no such attr",
        ),
        (
            {"data": Data("theirs:errors")},
            "data source: errors cannot be called with 0 argu",
        ),
        (
            {"data": Data("theirs:points", image_size=8)},
            "theirs:points takes no image_size, got 8: l",
        ),
        ({"data": Data("theirs:np")}, "data source theirs:np must be a function that returns a j"),
        ({"data": Data(lambda: 3)}, "data source <<lambda>> must return a jal.data.Dataset, .* 3"),
        ({"metrics": ("theirs:nothing",)}, "metric theirs:nothing is not there"),
        ({"queries": ("theirs:errors",)}, "errors needs the option logits: give it in its Query"),
    ],
    ids=range(13),
)
def test_things_that_are_none(theirs, change, says, tmp_path):
    with pytest.raises(InputError, match=says) as caught:
        run(changed(SMALL, **change), tmp_path / "run")
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


def test_values_without_a_reference_are_given_again(tmp_path):
    """A Strategy, a Learner, a lambda: on resume the config brings them."""
    strategy = strategies.registry["margin"]()
    learner = learners.registry["logistic_regression"]((64,), 10, max_labels=30, tol=1e-2)
    experiment = Experiment(
        learners={"mine": learner},
        queries=(Query(strategy, name="own"), Query(lambda: strategy, name="made")),
        protocol=Protocol(seeds=1, rounds=1, metrics=("f1", lambda logits, y: logits.sum() * 0)),
    )
    whole = run(experiment, tmp_path / "run")
    np.testing.assert_array_equal(whole.labelled["mine/own"], whole.labelled["mine/made"])
    assert ex.load(tmp_path / "run").table().equals(whole.table())
    unfinished(tmp_path / "run")
    for allowed in (False, True):
        with pytest.raises(
            InputError, match=r"is in no module .* give the config again, which"
        ) as caught:
            ex.resume(tmp_path / "run", progress=False, allow_code=allowed)
        assert "\n" not in str(caught.value)
    found = ex.resume(tmp_path / "run", experiment, progress=False)
    pd.testing.assert_frame_equal(found.frame, whole.frame)


def written(folder, text=MODULE + CONFIG) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(text)
    return folder / "mine.py"


@pytest.fixture
def own(tmp_path):
    """A config file with its own code, and its run that was stopped."""
    before = set(sys.modules)
    config = load_config(written(tmp_path / "configs"))
    whole = run(config, tmp_path / "run")
    yield unfinished(tmp_path / "run"), whole
    forget(before)


def test_a_config_files_own_code_is_kept(own):
    """A copy in the folder, from which the run goes on, whatever becomes of the file."""
    folder, whole = own
    tree = json.loads((folder / "config.json").read_text())["experiment"]
    assert tree["data"]["source"] == "jal_config:points"
    assert tree["learners"]["forest"] == {"type": "jal_config:Forest", "C": 0.5}
    assert tree["queries"][0]["strategy"] == "jal_config:timid"
    assert (folder / "code" / "mine.py").read_text() == MODULE + CONFIG
    (folder.parent / "configs" / "mine.py").unlink()
    says = r"names code of its own config file, code/mine.py in it, .*: add --allow-code"
    found = forgotten(folder, says, "jal_config")
    pd.testing.assert_frame_equal(found.frame, whole.frame)


def test_an_edited_copy_is_refused(own):
    folder, _ = own
    copy = folder / "code" / "mine.py"
    copy.write_text(copy.read_text() + "\n# harmless\n")
    for damage in (lambda: None, copy.unlink):
        damage()
        with pytest.raises(InputError, match=r"code/mine.py is damaged or was edited: put it back"):
            ex.resume(folder, progress=False, allow_code=True)


def test_another_process_goes_on_alone(own):
    """As a new one does: with nothing imported but jal."""
    folder, whole = own
    script = "import sys; from jal import experiment as ex; from jal.types import InputError\n"
    script += "try:\n    ex.resume(sys.argv[1], progress=False, allow_code=len(sys.argv) > 2)\n"
    script += "except InputError as error:\n    sys.exit(str(error))\n"
    environment = os.environ | {"PYTHONPATH": str(Path(ex.__file__).parents[2])}

    def process(*flags):
        command = [sys.executable, "-c", script, str(folder), *flags]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    refused = process()
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "names code of its own config file" in refused.stderr
    done = process("allow")
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(ex.load(folder).frame, whole.frame)


def test_a_file_that_a_config_reads_is_named_where_it_lacks(tmp_path):
    """What is no module is not kept: one sentence, and it goes on where the file is again."""
    before = set(sys.modules)
    read = (
        "import dataclasses\nimport pathlib\npathlib.Path(__file__).with_name('n.txt').read_text()"
    )
    path = written(tmp_path / "configs", (MODULE + CONFIG).replace("import dataclasses", read))
    (tmp_path / "configs" / "n.txt").write_text("")
    whole = run(load_config(path), tmp_path / "run")
    forget(before)
    with pytest.raises(InputError, match=r"code/mine\.py cannot be run: .*n\.txt") as caught:
        ex.resume(unfinished(tmp_path / "run"), progress=False, allow_code=True)
    assert "\n" not in str(caught.value)
    (tmp_path / "run" / "code" / "n.txt").write_text("")
    found = ex.resume(tmp_path / "run", progress=False, allow_code=True)
    pd.testing.assert_frame_equal(found.frame, whole.frame)
    forget(before)


AGENT = """
from jal.experiment import Code, Data, Experiment, Learned, Parts, Protocol, Training
from counted import Counted

class Mine(Counted):
    pass

def get_config():
    data = Data(parts=Parts())
    return [
        Training(Mine(epochs=2), "mine", data, seeds=2),
        Experiment(
            data=data,
            learners={"logistic_regression": Code("jal.learners:logistic_regression", tol=1e-2)},
            queries=(Learned("mine"),),
            protocol=Protocol(seeds=2, rounds=1),
        ),
    ]
"""


def test_an_agent_of_a_config_file_is_loaded_again(tmp_path):
    before = set(sys.modules)
    config = load_config(written(tmp_path / "configs", AGENT))
    _, whole = run(config, tmp_path / "run")
    (tmp_path / "run" / "experiment" / "manifest.json").unlink()
    says = r"code/mine\.py in it, that would be run: add --allow-code"
    _, found = forgotten(tmp_path / "run", says, "jal_config")
    pd.testing.assert_frame_equal(found.frame, whole.frame)
    forget(before)


def test_what_a_config_imports_from_beside_itself_is_kept_with_it(tmp_path):
    """Modules and packages; and one config's agent is another's rival though both have a helper."""
    before, parts = set(sys.modules), "data = Data(parts=Parts())\n"
    head = "from jal.experiment import *\nfrom helper import THING\n"
    for name in ("one", "two"):
        (tmp_path / name / "pack").mkdir(parents=True)
    (tmp_path / "one" / "pack" / "__init__.py").write_text("")
    (tmp_path / "one" / "pack" / "inner.py").write_text("from counted import Counted\n")
    (tmp_path / "one" / "helper.py").write_text(
        "from pack.inner import Counted\nclass THING(Counted):\n    pass\n"
    )
    (tmp_path / "two" / "helper.py").write_text(
        "from jal.strategies import by_score\n"
        "def THING():\n    return by_score(lambda logits: logits[0])\n"
    )
    agent = parts + "get_config = lambda: Training(THING(epochs=2), 'a', data, seeds=2)\n"
    rival = parts + (
        f"get_config = lambda: Experiment(data=data, queries=(Learned({str(tmp_path / 'a')!r}),"
        "THING), protocol=Protocol(seeds=2, rounds=1))\n"
    )
    run(load_config(written(tmp_path / "one", head + agent)), tmp_path / "a")
    kept = {
        str(path.relative_to(tmp_path / "a" / "code")) for path in tmp_path.glob("a/code/**/*.py")
    }
    assert kept == {"mine.py", "helper.py", "pack/__init__.py", "pack/inner.py"}
    config = load_config(written(tmp_path / "two", head + rival))
    whole = run(config, tmp_path / "b", allow_code=True)
    assert sys.modules["helper"].THING().name and set(whole.frame.strategy) == {"a", "THING"}
    assert whole.info["agents"]["a"]["type"] == "helper:THING"
    for name in ("one", "two"):
        shutil.rmtree(tmp_path / name)
    forget(before)
    found = ex.resume(unfinished(tmp_path / "b"), progress=False, allow_code=True)
    pd.testing.assert_frame_equal(found.frame, whole.frame)
    forget(before)


def test_what_lies_beside_a_config_is_found_by_name(tmp_path, monkeypatch):
    """Named and not imported, or imported by get_config(); also its copy, before another's."""
    before = set(sys.modules)
    text = """
from jal.experiment import *

def get_config():
    import late
    return Experiment(data=Data("theirs:points"), learners={"a": Code("theirs:linear")},
        queries=(Query(late.timid, power=2),), protocol=Protocol(seeds=2, rounds=1, batch=2))
"""
    path = written(tmp_path / "configs", text)
    (tmp_path / "configs" / "theirs.py").write_text(MODULE)
    (tmp_path / "configs" / "late.py").write_text(MODULE)
    whole = run(load_config(path), tmp_path / "run")
    kept = {one.name for one in (tmp_path / "run" / "code").iterdir() if one.is_file()}
    assert kept == {"mine.py", "theirs.py", "late.py"}
    shutil.rmtree(tmp_path / "configs")
    written(tmp_path / "other")
    (tmp_path / "other" / "theirs.py").write_text("raise ValueError('another one')")
    monkeypatch.chdir(tmp_path / "other")
    forget(before)
    found = ex.resume(unfinished(tmp_path / "run"), progress=False, allow_code=True)
    pd.testing.assert_frame_equal(found.frame, whole.frame)
    load_config(written(tmp_path / "other"))
    assert str(tmp_path / "run" / "code") not in sys.path
    forget(before)


def test_an_agent_of_a_module_is_loaded_again(tmp_path):
    """By its class's name, a Counted or a subclass of jal's, once that may be imported."""
    data = Data(parts=Parts())
    agents = [Wider(points=2, epochs=1, again=3), Code("counted:Counted", epochs=2)]
    training = Training(agents[1], "own", data, seeds=2)
    whole = run(training, tmp_path / "own")
    counted = sys.modules.pop("counted")
    try:
        says = "agent counted:Counted is code that would be imported: add --allow-code"
        with pytest.raises(InputError, match=says):
            ex.load_trained(tmp_path / "own")
        learned = Experiment(
            data=data,
            queries=(Learned(str(tmp_path / "own")),),
            protocol=Protocol(seeds=2, rounds=1),
        )
        with pytest.raises(InputError, match=says):
            run(learned)
        assert "counted" not in sys.modules
        found = ex.load_trained(tmp_path / "own", allow_code=True)
        assert type(found.agent).__name__ == "Counted" and found.agent.epochs == 2
        np.testing.assert_array_equal(
            found.policy.weights["kernel"], whole.policy.weights["kernel"]
        )
        results = run(learned, allow_code=True)
        assert results.labelled["logistic_regression/own"].shape == (2, 20)
        assert results.info["agents"] == {"own": {"type": "counted:Counted", "epochs": 2}}
        # Of one without options the name is all that there is, whatever it has in it.
        named = results.info | {"agents": {"own": "a.points:Agent"}}
        assert dataclasses.replace(results, info=named).about().points == {}
    finally:
        sys.modules["counted"] = counted
    tree = Training(agents[0], "wider", data).to_json()
    assert Training.from_json(tree).to_json() == tree
