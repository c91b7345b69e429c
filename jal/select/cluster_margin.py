"""Cluster-Margin: small margins, spread over the clusters of a hierarchy."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jal.select.average_linkage import Merges, average_linkage, cut
from jal.select.checks import check_key, check_numbers, check_pool, pad_picks
from jal.select.options import counts, optional, reals, takes
from jal.select.seeding import finite_rows, squared_distances, squared_distances_to
from jal.select.top_k import best_first
from jal.types import Array

__all__ = ["cluster_margin", "linkage_clusters"]


@takes(ratio=reals(least=1, static=True))
def cluster_margin(
    key: Array, margins: Array, cluster: Array, labelled: Array, k: int, *, ratio: float = 1.25
) -> Array:
    """Cluster-Margin (Citovsky et al., 2021): round-robin over the clusters of small margins.

    The ceil(ratio k) unlabelled points of smallest margin are the candidates. Their clusters, the
    one with the fewest candidates first, give one candidate each, drawn at random, round after
    round. Equally large clusters: the one with the smallest margin first, so that clusters of one
    point each and ratio 1 are margin sampling.

    Args:
      key: a PRNG key, for the draws and for ties.
      margins: `[N]` float, the smallest is the most uncertain; NaN last.
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
    size = min(margins.shape[0], math.ceil(round(ratio * k, 6)))
    key_ties, key_draw = jax.random.split(key)
    candidates = best_first(-margins, labelled, size, key_ties)
    free = ~labelled[candidates]

    # By cluster, in random order within each: places in it, its size and its smallest margin.
    own = cluster[candidates]
    order = jnp.lexsort((jax.random.uniform(key_draw, (size,), jnp.float32), own, ~free))
    own, valid = own[order], free[order]
    starts = jnp.concatenate([jnp.ones(1, bool), (own[1:] != own[:-1]) | (valid[1:] != valid[:-1])])
    group = jnp.cumsum(starts) - 1
    place = jnp.arange(size)
    place = place - jax.ops.segment_min(place, group, size)[group]
    members = jnp.bincount(group, length=size)[group]
    smallest = jax.ops.segment_min(order, group, size)[group]
    turns = jnp.lexsort((smallest, members, place, ~valid))
    return pad_picks(candidates[order[turns[:k]]], labelled)


@takes(
    clusters=optional(counts()),
    sample=counts(),
    ratio=reals(least=1, static=True),
    chunk=counts(),
)
def linkage_clusters(
    key: Array,
    features: Array,
    *,
    clusters: int | None = None,
    sample: int = 10_000,
    ratio: float = 1.25,
    chunk: int = 1024,
) -> Array:
    """The cluster `[N]` int32 of each point: average linkage, of a sample where there are more.

    A point that is not in the sample joins the nearest one that is, in whatever cluster. All joins
    and merges are cut at one height, above which such a point is a cluster of its own.

    Args:
      key: a PRNG key; also which of equal distances comes first.
      features: `[N, D]` float; rows that are not finite (under jit) count as zeros.
      clusters: how many; None for N / `ratio`: the paper cuts its tree where a cluster has k_m / k
        points on average, so that all can be exhausted.
      sample: how many points, drawn at random, are clustered by average linkage; static. Time
        sample^2 D + N sample D, memory 8 sample^2 bytes.
      ratio: see `cluster_margin`.
      chunk: rows of one block of distances, static.

    Raises:
      ValueError: where there are fewer points than clusters asked for.
    """
    key = check_key("linkage_clusters", key)
    features = check_numbers("linkage_clusters", "features", features)
    n = features.shape[0]
    size = min(sample, n)
    wanted = max(1, int(n / ratio)) if clusters is None else clusters
    if wanted > n:
        raise ValueError(
            f"linkage_clusters takes between 1 and the pool's {n} points as clusters, got {wanted}."
        )
    order = jax.random.permutation(key, n)
    features = finite_rows(features)[0][order]
    features = features - jnp.mean(features, axis=0)
    sampled, others = features[:size], features[size:]

    def nearest(point: Array) -> tuple[Array, Array]:
        joined = jnp.argmin(squared_distances(point[None], sampled)[0]).astype(jnp.int32)
        return joined, jnp.sqrt(squared_distances_to(sampled[joined][None], point)[0])

    merges = average_linkage(sampled)
    if size < n:
        joined, distance = jax.lax.map(nearest, others, batch_size=min(chunk, n - size))
        absorbed = jnp.concatenate([merges.absorbed, jnp.arange(size, n, dtype=jnp.int32)])
        height = jnp.concatenate([merges.height, distance])
        ascending = jnp.argsort(height, stable=True)
        into = jnp.concatenate([merges.into, joined])
        merges = Merges(absorbed[ascending], into[ascending], height[ascending])
    return jnp.zeros(n, jnp.int32).at[order].set(cut(merges, wanted))
