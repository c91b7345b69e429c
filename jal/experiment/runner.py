"""Runs an experiment in segments: save, show progress, stop and go on between any two."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from rich.console import Console

import jal
from jal import files, metrics
from jal.data.sources import Dataset, fingerprint
from jal.experiment import agent_training as training
from jal.experiment.agent_configs import Saved, arena
from jal.experiment.cells import Cell, pack, unpack
from jal.experiment.checkpoints import Checkpoints, cell_checkpoints
from jal.experiment.checks import check, check_agents
from jal.experiment.config import Experiment
from jal.experiment.data_config import given_data, load_data
from jal.experiment.folder import (
    CONFIG,
    INFO,
    check_data,
    check_experiment,
    check_vacant,
    create,
    read_experiment,
    read_json,
    run_sha256,
)
from jal.experiment.lock import locked
from jal.experiment.picks import picks
from jal.experiment.program import Program
from jal.experiment.progress import Interrupted, RunProgress
from jal.experiment.results import Results, is_finished, load, tidy
from jal.experiment.splits import check_different, check_splits, merged, parts, split_folder
from jal.experiment.strategy_options import Factories
from jal.networks.pretrained import weights_fingerprint
from jal.rl import Policy
from jal.strategies import registry
from jal.types import InputError

__all__ = ["Interrupted", "OnRows", "resume", "run"]

OnRows = Callable[[pd.DataFrame], None]


def run(
    experiment: Experiment,
    *,
    out: str | Path | None = None,
    dataset: Dataset | None = None,
    strategies: Factories | None = None,
    progress: bool = True,
    on_rows: OnRows | None = None,
) -> Results:
    """Runs the experiment from its start.

    Args:
      experiment: the config.
      out: a new folder for config, checkpoints and results; nothing is written if None.
      dataset: used instead of loading `experiment.data`, which must be left as it is by default;
        see `jal.data.from_arrays`.
      strategies: your own, by name, beside those of `jal.strategies.registry`.
      progress: show it.
      on_rows: called after each segment with its rows of the tidy table, without imbalance ratios:
        for TensorBoard, W&B or a log of one's own.

    Raises:
      InputError: one sentence, before anything is computed, where the experiment cannot run; or
        where the disk fails, with all that was saved before still whole.
      Interrupted: after Ctrl-C, where there is a folder to go on from.
    """
    folder = None if out is None else Path(out)
    experiment = _typed(experiment, dataset)
    return _run(experiment, folder, dataset, strategies, progress, on_rows, resumed=False)


def resume(
    folder: str | Path,
    experiment: Experiment | None = None,
    *,
    dataset: Dataset | None = None,
    strategies: Factories | None = None,
    progress: bool = True,
    on_rows: OnRows | None = None,
) -> Results:
    """Goes on with the run in `folder`; its results equal those of a run never interrupted, but for
    times.

    Args:
      folder: as given to `run` as `out`.
      experiment: if given, must be the folder's, but for where it runs, how often it is saved and
        what its report shows.
      dataset: as in `run`; must hold the same data.
      strategies: as in `run`.
      progress: show it.
      on_rows: as in `run`, of the segments that are still to run.

    Raises:
      InputError: as `run`; where the folder belongs to another config or other data, or is in use
        by another process; where it is damaged so that nothing is left to go on from.
      Interrupted: as `run`.
    """
    folder = Path(folder)
    experiment = _typed(experiment or read_experiment(folder), dataset)
    check_experiment(folder, experiment)
    if dataset is None and is_finished(folder):
        return _finished(folder, experiment, progress)
    return _run(experiment, folder, dataset, strategies, progress, on_rows, resumed=True)


def _finished(folder: Path, experiment: Experiment, progress: bool) -> Results:
    """The results as they are, shown as the experiment says; nothing is written."""
    console = Console(quiet=not progress)
    console.print(f"{folder} is finished already", highlight=False, markup=False, soft_wrap=True)
    return dataclasses.replace(load(folder), experiment=experiment)


def _typed(experiment: Experiment, dataset: Dataset | None) -> Experiment:
    """The experiment, every field found to be of its type; on arrays where a data set is given."""
    experiment = Experiment.checked(experiment)
    if dataset is None:
        return experiment
    return dataclasses.replace(experiment, data=given_data(experiment.data, dataset))


def _run(
    experiment: Experiment,
    folder: Path | None,
    dataset: Dataset | None,
    strategies: Factories | None,
    progress: bool,
    on_rows: OnRows | None,
    resumed: bool,
) -> Results:
    """One run, or one of each split."""
    check_splits(experiment, dataset)
    interrupted = threading.Event()
    if experiment.splits == 1 or experiment.split is not None:
        return _run_one(
            experiment, folder, dataset, strategies, progress, on_rows, resumed, interrupted
        )
    found, console = [], Console(quiet=not progress)
    with contextlib.ExitStack() as held:

        def begin(identity: str) -> None:
            """Makes the folder of all, once the first split is found to run."""
            assert folder is not None
            create(folder, experiment, identity)
            held.enter_context(locked(folder))

        if folder is not None:
            if resumed:
                held.enter_context(locked(folder))
            else:
                check_vacant(folder, experiment)
        each, first = parts(experiment), dataset
        if first is None and not resumed and not experiment.agents:
            first = load_data(each[0].split_data())
            check(each[0], first, {**registry, **(strategies or {})})
            check_different(experiment, first)
        for split, one in enumerate(each):
            console.print(f"split {split + 1} of {experiment.splits}", highlight=False)
            own = split_folder(folder, split)
            there = False
            if own is not None and (own / CONFIG).is_file():
                there = True
                check_experiment(own, one)
            before = begin if folder is not None and not resumed and split == 0 else None
            data = first if split == 0 else dataset
            try:
                found.append(
                    _run_one(
                        one, own, data, strategies, progress, on_rows, there, interrupted, before
                    )
                )
                if interrupted.is_set() and split + 1 < experiment.splits:
                    raise KeyboardInterrupt
            except KeyboardInterrupt:  # in the middle of a split, between two, or while one loads
                if folder is None or not (folder / CONFIG).is_file():
                    raise
                raise Interrupted(
                    f"interrupted in split {split + 1} of {experiment.splits}; what was finished "
                    f"is saved: go on with --resume {folder}"
                ) from None
        if folder is not None and resumed and is_finished(folder):
            return _finished(folder, experiment, progress)
        results = merged(experiment, found, resumed)
        if folder is not None:
            results.save(folder)
    return results


def _run_one(
    experiment: Experiment,
    folder: Path | None,
    dataset: Dataset | None,
    strategies: Factories | None,
    progress: bool,
    on_rows: OnRows | None,
    resumed: bool,
    interrupted: threading.Event,
    before: Callable[[str], None] | None = None,
) -> Results:
    """The run of one split; Ctrl-C sets `interrupted`.

    `before`, given what identifies its data, comes before its folder.
    """
    began = time.perf_counter()
    factories = {**registry, **(strategies or {})}
    if dataset is None:
        dataset = load_data(experiment.split_data())
    whole = dataset
    made: dict[training.Cell, training.Learned] = {}
    data = None
    check_agents(experiment, factories)
    if experiment.agents:
        data, dataset = arena(whole, experiment.parts, experiment.split_data().split_seed)
        made = training.learned(experiment, data, whole)
        factories |= training.factories_of(made, data)
    compared = check(experiment, dataset, factories)
    untrained = {cell: one.policy for cell, one in made.items()}
    program = Program(compared, dataset, factories, *training.supplies(experiment, untrained, data))
    shown = RunProgress(
        experiment.rounds, len(program.cells), len(experiment.seed_numbers()), progress
    )
    for note in whole.notes:
        shown.note(f"note: {note}")
    checkpoints, step = None, None
    with contextlib.ExitStack() as held:
        if folder is not None:
            identity = _identity(experiment, whole, untrained)
            if resumed:
                check_data(folder, experiment.data.source, identity)
                if is_finished(folder):
                    return _finished(folder, experiment, progress)
                held.enter_context(locked(folder))
                checkpoints = cell_checkpoints(folder, experiment)
                step = checkpoints.latest(shown.note)
            else:
                check_vacant(folder, experiment)
        with shown, _interruptible(shown, interrupted):
            programs = training.compile_agents(experiment, made, shown, folder if resumed else None)
            if step != len(program.cells) * (experiment.rounds + 1):
                _compile(program, shown, interrupted)
            if folder is not None and not resumed:
                if before is not None:
                    before(identity)
                create(folder, experiment, identity)
                held.enter_context(locked(folder))
                checkpoints = cell_checkpoints(folder, experiment)
            program.compile_seconds += sum(one.compile_seconds for one in programs.values())
            trained = training.train_agents(experiment, made, programs, shown, interrupted, folder)
            program.supply(*training.supplies(experiment, trained.policies, data))
            made.clear()  # the agents' data are needed no more, nor their copies on the devices
            programs.clear()
            finished = _run_cells(program, checkpoints, step, shown, interrupted, folder, on_rows)
        cells = dict(zip(program.cells, finished, strict=True))
        results = Results(
            experiment,
            tidy(experiment, cells, dataset.train.y, dataset.num_classes),
            _describe(program, time.perf_counter() - began, resumed)
            | {
                "data_sha256": fingerprint(whole),
                "class_names": list(whole.class_names),
                "notes": list(whole.notes),
                "cell_seconds": {
                    "/".join(name): round(float(cell["seconds"]), 4) for name, cell in cells.items()
                },
            },
            {"/".join(name): np.asarray(cell["labelled"]) for name, cell in cells.items()},
            picks(experiment, cells, dataset),
            trained.history,
        )
        if folder is not None:
            if files.damaged(folder, (CONFIG, INFO), run_sha256(folder)) is None:
                # The run was finished, and only files that were damaged are written anew.
                results = dataclasses.replace(results, info=read_json(folder / INFO))
            results.save(folder)
    return results


def _compile(program: Program, shown: RunProgress, interrupted: threading.Event) -> None:
    """All programs, before anything runs: one that does not fit must not stop a run halfway."""
    for cell, (learner, _) in enumerate(program.cells):
        if interrupted.is_set():
            raise KeyboardInterrupt
        if not program.compiled(cell):
            shown.compiling(learner)
            program.compile(cell)


def _identity(
    experiment: Experiment, dataset: Dataset, policies: dict[training.Cell, Policy]
) -> str:
    """SHA-256 of what a run depends on beside its config.

    That is the data, pre-trained weights, and other runs' policies (its own are zeros yet).
    """
    files = [getattr(config, "weights", None) for config in experiment.learners.values()]
    content = [fingerprint(dataset), *(weights_fingerprint(file) for file in files if file)]
    for (_, name), policy in policies.items():
        if isinstance(experiment.agents[name], Saved):
            content += [
                hashlib.sha256(np.asarray(leaf).tobytes()).hexdigest()
                for leaf in jax.tree.leaves(policy.weights)
            ]
    return (
        content[0] if len(content) == 1 else hashlib.sha256("".join(content).encode()).hexdigest()
    )


def _run_cells(
    program: Program,
    checkpoints: Checkpoints | None,
    step: int | None,
    shown: RunProgress,
    interrupted: threading.Event,
    folder: Path | None,
    on_rows: OnRows | None,
) -> list[Cell]:
    last = program.experiment.rounds + 1  # measurements of one cell
    finished, cell, done, state, seconds = [], 0, 0, None, np.zeros(())
    if checkpoints is not None and step is not None:
        cell, done = divmod(step, last)
        finished = unpack(checkpoints.arrays(step))
        if done:
            seconds = finished.pop()["seconds"]
            state = checkpoints.state(step, program.start(cell))
    while cell < len(program.cells):
        learner, strategy = program.cells[cell]
        if state is None:
            state = program.start(cell)
        stop = min(done + program.experiment.segment, last)
        began = time.perf_counter()
        state = program.advance(cell, state, done, stop)
        seconds = seconds + (time.perf_counter() - began)
        values = {name: np.asarray(value) for name, value in state.metrics.items()}
        _check_finite(program, cell, values, done, stop)
        shown.advance(cell, learner, strategy, stop, values)
        first, done = done, stop
        measured = {"metrics": values, "labelled": program.labelled(state), "seconds": seconds}
        cells = [*finished, measured]
        if done == last:
            finished, cell, done, state, seconds = cells, cell + 1, 0, None, np.zeros(())
        if checkpoints is not None:
            checkpoints.save(cell * last + done, pack(cells), state)
        if on_rows is not None:
            new = {"metrics": {name: value[:, first:stop] for name, value in values.items()}}
            on_rows(tidy(program.experiment, {(learner, strategy): new}, first_round=first))
        if interrupted.is_set() and cell < len(program.cells):
            if folder is None:
                raise KeyboardInterrupt
            raise Interrupted(
                f"interrupted; all of {cell} finished and {done} of the current one's rounds "
                f"are saved: go on with --resume {folder}"
            )
    return finished


def _check_finite(
    program: Program, cell: int, values: dict[str, np.ndarray], start: int, stop: int
) -> None:
    for name in sorted(values, key=lambda name: name == "finite"):  # last: it says the least
        value = values[name][:, start:stop]
        wrong = value == 0 if name == "finite" else ~np.isfinite(value)
        if metrics.may_be_undefined(name):
            wrong &= ~np.isnan(value)
        bad = np.argwhere(wrong)
        if bad.size:
            seed, round_ = bad[0]
            learner, strategy = program.cells[cell]
            what = (
                "outputs that are not finite" if name == "finite" else f"{name} = {value[*bad[0]]}"
            )
            raise InputError(
                f"{learner} with {strategy} has {what} for seed "
                f"{program.experiment.seed_numbers()[seed]} in round {start + round_}: training "
                "diverged, so lower its learning rate or scale the inputs."
            )


def _describe(program: Program, seconds: float, resumed: bool) -> dict[str, Any]:
    device = program.mesh.devices.flat[0]
    return {
        "jal": jal.__version__,
        "jax": jax.__version__,
        "python": platform.python_version(),
        "device": f"{program.mesh.devices.size} x {device.device_kind}",
        "pool": program.points,
        "seconds": round(seconds, 2),
        "compile_seconds": round(program.compile_seconds, 2),
        "resumed": resumed,
    }


@contextlib.contextmanager
def _interruptible(shown: RunProgress, event: threading.Event) -> Iterator[None]:
    """The first Ctrl-C sets the event; the second stops at once. Off the main thread: never."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: Any) -> None:
        event.set()
        signal.signal(signal.SIGINT, before)
        shown.note("stopping after this segment; Ctrl-C again to stop at once")

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
