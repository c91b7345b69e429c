"""Experiments with odd values in their fields: each can be run, or is refused in a sentence."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import random
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_damages import Tried, is_a_sentence, replaced, small_run

from jal import metrics, strategies
from jal.experiment import (
    CNN,
    MLP,
    SVC,
    AbasRal,
    Experiment,
    LalRl,
    LinearSVC,
    ResNet,
    Saved,
    SladeBranson,
    ViT,
    run,
)
from jal.experiment.program import Program
from jal.types import InputError

__all__ = ["ODD", "AcceptedError", "checked_only", "fuzz_experiments", "odd_experiment"]

_NUMBERS = (0, -1, 1, 2, 3, 7, 59, 61, 1000, 2**31, 2**63, 10**400, -(10**30))
_FLOATS = (0.0, 0.3, 0.99, -0.5, 1.0, 2.5, 1e-300, 1e300, math.nan, math.inf, -math.inf)
_TEXTS = (
    "",
    " ",
    "x",
    "a/b",
    "a.b",
    "..",
    "é∞",
    "a\nb",
    "\0",
    "\ud800",
    "[/red]",
    "x" * 300,
    "nan",
)
_LISTS = ((), (1,), (1, 2), (1, 2, 3), (4, 0, -1), ((0, 1, 2), (3, 4, 5)), ("random",), (0.5,))
_DICTS = ({}, {"a": 1}, {"random": 2}, {1: 2}, {"": {}}, {"random": {"x": 1}}, {"a": None})
_OTHERS = (None, True, False, [], ((),), b"x", object(), set(), int, Path("x"), 1j, lambda: None)
_OTHERS += (np.int64(3), np.float32(2), np.float64("nan"), np.arange(3))
_KINDS = {int: _NUMBERS, float: _FLOATS, str: _TEXTS, tuple: _LISTS, dict: _DICTS}
ODD: tuple[Any, ...] = (*_NUMBERS, *_FLOATS, *_TEXTS, *_LISTS, *_DICTS, *_OTHERS)
_SOURCES = ("sklearn:digits", "sklearn:iris", "npz:", "npz:absent.npz", "folder:/proc", "folder:.")
_SOURCES += ("folder:", "tfds:absent", "tfds:", ":", "npz:\0", f"npz:{'x' * 300}", "npz:/", "hf:/")
_NAMES = (*strategies.registry, "margn", "agent")


class AcceptedError(Exception):
    """Nothing was found wrong before the computation."""


def fuzz_experiments(count: int, seed: int, place: Path) -> list[Tried]:
    """`count` experiments; number i depends on the seed and on i alone. The quick ones are run.

    Args:
      count: how many.
      seed: of the random choices.
      place: an empty folder.
    """
    tried = []
    for trial in range(count):
        drawn = random.Random(f"{seed} {trial}")
        experiment, given = odd_experiment(small_run(place), drawn)
        try:
            with contextlib.nullcontext() if _is_quick(experiment) else checked_only():
                run(experiment, progress=False)
            tried.append(Tried("run", "; ".join(given), ""))
        except AcceptedError:
            tried.append(Tried("accepted", "; ".join(given), ""))
        except InputError as error:
            what = "refused" if is_a_sentence(error) else "traceback"
            tried.append(Tried(what, "; ".join(given), str(error)))
        except Exception:
            tried.append(Tried("traceback", "; ".join(given), traceback.format_exc()))
    return tried


def _is_quick(experiment: Experiment) -> bool:
    """Whether it can be run in a second or two, if it can be run at all."""
    return [*experiment.learners] == ["logistic_regression"] and experiment.seeds in (1, 2, 3)


@contextlib.contextmanager
def checked_only() -> Iterator[None]:
    """Runs end where their programs would be compiled, by an error that says it."""

    def accept(self: Program, cell: int) -> None:
        raise AcceptedError

    with replaced(Program, "compile", accept):
        yield


def odd_experiment(base: Experiment, drawn: random.Random) -> tuple[Experiment, list[str]]:
    """An experiment in which one to three fields are odd, and which."""
    learners = (MLP(epochs=2, hidden=(4,), dropout=0.2), SVC(), LinearSVC(), CNN(), ResNet(), ViT())
    agents = (AbasRal(epochs=1), LalRl(), SladeBranson(), Saved("absent", "a", "b"))
    if drawn.random() < 0.4:
        base = dataclasses.replace(base, learners={**base.learners, "net": drawn.choice(learners)})
    if drawn.random() < 0.3:
        names = (*base.strategies, "agent")
        base = dataclasses.replace(base, agents={"agent": drawn.choice(agents)}, strategies=names)
    given = []
    for _ in range(drawn.choice((1, 1, 2, 3))):
        base, name = _changed(base, drawn, "")
        given.append(name)
    return base, given


def _changed(config: Any, drawn: random.Random, where: str) -> tuple[Any, str]:
    """The dataclass with one of its fields, or one of a field's own, odd."""
    field = drawn.choice(dataclasses.fields(config)).name
    value, path = getattr(config, field), f"{where}{field}"
    key = drawn.choice([*value]) if isinstance(value, dict) and value else None
    inner = value if key is None else value[key]
    if dataclasses.is_dataclass(inner) and drawn.random() < 0.8:
        inner, path = _changed(inner, drawn, f"{path}." if key is None else f"{path}.{key}.")
        odd = inner if key is None else {**value, key: inner}
        return dataclasses.replace(config, **{field: odd}), path
    odd = _value(field, value, drawn)
    return dataclasses.replace(config, **{field: odd}), f"{path} = {str(odd)[:40]!r}"


def _value(field: str, value: Any, drawn: random.Random) -> Any:
    """Odd, or such as the field may have, mostly of the type that it has."""
    if drawn.random() < 0.2:
        return drawn.choice(ODD)
    if field == "source":
        return drawn.choice(_SOURCES)
    if field == "strategies":
        return tuple(drawn.choices(_NAMES, k=drawn.randint(1, 3)))
    if field == "metrics":
        return tuple(drawn.choices([*metrics.registry, "f2"], k=2))
    if field in ("options", "batch_of", "agents_on", "reported"):
        option = drawn.choice(("strategy", "passes", "cap", "delta", "x"))
        return {drawn.choice(_NAMES): drawn.choice(({option: drawn.choice(ODD)}, 3, *ODD))}
    if field in ("start", "kind", "profile", "classifier"):
        return drawn.choice(
            ("random", "twisted_main", "step", "ratio", "pca", "vit_s16", "pretrained")
        )
    if field == "initial_indices":
        return tuple(tuple(drawn.choices(range(-1, 70), k=3)) for _ in range(drawn.randint(1, 3)))
    if value is None:
        return drawn.choice((*_NUMBERS, *_FLOATS, "x"))
    return drawn.choice(_KINDS.get(type(value), ODD))
