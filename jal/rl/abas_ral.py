"""ABAS-RAL: an agent that chooses how many points to label next."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jal import metrics, strategies
from jal.labels import random_start
from jal.rl.agent import AgentData, Policy, Trainer, make_trainer, parameters_of, trained_size
from jal.rl.dqn import greedy
from jal.rl.env import Actor, Environment, Goal, environment
from jal.rl.observations import (
    Batches,
    batch_candidates,
    largest_batch,
    observe_batches,
    sorted_scores,
)
from jal.rl.options import AgentOptions, check_shares
from jal.rl.q_networks import QNetwork, lal_rl_network, mlp_network
from jal.rl.rules import after_two_falls, at_targets, efficiency_gain
from jal.rl.training import WarmStartResult, q_learning
from jal.strategies.strategy import check_positive
from jal.types import Array, InputError, Labels, Learner, PyTree, Round, Strategy

__all__ = ["AbasRal"]


class _Filling(NamedTuple):
    """`begun []` int32, the unlabelled points at the first query; the filler's state."""

    begun: Array
    filler: PyTree


@dataclasses.dataclass(frozen=True)
class AbasRal(AgentOptions):
    """ABAS-RAL: a DQN that chooses the batch's size (anonymous, under review at ICLR 2025)."""

    epochs: int = 50
    """Epochs of training."""
    episodes: int = 5
    """Episodes in each epoch."""
    updates: int = 100
    """Gradient steps of the Q-network: after each epoch or after each step; there Algorithm 2 has
    one."""
    update_after: Literal["epoch", "step"] = "epoch"
    """When the Q-network is updated: after an epoch (section 4.1) or a step (Algorithm 2, line
    12)."""
    terminal: Literal["or", "and"] = "or"
    """What ends an episode: the target quality or the target budget reached (section 3.8), or only
    both at once (Algorithm 2)."""
    reward: Literal["cumulative", "per_step"] = "cumulative"
    """Reward of a step: the quality over the share labelled in all, or over that labelled by the
    step."""
    price: float = 0.0
    """Price of a batch, in labels, that the reward's shares count beside those bought. Without one
    a batch costs nothing and, as the cumulative reward telescopes, single points are best."""
    action_scale: Literal["pool", "cap", "count"] = "pool"
    """What the network sees of a batch of k points, which the paper does not say: k over the
    unlabelled points at the start (pool) or over the largest batch (cap: then sizes differ by more
    than a tenth), or k itself (count), as its authors' public code has it."""
    progress: bool = False
    """Whether the state also has the share of the unlabelled points that is labelled since the
    start."""
    hidden: tuple[int, ...] = ()
    """Widths of ReLU layers of the Q-network; LAL-RL's 10 and 5 sigmoids, as in the paper, if
    empty."""
    state_size: int | None = None
    """How many quantiles of the sorted margins the state has; all margins if None."""
    warm_episodes: int = 128
    """Episodes of random batches, filled at random; two rewards in a row that fell end one, also in
    the replay buffer."""
    initial: float = 0.01
    """Share of a pool that is labelled at random at the start; at least two points per class."""
    cap: float = 0.1
    """The largest batch, as a share of the unlabelled points."""
    max_steps: int = 200
    """Steps of an episode, at most; one that is cut there has not ended, and is no failure."""
    target_quality: float | None = None
    """Weighted precision that ends an episode; the best of warm start if None."""
    target_budget: float | None = None
    """Share of the pool whose labels end an episode; the least that reached that precision in warm
    start if None."""
    capacity: int = 50_000
    """Transitions that the replay buffer holds."""

    def start_size(self, points: int, num_classes: int) -> int:
        """Labels at the start of an episode on a pool of so many points."""
        return max(2 * num_classes, round(self.initial * points))

    def largest(self, points: int) -> int:
        """The largest batch on a pool of so many points."""
        with jax.ensure_compile_time_eval():  # also within a program: it is a shape
            return int(largest_batch(points, self.cap))

    def trainer(self, data: AgentData, learner: Learner, num_classes: int) -> Trainer:
        """The trainer of this agent.

        Raises:
          InputError: for options or data that cannot be.
        """
        self._check(data, num_classes)
        actions = max(self.largest(len(pool.y)) for pool in (data.warm, data.train))
        size = self.state_size or data.state_x.shape[0]
        made = q_learning(
            self._environment(data, learner, num_classes, warm=True),
            self._environment(data, learner, num_classes, warm=False),
            self.dqn(self.network(size), self._candidates(actions)),
            self.replay(self._capacity()),
            self.schedule(every_step=self.update_after == "step"),
            bias=lambda found: found.reward,
            goal_of=self._goal_of,
            target_quality=self.target_quality,
        )
        return make_trainer(data, learner, made)

    def strategy(self, policy: Policy, state_x: Array) -> Strategy:
        """The trained policy as a Strategy: the smallest margins, as many as the network says.

        Args:
          policy: of one training, or of T with a leading axis.
          state_x: `[V, ...]` the state set of the data that it is applied to.

        Raises:
          InputError: where the policy is of another network, or the state of another size than it
            takes.
        """
        size = self.trained_size(policy)
        seen = self.state_size or state_x.shape[0]
        if seen != size:
            raise InputError(
                f"the policy was trained on states of {size} numbers, and this state set gives "
                f"{seen}: give {size} examples, or train with state_size, which takes any number."
            )
        state_of = sorted_scores("margin", self.state_size)
        network = self.network(size)
        filler = strategies.registry["margin"]()

        def init(key: Array, x: Array) -> _Filling:
            return _Filling(jnp.int32(-1), filler.init(key, x))

        def select(key: Array, state: _Filling, round: Round, k_max: int):
            picks, filler_state = filler.select(key, state.filler, round, k_max)
            begun = jnp.where(state.begun < 0, _unlabelled(round), state.begun)
            return picks, _Filling(begun, filler_state)

        def batch_size(key: Array, state: _Filling, round: Round) -> Array:
            del key
            assert round.predict is not None and round.parameters is not None
            weights, x = round.parameters.own, round.parameters.shared
            margins = state_of(round.predict(round.variables, x).logits)
            seen = Batches(margins, _unlabelled(round), state.begun)
            at = self._candidates(self.largest(round.x.shape[0]))(seen)
            values = network.apply(weights, at.state, at.actions)
            return greedy(values, at.mask)[0] + 1

        return Strategy(
            init,
            select,
            batch_size,
            largest=self.largest,
            parameters=parameters_of(policy, state_x),
            name="abas_ral",
        )

    def max_labels(self, data: AgentData, num_classes: int) -> int:
        """The most labels that an episode of its training may have: the whole pool."""
        del num_classes
        return max(data.warm.y.shape[0], data.train.y.shape[0])

    def network(self, state_size: int) -> QNetwork:
        """LAL-RL's, or ReLU layers; of one action feature."""
        size = state_size + self.progress
        return mlp_network(size, 1, self.hidden) if self.hidden else lal_rl_network(size, 1)

    def trained_size(self, policy: Policy) -> int:
        """How many numbers the states have that the policy was trained on, without progress."""
        return trained_size("abas_ral", policy, self.network)

    def _candidates(self, actions: int):
        return batch_candidates(actions, self.cap, scale=self.action_scale, progress=self.progress)

    def _environment(
        self, data: AgentData, learner: Learner, num_classes: int, *, warm: bool
    ) -> Environment:
        pool = data.warm if warm else data.train
        points = pool.y.shape[0]
        initial = self.start_size(points, num_classes)

        def start(key: Array, y: Array) -> Labels:
            return Labels(random_start(key, y.shape[0], initial), jnp.int32(initial))

        return environment(
            learner,
            start=start,
            actor=batch_actor(
                strategies.registry["random" if warm else "margin"](), self.largest(points)
            ),
            observe=observe_batches(sorted_scores("margin", self.state_size)),
            quality=metrics.precision,
            reward=efficiency_gain(self.reward, self.price),
            terminal=after_two_falls if warm else at_targets(self.terminal),
            max_steps=self.max_steps,
        )

    def _goal_of(self, found: WarmStartResult, own: Goal) -> Goal:
        del own
        quality, budget = self.target_quality, self.target_budget
        return Goal(
            found.quality if quality is None else jnp.float32(quality),
            found.budget if budget is None else jnp.float32(budget),
        )

    def _capacity(self) -> int:
        """No more than can ever be stored, or a batch takes."""
        most = (self.warm_episodes + self.epochs * self.episodes) * self.max_steps
        return min(self.capacity, max(most, self.batch_size))

    def _check(self, data: AgentData, num_classes: int) -> None:
        check_positive("abas_ral", state_size=self.state_size)
        check_shares(
            "abas_ral",
            cap=self.cap,
            initial=self.initial,
            target_quality=self.target_quality,
            target_budget=self.target_budget,
        )
        if not 0 <= self.price < math.inf:
            raise InputError(f"price of abas_ral must be labels, 0 or more, got {self.price}.")
        if self.max_steps < 2:
            raise InputError(
                f"an episode of abas_ral that is cut after {self.max_steps} step teaches nothing: "
                "give max_steps of at least 2."
            )
        self.check_learning("abas_ral", self._capacity(), self.max_steps)
        for name, pool in (("warm", data.warm), ("train", data.train)):
            points, initial = len(pool.y), self.start_size(len(pool.y), num_classes)
            if initial >= points:
                raise InputError(
                    f"the {name} pool has {points} points, of which {initial} would be labelled at "
                    "the start: give more data or a lower initial."
                )


def batch_actor(filler: Strategy, k_max: int) -> Actor:
    """Labels `action[0] + 1` points, which the filler chooses; at least 1 and at most k_max."""

    def choose(key: Array, state: PyTree, round: Round, offered: PyTree, action: Array):
        del offered
        picks, state = filler.select(key, state, round, k_max)
        return picks, jnp.clip(action[0], 0, k_max - 1) + 1, state

    return Actor(filler.init, choose)


def _unlabelled(round: Round) -> Array:
    return jnp.int32(round.labelled.shape[0]) - round.labels.n
