"""Active learning as an environment: reset and step as pure functions, in the manner of gymnax."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.episode import look
from jal.labels import label, revealed
from jal.types import Array, InputError, Labels, Learner, Outputs, Pool, PyTree, Round

__all__ = [
    "Actor",
    "EnvParams",
    "EnvState",
    "Environment",
    "Goal",
    "Observer",
    "Progress",
    "environment",
]


class Goal(NamedTuple):
    """`quality []` to reach and `budget []` not to exceed, a share of the pool."""

    quality: Array | float
    budget: Array | float


class Progress(NamedTuple):
    """Where an episode stands, for rewards and terminal rules; all `[]`.

    Attributes:
      quality: of the classifier on the hold-out.
      labels: int32, in all.
      start: int32, those that the episode began with.
      bought: int32, by the last action.
      pool: int32, points that there are, labelled or not.
      step: int32, actions taken.
      reward: of the last action; infinite before the first.
      falls: int32, of the last rewards, how many each fell below the one before.
    """

    quality: Array
    labels: Array
    start: Array
    bought: Array
    pool: Array
    step: Array
    reward: Array
    falls: Array


class EnvParams(NamedTuple):
    """What an environment runs on; arrays that many episodes share.

    Attributes:
      pool: the points to label, with the oracle's answers.
      data: `learner.prepare(pool.x)`.
      holdout: where the classifier's quality is measured.
      state_x: `[V, ...]` inputs of the state set, on which the agent sees the classifier.
      variables: what the classifier starts every episode from.
      hyper: the learner's hyper-parameters.
      goal: for terminal rules.
    """

    pool: Pool
    data: PyTree
    holdout: Pool
    state_x: Array
    variables: PyTree
    hyper: PyTree
    goal: Goal


class EnvState(NamedTuple):
    """What an episode carries from step to step.

    Attributes:
      labels: which pool points are labelled.
      variables: the classifier's.
      actor: the actor's own state.
      offered: what the actions stand for, from the observer.
      observation: the last one.
      progress: see Progress.
      terminal: `[]` bool, the terminal rule or the pool's exhaustion has ended the episode.
      done: `[]` bool, terminal, or cut at the largest number of steps.
    """

    labels: Labels
    variables: PyTree
    actor: PyTree
    offered: PyTree
    observation: PyTree
    progress: Progress
    terminal: Array
    done: Array


class Actor(NamedTuple):
    """What an action does.

    Attributes:
      init: `(key, x [N, ...]) -> state`.
      choose: `(key, state, round, offered, action) -> (picks [k_max], k [], state)`: pool indices,
        of which the first k are labelled. Those among them that are out of range, labelled already
        or named before are passed over, and no later one takes their place.
    """

    init: Callable[[Array, Array], PyTree]
    choose: Callable[[Array, PyTree, Round, PyTree, Array], tuple[Array, Array, PyTree]]


# `(key, round, outputs on the state set, labels at the start []) -> (observation, offered)`
Observer = Callable[[Array, Round, Outputs, Array], tuple[PyTree, PyTree]]


class Environment(NamedTuple):
    """Active learning as an environment, unbatched in the episode.

    Attributes:
      reset: `(key, params) -> (state, observation)`.
      step: `(key, state, action, params) -> (state, observation, reward, done, info)`; info has
        `quality`, `labels` and `terminal`. After the end nothing changes and rewards are 0.
      max_steps: an episode's length at most; one that is cut there is done, but not terminal.
    """

    reset: Callable[[Array, EnvParams], tuple[EnvState, PyTree]]
    step: Callable[
        [Array, EnvState, Array, EnvParams],
        tuple[EnvState, PyTree, Array, Array, dict[str, Array]],
    ]
    max_steps: int


def environment(
    learner: Learner,
    *,
    start: Callable[[Array, Array], Labels],
    actor: Actor,
    observe: Observer,
    quality: Callable[[Array, Array], Array],
    reward: Callable[[Progress, Progress], Array],
    terminal: Callable[[Progress, Goal], Array],
    max_steps: int,
) -> Environment:
    """Labelling as a Markov decision process: an action buys labels, the classifier is retrained.

    Args:
      learner: the classifier.
      start: `(key, y [N]) -> Labels` that an episode begins with.
      actor: what an action does.
      observe: what the agent sees of the classifier and the pool.
      quality: `(logits [M, K], y [M]) -> []` on the hold-out, such as `jal.metrics.precision`.
      reward: `(before, after) -> []`.
      terminal: `(after, goal) -> [] bool`; an exhausted pool ends an episode anyway.
      max_steps: static.

    Raises:
      InputError: for less than one step.
    """
    if max_steps < 1:
        raise InputError(f"an episode has at least 1 step, got max_steps {max_steps}.")

    def seen_of(variables: PyTree, labels: Labels, params: EnvParams) -> Round:
        y = revealed(params.pool.y, labels)
        return look(learner, variables, params.pool.x, params.data, y, labels, params.hyper)

    def fitted(
        key: Array, labels: Labels, begun: Array, variables: PyTree, params: EnvParams
    ) -> tuple[PyTree, Array, PyTree, PyTree]:
        """The classifier, its quality, what is seen of it, and what is offered."""
        key_fit, key_observe = jax.random.split(key)
        y = revealed(params.pool.y, labels)
        variables, _ = learner.fit(key_fit, variables, params.data, y, labels, params.hyper)
        measured = quality(learner.predict(variables, params.holdout.x).logits, params.holdout.y)
        seen = seen_of(variables, labels, params)
        observed = observe(key_observe, seen, learner.predict(variables, params.state_x), begun)
        return variables, measured, *observed

    def reset(key: Array, params: EnvParams) -> tuple[EnvState, PyTree]:
        key_start, key_actor, key_fit = jax.random.split(key, 3)
        labels = start(key_start, params.pool.y)
        variables, measured, observation, offered = fitted(
            key_fit, labels, labels.n, params.variables, params
        )
        progress = Progress(
            quality=measured,
            labels=labels.n,
            start=labels.n,
            bought=labels.n,
            pool=jnp.int32(params.pool.y.shape[0]),
            step=jnp.int32(0),
            reward=jnp.float32(jnp.inf),
            falls=jnp.int32(0),
        )
        state = EnvState(
            labels,
            variables,
            actor.init(key_actor, params.pool.x),
            offered,
            observation,
            progress,
            terminal=jnp.bool_(False),
            done=jnp.bool_(False),
        )
        return state, observation

    def step(
        key: Array, state: EnvState, action: Array, params: EnvParams
    ) -> tuple[EnvState, PyTree, Array, Array, dict[str, Array]]:
        key_choose, key_fit = jax.random.split(key)
        seen = seen_of(state.variables, state.labels, params)
        picks, k, actor_state = actor.choose(key_choose, state.actor, seen, state.offered, action)
        labels = label(state.labels, *_sound(picks, k, seen.labelled))
        before = state.progress
        variables, measured, observation, offered = fitted(
            key_fit, labels, before.start, state.variables, params
        )
        after = before._replace(
            quality=measured, labels=labels.n, bought=labels.n - before.labels, step=before.step + 1
        )
        earned = reward(before, after)
        falls = jnp.where(earned < before.reward, before.falls + 1, 0)
        # The first reward is below infinity, and is no fall.
        after = after._replace(reward=earned, falls=jnp.where(before.step == 0, 0, falls))
        ended = terminal(after, params.goal) | (labels.n >= after.pool)
        following = EnvState(
            labels,
            variables,
            actor_state,
            offered,
            observation,
            after,
            terminal=ended,
            done=ended | (after.step >= max_steps),
        )
        following = jax.tree.map(lambda a, b: jnp.where(state.done, a, b), state, following)
        info = {
            "quality": following.progress.quality,
            "labels": following.progress.labels,
            "terminal": following.terminal,
        }
        earned = jnp.where(state.done, 0.0, earned)
        return following, following.observation, earned, following.done, info

    return Environment(reset, step, max_steps)


def _sound(picks: Array, k: Array, labelled: Array) -> tuple[Array, Array]:
    """Of the first k of `picks [k_max]` the unlabelled points, each once, in front; their number.

    An action may name anything, and an episode must stay one all the same.
    """
    size, most = labelled.shape[0], picks.shape[0]
    place = jnp.arange(most)
    inside = (picks >= 0) & (picks < size)
    first = jnp.full(size, most).at[jnp.where(inside, picks, size)].min(place, mode="drop")
    point = jnp.where(inside, picks, 0)
    good = inside & (place < k) & (first[point] == place) & ~labelled[point]
    slot = jnp.where(good, jnp.cumsum(good) - 1, most)
    return jnp.full_like(picks, size).at[slot].set(picks, mode="drop"), jnp.sum(good)
