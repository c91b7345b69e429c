"""What every agent must do."""

from __future__ import annotations

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jal.learners import logistic_regression
from jal.rl.agent import Agent, AgentData, Trainer, policy_of
from jal.rl.policy import load_policy, save_policy
from jal.rl.training import TrainingState
from jal.testing.strategies import check_strategy
from jal.types import Pool

__all__ = ["check_agent"]

_CLASSES, _FEATURES = 5, 4  # of the round that strategies are checked on


def check_agent(agent: Agent) -> None:
    """Raises AssertionError with the first thing that the agent does not keep.

    Its training runs on a small problem with finite losses, and is the same in segments as in one
    piece, and the same for the same key; its policy is a Strategy that keeps `check_strategy`, and
    is the same once saved and loaded.

    Args:
      agent: with options that make its training short: a few epochs of few episodes.
    """
    data, learner = _data(), logistic_regression((_FEATURES,), _CLASSES, tol=1e-3)
    missing = [
        name
        for name in ("trainer", "strategy", "max_labels", "network", "trained_size")
        if not callable(getattr(agent, name, None))
    ]
    if missing:
        raise AssertionError(f"an agent has the methods of jal.rl.Agent, and not {missing[0]}.")
    most = agent.max_labels(data, _CLASSES)
    if not 1 <= most <= max(len(data.warm.y), len(data.train.y)):
        raise AssertionError(f"max_labels must be of the pool's points, got {most}.")
    trainer = agent.trainer(data, learner, _CLASSES)
    whole = _trained(trainer, (trainer.epochs,))
    if not np.isfinite(whole.history["loss"]).all() and not bool(whole.stopped):
        raise AssertionError(f"losses must be finite, got {whole.history['loss']}.")
    for name, other in {
        "in segments": _trained(trainer, (1, trainer.epochs)),
        "again": _trained(trainer, (trainer.epochs,)),
    }.items():
        same = jax.tree.map(np.array_equal, policy_of(whole).weights, policy_of(other).weights)
        if not all(jax.tree.leaves(same)):
            raise AssertionError(f"a training {name} must give the same policy.")
    policy = policy_of(whole)
    if agent.trained_size(policy) != data.state_x.shape[0]:
        raise AssertionError(
            f"trained_size must be the size of the states, {data.state_x.shape[0]}, got "
            f"{agent.trained_size(policy)}."
        )
    check_strategy(lambda: agent.strategy(policy, data.state_x), ties_at_random=False)
    with tempfile.TemporaryDirectory() as folder:
        save_policy(Path(folder) / "policy", agent, policy)
        _, loaded = load_policy(Path(folder) / "policy", agent=agent)
    same = jax.tree.map(np.array_equal, policy.weights, loaded.weights)
    if not all(jax.tree.leaves(same)):
        raise AssertionError("a policy that is saved and loaded must be the same.")


def _data() -> AgentData:
    rng = np.random.default_rng(0)
    y = jnp.asarray(rng.permuted(np.arange(150) % _CLASSES).astype(np.int32))
    x = jnp.asarray(rng.normal(size=(150, _FEATURES)).astype(np.float32))
    x = x.at[jnp.arange(150), y % _FEATURES].add(1.5)
    pool = Pool(x[10:100], y[10:100])
    return AgentData(x[:10], pool, pool, Pool(x[100:], y[100:]))


def _trained(trainer: Trainer, stops: tuple[int, ...]) -> TrainingState:
    state = jax.jit(trainer.init)(jax.random.key(0), trainer.warm)
    run, start = jax.jit(trainer.run), 0
    for stop in stops:
        state = run(state, jnp.int32(start), jnp.int32(stop), trainer.train)
        start = stop
    return state
