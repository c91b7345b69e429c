"""What launch/bench.py times of training agents: ABAS-RAL's, many seeds in one program, and peers.

The paper's settings on scikit-learn's digits, with a classifier that peers in bench_rl_peers.py
have as well; bench_rl_parts.py times what a training consists of. Each worker runs in a process of
its own and prints one JSON line.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from bench_peers import seconds
from bench_turns import Step
from bench_workers import Result, device, main, peak_mib

LIMIT_S = 300.0  # of a peer's process, from its start
SHORT = {"epochs": 2, "episodes": 2, "updates": 5, "warm_episodes": 4}  # with --quick
KINDS = {"mlp": "torch_mlp", "logistic_regression": "sklearn_logistic"}  # of bench_rl_peers.py
SETUPS = ((1, 1), (1, 2), (2, 1))  # processes, and threads of each


def plan(counts: Sequence[int], path: str, quick: bool) -> dict[str, Step]:
    """Label -> step: jal with so many seeds and its peers, then the parts; with quick, few."""
    learners = ("mlp",) if quick else tuple(KINDS)
    given = {"path": path, "settings": SHORT if quick else {}}
    steps = {}
    for learner in learners:
        steps |= {
            f"{learner}, jal, {n} seeds": Step("jal_rl", given | {"learner": learner, "seeds": n})
            for n in counts
        }
        for copies, threads in SETUPS:
            options = given | {"kind": KINDS[learner], "seeds": 1, "threads": threads}
            label = f"{learner}, peer, {copies} x {threads} threads"
            steps[label] = Step(
                "peer_training", options, copies, LIMIT_S / 10 if quick else LIMIT_S
            )
    steps |= {
        f"fit, {learner}, {labels} labels": Step("rl_fit", {"learner": learner, "labels": labels})
        for learner in learners
        for labels in ((40,) if quick else (40, 200))
    }
    steps |= {
        f"update, {actions:,} actions": Step("rl_update", {"actions": actions})
        for actions in ((60,) if quick else (60, 3000))
    }
    return steps | {
        f"replay, {tool}, {n} seeds": Step("rl_replay", {"tool": tool, "seeds": n})
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
    import jax
    import jax.numpy as jnp
    import numpy as np

    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        jax.config.update("jax_num_cpu_devices", os.cpu_count())
    jax.config.update("jax_enable_compilation_cache", False)
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
    training = agent.training(data, learner_of(learner), 10)

    def begin(number: Array, warm: PyTree) -> TrainingState:
        return training.init(jax.random.key(number), warm)

    def go_on(state: TrainingState, train: PyTree) -> TrainingState:
        return training.run(state, jnp.int32(0), jnp.int32(training.epochs), train)

    mesh = seed_mesh(min(seeds, jax.device_count()))
    at_once = 1 if jax.default_backend() == "cpu" else None
    options: Any = {"compiler_options": level()}
    warm, train = (replicate(params, mesh) for params in (training.warm, training.train))
    numbers = np.arange(seeds, dtype=np.int32)
    began = time.perf_counter()
    lowered = jax.jit(over_seeds(begin, mesh, at_once), **options).lower(numbers, warm)
    first = lowered.compile()
    like = jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        lowered.out_info,
        first.output_shardings,
    )
    jitted = jax.jit(over_seeds(go_on, mesh, at_once), donate_argnums=0, **options)
    rest = jitted.lower(like, train).compile()
    compile_s = time.perf_counter() - began
    found: dict[str, TrainingState] = {}

    def run() -> None:
        found.clear()  # so that no two are in memory
        found["state"] = jax.block_until_ready(rest(first(numbers, warm), train))

    steady_s = seconds(run)
    state = found["state"]
    history = {name: np.asarray(values) for name, values in state.history.items()}
    if not np.isfinite(history["loss"]).all():
        raise RuntimeError("a loss is not finite")
    played = history["length"].sum() * agent.episodes
    steps = played + np.asarray(state.warmth.length).sum() * agent.warm_episodes
    last = -(-agent.epochs // 10)  # epochs
    ends = {name: float(history[name][:, -last:].mean()) for name in ("budget", "success")}
    return (
        ends
        | device()
        | {
            "seeds": seeds,
            "compile_s": compile_s,
            "steady_s": steady_s,
            "seeds_per_s": seeds / steady_s,
            "steps_per_s": float(steps) / steady_s,
            "peak_mib": peak_mib(),
        }
    )


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


def level() -> Result:
    """Compiler options of all trainings, as in jal.experiment."""
    import jax

    return {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else {}


if __name__ == "__main__":
    main(rl_data, jal_rl)
