"""BRAL-T's policy: learned anew from the labelled points, and applied to the pool."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jal.bral_t.actions import Actions, rewards
from jal.bral_t.options import Policy, check_policy
from jal.bral_t.pairs import Seen, actions_of, error_scores, sample_pairs, trusted_points
from jal.bral_t.reward import Reward, predict, train_reward
from jal.scores import margin
from jal.select import trust_set
from jal.select.checks import pad_picks
from jal.select.clustering import cluster_means
from jal.types import Array

__all__ = [
    "Rank",
    "choose",
    "learn",
    "pool_actions",
    "rank_by_reward",
    "rank_by_rival",
    "rank_by_truth",
]

Rank = Callable[[Array, Array, Actions], Array]
"""`(key, features, actions) -> [C, A]`, higher first: of sub-clusters without points anything."""


def learn(key: Array, seen: Seen, n: int, options: Policy) -> tuple[Reward, Array]:
    """The reward network of the labelled points, from scratch.

    Args:
      key: a PRNG key.
      seen: of the round.
      n: the batch that the TrustSet stands for, static.
      options: of BRAL-T.

    Returns:
      the network; `[samples steps]` float32, the loss of each of its steps, as `train_reward` has.
    """
    key_trust, key_pairs, key_train = jax.random.split(key, 3)
    seen = _finite(seen)
    trusted = trusted_points(key_trust, seen, n, options)
    pairs = sample_pairs(key_pairs, seen, trusted, options)
    inputs = pairs.actions.inputs.reshape(options.samples, -1, pairs.actions.inputs.shape[-1])
    return train_reward(
        key_train,
        inputs,
        pairs.reward.reshape(inputs.shape[:2]),
        pairs.defined.reshape(inputs.shape[:2]),
        steps=options.steps,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        hidden=options.hidden,
    )


def rank_by_reward(reward: Reward) -> Rank:
    """The rewards that the network of `learn` expects."""
    return lambda key, features, actions: predict(reward, actions.inputs)


def rank_by_rival(seen: Seen, options: Policy) -> Rank:
    """What `options.ranking` says in place of a learned reward.

    Raises:
      InputError: where an option is out of its range, or "novelty" is asked for without the nearest
        labelled cluster.
    """
    check_policy("rank_by_rival", options._asdict())

    def random(key: Array, features: Array, actions: Actions) -> Array:
        return jax.random.uniform(key, actions.there.shape)

    def least_margin(key: Array, features: Array, actions: Actions) -> Array:
        margins = jax.vmap(margin)(seen.logits)[:, None]
        mean, _ = cluster_means(margins, actions.action, actions.there.size)
        return -mean.reshape(actions.there.shape)

    def novelty(key: Array, features: Array, actions: Actions) -> Array:
        near, _, _, _, part, _ = jnp.split(actions.inputs, 6, axis=-1)
        return jnp.linalg.norm(part - near, axis=-1)

    return {"random": random, "margin": least_margin, "novelty": novelty}[options.ranking]


def rank_by_truth(seen: Seen, truth: Array, n: int, options: Policy) -> Rank:
    """The true rewards, by the classes `truth [N]` of the pool: what a perfect network predicts."""

    def reward(key: Array, features: Array, actions: Actions) -> Array:
        key_ties, key_distance = jax.random.split(key)
        scores = error_scores(seen.logits, truth, options)
        classes = seen.logits.shape[1]
        trusted = trust_set(scores, truth, ~seen.labelled, n, classes, key=key_ties)
        apart = rewards(
            key_distance,
            features,
            actions,
            trusted,
            distance=options.distance,
            members_of_set=options.members_of_set,
        )
        return jnp.where(apart.defined, -apart.value, -jnp.inf)

    return reward


def choose(key: Array, rank: Rank, seen: Seen, k: int, options: Policy) -> Array:
    """The picks, from each cluster's sub-cluster of highest rank on.

    With "state" every cluster is to give as many, of what k leaves one more those whose best
    sub-cluster ranks higher; where a cluster has no more points, the others go on. The points of
    a sub-cluster come in random order (BRAL-T, section 4.2).

    Args:
      key: a PRNG key.
      rank: of the sub-clusters.
      seen: of the round.
      k: static.
      options: of BRAL-T.

    Returns:
      `[k]` int32, distinct and unlabelled, and N after the last unlabelled point.
    """
    _, key_rank, key_order = jax.random.split(key, 3)
    seen, labelled = _finite(seen), seen.labelled
    total = labelled.shape[0]
    found = pool_actions(key, seen, options)
    clusters, actions = found.there.shape
    value = jnp.where(found.there, rank(key_rank, seen.features, found), -jnp.inf)
    drawn = jax.random.uniform(key_order, (total,))
    own = jnp.append(value.reshape(-1), -jnp.inf)[found.action]
    if options.selection == "global":
        return pad_picks(jnp.lexsort((drawn, found.action, -own, labelled))[:k], labelled)
    cluster = found.action // actions  # labelled points are in none, the last
    walk = jnp.lexsort((drawn, found.action, -own, cluster))
    size = jnp.bincount(cluster, length=clusters + 1)
    begins = jnp.cumsum(size) - size
    turn = jnp.zeros(total, jnp.int32).at[walk].set(jnp.arange(total) - begins[cluster[walk]])
    best = jnp.append(jnp.max(value, axis=1), -jnp.inf)[cluster]
    return pad_picks(jnp.lexsort((cluster, -best, turn, labelled))[:k], labelled)


def pool_actions(key: Array, seen: Seen, options: Policy) -> Actions:
    """The pool's clusters and sub-clusters, which `choose` ranks when it is given the same key."""
    features, labelled, classes = _finite(seen).features, seen.labelled, seen.logits.shape[1]
    return actions_of(jax.random.split(key, 3)[0], features, labelled, ~labelled, classes, options)


def _finite(seen: Seen) -> Seen:
    """With zeros for the features of points that are no numbers."""
    finite = jnp.all(jnp.isfinite(seen.features), axis=1, keepdims=True)
    return seen._replace(features=jnp.where(finite, seen.features, 0.0))
