"""Whole experiments, by the machinery of launch/run.py: all that uses jal.experiment here."""

from __future__ import annotations

import dataclasses
import gzip
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from bench.markdown import counted
from bench.seeds import BATCH, ROUNDS, first_labels, rates
from bench.timing import Result, cpu_devices, device, steady, without_cache
from bench.worker import Measurements
from jal.data import Dataset, from_arrays, load
from jal.data.fashion_mnist import SOURCE_DIR
from jal.experiment import (
    Execution,
    Experiment,
    Indices,
    LogisticRegression,
    Protocol,
    Random,
    Shown,
)
from jal.experiment.checks import check
from jal.experiment.compiled import Arguments, Program
from jal.experiment.config_file import load_config
from jal.experiment.program import blocks_of, experiment_mesh
from jal.types import InputError

CONFIGS = Path(__file__).parents[2] / "configs"


class _Running(NamedTuple):
    """One cell of an experiment, compiled.

    Attributes:
      query: its name.
      start: `() -> state` of all seeds before the first round.
      advance: `(state, start, stop) -> state`.
      compile_seconds: of all programs so far.
    """

    query: str
    start: Callable[[], Any]
    advance: Callable[[Any, int, int], Any]
    compile_seconds: float


def _running(experiment: Experiment, data: Dataset) -> Iterator[_Running]:
    """The experiment's cells, each compiled when it is asked for; some share a program."""
    checked = check(experiment, data, {}, allow_code=False)
    programs: dict[tuple[str, ...], Program] = {}
    for block in blocks_of(experiment, checked, {}, experiment_mesh(experiment)):
        if block.group not in programs:
            programs[block.group] = block.compile()
        program, first, following = programs[block.group], block.first(), block.following()

        def start(program: Program = program, first: Arguments = first) -> Any:
            return jax.block_until_ready(program.begin(first.per_seed, *first.shared))

        def advance(
            state: Any,
            start: int,
            stop: int,
            program: Program = program,
            following: Arguments = following,
        ) -> Any:
            bounds = np.int32(start), np.int32(stop)
            shared = (*bounds, *following.shared)
            return jax.block_until_ready(program.advance(state, following.per_seed, *shared))

        seconds = sum(one.seconds for one in programs.values())
        yield _Running(block.query, start, advance, seconds)


def jal_seeds(seeds: int, at_once: int | None = None) -> Result:
    """One compiled program for all seeds, from the labels that the loops in seeds.py start with."""
    cpu_devices()
    without_cache()
    data = load("sklearn:digits")
    given = tuple(tuple(first_labels(data.train.y, seed)) for seed in range(seeds))
    experiment = Experiment(
        learners={"logistic_regression": LogisticRegression()},
        queries=("margin",),
        protocol=Protocol(seeds=seeds, rounds=ROUNDS, batch=BATCH, start=Indices(given)),
        execution=Execution(seeds_at_once=at_once),
    )
    (cell,) = _running(experiment, data)
    accuracy = np.zeros(0)

    def run() -> None:
        nonlocal accuracy
        accuracy = _accuracy(cell, ROUNDS)

    seconds = steady(run)
    return rates(seeds, cell.compile_seconds, seconds, accuracy) | device()


def quickstart(counts: Sequence[int], change: Result) -> Measurements:
    """configs/quickstart.py with so many seeds, one learner after another.

    Args:
      counts: of seeds.
      change: other fields of the config.
    """
    cpu_devices()
    without_cache()
    data = load("sklearn:digits")
    config = _config("quickstart.py", change)
    for seeds in counts:
        protocol = dataclasses.replace(config.protocol, seeds=seeds)
        for learner, options in config.learners.items():
            one = dataclasses.replace(config, learners={learner: options}, protocol=protocol)
            yield f"{learner}, {counted(seeds, 'seed')}", lambda one=one: _quickstart(one, data)


def _quickstart(experiment: Experiment, data: Dataset) -> Result:
    """Seconds of each strategy, and of all."""
    taken, final, compiling = {}, {}, 0.0
    for cell in _running(experiment, data):
        compiling = cell.compile_seconds

        def run(cell: _Running = cell) -> None:
            found = _accuracy(cell, experiment.protocol.rounds)
            final[cell.query] = float(found.mean())

        taken[cell.query] = steady(run, budget=1.0, long=2.0)
    return {
        "learner": next(iter(experiment.learners)),
        "seeds": experiment.protocol.seeds,
        "labels": sum(experiment.batches(experiment.queries[0])),
        "compile_s": compiling,
        "steady_s": sum(taken.values()),
        "by_strategy": taken,
        "accuracy": final,
    } | _name_of_device()


