"""Trains an experiment's agents, many seeds of each at once: saved, resumed, shown."""

from __future__ import annotations

import functools
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jal import files
from jal.data.sources import Dataset
from jal.experiment.agent_configs import Saved
from jal.experiment.agent_program import AgentProgram, agent_devices, agent_program
from jal.experiment.checkpoints import Checkpoints
from jal.experiment.config import Experiment
from jal.experiment.folder import TRAINING, disk_errors, run_sha256
from jal.experiment.progress import Interrupted, RunProgress
from jal.memory import check_replay
from jal.rl import Agent, AgentData, Goal, Policy, Training, TrainingState, policy_of
from jal.rl.agent import check_warmth, given_of
from jal.rl.policy import load_policy, save_policy
from jal.types import Given, InputError, PyTree, Strategy

__all__ = [
    "Cell",
    "Learned",
    "Trained",
    "compile_agents",
    "factories_of",
    "learned",
    "supplies",
    "train_agents",
]

Cell = tuple[str, str]  # names of a learner and an agent

_TRAINED = (TRAINING, f"policy/{files.MANIFEST}")  # and what the policy's own manifest lists


class Learned(NamedTuple):
    """An agent with one learner.

    Attributes:
      agent: its options.
      policy: what it has learned; zeros of the right shapes before it is trained.
      training: how to train it; None where the policy is another run's.
    """

    agent: Agent
    policy: Policy
    training: Training | None


class Trained(NamedTuple):
    """What `train_agents` made.

    Attributes:
      policies: leaves `[T, ...]`.
      history: the tidy table experiment, learner, strategy, seed, epoch, metric, value; in epoch -1
        are what warm start found, the targets, and `seconds`: wall time of all trainings of the
        agent, in all sessions and without compilation, over their number. None without agents.
    """

    policies: dict[Cell, Policy]
    history: pd.DataFrame | None


def learned(experiment: Experiment, data: AgentData, dataset: Dataset) -> dict[Cell, Learned]:
    """What is to be trained, checked; nothing is trained yet.

    Args:
      experiment: the config.
      data: of the agents.
      dataset: of which these are parts.

    Raises:
      InputError: where an agent cannot be trained, or another run's cannot be applied.
    """
    made, trainings = {}, len(experiment.training_numbers())
    for learner, name in experiment.cells():
        if name not in experiment.agents:
            continue
        config = experiment.agents[name]
        if isinstance(config, Saved):
            own = _folder((config.learner, config.agent))
            folder = Path(config.run) / "agents" / own / "policy"
            agent, policy = load_policy(folder)
            count = len(np.atleast_1d(policy.goal.quality))
            if count != trainings:
                raise InputError(
                    f"{config.run} holds {count} trainings of {config.agent}, and this experiment "
                    f"is for {trainings}: give trainings {count}."
                )
            made[learner, name] = Learned(agent, policy, None)
            continue
        classes = dataset.num_classes
        labels = config.max_labels(data, classes)
        training = config.training(
            data, experiment.learners[learner].build(dataset, labels), classes
        )
        check_replay(name, training.replay_bytes, trainings, agent_devices(experiment))
        made[learner, name] = Learned(config, _untrained(training, trainings), training)
    return made


def _untrained(training: Training, count: int) -> Policy:
    """Zeros in the shape of what so many trainings will make."""
    one = jax.eval_shape(lambda: policy_of(training.init(jax.random.key(0), training.warm)))
    return jax.tree.map(lambda leaf: jnp.zeros((count, *leaf.shape), leaf.dtype), one)


def supplies(
    experiment: Experiment, policies: dict[Cell, Policy], data: AgentData | None
) -> tuple[dict[Cell, Given], dict[str, PyTree]]:
    """What a Program takes of policies: arrays by cell, and learners' variables to start from."""
    if data is None:
        return {}, {}
    given = {cell: given_of(policy, data.state_x) for cell, policy in policies.items()}
    starts: dict[str, PyTree] = {}
    if experiment.classifier == "pretrained":
        for (learner, _), policy in policies.items():
            starts.setdefault(learner, policy.classifier)
    return given, starts


