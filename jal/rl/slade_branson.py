"""Slade and Branson's agent: a double DQN that chooses N points at a time."""

from __future__ import annotations

import dataclasses
from typing import Literal

from jal import metrics
from jal.rl.agent import (
    AgentData,
    Policy,
    Training,
    check_positive,
    check_replay,
    check_shares,
    make_training,
)
from jal.rl.dqn import dqn
from jal.rl.env import environment
from jal.rl.observations import observe_points, point_candidates, sorted_scores
from jal.rl.point_agent import View, one_of_each, point_actor, point_strategy
from jal.rl.q_networks import QNetwork, mlp_network
from jal.rl.replay import prioritised_replay
from jal.rl.rules import at_budget, quality_gain
from jal.rl.training import Schedule, trainer
from jal.types import Array, InputError, Learner, Strategy

__all__ = ["SladeBranson"]


@dataclasses.dataclass(frozen=True)
class SladeBranson:
    """Deep reinforced active learning, distances in the classifier's latent space (Slade and
    Branson, 2022). "Train one iteration" (its section 3.1) is a learner with epochs 1 and a warm
    start."""

    points: int = 1
    """N, labelled in each step."""
    budget: int = 20
    """Labels that an episode buys, after one per class."""
    target: Literal["double", "as_printed"] = "double"
    """Double DQN; or the online and the target network swapped, as equation 4 has it."""
    score: Literal["margin", "largest"] = "largest"
    """Of points, and of the state: the margin, or the largest probability."""
    reduce: Literal["mean", "min"] = "mean"
    """A candidate's distance to a set of points: to their mean, or the nearest's (k-center's)."""
    epochs: int = 1000
    """Of training, at most; see window."""
    episodes: int = 10
    """In each epoch."""
    updates: int = 60
    """Gradient steps of the Q-network after each epoch."""
    warm_episodes: int = 16
    """With random points."""
    warm_updates: int = 100
    """Gradient steps after these."""
    candidates: int | None = 100
    """Unlabelled points, drawn anew in every step, that training chooses among; all if None. The
    policy chooses among all."""
    hidden: tuple[int, ...] = (128, 128, 128)
    """Widths of the Q-network."""
    learning_rate: float = 1e-4
    """Of the Q-network's Adam."""
    discount: float = 0.99
    """Of later rewards."""
    batch_size: int = 32
    """Transitions of a gradient step."""
    capacity: int = 10_000
    """Transitions that the replay buffer holds."""
    exponent: float = 3.0
    """Of the TD error in the replay's priorities."""
    target_rate: float = 0.01
    """At which the target network follows."""
    epsilon: tuple[float, float] = (1.0, 0.1)
    """Share of random actions in the first and in the last epoch."""
    window: int = 20
    """Training stops once the mean return of so many epochs is that of as many before, to 1 %;
    never if 0."""
    episodes_at_once: int = 1
    """Vmapped together."""

    def training(self, data: AgentData, learner: Learner, num_classes: int) -> Training:
        """The training of this agent; warm start and training run on `data.train`.

        Raises:
          InputError: for options or data that cannot be.
        """
        pool = data.train.y.shape[0]
        offered = min(self.candidates or pool, pool)
        check_positive(
            "slade_branson",
            learning_rate=self.learning_rate,
            points=self.points,
            budget=self.budget,
            candidates=self.candidates,
        )
        steps = -(-self.budget // self.points)
        check_shares("slade_branson", discount=self.discount, target_rate=self.target_rate)
        check_replay(self.capacity, self.batch_size, self.episodes, steps)
        if num_classes + self.budget > pool:
            raise InputError(
                f"slade_branson labels {self.budget} points after one of each of {num_classes} "
                f"classes, and the train pool has {pool}: lower the budget."
            )
        if self.points > offered:
            raise InputError(
                f"slade_branson cannot choose {self.points} points of {offered} candidates: lower "
                "points or give more candidates."
            )
        state_of = sorted_scores(self.score)
        env = environment(
            learner,
            start=one_of_each(num_classes),
            actor=point_actor(self.points, num_classes + self.budget),
            observe=observe_points(state_of, *self._view(), candidates=offered),
            quality=metrics.accuracy,
            reward=quality_gain,
            terminal=at_budget(self.budget),
            max_steps=steps,
        )
        state_size = data.state_x.shape[0]
        made = trainer(
            env,
            env,
            dqn(
                self.network(state_size),
                point_candidates,
                actions=self.points,
                discount=self.discount,
                learning_rate=self.learning_rate,
                target_rate=self.target_rate,
                target=self.target,
            ),
            prioritised_replay(self.capacity, exponent=self.exponent),
            Schedule(
                warm_episodes=self.warm_episodes,
                warm_updates=self.warm_updates,
                epochs=self.epochs,
                episodes=self.episodes,
                updates=self.updates,
                batch_size=self.batch_size,
                epsilon=self.epsilon,
                window=self.window,
                episodes_at_once=self.episodes_at_once,
            ),
            bias=lambda found: found.episode / 2,
            aim=lambda found, own: own,
        )
        return make_training(
            data._replace(warm=data.train),
            learner,
            made,
            epochs=self.epochs,
        )

    def strategy(self, policy: Policy, state_x: Array) -> Strategy:
        """The trained policy as a Strategy; see `point_strategy`."""
        return point_strategy(
            policy,
            self.network(self.trained_size(policy)),
            self.trained_size(policy),
            sorted_scores(self.score),
            state_x,
            self._view(),
        )._replace(name="slade_branson")

    def max_labels(self, data: AgentData, num_classes: int) -> int:
        """The most labels that an episode of its training may have."""
        del data
        return num_classes + self.budget

    def network(self, state_size: int) -> QNetwork:
        """ReLU layers, of three action features."""
        return mlp_network(state_size, 3, self.hidden)

    def trained_size(self, policy: Policy) -> int:
        """How many numbers the states have that the policy was trained on."""
        return policy.weights["hidden"][0]["kernel"].shape[-2] - 3

    def _view(self) -> View:
        return View(self.score, "euclidean", "features", self.reduce)
