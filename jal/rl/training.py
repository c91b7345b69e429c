"""Training a DQN on an environment: warm start, epochs of episodes, updates, as one program."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.rl.dqn import DQN, DQNState, Transition, epsilon_greedy
from jal.rl.env import Environment, EnvParams, EnvState, Goal
from jal.rl.replay import Replay, ReplayState
from jal.rl.rules import succeeds
from jal.types import Array, InputError, PyTree

__all__ = [
    "QLearning",
    "Schedule",
    "TrainingState",
    "Trajectory",
    "WarmStartResult",
    "q_learning",
    "rollout",
]


class Trajectory(NamedTuple):
    """The steps of one episode of at most T, `[T, ...]`; after its end they are not valid.

    Attributes:
      steps: what was done.
      valid: `[T]` bool.
      cut: `[T]` bool, the step at which the largest number of steps ended the episode.
      quality: `[T]`, of the classifier after the step.
      labels: `[T]` int32, likewise.
    """

    steps: Transition
    valid: Array
    cut: Array
    quality: Array
    labels: Array


class WarmStartResult(NamedTuple):
    """What warm start found, for one seed; all `[]`.

    Attributes:
      quality: the best seen.
      budget: the least share of the pool that reached it, or the given `target_quality`;
        infinite where that was never reached.
      reward: mean of a step.
      episode: mean sum of an episode's rewards.
      length: mean number of an episode's steps.
      ended: share of the episodes that the terminal rule ended; the others were cut.
    """

    quality: Array
    budget: Array
    reward: Array
    episode: Array
    length: Array
    ended: Array


class TrainingState(NamedTuple):
    """What one seed's training carries from epoch to epoch.

    Attributes:
      key: typed PRNG key; epoch e uses `fold_in(key, e)`.
      agent: the DQN's parameters and moments.
      replay: its transitions.
      goal: of the episodes.
      start: the classifier's variables that every episode starts from.
      classifier: the variables that the last episode ended with.
      warm_result: what warm start found.
      stopped: `[]` bool, whether the mean reward has stabilised; then epochs change nothing.
      history: name -> `[E]` float32, means over an epoch's episodes, NaN where none was:
        `return`, `length`, `budget` (share labelled at the end), `quality` (likewise), `success`,
        `loss` (of its updates) and `epsilon`.
    """

    key: Array
    agent: DQNState
    replay: ReplayState
    goal: Goal
    start: PyTree
    classifier: PyTree
    warm_result: WarmStartResult
    stopped: Array
    history: dict[str, Array]


class Schedule(NamedTuple):
    """How much of what; all static.

    Attributes:
      warm_episodes: with random actions, before anything is learned.
      warm_updates: after these.
      epochs: E.
      episodes: in each epoch.
      updates: gradient steps: after each epoch, or after each step if `every_step`.
      every_step: see `updates`.
      batch_size: transitions of one gradient step.
      epsilon: the first and the last share of random actions; linear in between.
      exploration: share of the epochs after which epsilon stays at its last value.
      window: from twice as many epochs after exploration on, training stops once the mean return of
        so many differs from that of as many before by at most `tolerance` of it; never if 0.
      tolerance: see `window`.
      episodes_at_once: vmapped together.
    """

    warm_episodes: int = 128
    warm_updates: int = 0
    epochs: int = 50
    episodes: int = 5
    updates: int = 100
    every_step: bool = False
    batch_size: int = 32
    epsilon: tuple[float, float] = (1.0, 0.1)
    exploration: float = 1.0
    window: int = 0
    tolerance: float = 0.01
    episodes_at_once: int = 1


class QLearning(NamedTuple):
    """Deep Q-learning on an environment as pure functions, unbatched in the seed.

    Attributes:
      init: `(key, params of the warm start) -> TrainingState`: after warm start; the goal is what
        the caller's `goal_of` makes of what was found.
      run: `(state, start, stop, params) -> TrainingState`: epochs start to stop - 1, with the
        state's own goal and start. Segments of any length are one program, and give what one run
        gives.
      epochs: E, in all.
    """

    init: Callable[[Array, EnvParams], TrainingState]
    run: Callable[[TrainingState, Array, Array, EnvParams], TrainingState]
    epochs: int


def rollout(
    env: Environment, choose: Callable[[Array, PyTree], Array], key: Array, params: EnvParams
) -> tuple[Trajectory, EnvState]:
    """One episode: `choose (key, observation) -> action` until it is done.

    Under vmap all episodes run until the last is done; those before it stand still.
    """

    def no_more(carry: EnvState, memory: PyTree, step: Transition, cut: Array, key: Array):
        del carry, step, cut, key
        return memory

    trajectory, state, _ = _play(
        env, lambda key, _, seen: choose(key, seen), no_more, key, params, ()
    )
    return trajectory, state


def q_learning(
    warm_env: Environment,
    env: Environment,
    agent: DQN,
    replay: Replay,
    schedule: Schedule,
    *,
    bias: Callable[[WarmStartResult], Array],
    goal_of: Callable[[WarmStartResult, Goal], Goal],
    target_quality: float | None = None,
) -> QLearning:
    """Deep Q-learning: warm start with random actions, then epochs of episodes and updates.

    Args:
      warm_env: where the random episodes run.
      env: where the agent's run; its observations have the same shapes.
      agent: what learns.
      replay: what it learns from.
      schedule: how much of each.
      bias: of the Q-network's output, from what warm start found.
      goal_of: `(found, the params' own goal) -> Goal` of the agent's episodes.
      target_quality: whose least budget warm start seeks; the best quality that it sees if None.

    Raises:
      InputError: for a schedule that cannot be.
    """
    _check(schedule)

    def learn(state: DQNState, memory: ReplayState, key: Array, count: int):
        """`count` gradient steps; the loss is their mean."""

        def one(i: Array, carry: tuple[DQNState, ReplayState, Array]):
            state, memory, total = carry
            drawn = replay.sample(jax.random.fold_in(key, i), memory, schedule.batch_size)
            following = drawn.successors.observation
            state, errors, loss = agent.update(state, drawn.items, following)
            return state, replay.update(memory, drawn.index, errors), total + loss

        start = (state, memory, jnp.float32(0))
        state, memory, total = jax.lax.fori_loop(0, count, one, start)
        return state, memory, total / max(count, 1)

    def random_action(key: Array, observation: PyTree) -> Array:
        mask = agent.candidates(observation).mask
        return epsilon_greedy(key, jnp.zeros(mask.shape), mask, 1.0, agent.actions)

    def init(key: Array, params: EnvParams) -> TrainingState:
        key, key_warm, key_agent, key_updates = jax.random.split(key, 4)
        _, seen = jax.eval_shape(lambda: warm_env.reset(key, params))
        chosen = jnp.zeros(agent.actions, jnp.int32)
        memory = replay.init(Transition(seen, chosen, jnp.float32(0), jnp.bool_(False)))

        def group(i: Array, carry: tuple[ReplayState, dict[str, Array]]):
            memory, sums = carry
            number = i * at_once + jnp.arange(at_once)
            keys = jax.vmap(lambda n: jax.random.fold_in(key_warm, n))(number)
            played, _ = _episodes(keys, lambda key: rollout(warm_env, random_action, key, params))
            # Of the last group, those beyond the number of episodes are repeated for nothing.
            valid = played.valid & (number < schedule.warm_episodes)[:, None]
            memory = _add(replay, memory, played._replace(valid=valid))
            share = played.labels / params.pool.y.shape[0]
            best = jnp.max(jnp.where(valid, played.quality, -jnp.inf))
            level = best if target_quality is None else target_quality
            least = jnp.min(jnp.where(valid & (played.quality >= level), share, jnp.inf))
            budget = jnp.minimum(least, sums["budget"])
            if target_quality is None:
                better, same = best > sums["quality"], best == sums["quality"]
                budget = jnp.where(better, least, jnp.where(same, budget, sums["budget"]))
            return memory, {
                "quality": jnp.maximum(best, sums["quality"]),
                "budget": budget,
                "reward": sums["reward"] + jnp.sum(jnp.where(valid, played.steps.reward, 0.0)),
                "length": sums["length"] + jnp.sum(valid),
                "ended": sums["ended"] + jnp.sum(valid & played.steps.terminal),
            }

        at_once = min(schedule.episodes_at_once, schedule.warm_episodes)
        zero = jnp.float32(0)
        sums = {
            "quality": jnp.float32(-jnp.inf),
            "budget": jnp.float32(jnp.inf),
            "reward": zero,
            "length": zero,
            "ended": zero,
        }
        groups = -(-schedule.warm_episodes // at_once)
        memory, sums = jax.lax.fori_loop(0, groups, group, (memory, sums))
        count = schedule.warm_episodes
        warm_result = WarmStartResult(
            sums["quality"],
            sums["budget"],
            sums["reward"] / sums["length"],
            sums["reward"] / count,
            sums["length"] / count,
            sums["ended"] / count,
        )
        state = agent.init(key_agent, bias(warm_result))
        state, memory, _ = learn(state, memory, key_updates, schedule.warm_updates)
        names = ("return", "length", "budget", "quality", "success", "loss", "epsilon")
        return TrainingState(
            key,
            state,
            memory,
            goal_of(warm_result, params.goal),
            params.variables,
            params.variables,
            warm_result,
            jnp.bool_(False),
            {name: jnp.full(schedule.epochs, jnp.nan) for name in names},
        )

    def epoch(e: Array, state: TrainingState, params: EnvParams) -> TrainingState:
        key_play, key_learn = jax.random.split(jax.random.fold_in(state.key, e))
        first, last = schedule.epsilon
        passed = jnp.minimum(e / max(_explored(schedule) - 1, 1), 1.0)
        epsilon = first + (last - first) * passed
        params = params._replace(goal=state.goal, variables=state.start)

        def choose(key: Array, online: PyTree, observation: PyTree) -> Array:
            values, mask = agent.values(online, observation)
            return epsilon_greedy(key, values, mask, epsilon, agent.actions)

        if schedule.every_step:
            dqn_state, memory, played, ends, loss = learning_episodes(
                key_play, state, choose, params
            )
        else:
            keys = jax.vmap(lambda n: jax.random.fold_in(key_play, n))(
                jnp.arange(schedule.episodes)
            )
            played, ends = _episodes(
                keys,
                lambda key: rollout(
                    env, lambda key, seen: choose(key, state.agent.online, seen), key, params
                ),
                schedule.episodes_at_once,
            )
            memory = _add(replay, state.replay, played)
            dqn_state, memory, loss = learn(state.agent, memory, key_learn, schedule.updates)
        progress = ends.progress
        row = {
            "return": jnp.mean(jnp.sum(jnp.where(played.valid, played.steps.reward, 0.0), axis=1)),
            "length": jnp.mean(progress.step),
            "budget": jnp.mean(progress.labels / progress.pool),
            "quality": jnp.mean(progress.quality),
            "success": jnp.mean(jax.vmap(succeeds, (0, None))(progress, state.goal)),
            "loss": loss,
            "epsilon": epsilon,
        }
        history = {name: state.history[name].at[e].set(row[name]) for name in state.history}
        return state._replace(
            agent=dqn_state,
            replay=memory,
            classifier=jax.tree.map(lambda leaf: leaf[-1], ends.variables),
            history=history,
            stopped=_stable(history["return"], e, schedule),
        )

    def learning_episodes(
        key_play: Array, state: TrainingState, choose: Callable, params: EnvParams
    ):
        """Episodes one after another, with updates after every step."""

        def think(carry: EnvState, own: tuple, step: Transition, cut: Array, key: Array):
            dqn_state, memory, total = own
            single = jax.tree.map(lambda leaf: leaf[None], (step, ~carry.done, step.terminal, cut))
            memory = replay.add(memory, *single)
            dqn_state, memory, loss = learn(dqn_state, memory, key, schedule.updates)
            return dqn_state, memory, total + loss

        def act(key: Array, own: tuple, seen: PyTree) -> Array:
            return choose(key, own[0].online, seen)

        def one(own: tuple, i: Array):
            key = jax.random.fold_in(key_play, i)
            played, end, own = _play(env, act, think, key, params, own)
            return own, (played, end)

        start = (state.agent, state.replay, jnp.float32(0))
        (dqn_state, memory, total), (played, ends) = jax.lax.scan(
            one, start, jnp.arange(schedule.episodes)
        )
        return dqn_state, memory, played, ends, total / jnp.sum(played.valid)

    def run(state: TrainingState, start: Array, stop: Array, params: EnvParams) -> TrainingState:
        def one(e: Array, state: TrainingState) -> TrainingState:
            if schedule.window == 0:
                return epoch(e, state, params)
            return jax.lax.cond(
                state.stopped, lambda state: state, lambda state: epoch(e, state, params), state
            )

        return jax.lax.fori_loop(start, stop, one, state)

    return QLearning(init, run, schedule.epochs)


def _play(
    env: Environment,
    choose: Callable[[Array, PyTree, PyTree], Array],
    after: Callable[[EnvState, PyTree, Transition, Array, Array], PyTree],
    key: Array,
    params: EnvParams,
    memory: PyTree,
) -> tuple[Trajectory, EnvState, PyTree]:
    """One episode, beside a memory of the caller's.

    Args:
      env: where.
      choose: `(key, memory, observation) -> action`.
      after: `(state before, memory, step, cut, key) -> memory`.
      key: the episode's.
      params: of the environment.
      memory: at the start.
    """
    key_reset, key_steps = jax.random.split(key)
    state, seen = env.reset(key_reset, params)

    def one(carry: tuple[EnvState, Trajectory, PyTree]):
        state, played, memory = carry
        t = state.progress.step
        key_choose, key_step, key_after = jax.random.split(jax.random.fold_in(key_steps, t), 3)
        action = choose(key_choose, memory, state.observation)
        following, _, reward, done, info = env.step(key_step, state, action, params)
        step = Transition(state.observation, action, reward, info["terminal"])
        cut = done & ~info["terminal"]
        row = Trajectory(step, ~state.done, cut, info["quality"], info["labels"])
        played = jax.tree.map(lambda all_, new: all_.at[t].set(new), played, row)
        return following, played, after(state, memory, step, cut, key_after)

    shapes = jax.eval_shape(lambda: choose(key, memory, seen))
    step = Transition(seen, jnp.zeros(shapes.shape, shapes.dtype), jnp.float32(0), jnp.bool_(False))
    false = jnp.bool_(False)
    row = Trajectory(step, false, false, jnp.float32(0), jnp.int32(0))
    empty = jax.tree.map(lambda leaf: jnp.zeros((env.max_steps, *leaf.shape), leaf.dtype), row)
    state, played, memory = jax.lax.while_loop(
        lambda carry: ~carry[0].done, one, (state, empty, memory)
    )
    return played, state, memory


def _episodes(keys: Array, play: Callable[[Array], PyTree], at_once: int | None = None) -> PyTree:
    """`play` for every key: vmapped `at_once` together, all of them if None."""
    if at_once is None and keys.shape[0] > 1:
        return jax.vmap(play)(keys)
    return jax.lax.map(play, keys, batch_size=at_once if at_once and at_once > 1 else None)


def _add(replay: Replay, memory: ReplayState, played: Trajectory) -> ReplayState:
    """Adds episodes `[n, T]`, one after another."""
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), played)
    return replay.add(memory, flat.steps, flat.valid, flat.steps.terminal, flat.cut)


def _stable(returns: Array, e: Array, schedule: Schedule) -> Array:
    """Whether the last window's mean return is that of the window before, up to the tolerance."""
    window = schedule.window
    if window == 0:
        return jnp.bool_(False)
    epochs = jnp.arange(returns.shape[0])

    def mean(first: Array) -> Array:
        inside = (epochs >= first) & (epochs < first + window)
        return jnp.sum(jnp.where(inside, returns, 0.0)) / window

    now, before = mean(e + 1 - window), mean(e + 1 - 2 * window)
    same = jnp.abs(now - before) <= schedule.tolerance * jnp.abs(before)
    # Random actions' returns are stable too.
    return same & (e + 1 >= _explored(schedule) + 2 * window)


def _explored(schedule: Schedule) -> int:
    """Epochs over which epsilon falls."""
    return max(round(schedule.exploration * schedule.epochs), 1)


def _check(schedule: Schedule) -> None:
    least = {
        "warm_episodes": 1,
        "warm_updates": 0,
        "epochs": 1,
        "episodes": 1,
        "updates": 0,
        "batch_size": 1,
        "window": 0,
        "episodes_at_once": 1,
    }
    for field, bound in least.items():
        value = getattr(schedule, field)
        if value < bound:
            raise InputError(f"{field} must be at least {bound}, got {value}.")
    if len(schedule.epsilon) != 2 or not all(0 <= one <= 1 for one in schedule.epsilon):
        raise InputError(f"epsilon must be two shares in [0, 1], got {schedule.epsilon}.")
    if not 0 < schedule.exploration <= 1:
        raise InputError(
            f"exploration must be a share in (0, 1] of the epochs, got {schedule.exploration}."
        )
