"""Configs with odd values in their fields: each can be run, or is refused in a sentence."""

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
    LDA,
    MLP,
    SVC,
    AbasRal,
    Balanced,
    Chosen,
    Code,
    Data,
    Experiment,
    Indices,
    LalRl,
    Learned,
    LinearSVC,
    Parts,
    Query,
    Random,
    ResNet,
    SladeBranson,
    Training,
    Twisted,
    ViT,
    program,
    run,
    training,
)
from jal.types import InputError

__all__ = ["ODD", "AcceptedError", "checked_only", "fuzz_experiments", "odd_config"]

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
_NAMES = (*strategies.registry, "margn", "agent", "os:getcwd", "jal.nothing:at_all", "absent:x")
_LEARNERS = (
    *(MLP(epochs=2, hidden=(4,), dropout=0.2), SVC(), LinearSVC(), LDA(), CNN(), ResNet(), ViT()),
    *(
        "mlp",
        "svc",
        "mpl",
        "jal.learners:nothing",
        Code("jal.learners:mlp", hidden=(4,)),
        Code("x"),
    ),
    *(Code("os:getcwd"), Code("jal.experiment:MLP", epochs="x"), MLP, len),
)
_STARTS = (
    *(Balanced(), Balanced(0), Balanced(99), Random(), Random(labels=6), Random(share=0.1)),
    *(Random(6, 0.1), Random(labels=61), Twisted(0.5, labels=6), Twisted(2.0, share=0.1)),
    *(Indices(((0, 1, 2), (3, 4, 5))), Indices(((0, 3), (1, 4)), every_class=False)),
    *(Indices(()), Indices(((0, 0, 1), (3, 4, 5))), Indices(((-1, 70, 2), (3, 4, 5)))),
    *(Chosen(), Chosen(labels=6), Chosen(share=0.1, strategy="k_center"), Chosen(labels=61)),
    *(
        Chosen(6, strategy="margin"),
        Chosen(6, x=1),
        Chosen(6, strategy="active_ft", iterations="x"),
    ),
)
_AGENTS = (AbasRal(epochs=1), LalRl(), SladeBranson(), Code("jal.rl:LalRl"), Code("os:getcwd"), len)


class AcceptedError(Exception):
    """Nothing was found wrong before the computation."""


def fuzz_experiments(count: int, seed: int, place: Path) -> list[Tried]:
    """`count` configs; number i depends on the seed and on i alone. The quick ones are run.

    Args:
      count: how many.
      seed: of the random choices.
      place: an empty folder.
    """
    return [_tried(random.Random(f"{seed} {trial}"), place) for trial in range(count)]


def _tried(drawn: random.Random, place: Path) -> Tried:
    given: list[str] = []
    what, detail = "run", ""
    try:
        config = odd_config(small_run(place), drawn, given)
        with contextlib.nullcontext() if _is_quick(config) else checked_only():
            run(config, progress=False)
    except AcceptedError:
        what = "accepted"
    except InputError as error:
        what, detail = "refused" if is_a_sentence(error) else "traceback", str(error)
    except Exception:
        what, detail = "traceback", traceback.format_exc()
    return Tried(what, "; ".join(given), detail)


def _is_quick(config: Any) -> bool:
    """Whether it can be run in a second or two, if it can be run at all."""
    return (
        isinstance(config, Experiment)
        and isinstance(config.learners, dict)
        and [*config.learners] == ["logistic_regression"]
        and getattr(config.protocol, "seeds", 0) in (1, 2, 3)
        and getattr(config.protocol, "rounds", 0) in (1, 2, 3)
    )


@contextlib.contextmanager
def checked_only() -> Iterator[None]:
    """Runs end where their programs would be compiled, by an error that says it."""

    def accept(*arguments: object, **options: object) -> None:
        raise AcceptedError

    with (
        replaced(program, "compile_program", accept),
        replaced(training, "compile_program", accept),
    ):
        yield


