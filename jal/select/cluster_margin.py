"""Cluster-Margin: small margins, spread over the clusters of a hierarchy."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jal.select.average_linkage import average_linkage, cut
from jal.select.checks import check_key, check_numbers, check_pool, pad_picks
from jal.select.seeding import finite_rows, squared_distances
from jal.types import Array

__all__ = ["cluster_margin", "linkage_clusters"]


def cluster_margin(
    key: Array, margins: Array, cluster: Array, labelled: Array, k: int, *, ratio: float = 1.25
) -> Array:
    """Cluster-Margin (Citovsky et al., 2021): round-robin over the clusters of small margins.

    The ceil(ratio k) unlabelled points of smallest margin are the candidates. Their clusters, the
    one with the fewest candidates first, give one candidate each, drawn at random, round after
    round. Equally large clusters: the one with the smallest margin first, so that clusters of one
    point each and ratio 1 are margin sampling.

    Args:
      key: a PRNG key.
      margins: `[N]` float, the smallest is the most uncertain; ties by index, NaN last.
      cluster: `[N]` int32, any numbers.
      labelled: `[N]` bool; never picked.
      k: how many, static; at most the number of unlabelled points.
      ratio: candidates per pick, static; at least 1. The paper's 1.25 of its smaller pools; 10 in
        its largest.

    Returns:
      `[k]` int32, distinct, in order of picking.
    """
    key = check_key("cluster_margin", key)
    labelled, margins, cluster = check_pool(
        "cluster_margin", labelled, k, margins=margins, cluster=cluster
    )
    _check_ratio(ratio)
    size = min(margins.shape[0], math.ceil(round(ratio * k, 6)))
    candidates = jnp.lexsort((margins, labelled))[:size]
    free = ~labelled[candidates]

    # By cluster, in random order within each: places in it, its size and its smallest margin.
    own = cluster[candidates]
    order = jnp.lexsort((jax.random.uniform(key, (size,), jnp.float32), own, ~free))
    own, valid = own[order], free[order]
    starts = jnp.concatenate([jnp.ones(1, bool), (own[1:] != own[:-1]) | (valid[1:] != valid[:-1])])
    group = jnp.cumsum(starts) - 1
    place = jnp.arange(size)
    place = place - jax.ops.segment_min(place, group, size)[group]
    members = jnp.bincount(group, length=size)[group]
    smallest = jax.ops.segment_min(order, group, size)[group]
    turns = jnp.lexsort((smallest, members, place, ~valid))
    return pad_picks(candidates[order[turns[:k]]], labelled)


def linkage_clusters(
    key: Array,
    features: Array,
    *,
    clusters: int | None = None,
    sample: int = 2_000,
    ratio: float = 1.25,
    chunk: int = 4096,
) -> Array:
    """The cluster `[N]` int32 of each point: average linkage of a sample, which the rest joins.

    Args:
      key: a PRNG key.
      features: `[N, D]` float.
      clusters: how many; None for 1 / `ratio` of the sampled points: the paper cuts its tree where
        a cluster has k_m / k points on average, so that all can be exhausted.
      sample: how many points, drawn at random, are clustered by average linkage; every other joins
        the nearest of them. Time sample^2 D + N sample D, memory sample^2 + chunk sample.
      ratio: see `cluster_margin`.
      chunk: rows of one block of distances, static.

    Raises:
      ValueError: where there are fewer points sampled than clusters asked for.
    """
    key = check_key("linkage_clusters", key)
    features = check_numbers("linkage_clusters", "features", features)
    n = features.shape[0]
    size = min(sample, n)
    _check_ratio(ratio)
    wanted = max(1, int(size / ratio)) if clusters is None else clusters
    if not 1 <= wanted <= size:
        raise ValueError(
            f"linkage_clusters takes between 1 and the {size} sampled points as clusters, "
            f"got {wanted}."
        )
    features, _ = finite_rows(features)
    features = features - jnp.mean(features, axis=0)
    index = jnp.arange(n) if size == n else jax.random.permutation(key, n)[:size]
    points = features[index]
    cluster = cut(average_linkage(points), wanted)
    if size == n:
        return cluster

    def nearest(point: Array) -> Array:
        return jnp.argmin(squared_distances(point[None], points)[0])

    joined = jax.lax.map(nearest, features, batch_size=min(chunk, n))
    return cluster[joined.at[index].set(jnp.arange(size))]


def _check_ratio(ratio: float) -> None:
    if not ratio >= 1:
        raise ValueError(f"cluster_margin takes a ratio of at least 1, got {ratio}.")
