"""Sweeps: what they run, what they are called, and that they equal runs of their own."""

import contextlib
import dataclasses
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from jal.cli import command
from jal.experiment import (
    MLP,
    SVC,
    Balanced,
    Chosen,
    Code,
    Data,
    Experiment,
    Learned,
    LogisticRegression,
    Parts,
    Protocol,
    Query,
    Random,
    Shown,
    load,
    load_trained,
    run,
)
from jal.experiment import program as programs
from jal.experiment.checkpoints import Checkpoints
from jal.experiment.results import load_so_far
from jal.experiment.sweep import Sweep
from jal.experiment.sweep import expand as expand_sweep
from jal.types import InputError

CONFIG = """
from jal.experiment import Data, Experiment, LogisticRegression, Protocol

def get_config():
    return Experiment(
        name="tiny",
        data=Data("npz:data.npz", train_share=1.0),
        learners={"logreg": LogisticRegression(max_steps=5)},
        queries=("random", "margin"),
        protocol=Protocol(seeds=2, rounds=2, batch=3),
    )
"""


def expand(experiment, over):
    """The sweep's experiments, and the same where it was read from JSON."""
    made = expand_sweep(Sweep(experiment, over))
    read = expand_sweep(Sweep.from_json(json.loads(json.dumps(Sweep(experiment, over).to_json()))))
    assert read == made
    return made


