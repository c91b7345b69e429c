"""Whole experiments, by the machinery of launch/run.py: all that uses jal.experiment here."""

from __future__ import annotations

import dataclasses
import gzip
import os
import runpy
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.markdown import counted
from bench.seeds import BATCH, ROUNDS, first_labels, rates
from bench.timing import Result, cpu_devices, device, steady, without_cache
from bench.worker import Measurements
from jal.data import Dataset, from_arrays, load
from jal.data.fashion_mnist import SOURCE_DIR
from jal.experiment import Experiment, LogisticRegression
from jal.experiment.program import Program
from jal.strategies import registry
from jal.types import InputError

CONFIGS = Path(__file__).parents[2] / "configs"


def jal_seeds(seeds: int, at_once: int | None = None) -> Result:
    """One compiled program for all seeds, from the labels that the loops in seeds.py start with."""
    cpu_devices()
    without_cache()
    data = load("sklearn:digits")
    experiment = Experiment(
        learners={"logistic_regression": LogisticRegression()},
        strategies=("margin",),
        seeds=seeds,
        rounds=ROUNDS,
        batch=BATCH,
        initial_indices=tuple(tuple(first_labels(data.train.y, seed)) for seed in range(seeds)),
        seeds_at_once=at_once,
    )
    program = Program(experiment, data, registry)
    program.compile(0)
    accuracy = np.zeros(0)

    def run() -> None:
        nonlocal accuracy
        accuracy = _accuracy(program, 0)

    seconds = steady(run)
    return rates(seeds, program.compile_seconds, seconds, accuracy) | device()


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
        for learner, options in config.learners.items():
            one = dataclasses.replace(config, learners={learner: options}, seeds=seeds)
            yield f"{learner}, {counted(seeds, 'seed')}", lambda one=one: _quickstart(one, data)


def _quickstart(experiment: Experiment, data: Dataset) -> Result:
    """Seconds of each strategy, and of all."""
    program = Program(experiment, data, registry)
    taken, final = {}, {}
    for cell, (_, strategy) in enumerate(program.cells):
        if not program.compiled(cell):
            program.compile(cell)

        def run(cell: int = cell, strategy: str = strategy) -> None:
            final[strategy] = float(_accuracy(program, cell).mean())

        taken[strategy] = steady(run, budget=1.0, long=2.0)
    return {
        "learner": next(iter(experiment.learners)),
        "seeds": experiment.seeds,
        "labels": sum(experiment.batches("margin")),
        "compile_s": program.compile_seconds,
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
    config = _config("bral_t/fashion_mnist.py", change | {"strategies": tuple(strategies)})
    learners = {name: dataclasses.replace(one, **learner) for name, one in config.learners.items()}
    program = Program(dataclasses.replace(config, learners=learners), data, registry)
    for cell, (name, strategy) in enumerate(program.cells):
        label = f"{name}, {strategy}, {counted(config.seeds, 'seed')}"
        yield label, lambda cell=cell: _rounds(program, cell, program.experiment)


def _rounds(program: Program, cell: int, experiment: Experiment) -> Iterator[Result]:
    """What was reached after each round."""
    if not program.compiled(cell):
        program.compile(cell)
    learner: Any = experiment.learners[program.cells[cell][0]]
    batches = experiment.batches(program.cells[cell][1])
    labels, images, taken = int(experiment.initial), 0, 0.0
    state = program.start(cell)
    for t in range(experiment.rounds + 1):
        began = time.perf_counter()
        state = program.advance(cell, state, t, t + 1)
        taken += time.perf_counter() - began
        images += experiment.seeds * learner.epochs * labels
        yield {
            "seeds": experiment.seeds,
            "labels": labels,
            "rounds": t,
            "of_rounds": experiment.rounds,
            "images": images,
            "compile_s": program.compile_seconds,
            "steady_s": taken,
            "accuracy": float(np.asarray(state.metrics["accuracy"])[:, t].mean()),
        } | _name_of_device()
        labels += batches[t] if t < experiment.rounds else 0


def _config(name: str, change: Result) -> Experiment:
    change = {
        key: tuple(value) if isinstance(value, list) else value for key, value in change.items()
    }
    return dataclasses.replace(runpy.run_path(str(CONFIGS / name))["get_config"](), **change)


def _accuracy(program: Program, cell: int) -> np.ndarray:
    """Runs the cell; `[S]`, each seed's last accuracy."""
    state = program.advance(cell, program.start(cell), 0, program.experiment.rounds + 1)
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