def factories_of(made: dict[Cell, Learned], data: AgentData) -> dict[str, Callable[[], Strategy]]:
    """Agent -> a factory of its Strategy; what it has learned comes by `Program.supply`."""
    return {
        name: functools.partial(one.agent.strategy, one.policy, data.state_x)
        for (_, name), one in made.items()
    }


def compile_agents(
    experiment: Experiment, made: dict[Cell, Learned], shown: RunProgress, folder: Path | None
) -> dict[Cell, AgentProgram]:
    """Programs of the agents that `folder`, that of an interrupted run, has not trained yet.

    Raises:
      InputError: where one needs more memory than is free, or what was trained is damaged.
    """
    programs = {}
    for cell, one in made.items():
        own = _own_folder(folder, cell)
        if one.training is None or (own is not None and _is_trained(own)):
            continue
        learner, name = cell
        shown.training(name, learner, "compiling", 0, one.training.epochs)
        programs[cell] = agent_program(experiment, name, one.training)
    return programs


def train_agents(
    experiment: Experiment,
    made: dict[Cell, Learned],
    programs: dict[Cell, AgentProgram],
    shown: RunProgress,
    interrupted: threading.Event,
    folder: Path | None,
) -> Trained:
    """Trains what is not trained yet.

    Args:
      experiment: the config.
      made: of `learned`.
      programs: of `compile_agents`.
      shown: the progress.
      interrupted: set to stop after the segment in flight.
      folder: the run's; None to keep nothing.

    Raises:
      InputError: where training diverges, or warm start never reached a target.
      KeyboardInterrupt: where it was interrupted; what was saved is whole.
    """
    policies, frames = {}, []
    for cell, one in made.items():
        if one.training is None:
            policies[cell] = one.policy
            frames.append(_goal(experiment, cell, one.policy.goal))
            continue
        own = _own_folder(folder, cell)
        if cell not in programs:
            assert own is not None
            like = one.policy.classifier
            policies[cell] = load_policy(own / "policy", like)[1]
            frames.append(pd.read_parquet(own / TRAINING))
            shutil.rmtree(own / "checkpoints", ignore_errors=True)
            continue
        state, seconds = _train(experiment, cell, programs[cell], shown, interrupted, own)
        policies[cell] = jax.tree.map(jnp.asarray, policy_of(state))
        frames.append(_history(experiment, cell, state, seconds))
        if folder is not None and own is not None:
            table = frames[-1]
            with disk_errors(folder):
                files.replace_file(
                    own / TRAINING, lambda path, t=table: t.to_parquet(path, index=False)
                )
                save_policy(own / "policy", one.agent, policies[cell])
                files.seal(own, _TRAINED, _of(own))
            shutil.rmtree(own / "checkpoints", ignore_errors=True)  # with the replay buffers
    return Trained(policies, pd.concat(frames, ignore_index=True) if frames else None)


def _train(
    experiment: Experiment,
    cell: Cell,
    program: AgentProgram,
    shown: RunProgress,
    interrupted: threading.Event,
    folder: Path | None,
) -> tuple[TrainingState, float]:
    """The last state, and the seconds that it took in this session and those before."""
    learner, name = cell
    checkpoints = None
    if folder is not None:
        run = folder.parents[1]
        with disk_errors(run):
            folder.mkdir(parents=True, exist_ok=True)
        checkpoints = Checkpoints(
            folder, _of(folder), lambda step: f"epoch {step} of {name} · {learner}", run
        )
    done = checkpoints.latest(shown.note) if checkpoints is not None else None
    seconds, began = np.zeros(()), time.perf_counter()
    if checkpoints is not None and done is not None:
        state = checkpoints.state(done, program.like)
        seconds, began = checkpoints.arrays(done)["seconds"], time.perf_counter()
    else:
        shown.training(name, learner, "warm start", 0, program.epochs)
        done, state = 0, program.begin()
        check_warmth(name, state, experiment.training_numbers())
    _stop_here(interrupted, folder)
    while done < program.epochs:
        stop = min(done + experiment.training_segment, program.epochs)
        state = program.advance(state, done, stop)
        _check_finite(experiment, cell, state, done, stop)
        done = stop
        shown.training(name, learner, _status(state, done), done, program.epochs)
        seconds = seconds + (time.perf_counter() - began)
        if checkpoints is not None and done < program.epochs:
            checkpoints.save(done, {"seconds": seconds}, state)
        began = time.perf_counter()
        if np.asarray(state.stopped).all():
            break
        if done < program.epochs:
            _stop_here(interrupted, folder)
    return state, float(seconds)