BASE = Experiment(
    name="base",
    learners={"logreg": LogisticRegression(), "mlp": MLP(hidden=(4,))},
    queries=("random", Query("bald", passes=5, learners=("mlp",)), Query("margin", batch=2)),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sweep")
    (path / "tiny.py").write_text(CONFIG)
    draw = np.random.default_rng(0)
    y = np.arange(60) % 3
    np.savez(path / "data.npz", x=draw.normal(size=(60, 2)) + y[:, None], y=y)
    return path


@pytest.fixture
def sweep(place, monkeypatch):
    """`jal sweep` in the folder with the config."""
    monkeypatch.chdir(place)
    return lambda *arguments: command("sweep")(arguments)


def test_learners_stand_beside_each_other():
    """All combinations; queries that run with one of them run with each of its variants."""
    found = expand(
        BASE, {"learners.mlp.learning_rate": [0.1, 0.2], "learners.mlp.hidden": [(4,), (8, 4)]}
    )
    (one,) = found.experiments
    names = [
        "mlp learning_rate=0.1,hidden=4",
        "mlp learning_rate=0.1,hidden=8x4",
        "mlp learning_rate=0.2,hidden=4",
        "mlp learning_rate=0.2,hidden=8x4",
    ]
    assert [*one.learners] == ["logreg", *names]
    assert one.learners[names[1]] == MLP(hidden=(8, 4), learning_rate=0.1)
    assert one.learners["logreg"] == BASE.learners["logreg"]
    assert {query.name: query.learners for query in one.queries}["bald"] == tuple(names)
    assert found.columns["base", names[1], "bald"] == {
        "learners.mlp.learning_rate": 0.1,
        "learners.mlp.hidden": (8, 4),
    }
    assert found.columns["base", "logreg", "random"] == {}
    assert found.named[names[3]] == "mlp" and len(found.columns) == 5 * 2 + 4


def test_queries_stand_beside_each_other():
    found = expand(BASE, {"queries.bald.passes": [5, 50], "queries.margin.batch": [1]})
    (one,) = found.experiments
    assert one.queries == (
        Query("random"),
        Query("bald", name="bald passes=5", passes=5, learners=("mlp",)),
        Query("bald", name="bald passes=50", passes=50, learners=("mlp",)),
        Query("margin", name="margin batch=1", batch=1),
    )
    assert found.columns["base", "mlp", "bald passes=50"]["queries.bald.passes"] == 50
    assert found.named["bald passes=50"] == "bald"


def test_other_fields_are_experiments_one_after_another():
    starts = [Balanced(1), Random(labels=20)]
    found = expand(
        BASE, {"protocol.batch": [5, 20], "data.train_share": [0.5], "protocol.start": starts}
    )
    assert [one.name for one in found.experiments] == [
        "batch=5,train_share=0.5,start=balanced 1",
        "batch=5,train_share=0.5,start=random 20",
        "batch=20,train_share=0.5,start=balanced 1",
        "batch=20,train_share=0.5,start=random 20",
    ]
    last = found.experiments[3]
    assert last == dataclasses.replace(
        BASE,
        name=last.name,
        data=Data(train_share=0.5),
        protocol=Protocol(batch=20, start=Random(labels=20)),
    )
    assert found.columns[last.name, "mlp", "bald"]["protocol.start"] == Random(labels=20)


def test_starts_that_a_strategy_chooses_have_names():
    first = Chosen(share=0.01, strategy="active_ft", iterations=100)
    starts = [
        Chosen(labels=5),
        first,
        Chosen(labels=5, strategy="jal.labels:balanced_start", per_class=2),
    ]
    found = expand(BASE, {"protocol.start": starts})
    assert [one.name for one in found.experiments] == [
        "start=chosen 5",
        "start=chosen 0.01 active_ft iterations=100",
        "start=chosen 5 jal.labels:balanced_start per_class=2",
    ]
    assert [one.protocol.start for one in found.experiments] == starts


def test_fields_of_what_is_none_yet():
    """Parts that the config has none of are their defaults but for what is swept."""
    found = expand(BASE, {"data.parts.state": [0.2, 0.3]})
    assert [one.data.parts for one in found.experiments] == [Parts(state=0.2), Parts(state=0.3)]
    assert [one.name for one in found.experiments] == ["state=0.2", "state=0.3"]


def test_a_function_is_called_by_its_name():
    """And not by its place in memory, which is another in every process."""
    sweep = Sweep(BASE, {"data.source": [np.median]})
    read = Sweep.from_json(json.loads(json.dumps(sweep.to_json())))
    names = [one.name for made in (sweep, read) for one in expand_sweep(made).experiments]
    assert names == ["source=numpy:median"] * 2


def test_what_a_paper_reports_of_the_names_before_is_left_out():
    base = dataclasses.replace(BASE, shown=Shown(reported={"mlp/bald": {"accuracy": 0.5}}))
    (one,) = expand(base, {"learners.mlp.epochs": [1, 2]}).experiments
    one.check()
    assert one.shown.reported == {}
    (one, _) = expand(base, {"protocol.batch": [1, 2]}).experiments
    assert one.shown == base.shown


def test_options_of_code():
    base = Experiment(learners={"net": Code("pkg.mod:net", n=1)})
    (one,) = expand(base, {"learners.net.n": [2, 3]}).experiments
    assert one.learners == {
        "net n=2": Code("pkg.mod:net", n=2),
        "net n=3": Code("pkg.mod:net", n=3),
    }


@pytest.mark.parametrize(
    ("base", "over", "says"),
    [
        (BASE, {"protocol.bach": [1]}, "Protocol has no field 'bach': known are seeds, first"),
        (BASE, {"nothing": [1]}, "Experiment has no field 'nothing': known are name, data"),
        (BASE, {"protocol.batch.size": [1]}, "int has no field 'size'"),
        (BASE, {"protocol.batch": []}, "protocol.batch takes one or more different values, got []"),
        (BASE, {"protocol.batch": [1, 1]}, "takes one or more different values, got [1, 1]"),
        (BASE, {"protocol.batch": ["x"]}, "protocol.batch must be int or a list of int, got 'x'"),
        (BASE, {"data.source": ["a/b", "a_b"]}, "takes one or more different values, got [a_b, a_"),
        (BASE, {}, "a sweep is over one or more fields, got none"),
        (BASE, {"data.imbalance.x.y": [1]}, "Imbalance has no field 'x'"),
        (BASE, {"learners.mpl.epochs": [1]}, "learners.mpl.epochs is no field of learners: give"),
        (BASE, {"learners": ["mlp"]}, "learners is no field of learners: give learners.NAME.FIELD"),
        (BASE, {"learners.mlp.depth": [1]}, "MLP has no field 'depth': known are epochs, batch_s"),
        (BASE, {"queries.badge.x": [1]}, "queries.badge.x is no field of queries: give queries."),
        (
            dataclasses.replace(BASE, queries=(Learned("a"),)),
            {"queries.a.passes": [1, 2]},
            "a is a trained agent, of which only the batch can be swept",
        ),
        (
            dataclasses.replace(
                BASE,
                queries=(Query("margin", learners=("mlp",)), Query("margin", learners=("logreg",))),
            ),
            {"queries.margin.batch": [1, 2]},
            "queries of one name on different learners cannot be swept",
        ),
    ],
)
def test_what_is_refused(base, over, says):
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        expand(base, over)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.slow
def test_traced_hyper_parameters_share_programs_and_equal_runs_of_their_own(place, monkeypatch):
    """A learning rate is no program's; a width is."""
    monkeypatch.chdir(place)
    compiled = []
    compile_program = programs.compile_program
    monkeypatch.setattr(
        programs,
        "compile_program",
        lambda *args, **rest: compiled.append(1) or compile_program(*args, **rest),
    )
    base = Experiment(
        data=Data("npz:data.npz"),
        learners={"mlp": MLP(hidden=(4,), epochs=2)},
        queries=("random", "margin"),
        protocol=Protocol(seeds=2, rounds=2, batch=3),
    )
    rates, widths = [0.01, 0.2], [(4,), (5,)]
    over = {"learners.mlp.learning_rate": rates, "learners.mlp.hidden": widths}
    table = run(Sweep(base, over), progress=False).frame
    assert len(compiled) == len(widths)
    assert set(table.learner) == {"mlp"} and set(table.strategy) == {"random", "margin"}
    whole = table[table["learners.mlp.hidden"] == "4"].set_index("learners.mlp.learning_rate")
    alone = []
    for rate in rates:
        mlp = MLP(hidden=(4,), epochs=2, learning_rate=rate)
        alone.append(run(dataclasses.replace(base, learners={"mlp": mlp}), progress=False).frame)
        columns = [name for name in alone[-1].columns if name != "experiment"]
        pd.testing.assert_frame_equal(
            whole.loc[rate, columns].reset_index(drop=True), alone[-1][columns]
        )
    assert not alone[0].value.equals(alone[1].value)  # or all would be equal to all


ARGUMENTS = ("tiny.py", "--over", "batch", "2", "3", "--over", "learners.logreg.C", "0.1", "10")
ARGUMENTS += ("--seeds", "3")


@pytest.fixture(scope="module")
def whole(place) -> str:
    """What the command shows; its folder is `whole`."""
    with pytest.MonkeyPatch.context() as patched, contextlib.redirect_stdout(io.StringIO()) as out:
        patched.chdir(place)
        command("sweep")([*ARGUMENTS, "--out", "whole"])
    return out.getvalue()


def test_the_command_and_its_table(whole, place):
    shown = whole
    assert "One table of all: whole/sweep.parquet" in shown
    for word in ("batch", "C", "learner", "strategy", "AUBC", "final accuracy", "0.1", "logreg"):
        assert word in shown
    table = pd.read_parquet(place / "whole" / "sweep.parquet")
    assert set(table["protocol.batch"]) == {2, 3} and set(table["learners.logreg.C"]) == {0.1, 10}
    assert set(table.learner) == {"logreg"} and set(table.seed) == {0, 1, 2}
    groups = table.groupby(["protocol.batch", "learners.logreg.C", "strategy"]).labels.max()
    assert groups.to_dict() == {
        (batch, c, name): 3 + 2 * batch
        for batch in (2, 3)
        for c in (0.1, 10.0)
        for name in ("random", "margin")
    }
    assert (place / "whole" / "batch=2" / "report.html").is_file()
    for asks, says in ((load, ", such as .*whole/batch=2"), (load_trained, "")):
        with pytest.raises(InputError, match=rf"holds a sweep, and no .* of one{says}\.$"):
            asks(place / "whole")


def test_the_table_shows_values_as_they_are_said(place, monkeypatch, capsys):
    """A start as in its folder's name; nothing where a field is another learner's; None is None."""
    monkeypatch.chdir(place)
    sweep = Sweep(
        Experiment(
            data=Data("npz:data.npz"),
            learners={"logreg": LogisticRegression(max_steps=2), "svc": SVC()},
            queries=("random",),
            protocol=Protocol(seeds=2, rounds=1, batch=3),
        ),
        {
            "protocol.start": [Random(labels=20)],
            "learners.logreg.C": [0.5],
            "learners.svc.class_weight": [None],
        },
    )
    found = run(sweep, progress=False)
    found.print(Console(width=200))
    lines = capsys.readouterr().out.splitlines()
    rows = [re.split(r" {2,}", line.strip())[:3] for line in lines if "random 20" in line]
    assert rows == [["random 20", "0.5", "logreg"], ["random 20", "None", "svc"]]
    svc = found.frame[found.frame.learner == "svc"]
    assert len(svc) and svc["learners.logreg.C"].isna().all()


class StopError(Exception):
    """As a power cut."""


@pytest.mark.parametrize(
    "again",
    ["alone", *(pytest.param(one, marks=pytest.mark.slow) for one in ("run", "given again"))],
)
def test_an_interrupted_sweep_goes_on(again, whole, sweep, place, monkeypatch):
    shutil.rmtree(place / "stopped", ignore_errors=True)
    save, count = Checkpoints.save, [0]

    def stopping(self, *arguments):
        if count[0] == 8:  # amid the second experiment: two blocks of three measurements each
            raise StopError
        count[0] += 1
        return save(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", stopping)
        with pytest.raises(StopError):
            sweep(*ARGUMENTS, "--segment", "1", "--out", "stopped")
    assert (place / "stopped" / "batch=2" / "results.parquet").is_file()
    assert not (place / "stopped" / "batch=3" / "results.parquet").exists()
    half = load_so_far(place / "stopped" / "batch=3")
    assert half.info["unfinished"].startswith("0 of 4 learners and strategies finished, round 1 of")
    names = {"logreg C=0.1/random", "logreg C=10/random"}
    assert set(half.labelled) == names and set(half.frame["round"]) == {0, 1}
    with pytest.raises(InputError, match=r"over.protocol.batch is \[2, 3\] there and \[2, 4\]"):
        sweep(*ARGUMENTS[:4], "4", *ARGUMENTS[5:], "--resume", "stopped")
    first = (place / "stopped" / "batch=2" / "results.parquet").stat().st_mtime_ns
    if again == "alone":
        sweep("--resume", "stopped")
    elif again == "run":
        command("run")(["--resume", "stopped"])
    else:
        sweep(*ARGUMENTS, "--resume", "stopped")
    assert (place / "stopped" / "batch=2" / "results.parquet").stat().st_mtime_ns == first
    pd.testing.assert_frame_equal(
        pd.read_parquet(place / "stopped" / "sweep.parquet"),
        pd.read_parquet(place / "whole" / "sweep.parquet"),
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", "give a config first, such as quickstart."),
        ("tiny.py", "give --over FIELD VALUE ..., such as --over protocol.batch 5 20."),
        ("tiny.py --over", "--over takes a field and one or more values."),
        ("tiny.py --over batch", "--over takes a field and one or more values."),
        ("tiny.py --over batch --seeds 3", "--over takes a field and one or more values."),
        ("tiny.py --over batch 1 --over protocol.batch 2", "--over protocol.batch is given twice."),
        ("tiny.py --over batch 1 1", "protocol.batch takes one or more different values"),
        ("tiny.py --over start rendom", "unknown start 'rendom': known are balanced, random, t"),
        ("tiny.py --over seads 1 2", "Experiment has no field 'seads'"),
        ("tiny.py --over batch 1 2 --out a --resume b", "give --out a or --resume b, not both."),
        ("tiny.py --over batch 1 2 --resume absent", "absent is not a run's folder"),
        ("--resume=not_there", "not_there is not a run's folder"),
        ("absent --over batch 1 2", "unknown config 'absent'"),
    ],
)
def test_bad_input(sweep, arguments, says):
    with pytest.raises(InputError, match=re.escape(says)):
        sweep(*arguments.split())


def test_a_sweep_takes_one_experiment(sweep, place):
    (place / "several.py").write_text(
        "from jal.experiment import Experiment\ndef get_config(): return [Experiment()]\n"
    )
    with pytest.raises(InputError, match="jal sweep takes a config of one Experiment"):
        sweep("several.py", "--over", "batch", "1", "2")


@pytest.mark.parametrize(
    ("words", "field", "values"),
    [
        (("protocol.batch", "5", "20"), "protocol.batch", [5, 20]),
        (("batch", "5", "[1,2]"), "protocol.batch", [5, (1, 2)]),
        (("learners.my-mlp.learning-rate", "1e-3"), "learners.my-mlp.learning_rate", [1e-3]),
        (("start", "random:labels=6"), "protocol.start", [Random(labels=6)]),
        (("start", "chosen:labels=6"), "protocol.start", [Chosen(labels=6)]),
        (("seeds-at-once", "none", "2"), "execution.seeds_at_once", [None, 2]),
        (("data.source", "a:b", "x=1"), "data.source", ["a:b", "x=1"]),
    ],
)
def test_how_fields_are_said(words, field, values, sweep, monkeypatch):
    given = []
    monkeypatch.setattr("jal.cli.run.run", lambda config, **rest: given.append(config) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sweep("tiny.py", "--over", *words)
    assert given[0].over == {field: values}


def test_a_config_may_be_a_sweep(whole, place, monkeypatch):
    """`jal run` runs it, with its experiment's options; a training is not in it."""
    monkeypatch.chdir(place)
    (place / "swept.py").write_text(
        CONFIG.replace("import Data", "import Sweep, Data").replace(
            "return Exp", "return Sweep(Exp"
        )
        + "    , {'protocol.batch': [2, 3], 'learners.logreg.C': [0.1, 10]})\n"
    )
    command("run")(["swept.py", "--seeds", "3", "--out", "by_config"])
    frames = [pd.read_parquet(place / name / "sweep.parquet") for name in ("by_config", "whole")]
    pd.testing.assert_frame_equal(*frames)
    with pytest.raises(InputError, match="a Sweep, which has no Training: jal run runs it"):
        command("train")(["swept.py"])
    (place / "listed.py").write_text(
        (place / "swept.py").read_text() + "    \n_one = get_config\n"
        "def get_config(): return [_one(), _one()]\n"
    )
    with pytest.raises(InputError, match="a list of these or a Sweep, and no subclass of them"):
        command("run")(["listed.py"])
