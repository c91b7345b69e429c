"""Agents that choose points: what LAL-RL and Slade and Branson's have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jal import metrics, select
from jal.labels import balanced_start
from jal.rl.agent import AgentData, Policy, Trainer, make_trainer, parameters_of
from jal.rl.env import Actor, Goal, Progress, environment
from jal.rl.observations import (
    Distance,
    Reduce,
    Score,
    Space,
    candidate_features,
    draw_candidates,
    observe_points,
    point_candidates,
    sorted_scores,
    with_clock,
)
from jal.rl.options import AgentOptions
from jal.rl.q_networks import QNetwork
from jal.rl.training import q_learning
from jal.select.checks import take_picks
from jal.strategies.strategy import check_positive
from jal.types import Array, InputError, Labels, Learner, PyTree, Round, Strategy

__all__ = ["Episodes", "PointAgent", "View", "one_of_each", "point_actor", "point_strategy"]


class View(NamedTuple):
    """How an agent sees points: see `observe_points`."""

    score: Score
    distance: Distance
    space: Space
    reduce: Reduce


class Episodes(NamedTuple):
    """An agent's episodes: `points` labelled in each step, `budget` in all, and what rules them."""

    points: int
    budget: int
    reward: Callable[[Progress, Progress], Array]
    terminal: Callable[[Progress, Goal], Array]
    goal: Goal | None = None
    target: Literal["double", "as_printed"] = "double"


@dataclasses.dataclass(frozen=True)
class PointAgent(AgentOptions):
    """Options that agents of points share."""

    warm_updates: int = 100
    """Gradient steps after the warm start."""
    candidates: int | None = 100
    """Unlabelled points, drawn anew in every step, that training chooses among; all if None."""
    policy_candidates: int | None = None
    """Unlabelled points, drawn anew in every step, that the trained policy chooses among; all if
    None."""
    clock: bool = False
    """Whether the state also has the share of an episode's labels that is left to buy. Without it
    a classifier that looks young promises gains for which there is no time."""
    window: int = 0
    """Training stops once the mean return of so many epochs is that of as many before, to 1 %, all
    of them after exploration; never if 0, or where exploration leaves too few."""

    def check(self, name: str, data: AgentData, num_classes: int, points: int, budget: int) -> None:
        """Raises InputError where episodes of `budget` labels, `points` a step, cannot be."""
        given = {"candidates": self.candidates, "policy_candidates": self.policy_candidates}
        check_positive(name, **given, points=points, budget=budget)
        self.check_learning(name, self.capacity, -(-budget // points))
        pool = data.train.y.shape[0]
        if num_classes + budget > pool:
            raise InputError(
                f"{name} labels {budget} points after one of each of {num_classes} classes, and "
                f"the train pool has {pool}: lower the budget or horizon."
            )
        offered = min(self.candidates or pool, self.policy_candidates or pool, pool)
        if points > offered:
            raise InputError(
                f"{name} cannot choose {points} points of {offered} candidates: lower "
                "points or give more candidates."
            )

    def train_on(
        self,
        data: AgentData,
        classifier: Learner,
        num_classes: int,
        network: QNetwork,
        view: View,
        episodes: Episodes,
    ) -> Trainer:
        """The trainer, once checked; warm start and training run on `data.train`."""
        env = environment(
            classifier,
            start=one_of_each(num_classes),
            actor=point_actor(episodes.points, num_classes + episodes.budget),
            observe=observe_points(
                sorted_scores(view.score),
                *view,
                candidates=self.candidates,
                clock=episodes.budget if self.clock else None,
            ),
            quality=metrics.accuracy,
            reward=episodes.reward,
            terminal=episodes.terminal,
            max_steps=-(-episodes.budget // episodes.points),
        )
        made = q_learning(
            env,
            env,
            self.dqn(network, point_candidates, episodes.points, episodes.target),
            self.replay(self.capacity),
            self.schedule(warm_updates=self.warm_updates, window=self.window),
            # For rewards of -1 it is LAL-RL's: half the mean length, negative.
            bias=lambda found: found.episode / 2,
            goal_of=lambda found, own: own,
        )
        alone = data._replace(warm=data.train)
        return make_trainer(alone, classifier, made, goal=episodes.goal)


def one_of_each(num_classes: int) -> Callable[[Array, Array], Labels]:
    """Episodes start with one label per class."""

    def start(key: Array, y: Array) -> Labels:
        return Labels(balanced_start(key, y, num_classes, 1), jnp.int32(num_classes))

    return start


def point_actor(n: int, limit: int) -> Actor:
    """Labels the n offered points that the action names, up to `limit` labels in all.

    A place that is none of the offered ones names no point.
    """

    def choose(key: Array, state: PyTree, round: Round, offered: Array, action: Array):
        del key
        there = (action >= 0) & (action < offered.shape[0])
        picks = jnp.where(there, offered[action], round.labelled.shape[0])
        return picks, jnp.minimum(n, limit - round.labels.n), state

    return Actor(lambda key, x: (), choose)


def point_strategy(
    policy: Policy,
    network: QNetwork,
    trained_size: int,
    state_x: Array,
    view: View,
    *,
    clock: int | None = None,
    candidates: int | None = None,
) -> Strategy:
    """The unlabelled points of the highest values, of the whole pool or of some drawn from it.

    Args:
      policy: of one training, or of T with a leading axis.
      network: its Q-network.
      trained_size: how many numbers the states have that it was trained on.
      state_x: `[V, ...]` the state set of the data that it is applied to.
      view: how points are seen.
      clock: the labels that an episode of its training bought, where its states have the share
        left; here it starts in the first round.
      candidates: how many points are drawn in each round; the whole pool if None.

    Raises:
      InputError: where the state set has another size; in a round of more labels than candidates.
    """
    if state_x.shape[0] != trained_size:
        raise InputError(
            f"the policy was trained on states of {trained_size} numbers, and this state set "
            f"gives {state_x.shape[0]}: give a state set of {trained_size} examples."
        )
    state_of = sorted_scores(view.score)

    def pick(key: Array, begun: Array, round: Round, k_max: int):
        assert round.predict is not None and round.parameters is not None
        if candidates is not None and k_max > candidates:
            raise InputError(
                f"a batch of {k_max} points cannot be chosen among {candidates}: give more "
                "policy_candidates or a smaller batch."
            )
        seen = state_of(round.predict(round.variables, round.parameters.shared).logits)
        begun = jnp.where(begun < 0, round.labels.n, begun)
        seen = with_clock(seen, round.labels.n - begun, clock)
        points = draw_candidates(key, round.labelled, candidates)
        features = candidate_features(round, points, *view)
        values = network.apply(round.parameters.own, seen, features)
        ties = jax.random.fold_in(key, 1)
        best = select.top_k(values, round.labelled[points], k_max, key=ties)
        return take_picks(points, best, round.labelled.shape[0]), begun

    return Strategy(lambda key, x: jnp.int32(-1), pick, parameters=parameters_of(policy, state_x))
