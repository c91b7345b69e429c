"""Slade and Branson's agent: a double DQN that chooses N points at a time."""

from __future__ import annotations

import dataclasses
from typing import Literal

from jal.rl.agent import AgentData, Policy, Trainer, trained_size
from jal.rl.point_agent import Episodes, PointAgent, View, point_strategy
from jal.rl.q_networks import QNetwork, mlp_network
from jal.rl.rules import at_budget, quality_gain
from jal.types import Array, Learner, Strategy

__all__ = ["SladeBranson"]


@dataclasses.dataclass(frozen=True)
class SladeBranson(PointAgent):
    """Deep reinforced active learning, distances in the classifier's latent space (Slade and
    Branson, 2022). "Train one iteration" (its section 3.1) is a learner with epochs 1 and a warm
    start."""

    points: int = 1
    """Points labelled in each step, N; in the last as many of the best as the budget leaves."""
    budget: int = 20
    """Labels that an episode buys, after one per class."""
    target: Literal["double", "as_printed"] = "double"
    """Target of the Q-network: that of the double DQN; or the online and the target network
    swapped, as equation 4 has it."""
    score: Literal["margin", "largest"] = "largest"
    """Score of points, and of the state: the margin, or the largest probability."""
    reduce: Literal["mean", "min"] = "mean"
    """A candidate's distance to a set: the mean over its points, or the nearest (k-center's)."""
    hidden: tuple[int, ...] = (128, 128, 128)
    """Widths of the Q-network's hidden layers."""
    warm_episodes: int = 16
    """Episodes of random points, before anything is learned."""
    learning_rate: float = 1e-4
    """Learning rate of the Q-network's Adam."""
    discount: float = 0.99
    """Discount of later rewards."""
    exploration: float = 0.5
    """Share of the epochs over which epsilon falls."""
    window: int = 20
    """Training stops once the mean return of so many epochs is that of as many before, to 1 %, all
    of them after exploration; never if 0, or where that leaves too few."""

    def trainer(self, data: AgentData, learner: Learner, num_classes: int) -> Trainer:
        """The trainer of this agent; warm start and training run on `data.train`.

        Raises:
          InputError: for options or data that cannot be.
        """
        self.check("slade_branson", data, num_classes, self.points, self.budget)
        network = self.network(data.state_x.shape[0])
        ends = at_budget(self.budget)
        episodes = Episodes(self.points, self.budget, quality_gain, ends, target=self.target)
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
            clock=self.budget if self.clock else None,
            candidates=self.policy_candidates,
        )._replace(name="slade_branson")

    def max_labels(self, data: AgentData, num_classes: int) -> int:
        """The most labels that an episode of its training may have."""
        del data
        return num_classes + self.budget

    def network(self, state_size: int) -> QNetwork:
        """ReLU layers, of three action features."""
        return mlp_network(state_size + self.clock, 3, self.hidden)

    def trained_size(self, policy: Policy) -> int:
        """How many numbers the states have that the policy was trained on."""
        return trained_size("slade_branson", policy, self.network)

    def view(self) -> View:
        """Mean or nearest Euclidean distances of features."""
        return View(self.score, "euclidean", "features", self.reduce)
