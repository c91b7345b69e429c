"""Agents that choose points: what LAL-RL and Slade and Branson's have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from jal import select
from jal.data.splits import balanced_start
from jal.rl.agent import Policy, given_of
from jal.rl.env import Actor
from jal.rl.observations import Distance, Reduce, Score, Space, candidate_features
from jal.rl.q_networks import QNetwork
from jal.types import Array, InputError, Labels, PyTree, Round, Strategy

__all__ = ["View", "one_of_each", "point_actor", "point_strategy"]


class View(NamedTuple):
    """How an agent sees points: see `jal.rl.observations`."""

    score: Score
    distance: Distance
    space: Space
    reduce: Reduce


def one_of_each(num_classes: int) -> Callable[[Array, Array], Labels]:
    """Episodes start with one label per class."""

    def start(key: Array, y: Array) -> Labels:
        return Labels(balanced_start(key, y, num_classes, 1), jnp.int32(num_classes))

    return start


def point_actor(n: int, limit: int) -> Actor:
    """Labels the n offered points that the action names, up to `limit` labels in all."""

    def choose(key: Array, state: PyTree, round: Round, offered: Array, action: Array):
        del key
        return offered[action], jnp.minimum(n, limit - round.labels.n), state

    return Actor(lambda key, x: (), choose)


def point_strategy(
    policy: Policy,
    network: QNetwork,
    trained_size: int,
    state_of: Callable[[Array], Array],
    state_x: Array,
    view: View,
) -> Strategy:
    """The unlabelled points of the highest values, of the whole pool.

    Args:
      policy: of one training, or of T with a leading axis.
      network: its Q-network.
      trained_size: how many numbers the states have that it was trained on.
      state_of: of `sorted_scores`.
      state_x: `[V, ...]` the state set of the data that it is applied to.
      view: how points are seen.

    Raises:
      InputError: where the state set has another size.
    """
    if state_x.shape[0] != trained_size:
        raise InputError(
            f"the policy was trained on states of {trained_size} numbers, and this state set "
            f"gives {state_x.shape[0]}: give a state set of {trained_size} examples."
        )

    def pick(key: Array, state: tuple[()], round: Round, k_max: int):
        del key
        assert round.predict is not None and round.given is not None
        seen = state_of(round.predict(round.variables, round.given.shared).logits)
        points = jnp.arange(round.labelled.shape[0])
        features = candidate_features(round, points, *view)
        values = network.apply(round.given.own, seen, features)
        return select.top_k(values, round.labelled, k_max), state

    return Strategy(lambda key, x: (), pick, given=given_of(policy, state_x))
