"""LAL-RL: an agent that chooses one point at a time."""

from __future__ import annotations

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp

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
from jal.rl.env import Goal, environment
from jal.rl.observations import observe_points, point_candidates, sorted_scores
from jal.rl.point_agent import View, one_of_each, point_actor, point_strategy
from jal.rl.q_networks import QNetwork, lal_rl_network
from jal.rl.replay import prioritised_replay
from jal.rl.rules import at_budget, at_quality, constant_reward, quality_gain
from jal.rl.training import Schedule, trainer
from jal.types import Array, InputError, Labels, Learner, Pool, Strategy

__all__ = ["LalRl"]

_VIEW = View("probability", "cosine", "inputs", "mean")


@dataclasses.dataclass(frozen=True)
class LalRl:
    """LAL-RL: a double DQN on distances in the space of the inputs (Konyushkova et al., 2018)."""

    mode: Literal["target_quality", "fixed_horizon"] = "target_quality"
    """target_quality: -1 a step until it is reached; fixed_horizon: the gain in quality."""
    quality: float = 0.98
    """To reach, as a share of the quality with all labels."""
    horizon: int = 100
    """Steps of an episode; at most, where a quality is to be reached."""
    epochs: int = 1000
    """Of training."""
    episodes: int = 10
    """In each epoch."""
    updates: int = 60
    """Gradient steps of the Q-network after each epoch."""
    warm_episodes: int = 128
    """With random points."""
    warm_updates: int = 100
    """Gradient steps after these."""
    candidates: int | None = 100
    """Unlabelled points, drawn anew in every step, that training chooses among; all if None. The
    policy chooses among all."""
    learning_rate: float = 1e-3
    """Of the Q-network's Adam."""
    discount: float = 1.0
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
    window: int = 0
    """Training stops once the mean return of so many epochs is that of as many before; never if
    0."""
    episodes_at_once: int = 1
    """Vmapped together."""

    def training(self, data: AgentData, learner: Learner, num_classes: int) -> Training:
        """The training of this agent; warm start and training run on `data.train`.

        Raises:
          InputError: for options or data that cannot be.
        """
        points = data.train.y.shape[0]
        offered = min(self.candidates or points, points)
        check_positive(
            "lal_rl",
            learning_rate=self.learning_rate,
            quality=self.quality,
            horizon=self.horizon,
            candidates=self.candidates,
        )
        if self.mode == "target_quality" and self.horizon < 2:
            raise InputError(
                f"an episode of lal_rl that is cut after {self.horizon} step teaches nothing: give "
                "a horizon of at least 2."
            )
        check_shares("lal_rl", discount=self.discount, target_rate=self.target_rate)
        check_replay(self.capacity, self.batch_size, self.episodes, self.horizon)
        if num_classes + self.horizon > points:
            raise InputError(
                f"lal_rl labels {self.horizon} points after one of each of {num_classes} classes, "
                f"and the train pool has {points}: lower the horizon."
            )
        reaches = self.mode == "target_quality"
        env = environment(
            learner,
            start=one_of_each(num_classes),
            actor=point_actor(1, num_classes + self.horizon),
            observe=observe_points(sorted_scores(_VIEW.score), *_VIEW, candidates=offered),
            quality=metrics.accuracy,
            reward=constant_reward() if reaches else quality_gain,
            terminal=at_quality if reaches else at_budget(self.horizon),
            max_steps=self.horizon,
        )
        state_size = data.state_x.shape[0]
        made = trainer(
            env,
            env,
            dqn(
                self.network(state_size),
                point_candidates,
                discount=self.discount,
                learning_rate=self.learning_rate,
                target_rate=self.target_rate,
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
            # Half the mean return: for rewards of -1, half the mean length, negative.
            bias=lambda found: found.episode / 2,
            aim=lambda found, own: own,
        )
        goal = Goal(jnp.float32(jnp.inf), jnp.float32(jnp.inf))
        if reaches:
            full = full_quality(learner, data.train, data.holdout)
            goal = goal._replace(quality=self.quality * full)
        return make_training(
            data._replace(warm=data.train),
            learner,
            made,
            epochs=self.epochs,
            goal=goal,
        )

    def strategy(self, policy: Policy, state_x: Array) -> Strategy:
        """The trained policy as a Strategy; see `point_strategy`."""
        return point_strategy(
            policy,
            self.network(self.trained_size(policy)),
            self.trained_size(policy),
            sorted_scores(_VIEW.score),
            state_x,
            _VIEW,
        )._replace(name="lal_rl")

    def max_labels(self, data: AgentData, num_classes: int) -> int:
        """The most labels that are fitted: for a share of the quality with all labels, all."""
        if self.mode == "target_quality":
            return data.train.y.shape[0]
        return num_classes + self.horizon

    def network(self, state_size: int) -> QNetwork:
        """LAL-RL's, of three action features."""
        return lal_rl_network(state_size, 3)

    def trained_size(self, policy: Policy) -> int:
        """How many numbers the states have that the policy was trained on."""
        return policy.weights["state"]["kernel"].shape[-2]


def full_quality(learner: Learner, pool: Pool, holdout: Pool) -> Array:
    """The accuracy on the hold-out with the whole pool labelled, `[]`."""

    def fitted(pool: Pool, holdout: Pool) -> Array:
        data = learner.prepare(pool)
        every = jnp.arange(pool.y.shape[0], dtype=jnp.int32)
        labels = Labels(every, jnp.int32(every.shape[0]))
        key_init, key_fit = jax.random.split(jax.random.key(0))
        hyper = jax.tree.map(jnp.float32, learner.hyper)
        variables, _ = learner.fit(key_fit, learner.init(key_init, data), data, labels, hyper)
        return metrics.accuracy(learner.predict(variables, holdout.x).logits, holdout.y)

    return jax.jit(fitted)(pool, holdout)
