"""Trains an agent, many seeds at once: saved, resumed, shown."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jal.data.dataset import Dataset, fingerprint
from jal.experiment.checkpoints import Checkpoints
from jal.experiment.compiled import Arguments, Program, compile_program, seeds_at_once
from jal.experiment.folder import check_data, check_vacant, run_sha256
from jal.experiment.history import is_trained
from jal.experiment.named_learners import build_learner, check_learner
from jal.experiment.parts import divide
from jal.experiment.progress import Interrupted, RunProgress
from jal.experiment.segments import interruptible, run_segments
from jal.experiment.session import Session, described
from jal.experiment.trained import Trained, load_trained
from jal.experiment.training_config import Training, build_agent
from jal.memory import check_replay
from jal.parallel import replicate, seed_mesh
from jal.rl import AgentData, Trainer, TrainingState, check_parts, policy_of
from jal.rl.agent import check_warm_start
from jal.types import Array, InputError, Pool, PyTree

__all__ = ["agent_parts", "check_training", "run_training", "training_program"]

_SALT = 0x7EAC  # a training's key is none of an experiment's


class _Made(NamedTuple):
    agent: Any
    trainer: Trainer
    learner: str


def run_training(training: Training, session: Session) -> Trained:
    """Trains the agent on one split.

    Raises:
      InputError: where it cannot be trained, diverges, or warm start never reached its target.
      Interrupted: where it was interrupted; what was saved is whole.
    """
    began = time.perf_counter()
    training.check()
    dataset = session.data(training.split_data())
    folder, resumed = session.folder, session.resumed
    identity = fingerprint(dataset)
    if folder is not None and resumed:
        check_data(folder, training.data.source, identity)
        if is_trained(folder, training):
            session.say(f"{folder} is finished already")
            agent = build_agent(training.agent, session.allow_names)
            return load_trained(folder, agent=agent)
    made = _make(training, dataset, session.allow_names)
    mesh = seed_mesh(len(_devices(training)))
    shown = RunProgress(made.trainer.epochs, 1, len(training.seed_numbers()), session.progress)
    for note in dataset.notes:
        shown.note(f"note: {note}")
    if folder is not None and not resumed:
        check_vacant(folder, training)
    with session.held(folder if resumed else None) as hold:
        with shown, interruptible(shown.note, session.interrupted):
            shown.training(training.name, made.learner, "compiling", 0, made.trainer.epochs)
            at_once = seeds_at_once(training.execution.seeds_at_once, mesh)
            numbers = training.seed_numbers()
            program = training_program(made.trainer, numbers, training.name, mesh, at_once)
            if folder is not None and not resumed:
                hold(folder, training, identity)
            state, seconds = _train(training, made, program, shown, session)
        policy = jax.tree.map(jnp.asarray, policy_of(state))
        info = described(mesh, time.perf_counter() - began, program.seconds, resumed)
        info |= {"data_sha256": identity, "notes": list(dataset.notes)}
        history = _history(training, made.learner, state, seconds)
        trained = Trained(training, made.agent, policy, history, info, (), folder)
        if folder is not None:
            trained.save(folder)
            Checkpoints.drop(folder)  # with the replay buffers
    return trained


def check_training(training: Training, dataset: Dataset, allow_code: bool) -> None:
    """Raises InputError where the agent cannot be trained on the data; nothing is compiled."""
    _make(training, dataset, allow_code)


def agent_parts(dataset: Dataset, training: Training) -> AgentData:
    """The parts of the data that the agent is trained on.

    Raises:
      InputError: for shares that cannot be, or a part with less than two points of a class.
    """
    parts, data = training.data.parts, training.split_data()
    assert parts is not None
    x, y = dataset.train
    made = divide(dataset, parts, data.split_seed)
    pools = {name: part for name, part in made.items() if name not in ("state", "holdout")}
    check_parts(y, dataset.num_classes, state=made["state"], **pools)

    def pool(part: np.ndarray) -> Pool:
        return Pool(jnp.asarray(x[part]), jnp.asarray(y[part]))

    train = pool(made["train"])
    tested = Pool(jnp.asarray(dataset.test.x), jnp.asarray(dataset.test.y))
    return AgentData(
        jnp.asarray(x[made["state"]]),
        pool(made["warm"]) if "warm" in made else train,
        train,
        pool(made["holdout"]) if "holdout" in made else tested,
    )


def training_program(
    trainer: Trainer, numbers: range, name: str, mesh: Any, at_once: int | None
) -> Program:
    """The compiled trainings of all seeds: `begin()` after warm start, `advance` by epochs."""
    warm, train = (replicate(params, mesh) for params in (trainer.warm, trainer.train))

    def first(number: Array, warm: PyTree) -> TrainingState:
        return trainer.init(jax.random.fold_in(jax.random.key(number), _SALT), warm)

    def following(
        state: TrainingState, own: tuple[()], start: Array, stop: Array, train: PyTree
    ) -> TrainingState:
        del own
        return trainer.run(state, start, stop, train)

    seeds = Arguments(np.array(numbers, np.int32), (warm,))
    shared = Arguments((), (train,))
    made = compile_program(
        first, seeds, following, shared, name=name, mesh=mesh, at_once=at_once, levels=(1, 1)
    )
    return made._replace(
        begin=lambda: made.begin(seeds.per_seed, *seeds.shared),
        advance=lambda state, start, stop: made.advance(state, (), start, stop, train),
    )


def _devices(training: Training) -> list[Any]:
    """The devices that seeds are spread over; InputError where there are fewer than asked for."""
    devices = seed_mesh(training.execution.devices).devices.flat
    return list(devices)[: len(training.seed_numbers())]


def _make(training: Training, dataset: Dataset, allow_code: bool) -> _Made:
    agent, data = build_agent(training.agent, allow_code), agent_parts(dataset, training)
    name = getattr(training.learner, "learner", "learner")
    check_learner(name, training.learner)
    labels = agent.max_labels(data, dataset.num_classes)
    learner = build_learner(name, training.learner, dataset, labels, allow_code)
    made = agent.trainer(data, learner, dataset.num_classes)
    check_replay(training.name, made.replay_bytes, len(training.seed_numbers()), _devices(training))
    return _Made(agent, made, name)


def _train(
    training: Training, made: _Made, program: Program, shown: RunProgress, session: Session
) -> tuple[TrainingState, float]:
    """The last state, and the seconds that it took in this session and those before."""
    folder, epochs = session.folder, made.trainer.epochs
    checkpoints, done = None, None
    if folder is not None:
        name = training.name
        checkpoints = Checkpoints(folder, run_sha256(folder), lambda n: f"epoch {n} of {name}")
        done = checkpoints.latest(shown.note)
    if checkpoints is not None and done is not None:
        state = checkpoints.state(done, program.like)
        seconds = float(checkpoints.arrays(done)["seconds"])
    else:
        shown.training(training.name, made.learner, "warm start", 0, epochs)
        began = time.perf_counter()
        done, state = 0, jax.block_until_ready(program.begin())
        seconds = time.perf_counter() - began
        check_warm_start(training.name, state, training.seed_numbers())

    def stop_here() -> None:
        if not session.interrupted.is_set():
            return
        if folder is None:
            raise KeyboardInterrupt
        raise Interrupted(
            f"interrupted; the epochs trained so far are saved: go on with --resume {folder}"
        )

    def after(state: TrainingState, start: int, stop: int, seconds: float) -> bool:
        _check_finite(training, made.learner, state, start, stop)
        shown.training(training.name, made.learner, _status(state, stop), stop, epochs)
        if checkpoints is not None and stop < epochs:
            checkpoints.save(stop, {"seconds": np.asarray(seconds)}, state)
        if np.asarray(state.stopped).all():
            return True
        if stop < epochs:
            stop_here()
        return False

    stop_here()
    segment = training.execution.segment
    return run_segments(program.advance, state, done, epochs, segment, seconds, after)


def _check_finite(
    training: Training, learner: str, state: TrainingState, start: int, stop: int
) -> None:
    losses = np.asarray(state.history["loss"])[:, start:stop]
    stopped = np.isnan(np.asarray(state.history["return"])[:, start:stop])
    bad = np.argwhere(~np.isfinite(losses) & ~stopped)
    if bad.size:
        seed, epoch = bad[0]
        raise InputError(
            f"{training.name} with {learner} has a loss that is not finite in training "
            f"{training.seed_numbers()[seed]}, epoch {start + epoch}: lower its learning_rate."
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
    training: Training, learner: str, state: TrainingState, seconds: float
) -> pd.DataFrame:
    """The tidy table of a training; targets and what warm start found are epoch -1."""
    numbers, before = training.seed_numbers(), np.array([-1])
    parts = [
        (f"target_{name}", np.atleast_1d(np.asarray(value))[:, None], before)
        for name, value in state.goal._asdict().items()
    ]
    found = {f"warm_{name}": value for name, value in state.warm_result._asdict().items()}
    parts += [(name, np.asarray(value)[:, None], before) for name, value in found.items()]
    epochs = np.arange(next(iter(state.history.values())).shape[1])
    parts += [(name, np.asarray(value), epochs) for name, value in state.history.items()]
    parts.append(("seconds", np.full((len(numbers), 1), seconds / len(numbers)), before))
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "experiment": training.name,
                    "learner": learner,
                    "strategy": training.name,
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
