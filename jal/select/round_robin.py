"""Round-robin over groups: the best of each, then the second best of each, and so on."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.select.checks import check_optional_key, check_pool, pad_picks
from jal.select.ties import priorities
from jal.types import Array

__all__ = ["round_robin"]


def round_robin(
    scores: Array, groups: Array, labelled: Array, k: int, *, key: Array | None = None
) -> Array:
    """The k unlabelled points that come first by (rank within the group, rank among all).

    Each turn takes the best remaining point of every group, in order of their scores; the groups'
    counts differ by at most 1 until a group runs out. ALAMP's diversification (Aggarwal et al.,
    2022, Algorithm 1) with the predicted classes as groups. Time N log N.

    Args:
      scores: `[N]` float; higher is picked first. NaN ranks below everything.
      groups: `[N]` int, any numbers.
      labelled: `[N]` bool; True is never picked, and counts in no group.
      k: how many, static; at most the number of unlabelled points.
      key: a PRNG key that orders equal scores at random, within groups and between; by index if
        None.

    Returns:
      `[k]` int32 in order of picking.
    """
    key = check_optional_key("round_robin", key)
    labelled, scores, groups = check_pool("round_robin", labelled, k, scores=scores, groups=groups)
    position = jnp.arange(labelled.shape[0], dtype=jnp.int32)
    # Sorts put NaN last and hold -0 for 0.
    best_first = jnp.lexsort((-priorities(key, labelled.shape[0]), -scores, labelled))
    # By group, in each the best first; `rank` is the rank among all.
    free, group = ~labelled[best_first], groups[best_first]
    _, group, rank = jax.lax.sort((~free, group, position), num_keys=2)
    first = jnp.concatenate([jnp.ones(1, bool), group[1:] != group[:-1]])
    turn = position - jax.lax.cummax(jnp.where(first, position, 0))
    turn = jnp.where(rank < jnp.sum(free), turn, position.shape[0])
    _, order = jax.lax.sort((turn, rank), num_keys=2)
    return pad_picks(best_first[order[:k]], labelled)
