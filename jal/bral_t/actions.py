"""What BRAL-T chooses among: the sub-clusters of each cluster, and what is seen of them."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.bral_t.clusters import Moments, k_means, members, moments, pooled, sub_clusters
from jal.bral_t.distance import Distances, gaussian, nearest_cluster, sinkhorn_matrix
from jal.bral_t.options import Distance
from jal.types import Array

__all__ = ["Actions", "find_actions", "rewards"]

_BLOCK = 2**22  # numbers of sub-clusters' points that are held at once


class Actions(NamedTuple):
    """The sub-clusters of one pair (L, U), A of each of C clusters of U.

    Attributes:
      inputs: `[C, A, 6 D]` float32: mean and variance of the labelled cluster that is nearest to
        the cluster, of the cluster, and of the sub-cluster; `[C, A, 4 D]` without the first.
      there: `[C, A]` bool, whether the sub-cluster has a point.
      action: `[N]` int32, c A + a of the points of U, and C A of all others.
    """

    inputs: Array
    there: Array
    action: Array


def find_actions(
    key: Array,
    points: Array,
    labelled: Array,
    unlabelled: Array,
    clusters: int,
    actions: int,
    *,
    distance: Distance = "sinkhorn",
    members_of_set: int = 32,
    use_labelled_cluster: bool = True,
) -> Actions:
    """Clusters both sets, splits each cluster of U, and describes each part (BRAL-T, section 4.2).

    Args:
      key: a PRNG key.
      points: `[N, D]` float, features.
      labelled: `[N]` bool, L.
      unlabelled: `[N]` bool, U, disjoint from L.
      clusters: of each set, C, static.
      actions: A, static.
      distance: by which a labelled cluster is the nearest.
      members_of_set: points drawn of a set for its distances, static; not read with "gaussian".
      use_labelled_cluster: whether the nearest labelled cluster is seen.

    Returns:
      Actions.

    Raises:
      InputError: where an option is out of its range.
      ValueError: where a shape or a dtype is another.
    """
    key_u, key_sub, key_l, key_pair = jax.random.split(key, 4)
    cluster = k_means(key_u, points, unlabelled, clusters)
    action = sub_clusters(key_sub, points, cluster, clusters, actions)
    parts = _by_cluster(moments(points, action, clusters * actions), clusters)
    seen = [_flat(pooled(parts))[:, None], _flat(parts)]
    if use_labelled_cluster:
        of_labelled = k_means(key_l, points, labelled, clusters)
        known = moments(points, of_labelled, clusters)
        apart = _all_pairs(
            key_pair, points, (cluster, clusters), (of_labelled, clusters), distance, members_of_set
        )
        nearest, defined = nearest_cluster(apart)
        closest = jnp.where(defined[:, None], _flat(known)[nearest], 0.0)
        seen.insert(0, closest[:, None])
    shape = (clusters, actions)
    inputs = jnp.concatenate([jnp.broadcast_to(one, (*shape, one.shape[-1])) for one in seen], -1)
    return Actions(inputs, parts.size > 0, action)


def rewards(
    key: Array,
    points: Array,
    found: Actions,
    trusted: Array,
    *,
    distance: Distance = "sinkhorn",
    members_of_set: int = 32,
) -> Distances:
    """The distance `[C, A]` of each sub-cluster from the TrustSet's points in its cluster.

    A reward is its negative (BRAL-T, eq. 8).

    Args:
      key: a PRNG key.
      points: `[N, D]` float, features.
      found: of `find_actions`.
      trusted: `[N]` bool, the TrustSet; points that are not in U do not count.
      distance: between the two sets.
      members_of_set: points drawn of each, static; not read with "gaussian".

    Returns:
      Distances of `[C, A]`, defined where the sub-cluster has a point, and its cluster one of the
      TrustSet.
    """
    clusters, actions = found.there.shape
    cluster = jnp.where(trusted, found.action // actions, clusters)  # C A // A is C
    if distance == "gaussian":
        parts = _by_cluster(moments(points, found.action, clusters * actions), clusters)
        wanted = jax.tree.map(lambda leaf: leaf[:, None], moments(points, cluster, clusters))
        return gaussian(parts, wanted)
    key_parts, key_wanted = jax.random.split(key)
    parts, in_parts = members(key_parts, found.action, clusters * actions, members_of_set)
    wanted, in_wanted = members(key_wanted, cluster, clusters, members_of_set)

    def of_cluster(parts: Array, inside: Array, wanted: Array, there: Array) -> Distances:
        made = sinkhorn_matrix(points[parts], points[wanted][None], inside, there[None])
        return jax.tree.map(lambda leaf: leaf[:, 0], made)

    def split(leaf: Array) -> Array:
        return leaf.reshape(clusters, actions, members_of_set)

    each = (split(parts), split(in_parts), wanted, in_wanted)
    at_once = max(1, _BLOCK // (actions * members_of_set * points.shape[1]))
    return jax.lax.map(lambda one: of_cluster(*one), each, batch_size=min(at_once, clusters))


def _by_cluster(parts: Moments, clusters: int) -> Moments:
    """`[C A, ...]` as `[C, A, ...]`."""
    return jax.tree.map(lambda leaf: leaf.reshape(clusters, -1, *leaf.shape[1:]), parts)


def _flat(of: Moments) -> Array:
    return jnp.concatenate([of.mean, of.variance], axis=-1)


def _all_pairs(
    key: Array,
    points: Array,
    x: tuple[Array, int],
    y: tuple[Array, int],
    distance: Distance,
    members_of_set: int,
) -> Distances:
    """Distances `[I, J]` between the clusters of two clusterings."""
    if distance == "gaussian":
        of_x, of_y = moments(points, *x), moments(points, *y)
        one = jax.tree.map(lambda leaf: leaf[:, None], of_x)
        return gaussian(one, jax.tree.map(lambda leaf: leaf[None], of_y))
    key_x, key_y = jax.random.split(key)
    index_x, in_x = members(key_x, *x, members_of_set)
    index_y, in_y = members(key_y, *y, members_of_set)
    return sinkhorn_matrix(points[index_x], points[index_y], in_x, in_y)
