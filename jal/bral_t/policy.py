"""BRAL-T's policy: learned anew from the labelled points, and applied to the pool."""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jal.bral_t.actions import Distance, find_actions, rewards
from jal.bral_t.clusters import members
from jal.bral_t.reward import Reward, predict, train_reward
from jal.scores import el2n, super_el2n
from jal.select import trust_set
from jal.select.checks import pad_picks
from jal.types import Array

__all__ = ["Policy", "Seen", "choose", "learn", "trusted_points"]


class Policy(NamedTuple):
    """The options of BRAL-T, with the paper's values; those marked ours are not in it.

    Attributes:
      actions: sub-clusters of each cluster, A.
      samples: pairs (L', U') that are drawn from the labelled points.
      steps: of SGD after each of them.
      batch_size: of SGD.
      learning_rate: of SGD.
      hidden: widths of the reward network's hidden layers.
      curriculum: whether errors are weighed by SuperLoss's sigma.
      lambda_: SuperLoss's.
      trust: "best": the TrustSet, balanced over classes; "second": the second best group of n by
        the same score, unbalanced (the ablation DiffSet).
      use_labelled_cluster: whether the nearest labelled cluster is seen.
      distance: between sets: "sinkhorn", or "gaussian" of their moments.
      selection: "state": as many picks of each cluster; "global": the best sub-clusters of all.
      share: of the labelled points drawn that are L'; the others are U' (ours).
      size: labelled points drawn for a pair, at most (ours: bounds time and memory).
      members_of_set: points drawn of each set for its distances (ours, likewise). On 1,000 digits
        distances of 32 rank a cluster's sub-clusters as those of all points do with a Spearman
        correlation of .997 at a batch of 100, of .90 at 500, where 64 give .99 (16: .97 and .69).
    """

    actions: int = 5
    samples: int = 30
    steps: int = 20
    batch_size: int = 100
    learning_rate: float = 0.01
    hidden: tuple[int, ...] = (512, 512)
    curriculum: bool = True
    lambda_: float = 1.0
    trust: Literal["best", "second"] = "best"
    use_labelled_cluster: bool = True
    distance: Distance = "sinkhorn"
    selection: Literal["state", "global"] = "state"
    share: float = 0.2
    size: int = 1000
    members_of_set: int = 32


class Seen(NamedTuple):
    """What of a round the policy reads.

    Attributes:
      logits: `[N, K]`.
      features: `[N, D]`.
      y: `[N]` int32, -1 where not bought.
      labelled: `[N]` bool.
    """

    logits: Array
    features: Array
    y: Array
    labelled: Array


def trusted_points(key: Array, seen: Seen, n: int, options: Policy) -> Array:
    """The labelled points `[N]` bool that a batch of n is to be like (section 4.1)."""
    logits, _, y, labelled = seen
    if options.curriculum:
        score = jax.vmap(lambda one, y: super_el2n(one, y, lambda_=options.lambda_))
    else:
        score = jax.vmap(el2n)
    scores = score(logits, y)
    if options.trust == "best":
        return trust_set(scores, y, labelled, n, logits.shape[1], key=key)
    drawn = jax.random.uniform(key, scores.shape)
    order = jnp.lexsort((drawn, -scores, ~labelled))
    rank = jnp.zeros_like(order).at[order].set(jnp.arange(len(order)))
    # Of less than two groups what there is of the second; of one alone its worse half.
    first = jnp.minimum(n, jnp.sum(labelled) // 2)
    return labelled & (rank >= first) & (rank < first + n)


def learn(key: Array, seen: Seen, n: int, options: Policy) -> tuple[Reward, Array]:
    """The reward network of the labelled points, from scratch, and the loss of each of its steps.

    Args:
      key: a PRNG key.
      seen: of the round.
      n: the batch that the TrustSet stands for, static.
      options: of BRAL-T.
    """
    _, features, _, labelled = seen
    classes, total = seen.logits.shape[1], labelled.shape[0]
    key_trust, key_samples, key_train = jax.random.split(key, 3)
    trusted = trusted_points(key_trust, seen, n, options)
    size = min(options.size, total)

    def sample(key: Array) -> tuple[Array, Array, Array]:
        """One pair (L', U'): what is seen of its actions, their rewards, and which are defined."""
        key_draw, key_actions, key_rewards = jax.random.split(key, 3)
        of_pool = jnp.where(labelled, 0, 1).astype(jnp.int32)
        (index,), (drawn,) = members(key_draw, of_pool, 1, size)
        first = jnp.round(options.share * jnp.sum(drawn)).astype(jnp.int32)
        in_l = drawn & (jnp.arange(size) < first)
        points = features[index]
        found = find_actions(
            key_actions,
            points,
            in_l,
            drawn & ~in_l,
            classes,
            options.actions,
            distance=options.distance,
            members_of_set=options.members_of_set,
            use_labelled_cluster=options.use_labelled_cluster,
        )
        apart = rewards(
            key_rewards,
            points,
            found,
            trusted[index] & drawn & ~in_l,
            distance=options.distance,
            members_of_set=options.members_of_set,
        )
        return found.inputs, -apart.value, apart.defined

    keys = jax.random.split(key_samples, options.samples)
    inputs, targets, defined = jax.lax.map(sample, keys)
    flat = (options.samples, classes * options.actions)
    return train_reward(
        key_train,
        inputs.reshape(*flat, -1),
        targets.reshape(flat),
        defined.reshape(flat),
        steps=options.steps,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        hidden=options.hidden,
    )


def choose(key: Array, reward: Reward, seen: Seen, k: int, options: Policy) -> Array:
    """The picks `[k]` int32: from each cluster's sub-cluster of highest predicted reward on.

    With "state" every cluster is to give as many, of what k leaves one more those whose best
    sub-cluster is predicted to be better; where a cluster has no more points, the others go on.
    The points of a sub-cluster come in random order (section 4.2).

    Args:
      key: a PRNG key.
      reward: of `learn`.
      seen: of the round.
      k: static.
      options: of BRAL-T.
    """
    _, features, _, labelled = seen
    clusters, total = seen.logits.shape[1], labelled.shape[0]
    key_actions, key_order = jax.random.split(key)
    found = find_actions(
        key_actions,
        features,
        labelled,
        ~labelled,
        clusters,
        options.actions,
        distance=options.distance,
        members_of_set=options.members_of_set,
        use_labelled_cluster=options.use_labelled_cluster,
    )
    expected = jnp.where(found.there, predict(reward, found.inputs), -jnp.inf)
    drawn = jax.random.uniform(key_order, (total,))
    own = jnp.append(expected.reshape(-1), -jnp.inf)[found.action]
    if options.selection == "global":
        return pad_picks(jnp.lexsort((drawn, -own, labelled))[:k], labelled)
    cluster = found.action // options.actions  # of what is in none the last
    walk = jnp.lexsort((drawn, found.action, -own, cluster))
    size = jnp.bincount(cluster, length=clusters + 1)
    begins = jnp.cumsum(size) - size
    turn = jnp.zeros(total, jnp.int32).at[walk].set(jnp.arange(total) - begins[cluster[walk]])
    best = jnp.append(jnp.max(expected, axis=1), -jnp.inf)[cluster]
    return pad_picks(jnp.lexsort((cluster, -best, turn, labelled))[:k], labelled)