def odd_config(base: Experiment, drawn: random.Random, given: list[str]) -> Any:
    """A config in which up to two fields are odd, and others drawn; said in `given`."""
    config: Any = base
    if drawn.random() < 0.4:
        learner = drawn.choice(_LEARNERS)
        given.append(f"learner {learner}")
        config = dataclasses.replace(config, learners={**config.learners, "net": learner})
    if drawn.random() < 0.3:
        query = _query(drawn)
        given.append(f"query {str(query)[:80]!r}")
        config = dataclasses.replace(config, queries=(*config.queries, query))
    if drawn.random() < 0.3:
        start = drawn.choice(_STARTS)
        given.append(f"start {start}")
        config = dataclasses.replace(
            config, protocol=dataclasses.replace(config.protocol, start=start)
        )
    if drawn.random() < 0.25:
        data = Data(
            config.data.source, parts=drawn.choice((Parts(), Parts(0.2, 0.2, 0.2, 0.3, 0.1)))
        )
        config = Training(drawn.choice(_AGENTS), name="agent", data=data)
    for _ in range(drawn.choice((0, 1, 1, 2))):
        config, name = _changed(config, drawn, "")
        given.append(name)
    if isinstance(config, Training) and drawn.random() < 0.3:
        given.append("in a list")
        return [config, dataclasses.replace(base, queries=(Learned("agent"), "random"))]
    return config


def _query(drawn: random.Random) -> Any:
    """One that an experiment may have, or not quite."""
    name = drawn.choice(_NAMES)
    option = drawn.choice(("passes", "cap", "delta", "ridge", "x"))
    batch: Any = drawn.choice((None, 1, 2, (1, 2, 3), 0, -1, 2**31, "x"))
    learners: Any = drawn.choice(((), (), ("net",), ("absent",), "net", (1,)))
    return drawn.choice(
        (
            name,
            Query(name, name="other"),
            Query(name, **{option: drawn.choice(ODD)}),
            Query(name, name="other", batch=batch, learners=learners),
            Learned(drawn.choice(("absent", "", "agent", "x" * 300, "\0")), batch=batch),
            drawn.choice((len, int, object(), lambda: None, strategies.registry["margin"]())),
        )
    )


def _changed(config: Any, drawn: random.Random, where: str) -> tuple[Any, str]:
    """The dataclass with one of its fields, or one of a field's own, odd."""
    field = drawn.choice(dataclasses.fields(config)).name
    value, path = getattr(config, field), f"{where}{field}"
    key, inner = None, value
    if isinstance(value, dict) and value:
        key = drawn.choice([*value])
    elif field == "queries" and isinstance(value, tuple) and value:
        key = drawn.randrange(len(value))
    if key is not None:
        inner, path = value[key], f"{path}.{key}"
    if dataclasses.is_dataclass(inner) and not isinstance(inner, type) and drawn.random() < 0.8:
        odd, path = _changed(inner, drawn, f"{path}.")
    else:
        key, odd = None, _value(field, value, drawn)
        path = f"{where}{field} = {str(odd)[:40]!r}"
    if key is not None:
        odd = {**value, key: odd} if isinstance(value, dict) else _replaced(value, key, odd)
    return dataclasses.replace(config, **{field: odd}), path


def _replaced(values: tuple[Any, ...], index: int, value: Any) -> tuple[Any, ...]:
    return (*values[:index], value, *values[index + 1 :])


def _value(field: str, value: Any, drawn: random.Random) -> Any:
    """Odd, or such as the field may have, mostly of the type that it has."""
    if drawn.random() < 0.2:
        return drawn.choice(ODD)
    if field == "source":
        return drawn.choice(_SOURCES)
    if field == "queries":
        return tuple(_query(drawn) for _ in range(drawn.randint(1, 3)))
    if field == "strategy":
        return drawn.choice(_NAMES)
    if field in ("learners", "learner") and not isinstance(value, tuple):
        one = drawn.choice(_LEARNERS)
        return one if field == "learner" else drawn.choice((one, (one,), {"net": one}))
    if field == "agent":
        return drawn.choice(_AGENTS)
    if field == "start":
        return drawn.choice(_STARTS)
    if field == "metrics":
        return tuple(drawn.choices([*metrics.registry, "f2", "os:getcwd"], k=2))
    if field in ("options", "reported"):
        option = drawn.choice(("strategy", "passes", "cap", "delta", "x"))
        return {drawn.choice(_NAMES): drawn.choice(({option: drawn.choice(ODD)}, 3, *ODD))}
    if field in ("kind", "profile", "classifier"):
        return drawn.choice(("random", "step", "ratio", "pca", "vit_s16", "agents", "untrained"))
    if field == "indices":
        return tuple(tuple(drawn.choices(range(-1, 70), k=3)) for _ in range(drawn.randint(1, 3)))
    if value is None:
        return drawn.choice((*_NUMBERS, *_FLOATS, "x"))
    return drawn.choice(_KINDS.get(type(value), ODD))
