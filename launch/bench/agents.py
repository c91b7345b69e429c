"""Training agents: ABAS-RAL's, many seeds in one program, and peers.

The paper's settings on scikit-learn's digits, with a classifier that peers in agents_peers.py
have as well; agents_parts.py times what a training consists of. Each worker runs in a process of
its own and prints one JSON line.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.markdown import counted
from bench.measure import Step
from bench.timing import (
    Result,
    compiled,
    compiler_options,
    cpu_devices,
    device,
    peak_mib,
    steady,
    without_cache,
)
from bench.worker import Measurements

LIMIT_S = 300.0  # of a peer's process, from its start
SHORT = {"epochs": 2, "episodes": 2, "updates": 5, "warm_episodes": 4}  # with --quick
KINDS = {"mlp": "torch_mlp", "logistic_regression": "sklearn_logistic"}  # of agents_peers.py
SETUPS = ((1, 1), (1, 2), (2, 1))  # processes, and threads of each


def plan(counts: Sequence[int], path: str, quick: bool) -> dict[str, Step]:
    """Label -> step: jal with so many seeds and its peers, then the parts; with quick, few."""
    learners = ("mlp",) if quick else tuple(KINDS)
    given = {"path": path, "settings": SHORT if quick else {}}
    steps = {}
    for learner in learners:
        steps |= {
            f"{learner}, jal, {n} seeds": Step(
                "bench.agents:jal_rl", given | {"learner": learner, "seeds": n}
            )
            for n in counts
        }
        for copies, threads in SETUPS:
            options = given | {"kind": KINDS[learner], "seeds": 1, "threads": threads}
            label = f"{learner}, peer, {copies} x {threads} threads"
            limit = LIMIT_S / 10 if quick else LIMIT_S
            steps[label] = Step("bench.agents_peers:peer_training", options, copies, limit)
    steps |= {
        f"fit, {learner}, {labels} labels": Step(
            "bench.agents_parts:rl_fit", {"learner": learner, "labels": labels}
        )
        for learner in learners
        for labels in ((40,) if quick else (40, 200))
    }
    steps |= {
        f"update, {actions:,} actions": Step("bench.agents_parts:rl_update", {"actions": actions})
        for actions in ((60,) if quick else (60, 3000))
    }
    return steps | {
        f"replay, {tool}, {n} seeds": Step(
            "bench.agents_parts:rl_replay", {"tool": tool, "seeds": n}
        )
        for n in ((1,) if quick else (1, 16))
        for tool in ("jal", "flashbax")
    }


def rl_data(path: str) -> Result:
    """Writes the parts of the data set that all trainings are on."""
    import numpy as np

    from jal.data import load
    from jal.data.splits import fractions

    data = load("sklearn:digits", test_size=797)
    x, y = data.train.x.reshape(len(data.train.y), -1), data.train.y
    state, warm, train, _ = fractions(y, (0.1, 0.1, 0.6, 0.2), 0)
    np.savez(
        path,
        state_x=x[state],
        warm_x=x[warm],
        warm_y=y[warm],
        train_x=x[train],
        train_y=y[train],
        holdout_x=data.test.x.reshape(len(data.test.y), -1),
        holdout_y=data.test.y,
    )
    return {}


def jal_rl(path: str, settings: Result, learner: str, seeds: int) -> Result:
    """Trainings in one compiled program, spread over the devices as in jal.experiment."""
    cpu_devices()
    without_cache()
    return _trainings(path, settings, learner, seeds) | {"peak_mib": peak_mib()} | device()


def jal_counts(counts: Sequence[int], learners: Sequence[str], settings: Result) -> Measurements:
    """For a GPU: trainings of each classifier in one program, of so many seeds."""
    cpu_devices()
    without_cache()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "data.npz")
        rl_data(path)
        for seeds in counts:
            for learner in learners:

                def measurement(learner: str = learner, seeds: int = seeds) -> Result:
                    name = {key: value for key, value in device().items() if key == "device"}
                    found = _trainings(path, settings, learner, seeds)
                    return found | {"learner": learner} | name

                yield f"{learner}, {counted(seeds, 'seed')}", measurement


def _trainings(path: str, settings: Result, learner: str, seeds: int) -> Result:
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jal.parallel import over_seeds, replicate, seed_mesh
    from jal.rl import AbasRal, AgentData, TrainingState
    from jal.types import Array, Pool, PyTree

    given = np.load(path)
    pools = {
        name: Pool(jnp.asarray(given[f"{name}_x"]), jnp.asarray(given[f"{name}_y"], jnp.int32))
        for name in ("warm", "train", "holdout")
    }
    data = AgentData(jnp.asarray(given["state_x"]), **pools)
    agent = AbasRal(**settings)
    trainer = agent.trainer(data, learner_of(learner), 10)

    def begin(number: Array, warm: PyTree) -> TrainingState:
        return trainer.init(jax.random.key(number), warm)

    def go_on(state: TrainingState, train: PyTree) -> TrainingState:
        return trainer.run(state, jnp.int32(0), jnp.int32(trainer.epochs), train)

    mesh = seed_mesh(min(seeds, jax.device_count()))
    at_once = 1 if jax.default_backend() == "cpu" else None
    warm, train = (replicate(params, mesh) for params in (trainer.warm, trainer.train))
    numbers = np.arange(seeds, dtype=np.int32)
    beginning = jax.jit(over_seeds(begin, mesh, at_once), **compiler_options())
    first, found = compiled(beginning, numbers, warm)
    like = jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        beginning.eval_shape(numbers, warm),
        first.output_shardings,
    )
    rest, later = compiled(
        over_seeds(go_on, mesh, at_once), like, train, donate_argnums=0, **compiler_options()
    )
    made: dict[str, TrainingState] = {}

    def run() -> None:
        made.clear()  # so that no two are in memory
        made["state"] = jax.block_until_ready(rest(first(numbers, warm), train))

    steady_s = steady(run)
    state = made["state"]
    history = {name: np.asarray(values) for name, values in state.history.items()}
    if not np.isfinite(history["loss"]).all():
        raise RuntimeError("a loss is not finite")
    played = history["length"].sum() * agent.episodes
    steps = played + np.asarray(state.warm_result.length).sum() * agent.warm_episodes
    last = -(-agent.epochs // 10)  # epochs
    ends = {name: float(history[name][:, -last:].mean()) for name in ("budget", "success")}
    return ends | {
        "seeds": seeds,
        "compile_s": found["compile_s"] + later["compile_s"],
        "program_mib": max(part["program_mib"] for part in (found, later)),
        "steady_s": steady_s,
        "seeds_per_s": seeds / steady_s,
        "steps_per_s": float(steps) / steady_s,
    }


def learner_of(name: str) -> Any:
    """The classifier that the peers have too, of 64 numbers and ten classes."""
    import optax

    from jal.learners import logistic_regression, sgd
    from jal.networks import mlp

    if name == "logistic_regression":
        return logistic_regression((64,), 10, tol=1e-4)
    return sgd(
        mlp((64,), 10, (32,)),
        epochs=10,
        batch_size=64,
        learning_rate=0.01,
        weight_decay=0.0,
        optimizer=lambda hyper: optax.sgd(hyper.learning_rate),
        warm_start=True,
        predict_batch=1024,  # the 797 held out in one pass, as the peers do
    )
