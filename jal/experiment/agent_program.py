"""A training's compiled programs: many seeds of one agent, spread over the devices."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jal.experiment.compiling import compiler_options
from jal.experiment.config import Experiment
from jal.memory import check_program
from jal.parallel import over_seeds, replicate, seed_mesh
from jal.rl import Training, TrainingState
from jal.types import Array, PyTree

__all__ = ["AgentProgram", "agent_devices", "agent_program"]

_SALT = 0x7EAC  # a training's key is none of an evaluation's


class AgentProgram(NamedTuple):
    """All trainings of one agent with one learner; leaves of a state have a leading axis `[T]`.

    Attributes:
      begin: `() -> state`, after warm start.
      advance: `(state, start, stop) -> state`: epochs start to stop - 1; the state is donated.
      like: shapes, dtypes and shardings of a state.
      epochs: in all.
      compile_seconds: of both.
    """

    begin: Callable[[], TrainingState]
    advance: Callable[[TrainingState, int, int], TrainingState]
    like: TrainingState
    epochs: int
    compile_seconds: float


def agent_program(experiment: Experiment, agent: str, training: Training) -> AgentProgram:
    """Compiles an agent's training.

    Raises:
      InputError: where it needs more memory than is free.
    """
    numbers = np.array(experiment.training_numbers(), np.int32)
    count, devices = len(numbers), agent_devices(experiment)
    mesh = seed_mesh(len(devices))
    platform = devices[0].platform
    at_once = experiment.seeds_at_once or (1 if platform == "cpu" else None)
    options = compiler_options(platform, level=1)
    warm, train = (replicate(params, mesh) for params in (training.warm, training.train))

    def first(number: Array, warm: PyTree) -> TrainingState:
        return training.init(jax.random.fold_in(jax.random.key(number), _SALT), warm)

    def following(state: TrainingState, start: Array, stop: Array, train: PyTree) -> TrainingState:
        return training.run(state, start, stop, train)

    began = time.perf_counter()
    lowered = jax.jit(over_seeds(first, mesh, at_once), **options).lower(numbers, warm)
    begin = lowered.compile()
    like = jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        lowered.out_info,
        begin.output_shardings,
    )
    run = jax.jit(over_seeds(following, mesh, at_once), donate_argnums=0, **options)
    advance = run.lower(like, np.int32(0), np.int32(0), train).compile()
    shard = -(-count // mesh.size)
    for program in (begin, advance):
        check_program(program, agent, min(at_once or shard, shard), devices)
    return AgentProgram(
        lambda: jax.block_until_ready(begin(numbers, warm)),
        lambda state, start, stop: jax.block_until_ready(
            advance(state, np.int32(start), np.int32(stop), train)
        ),
        like,
        training.epochs,
        time.perf_counter() - began,
    )


def agent_devices(experiment: Experiment) -> list[Any]:
    """The devices that trainings are spread over."""
    return jax.devices()[: experiment.devices][: len(experiment.training_numbers())]