def fashion_mnist(
    strategies: Sequence[str], change: Result, learner: Result, points: int | None = None
) -> Measurements:
    """configs/bral_t/fashion_mnist.py, round by round for as long as there is time.

    Args:
      strategies: one after another.
      change: other fields of the config.
      learner: other fields of its learner.
      points: of the pool and of the test set that are used; all if None.
    """
    without_cache()
    data = _fashion_mnist(points)
    config = _config("bral_t/fashion_mnist.py", change)
    name, base = next(iter(config.learners.items()))  # BALD has one of its own
    learners = {name: dataclasses.replace(base, **learner)}
    for query in strategies:
        one = dataclasses.replace(config, learners=learners, queries=(query,), shown=Shown())
        label = f"{name}, {query}, {counted(config.protocol.seeds, 'seed')}"
        yield label, lambda one=one: _rounds(one, data)


def _rounds(experiment: Experiment, data: Dataset) -> Iterator[Result]:
    """What was reached after each round, of one learner and one query."""
    (cell,) = _running(experiment, data)
    (learner,), protocol = experiment.learners.values(), experiment.protocol
    batches = experiment.batches(experiment.queries[0])
    labels = protocol.start.size(len(data.train.y), data.num_classes)
    images, taken, state = 0, 0.0, cell.start()
    for t in range(protocol.rounds + 1):
        began = time.perf_counter()
        state = cell.advance(state, t, t + 1)
        taken += time.perf_counter() - began
        images += protocol.seeds * learner.epochs * labels
        yield {
            "seeds": protocol.seeds,
            "labels": labels,
            "rounds": t,
            "of_rounds": protocol.rounds,
            "images": images,
            "compile_s": cell.compile_seconds,
            "steady_s": taken,
            "accuracy": float(np.asarray(state.metrics["accuracy"])[:, t].mean()),
        } | _name_of_device()
        labels += batches[t] if t < protocol.rounds else 0


def _config(name: str, change: Result) -> Experiment:
    """The config with other queries, and other fields of its protocol."""
    config = load_config(CONFIGS / name)
    assert isinstance(config, Experiment)
    change = {
        key: tuple(value) if isinstance(value, list) else value for key, value in change.items()
    }
    if "queries" in change:
        config = dataclasses.replace(config, queries=change.pop("queries"))
    start = change.pop("initial", None)
    if start is not None:
        change["start"] = Random(labels=start)
    return dataclasses.replace(config, protocol=dataclasses.replace(config.protocol, **change))


def _accuracy(cell: _Running, rounds: int) -> np.ndarray:
    """Runs the cell; `[S]`, each seed's last accuracy."""
    state = cell.advance(cell.start(), 0, rounds + 1)
    return np.asarray(state.metrics["accuracy"])[:, -1]


def _fashion_mnist(points: int | None) -> Dataset:
    """The data set's own four files, which Debian's package has, or a folder that is named."""
    folder = Path(os.environ.get("JAL_FASHION_MNIST", SOURCE_DIR))
    try:
        arrays = [
            np.frombuffer(gzip.decompress((folder / f"{name}-ubyte.gz").read_bytes()), np.uint8)
            for name in (
                *("train-images-idx3", "train-labels-idx1"),
                *("t10k-images-idx3", "t10k-labels-idx1"),
            )
        ]
    except OSError as error:
        raise InputError(
            f"Fashion-MNIST is not in {folder} ({error.strerror}): name the folder of its four "
            ".gz files in JAL_FASHION_MNIST."
        ) from error
    x, y, x_test, y_test = (
        array[16:].reshape(-1, 28, 28, 1)[:points] if i % 2 == 0 else array[8:][:points]
        for i, array in enumerate(arrays)
    )
    return from_arrays(x, y, x_test, y_test, num_classes=10)


def _name_of_device() -> Result:
    """Without its peak memory, which is of all that this process has measured."""
    return {name: value for name, value in device().items() if name == "device"}
