"""What BRAL-T learns from: pairs (L', U') of labelled points, and the rewards of their actions."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.bral_t.actions import Actions, find_actions, rewards
from jal.bral_t.options import Policy
from jal.scores import el2n, super_el2n
from jal.select import trust_set
from jal.select.ties import priorities
from jal.types import Array

__all__ = ["Pairs", "Seen", "actions_of", "error_scores", "sample_pairs", "trusted_points"]


class Seen(NamedTuple):
    """What of a round BRAL-T reads.

    Attributes:
      logits: `[N, K]` float.
      features: `[N, D]` float.
      y: `[N]` int32, -1 where not bought.
      labelled: `[N]` bool.
    """

    logits: Array
    features: Array
    y: Array
    labelled: Array


class Pairs(NamedTuple):
    """R pairs (L', U') of S labelled points.

    Attributes:
      points: `[R, S]` int32, indices of both sets' points.
      actions: of U', with a leading axis R; in `action [R, S]` C A stands for what is not in U'.
      reward: `[R, C, A]` float32, how near each action is to the TrustSet's points in its cluster:
        minus their distance (BRAL-T, eq. 8).
      defined: `[R, C, A]` bool, whether the action has a point, and its cluster one of those.
    """

    points: Array
    actions: Actions
    reward: Array
    defined: Array


def error_scores(logits: Array, y: Array, options: Policy) -> Array:
    """EL2N `[N]`, with `options.curriculum` times SuperLoss's sigma (BRAL-T, section 4.1)."""
    if not options.curriculum:
        return jax.vmap(el2n)(logits, y)
    return jax.vmap(lambda one, y: super_el2n(one, y, lambda_=options.lambda_))(logits, y)


def trusted_points(key: Array, seen: Seen, n: int, options: Policy) -> Array:
    """The labelled points `[N]` bool that a batch of n is to be like (BRAL-T, section 4.1)."""
    scores = error_scores(seen.logits, seen.y, options)
    labelled = seen.labelled
    if options.trust == "best":
        return trust_set(scores, seen.y, labelled, n, seen.logits.shape[1], key=key)
    order = jnp.lexsort((-priorities(key, len(scores)), -scores, ~labelled))
    rank = jnp.zeros_like(order).at[order].set(jnp.arange(len(order)))
    # Of less than two groups the worse half.
    first = jnp.minimum(n, jnp.sum(labelled) // 2)
    return labelled & (rank >= first) & (rank < first + n)


def actions_of(
    key: Array, points: Array, labelled: Array, unlabelled: Array, classes: int, options: Policy
) -> Actions:
    """`find_actions` with these options, for a problem of so many classes."""
    return find_actions(
        key,
        points,
        labelled,
        unlabelled,
        options.clusters or classes,
        options.actions,
        distance=options.distance,
        members_of_set=options.members_of_set,
        use_labelled_cluster=options.use_labelled_cluster,
    )


def sample_pairs(key: Array, seen: Seen, trusted: Array, options: Policy) -> Pairs:
    """Pairs as `options` say; the TrustSet of a U' is what of `trusted [N]` is in it (section 4.3).

    Args:
      key: a PRNG key.
      seen: of the round; rows of features must be finite, which `learn` sees to.
      trusted: of `trusted_points`.
      options: of BRAL-T.

    Returns:
      Pairs, R of them as `options.samples` says, with S = min(N, `options.size`).
    """
    labelled = seen.labelled
    classes = seen.logits.shape[1]
    parts = (options.clusters or classes) * options.actions
    size = min(options.size or max(20 * parts, 1000), labelled.shape[0])

    def sample(key: Array) -> Pairs:
        key_draw, key_actions, key_rewards = jax.random.split(key, 3)
        order = jnp.where(labelled, jax.random.uniform(key_draw, labelled.shape), -1.0)
        value, index = jax.lax.top_k(order, size)
        drawn = value >= 0
        first = jnp.round(options.share * jnp.sum(drawn)).astype(jnp.int32)
        in_l = drawn & (jnp.arange(size) < first)
        points = seen.features[index]
        found = actions_of(key_actions, points, in_l, drawn & ~in_l, classes, options)
        apart = rewards(
            key_rewards,
            points,
            found,
            trusted[index],
            distance=options.distance,
            members_of_set=options.members_of_set,
        )
        return Pairs(index, found, -apart.value, apart.defined)

    return jax.lax.map(sample, jax.random.split(key, options.samples))
