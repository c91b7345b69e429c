"""LAL-RL: an agent that chooses one point at a time."""

from __future__ import annotations

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp

from jal import metrics
from jal.rl.agent import AgentData, Policy, Trainer, trained_size
from jal.rl.env import Goal
from jal.rl.point_agent import Episodes, PointAgent, View, point_strategy
from jal.rl.q_networks import QNetwork, lal_rl_network
from jal.rl.rules import at_budget, at_quality, constant_reward, quality_gain
from jal.strategies.strategy import check_positive
from jal.types import Array, InputError, Labels, Learner, Pool, Strategy

__all__ = ["LalRl"]


@dataclasses.dataclass(frozen=True)
class LalRl(PointAgent):
    """LAL-RL: a double DQN on distances in the space of the inputs (Konyushkova et al., 2018)."""

    mode: Literal["target_quality", "fixed_horizon"] = "target_quality"
    """What is rewarded. target_quality: -1 a step until it is reached; fixed_horizon: the gain in
    quality."""
    quality: float = 0.98
    """Quality to reach, as a share of that with all labels."""
    horizon: int = 100
    """Steps of an episode; at most so many where a quality is to be reached."""

    def trainer(self, data: AgentData, learner: Learner, num_classes: int) -> Trainer:
        """The trainer of this agent; warm start and training run on `data.train`.

        Raises:
          InputError: for options or data that cannot be.
        """
        check_positive("lal_rl", quality=self.quality, horizon=self.horizon)
        self.check("lal_rl", data, num_classes, 1, self.horizon)
        network = self.network(data.state_x.shape[0])
        if self.mode == "fixed_horizon":
            episodes = Episodes(1, self.horizon, quality_gain, at_budget(self.horizon))
            return self.train_on(data, learner, num_classes, network, self.view(), episodes)
        if self.horizon < 2:
            raise InputError(
                f"an episode of lal_rl that is cut after {self.horizon} step teaches nothing: give "
                "a horizon of at least 2."
            )
        full = _full_quality(learner, data.train, data.holdout)
        goal = Goal(self.quality * full, jnp.float32(jnp.inf))
        episodes = Episodes(1, self.horizon, constant_reward(), at_quality, goal)
        return self.train_on(data, learner, num_classes, network, self.view(), episodes)

    def strategy(self, policy: Policy, state_x: Array) -> Strategy:
        """The trained policy as a Strategy; see `point_strategy`."""
        size = self.trained_size(policy)
        return point_strategy(
            policy,
            self.network(size),
            size,
            state_x,
            self.view(),
            clock=self.horizon if self.clock else None,
            candidates=self.policy_candidates,
        )._replace(name="lal_rl")

    def max_labels(self, data: AgentData, num_classes: int) -> int:
        """The most labels that are fitted: for a share of the quality with all labels, all."""
        if self.mode == "target_quality":
            return data.train.y.shape[0]
        return num_classes + self.horizon

    def view(self) -> View:
        """The second class's probability, and mean cosine distances of inputs."""
        return View("probability", "cosine", "inputs", "mean")

    def network(self, state_size: int) -> QNetwork:
        """LAL-RL's, of three action features."""
        return lal_rl_network(state_size + self.clock, 3)

    def trained_size(self, policy: Policy) -> int:
        """How many numbers the states have that the policy was trained on."""
        return trained_size("lal_rl", policy, self.network)


def _full_quality(learner: Learner, pool: Pool, holdout: Pool) -> Array:
    """The accuracy on the hold-out with the whole pool labelled, `[]`."""

    def fitted(pool: Pool, holdout: Pool) -> Array:
        data = learner.prepare(pool.x)
        every = jnp.arange(pool.y.shape[0], dtype=jnp.int32)
        labels = Labels(every, jnp.int32(every.shape[0]))
        key_init, key_fit = jax.random.split(jax.random.key(0))
        hyper = jax.tree.map(jnp.float32, learner.hyper)
        start = learner.init(key_init, data)
        variables, _ = learner.fit(key_fit, start, data, pool.y, labels, hyper)
        return metrics.accuracy(learner.predict(variables, holdout.x).logits, holdout.y)

    return jax.jit(fitted)(pool, holdout)
