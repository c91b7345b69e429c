"""Damaged folders of runs: each is said and gone on from, or refused; none is silently wrong."""

from __future__ import annotations

import collections
import contextlib
import io
import random
import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jal.experiment import (
    Data,
    Execution,
    Experiment,
    LogisticRegression,
    Protocol,
    Results,
    load,
    program,
    resume,
    run,
)
from jal.experiment.checkpoints import Checkpoints
from jal.experiment.compiled import Arguments, Program
from jal.experiment.folder import replace_file
from jal.experiment.results import SHOWN
from jal.types import InputError

__all__ = ["Tried", "fuzz_damages", "is_a_sentence", "replaced", "small_run"]


class Tried(NamedTuple):
    """What came of one trial.

    Attributes:
      what: "traceback", or "refused" in a sentence; of damages "said and equal", "equal" (the file
        was of no use) or "wrong"; of others "run", or "accepted" where only the checks were made.
      given: what was odd.
      detail: the sentence, or the traceback.
    """

    what: str
    given: str
    detail: str


class _StopError(Exception):
    """Ends a run before its time."""


def small_run(place: Path) -> Experiment:
    """Data in `place`, and an experiment on them that takes a second."""
    draw = np.random.default_rng(0)
    y = np.arange(60) % 3
    np.savez(place / "data.npz", x=draw.normal(size=(60, 2)) + y[:, None], y=y)
    return Experiment(
        name="small",
        data=Data(f"npz:{place / 'data.npz'}"),
        learners={"logistic_regression": LogisticRegression()},
        queries=("random", "margin"),
        protocol=Protocol(seeds=2, rounds=3, batch=3),
        execution=Execution(segment=2, devices=1),
    )


def fuzz_damages(count: int, seed: int, place: Path) -> list[Tried]:
    """`count` times one or two damages, to copies of a finished and an unfinished run in turn.

    Args:
      count: how many.
      seed: of the random choices.
      place: an empty folder.
    """
    experiment = small_run(place)
    outcomes = []
    with _compiled_once(), replaced(Results, "render", _render_nothing):
        whole = run(experiment, out=place / "finished", progress=False)
        with _stopped_after(3), contextlib.suppress(_StopError):
            run(experiment, out=place / "unfinished", progress=False)
        for trial in range(count):
            drawn = random.Random(f"{seed} {trial}")
            kind = ("finished", "unfinished")[trial % 2]
            folder = place / "copy"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(place / kind, folder)
            done = [_damage(folder, drawn) for _ in range(drawn.choice((1, 1, 1, 2)))]
            what, detail = _outcome(folder, whole)
            outcomes.append(Tried(what, f"{kind}: {' and '.join(done)}", detail))
    return outcomes


def same(one: Results, other: Results) -> bool:
    """Whether all that was measured and labelled is the same, but for times."""
    return (
        one.experiment == other.experiment
        and one.frame.equals(other.frame)
        and one.labelled.keys() == other.labelled.keys()
        and all(np.array_equal(one.labelled[name], other.labelled[name]) for name in one.labelled)
    )


def _outcome(folder: Path, whole: Results) -> tuple[str, str]:
    """`what` and `detail` of loading as it is, of resuming, and of loading again."""
    said, out = [], io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            with _saying(said):
                if not same(load(folder), whole):
                    return "wrong", "loaded"
            try:
                found = resume(folder)
            except InputError as error:
                return (
                    ("refused", str(error)) if is_a_sentence(error) else ("traceback", repr(error))
                )
        if not same(found, whole):
            return "wrong", f"resumed: {out.getvalue()}"
        if not same(load(folder), whole):
            return "wrong", "resumed and loaded"
    except Exception:
        return "traceback", traceback.format_exc()
    said += [line for line in out.getvalue().splitlines() if "damaged" in line]
    return ("said and equal", said[0]) if said else ("equal", "")


@contextlib.contextmanager
def _saying(said: list[str]) -> Iterator[None]:
    """Keeps what an InputError says of damage, if it is a sentence."""
    try:
        yield
    except InputError as error:
        if not is_a_sentence(error):
            raise
        said += [str(error)] * ("damaged" in str(error))


def is_a_sentence(error: InputError) -> bool:
    """One line that ends as sentences do."""
    return len(str(error).splitlines()) == 1 and str(error).endswith(".")


def _damage(folder: Path, drawn: random.Random) -> str:
    """Damages one file, or two that it swaps; says what it did."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    inside = [path for path in files if "checkpoints" in path.parts]
    path = drawn.choice(drawn.choice((inside, [path for path in files if path not in inside])))
    name, content = str(path.relative_to(folder)), bytearray(path.read_bytes())
    kind = drawn.choice(("flip", "flip", "flip", "truncate", "zero", "delete", "swap", "append"))
    if kind == "delete":
        path.unlink()
        return f"{name} deleted"
    if kind == "swap":
        other = drawn.choice([file for file in files if file != path])
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)
        return f"{name} and {other.relative_to(folder)} swapped"
    if kind == "append" or not content:
        path.write_bytes(bytes(content) + drawn.randbytes(drawn.randint(1, 64)))
        return f"bytes appended to {name}"
    place = drawn.randrange(len(content))
    if kind == "truncate":
        path.write_bytes(content[:place])
        return f"{name} cut at {place} of {len(content)}"
    if kind == "zero":
        stop = min(len(content), place + drawn.choice((1, 16, 512)))
        content[place:stop] = bytes(stop - place)
        path.write_bytes(content)
        return f"{name} zero from {place} to {stop} of {len(content)}"
    bit = drawn.randrange(8)
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {place} of {len(content)} of {name} flipped"


def _render_nothing(results: Results, folder: Path) -> None:
    """Pictures would take most of the time."""
    del results
    for name in SHOWN:
        replace_file(folder / name, lambda path: path.write_text("shown"))


@contextlib.contextmanager
def _stopped_after(saves: int) -> Iterator[None]:
    save, count = Checkpoints.save, collections.Counter()

    def counted(self: Checkpoints, *arguments: object) -> None:
        if count["saves"] == saves:
            raise _StopError
        count["saves"] += 1
        save(self, *arguments)  # pyright: ignore[reportArgumentType]

    with replaced(Checkpoints, "save", counted):
        yield


@contextlib.contextmanager
def _compiled_once() -> Iterator[None]:
    """The same experiment's programs are compiled by the first run that needs them."""
    compiled: dict[str, Program] = {}
    compile_program = program.compile_program

    def compile_once(begin: Any, first: Arguments, advance: Any, following: Arguments, **rest: Any):
        shapes = jax.tree.map(np.shape, (first, following))
        key = f"{rest['name']} {shapes}"
        if key not in compiled:
            compiled[key] = compile_program(begin, first, advance, following, **rest)
        return compiled[key]

    with replaced(program, "compile_program", compile_once):
        yield


@contextlib.contextmanager
def replaced(owner: object, name: str, value: object) -> Iterator[None]:
    """An attribute has another value for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
