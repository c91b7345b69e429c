"""Odd command lines of `jal`: each runs, or ends in a sentence and exit status 2."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import traceback
from pathlib import Path

from fuzz_damages import Tried, is_a_sentence
from fuzz_experiments import AcceptedError, checked_only

from jal.cli import command
from jal.types import InputError

__all__ = ["fuzz_commands"]

_CONFIG = """
from jal.experiment import (
    MLP, AbasRal, Data, Experiment, LogisticRegression, Parts, Protocol, Query, Training
)

def get_config():
    {body}
"""
_SMALL = """return Experiment(name="small", data=Data("npz:data.npz"),
        protocol=Protocol(seeds=2, rounds=2, batch=3),
        learners={"logistic_regression": LogisticRegression(), "mlp": MLP(hidden=(4,), epochs=2)},
        queries=("random", Query("margin", name="margin_1", batch=1)))"""
_BODIES = {
    "small": _SMALL,
    "several": """data = Data("npz:data.npz", parts=Parts(0.2, 0.2, 0.2, 0.3, 0.1))
    return [Training(AbasRal(epochs=1), name="agent", data=data), Experiment(name="compared")]""",
    "none": "return None",
    "raises": "raise ValueError('first\\nsecond')",
    "exits": "raise SystemExit('no\\nmore')",
    "class": "return Experiment",
    "unknown": "return Experiment(sedes=3)",
    "syntax": "return (",
    "nul": "return '\0'",
    "wrong": "return Experiment(protocol=3, learners=3, name=None)",
}
_CONFIGS = (*(f"{name}.py" for name in _BODIES), "absent.py", ".", "data.npz", "x" * 300, "\0", "")
_FIELDS = (
    *("--name", "--seeds", "--rounds", "--batch", "--budget", "--start", "--devices", "--split"),
    *("--queries", "--metrics", "--learners", "--learners", "--confidence", "--target", "--splits"),
    *("--segment", "--seeds-at-once", "--first-seed", "--data.source", "--data.test-size"),
    *("--data.image-size", "--data.features.kind", "--data.imbalance.profile", "--classifier"),
    *("--learners.mlp.hidden", "--learners.mlp.epochs", "--learners.logistic-regression.C"),
    *("--data.parts.train", "--agent.seeds", "--agent.agent.epochs", "--agent.learner"),
    *("--compared.queries", "--compared.data.parts.state", "--sedes", "--reported", "--over"),
    *("--out", "--resume", "--help", "--help-all", "--allow-code", "--", "-h", "--data.arrays"),
)
_WORDS = (
    *("0", "-1", "1", "2", "3", "2.5", "1e300", "nan", "inf", "-inf", "9" * 30, "None", "True"),
    *("", " ", "x", "random", "margin", "margn", "accuracy", "f1", "mlp/random", "é∞", "\ud800"),
    *("a\nb", "x" * 300, "..", "/proc", "small.py", "folder:/proc", "npz:data.npz", "tfds:absent"),
    *("whole", "broken", "absent", "/dev/null", "[1,2]", "(1,)", "{'a': 1}", "--", "balanced"),
    *("random:labels=6", "twisted:rare=2", "balanced:per_class=x", "margin:batch=1,name=m"),
    *("bald:passes=[3", "margin_1:batch=2", "learned:absent", "learned:", "mlp:epochs=3", "svc"),
    *(
        "mlp:name=m,hidden=[8]",
        "os:getcwd",
        "absent:x:y=1",
        "random:",
        "=",
        ":=",
        "batch",
        "several",
    ),
)


def fuzz_commands(count: int, seed: int, place: Path) -> list[Tried]:
    """`count` command lines, whose computations are left out; number i depends on seed and i alone.

    Args:
      count: how many.
      seed: of the random choices.
      place: a folder with data.npz, to work in.
    """
    for name, body in _BODIES.items():
        (place / f"{name}.py").write_text(_CONFIG.format(body=body))
    before = Path.cwd()
    os.chdir(place)
    try:
        _call("run", ["small.py", "--seeds", "1", "--rounds", "1", "--out", "whole"])
        shutil.copytree("whole", "broken")
        Path("broken/manifest.json").unlink()
        with checked_only():
            return [_tried(random.Random(f"{seed} {trial}")) for trial in range(count)]
    finally:
        os.chdir(before)


def _tried(drawn: random.Random) -> Tried:
    arguments = [drawn.choice((_CONFIGS[0], _CONFIGS[0], *_CONFIGS))] * (drawn.random() < 0.8)
    for _ in range(drawn.randint(0, 4)):
        arguments.append(drawn.choice(_FIELDS))
        arguments += drawn.choices(_WORDS, k=drawn.choice((0, 1, 1, 1, 1, 2)))
    verb = drawn.choice(("run", "run", "run", "train", "sweep"))
    what, detail = _call(verb, arguments)
    return Tried(what, f"{verb} {' '.join(arguments)!r}", detail)


def _call(verb: str, arguments: list[str]) -> tuple[str, str]:
    """`what` and `detail` of one command line."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            command(verb)(arguments)
    except AcceptedError:
        return "accepted", ""
    except InputError as error:
        return "refused" if is_a_sentence(error) else "traceback", str(error)
    except SystemExit as error:  # of tyro: its own words for what is no option, or --help
        shown = err.getvalue()
        fine = (error.code == 2 and shown and "Traceback" not in shown) or error.code in (0, None)
        return "refused" if fine else "traceback", f"{error.code}: {shown}"
    except Exception:
        return "traceback", traceback.format_exc()
    return "run", ""
