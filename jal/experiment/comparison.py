"""Runs an experiment: its blocks one after another, saved, resumed, shown."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd

from jal import files, metrics
from jal.data.dataset import Dataset, fingerprint
from jal.experiment.cells import Cell, by_learner, pack, unpack
from jal.experiment.checkpoints import Checkpoints, run_checkpoints
from jal.experiment.checks import check
from jal.experiment.compiled import Program
from jal.experiment.config import Experiment
from jal.experiment.folder import CONFIG, INFO, check_data, check_vacant, read_json, run_sha256
from jal.experiment.named_learners import weights_of
from jal.experiment.parts import evaluation
from jal.experiment.picks import picks
from jal.experiment.program import Block, blocks_of, experiment_mesh
from jal.experiment.progress import Interrupted, RunProgress
from jal.experiment.results import Results, is_finished, load, tidy
from jal.experiment.segments import interruptible, run_segments
from jal.experiment.session import Session, described
from jal.networks.pretrained import weights_fingerprint
from jal.types import InputError

__all__ = ["finished_results", "run_experiment"]


def finished_results(folder: Path, experiment: Experiment, session: Session) -> Results:
    """The results as they are, shown as the experiment says; nothing is written."""
    session.say(f"{folder} is finished already")
    return dataclasses.replace(load(folder), experiment=experiment)


def run_experiment(experiment: Experiment, session: Session) -> Results:
    """The run of one split."""
    began = time.perf_counter()
    folder, resumed = session.folder, session.resumed
    whole = session.data(experiment.split_data())
    agents = None
    if experiment.learned():
        from jal.experiment.learned import find_agents  # with rlax and all that it needs

        allowed = session.allow_code, session.allow_names
        agents = find_agents(experiment, whole, folder, session.trained, *allowed)
    dataset = evaluation(whole, experiment.data.parts, experiment.split_data().split_seed)
    strategies = {} if agents is None else agents.strategies
    checked = check(experiment, dataset, strategies, session.allow_names)
    mesh = experiment_mesh(experiment)
    dataset, splits = checked.dataset, checked.splits
    blocks = blocks_of(experiment, checked, agents.starts if agents else {}, mesh)
    rounds = experiment.protocol.rounds
    shown = RunProgress(rounds, len(blocks), len(experiment.seed_numbers()), session.progress)
    notes = [*whole.notes, *checked.notes]
    for note in notes:
        shown.note(f"note: {note}")
    checkpoints, step = None, None
    drawn = [] if splits is None else [*jax.tree.leaves(splits)]
    identity = _identity(experiment, whole, [*(agents.weights if agents else []), *drawn])
    if folder is not None:
        if resumed:
            check_data(folder, experiment.data.source, identity)
            if is_finished(folder):
                return finished_results(folder, experiment, session)
        else:
            check_vacant(folder, experiment)
    with session.held(folder if resumed else None) as hold:
        if folder is not None and resumed:
            checkpoints = run_checkpoints(folder, experiment)
            step = checkpoints.latest(shown.note)
        with shown, interruptible(shown.note, session.interrupted):
            compiled: dict[tuple[str, ...], Program] = {}
            if step != len(blocks) * (rounds + 1):
                compiled = _compile(blocks, shown, session.interrupted)
            if folder is not None and not resumed:
                hold(folder, experiment, identity)
                checkpoints = run_checkpoints(folder, experiment)
            measured = _run(experiment, blocks, compiled, checkpoints, step, shown, session)
        compiling = sum(program.seconds for program in compiled.values())
        ran = [(learner, block.query) for block in blocks for learner in block.learners]
        by_name = dict(zip(ran, measured, strict=True))
        found = {
            (name, query.name): by_name[name, query.name] for name, query in experiment.cells()
        }
        info = described(mesh, time.perf_counter() - began, compiling, resumed) | {
            "pool": len(dataset.train.y) if splits is None else splits.pool.shape[1],
            "data_sha256": fingerprint(whole),
            "class_names": list(whole.class_names),
            "notes": notes,
            "agents": {} if agents is None else agents.agents,
            "cell_seconds": {
                "/".join(name): round(float(one["seconds"]), 4) for name, one in found.items()
            },
        }
        results = Results(
            experiment,
            tidy(experiment, found, dataset.train.y, dataset.num_classes),
            info,
            {"/".join(name): np.asarray(one["labelled"]) for name, one in found.items()},
            picks(experiment, found, dataset),
            None if agents is None else agents.history,
        )
        if folder is not None:
            if files.damaged(folder, (CONFIG, INFO), run_sha256(folder)) is None:
                # The run was finished, and only files that were damaged are written anew.
                results = dataclasses.replace(results, info=read_json(folder / INFO))
            results.save(folder)
    return results


def _compile(
    blocks: list[Block], shown: RunProgress, interrupted: threading.Event
) -> dict[tuple[str, ...], Program]:
    """All programs, before anything runs: one that does not fit must not stop a run halfway.

    Each is executed once, for no rounds, which also loads it and makes its buffers.
    """
    compiled: dict[tuple[str, ...], Program] = {}
    for block in blocks:
        if interrupted.is_set():
            raise KeyboardInterrupt
        if block.group in compiled:
            continue
        shown.compiling(block.learners)
        began = time.perf_counter()
        program = block.compile()
        _advance(program, block)(_start(program, block), np.int32(0), np.int32(0))
        compiled[block.group] = program._replace(seconds=time.perf_counter() - began)
    return compiled


def _start(program: Program, block: Block) -> Any:
    """The state of all lanes before the first round; it is there when this returns."""
    first = block.first()
    return jax.block_until_ready(program.begin(first.per_seed, *first.shared))


def _advance(program: Program, block: Block) -> Any:
    """`(state, start, stop) -> state` of the block."""
    per_seed, shared = block.following()
    return lambda state, start, stop: jax.block_until_ready(
        program.advance(state, per_seed, start, stop, *shared)
    )


def _identity(experiment: Experiment, dataset: Dataset, weights: list[np.ndarray]) -> str:
    """SHA-256 of what a run depends on beside its config: data, splits of the seeds, pre-trained
    weights, policies."""
    named = [weights_of(config) for config in experiment.learners.values()]
    content = [fingerprint(dataset), *(weights_fingerprint(file) for file in named if file)]
    content += [hashlib.sha256(array.tobytes()).hexdigest() for array in weights]
    return (
        content[0] if len(content) == 1 else hashlib.sha256("".join(content).encode()).hexdigest()
    )


def _run(
    experiment: Experiment,
    blocks: list[Block],
    compiled: dict[tuple[str, ...], Program],
    checkpoints: Checkpoints | None,
    step: int | None,
    shown: RunProgress,
    session: Session,
) -> list[Cell]:
    """What was measured of every cell, one block after another."""
    last = experiment.protocol.rounds + 1  # measurements of one cell
    finished: list[Cell] = []
    begun, done, state, seconds = 0, 0, None, 0.0
    if checkpoints is not None and step is not None:
        begun, done = divmod(step, last)
        finished = unpack(checkpoints.arrays(step))
        if done:
            before = sum(len(block.learners) for block in blocks[:begun])
            seconds = sum(float(cell["seconds"]) for cell in finished[before:])
            del finished[before:]
            state = checkpoints.state(step, compiled[blocks[begun].group].like)

    def run_block(number: int, state: Any, done: int, seconds: float) -> None:
        block, cells = blocks[number], []
        program, lanes = compiled[block.group], len(block.learners)

        def after(state: Any, start: int, stop: int, seconds: float) -> bool:
            values = {name: np.asarray(value) for name, value in state.metrics.items()}
            cells[:] = by_learner(values, block.labelled(state), seconds, lanes)
            for learner, cell in zip(block.learners, cells, strict=True):
                _check_finite(experiment, learner, block.query, cell["metrics"], start, stop)
            shown.advance(number, block.learners, block.query, stop, [c["metrics"] for c in cells])
            whole, rounds = (number + 1, 0) if stop == last else (number, stop)
            if checkpoints is not None:
                arrays = pack([*finished, *cells])
                checkpoints.save(whole * last + rounds, arrays, state if rounds else None)
            if session.on_rows is not None:
                session.on_rows(_rows(experiment, block, cells, start, stop))
            if session.interrupted.is_set() and whole < len(blocks):
                if session.folder is None:
                    raise KeyboardInterrupt
                raise Interrupted(
                    f"interrupted; all of {whole} finished and {rounds} of the current one's "
                    f"rounds are saved: go on with --resume {session.folder}"
                )
            return False

        state = _start(program, block) if state is None else state
        segment = experiment.execution.segment
        run_segments(_advance(program, block), state, done, last, segment, seconds, after)
        finished.extend(cells)

    for number in range(begun, len(blocks)):
        run_block(number, state, done, seconds)
        done, state, seconds = 0, None, 0.0
    return finished


def _rows(
    experiment: Experiment, block: Block, cells: list[Cell], start: int, stop: int
) -> pd.DataFrame:
    """Of the tidy table those of rounds start to stop - 1."""
    new = {
        (learner, block.query): {"metrics": {n: v[:, start:stop] for n, v in c["metrics"].items()}}
        for learner, c in zip(block.learners, cells, strict=True)
    }
    return tidy(experiment, new, first_round=start)


def _check_finite(
    experiment: Experiment,
    learner: str,
    query: str,
    values: dict[str, np.ndarray],
    start: int,
    stop: int,
) -> None:
    for name in sorted(values, key=lambda name: name == "finite"):  # last: it says the least
        value = values[name][:, start:stop]
        wrong = value == 0 if name == "finite" else ~np.isfinite(value)
        if metrics.may_be_undefined(name):
            wrong &= ~np.isnan(value)
        bad = np.argwhere(wrong)
        if bad.size:
            seed, round_ = bad[0]
            what = (
                "outputs that are not finite" if name == "finite" else f"{name} = {value[*bad[0]]}"
            )
            raise InputError(
                f"{learner} with {query} has {what} for seed {experiment.seed_numbers()[seed]} in "
                f"round {start + round_}: training diverged, so lower its learning rate or scale "
                "the inputs."
            )