def _stop_here(interrupted: threading.Event, folder: Path | None) -> None:
    if interrupted.is_set():
        if folder is None:
            raise KeyboardInterrupt
        raise Interrupted(
            "interrupted; the epochs trained so far are saved: go on with --resume "
            f"{folder.parents[1]}"
        )


def _check_finite(
    experiment: Experiment, cell: Cell, state: TrainingState, start: int, stop: int
) -> None:
    losses = np.asarray(state.history["loss"])[:, start:stop]
    stopped = np.isnan(np.asarray(state.history["return"])[:, start:stop])
    bad = np.argwhere(~np.isfinite(losses) & ~stopped)
    if bad.size:
        seed, epoch = bad[0]
        number = experiment.training_numbers()[seed]
        raise InputError(
            f"{cell[1]} with {cell[0]} has a loss that is not finite in training "
            f"{number}, epoch {start + epoch}: lower its learning_rate."
        )


def _status(state: TrainingState, done: int) -> str:
    known = ~np.isnan(np.asarray(state.history["return"])[:, :done])
    last = known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)  # before it stopped
    values = {
        name: np.asarray(state.history[name])[np.arange(len(last)), last].mean()
        for name in ("return", "budget", "quality")
    }
    return (
        f"return {values['return']:.2f}, budget {values['budget']:.3f}, "
        f"quality {values['quality']:.3f}"
    )


def _history(
    experiment: Experiment, cell: Cell, state: TrainingState, seconds: float
) -> pd.DataFrame:
    """The tidy table of a training; what warm start found is epoch -1."""
    found = {f"warm_{name}": value for name, value in state.warmth._asdict().items()}
    parts = [(name, np.asarray(value)[:, None], np.array([-1])) for name, value in found.items()]
    epochs = np.arange(next(iter(state.history.values())).shape[1])
    parts += [(name, np.asarray(value), epochs) for name, value in state.history.items()]
    count = len(experiment.training_numbers())
    each = np.full((count, 1), seconds / count)
    parts.append(("seconds", each, np.array([-1])))
    goal = _goal(experiment, cell, state.goal)
    return pd.concat([goal, _rows(experiment, cell, parts)], ignore_index=True)


def _goal(experiment: Experiment, cell: Cell, goal: Goal) -> pd.DataFrame:
    parts = [
        (f"target_{name}", np.atleast_1d(np.asarray(value))[:, None], np.array([-1]))
        for name, value in goal._asdict().items()
    ]
    return _rows(experiment, cell, parts)


def _rows(
    experiment: Experiment, cell: Cell, parts: list[tuple[str, np.ndarray, np.ndarray]]
) -> pd.DataFrame:
    """The tidy table of `(metric, values [T, E], epochs [E])`."""
    (learner, agent), numbers = cell, experiment.training_numbers()
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "experiment": experiment.name,
                    "learner": learner,
                    "strategy": agent,
                    "seed": np.repeat(np.array(numbers, np.int32), len(epochs)),
                    "epoch": np.tile(epochs, len(values)).astype(np.int32),
                    "metric": name,
                    "value": values.ravel().astype(np.float32),
                }
            )
            for name, values, epochs in parts
        ],
        ignore_index=True,
    )


def _folder(cell: Cell) -> str:
    return ".".join(cell)


def _of(own: Path) -> str:
    """What the files of an agent's folder are known by."""
    return f"{run_sha256(own.parents[1])}, {own.name}"


def _is_trained(own: Path) -> bool:
    """Whether a folder holds all that a training leaves; InputError where that is damaged."""
    if not (own / files.MANIFEST).is_file():
        return False
    flaw = files.damaged(own, _TRAINED, _of(own))
    inside = None if flaw else files.damaged(own / "policy")
    if inside:
        flaw = f"policy/{inside}"
    if flaw:
        raise InputError(
            f"{flaw} in {own} is damaged: delete that folder, and --resume trains the agent again."
        )
    return True


def _own_folder(run: Path | None, cell: Cell) -> Path | None:
    return None if run is None else run / "agents" / _folder(cell)
