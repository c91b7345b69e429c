"""Rewards, and rules that end an episode, of the three papers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp

from jal.rl.env import Goal, Progress
from jal.types import Array

__all__ = [
    "after_two_falls",
    "at_budget",
    "at_quality",
    "at_targets",
    "constant_reward",
    "efficiency_gain",
    "quality_gain",
    "succeeds",
]

Reward = Callable[[Progress, Progress], Array]
Terminal = Callable[[Progress, Goal], Array]


def efficiency_gain(
    of: Literal["cumulative", "per_step"] = "cumulative", price: float = 0.0
) -> Reward:
    """`P(B') / B' - P(B) / B` (ABAS-RAL, equation 1), P the quality.

    B is the share of the pool that is labelled ("cumulative": rewards of an episode sum to the
    last quotient less the first, so that with no price labels cost the same in any batches), or
    that the last action labelled ("per_step").

    Args:
      of: which.
      price: of a batch, in labels, which B counts beside those bought; the start has none.
    """

    def quotient(at: Progress) -> Array:
        if of == "cumulative":
            count = at.labels + price * at.step
        else:
            count = at.bought + price * (at.step > 0)
        return at.quality * at.pool / jnp.maximum(count, 1)

    return lambda before, after: quotient(after) - quotient(before)


def quality_gain(before: Progress, after: Progress) -> Array:
    """The difference in quality (Slade and Branson, equation 2; LAL-RL's fixed horizon)."""
    return after.quality - before.quality


def constant_reward(reward: float = -1.0) -> Reward:
    """The same for every step: -1 asks for the shortest episode (LAL-RL's target quality)."""
    return lambda before, after: jnp.full_like(after.quality, reward)


def succeeds(after: Progress, goal: Goal) -> Array:
    """Whether the quality is reached and the budget not exceeded."""
    return (after.quality >= goal.quality) & (_share(after) <= goal.budget)


def at_targets(rule: Literal["or", "and"] = "or") -> Terminal:
    """ABAS-RAL's end: quality reached or budget spent (section 3.8), or only both (Algorithm 2)."""

    def either(after: Progress, goal: Goal) -> Array:
        return (after.quality >= goal.quality) | (_share(after) >= goal.budget)

    return either if rule == "or" else succeeds


def after_two_falls(after: Progress, goal: Goal) -> Array:
    """After two rewards in a row that each fell (ABAS-RAL, section 3.7)."""
    del goal
    return after.falls >= 2


def at_quality(after: Progress, goal: Goal) -> Array:
    """Where the quality is reached (LAL-RL's target quality)."""
    return after.quality >= goal.quality


def at_budget(labels: int) -> Terminal:
    """Where so many labels are bought, those at the start not counted."""
    return lambda after, goal: after.labels - after.start >= labels


def _share(at: Progress) -> Array:
    return at.labels / at.pool
