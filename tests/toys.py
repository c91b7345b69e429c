"""Problems with known answers, as environments and as a plain loop over a DQN and a buffer."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytest

from jal.rl.dqn import DQN, Candidates, Transition, epsilon_greedy
from jal.rl.replay import prioritised_replay
from jal.rl.training import q_learning
from jal.types import Learner, Outputs


class Seen(NamedTuple):
    state: jax.Array


def counted(classes: int = 2) -> Learner:
    """A classifier of no use, whose variables and logits count how often it was fitted."""

    def fit(key, count, data, y, labels, hyper):
        return count + 1, {}

    def predict(count, x):
        return Outputs(jnp.full((x.shape[0], classes), count), x)

    return Learner(lambda x: (), lambda key, data: jnp.float32(0), fit, predict, ())


def scripted() -> Learner:
    """A classifier that learns nothing, with logits `x[:, t]` after fit t of inputs `[N, T, K]`.

    Its features are the inputs' squares, flat.
    """

    def fit(key, count, data, y, labels, hyper):
        return count + 1, {}

    def predict(count, x):
        return Outputs(x[:, count - 1], jnp.square(x.reshape(x.shape[0], -1)))

    return Learner(lambda x: (), lambda key, data: jnp.int32(0), fit, predict, ())


@contextlib.contextmanager
def captured(module: str) -> Iterator[dict[str, Any]]:
    """What agents of `jal.rl.<module>` give their `q_learning`, by name."""
    found: dict[str, Any] = {}

    def keep(warm_env, env, agent, replay, schedule, **others):
        parts = {"warm_env": warm_env, "env": env, "agent": agent, "replay": replay}
        found.update(parts | {"schedule": schedule} | others)
        return q_learning(warm_env, env, agent, replay, schedule, **others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"jal.rl.{module}.q_learning", keep)
        yield found


def candidates_of(features, mask_of=None):
    """Every state has the same actions, `features [A, F]`, masked by `mask_of(state) [A]`."""

    def candidates(seen: Seen) -> Candidates:
        mask = jnp.ones(features.shape[0], bool) if mask_of is None else mask_of(seen.state)
        return Candidates(seen.state, features, mask)

    return candidates


def learn(
    key,
    agent: DQN,
    reset,
    step,
    *,
    episodes: int,
    length: int,
    updates: int,
    epsilon=(1.0, 0.1),
    capacity: int = 2_000,
    exponent: float = 3.0,
    bias: float = 0.0,
):
    """Trains on `reset(key) -> state [S]`, `step(key, state, action) -> (state, reward, done)`.

    An episode has at most `length` steps, `updates` gradient steps follow each. Returns the
    DQNState.
    """
    replay = prioritised_replay(capacity, exponent=exponent)
    key, key_init = jax.random.split(key)
    state = agent.init(key_init, bias)
    number, flag = jnp.float32(0), jnp.bool_(False)
    item = Transition(Seen(reset(key)), jnp.zeros(agent.actions, jnp.int32), number, flag)
    memory = replay.init(item)

    def episode(carry, e):
        state, memory = carry
        key_reset, key_steps, key_learn = jax.random.split(jax.random.fold_in(key, e), 3)
        share = epsilon[0] + (epsilon[1] - epsilon[0]) * e / max(episodes - 1, 1)

        def one(carry, t):
            at, done = carry
            key_choose, key_step = jax.random.split(jax.random.fold_in(key_steps, t))
            values, mask = agent.values(state.online, Seen(at))
            action = epsilon_greedy(key_choose, values, mask, share, agent.actions)
            after, reward, ends = step(key_step, at, action)
            item = Transition(Seen(at), action, reward, ends)
            return (after, done | ends), (item, ~done)

        start = (reset(key_reset), jnp.bool_(False))
        _, (items, valid) = jax.lax.scan(one, start, jnp.arange(length))
        last = (jnp.arange(length) == length - 1) & ~items.terminal
        memory = replay.add(memory, items, valid, items.terminal, last)

        def update(i, carry):
            state, memory = carry
            drawn = replay.sample(jax.random.fold_in(key_learn, i), memory, 32)
            state, errors, _ = agent.update(state, drawn.items, drawn.successors.observation)
            return state, replay.update(memory, drawn.index, errors)

        return jax.lax.fori_loop(0, updates, update, (state, memory)), None

    return jax.lax.scan(episode, (state, memory), jnp.arange(episodes))[0][0]
