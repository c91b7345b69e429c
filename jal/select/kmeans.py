"""k-means on the unlabelled points, and the point nearest to each centroid."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.select.checks import check_key, check_pool, pad_picks
from jal.select.clustering import lloyd, nearest_centroid
from jal.select.options import counts, takes
from jal.select.seeding import finite_rows, greedy_k_means_plus_plus, squared_distances_to
from jal.select.ties import argmax, priorities
from jal.types import Array

__all__ = ["kmeans"]


@takes(iterations=counts(0))
def kmeans(key: Array, features: Array, labelled: Array, k: int, *, iterations: int = 20) -> Array:
    """The unlabelled point nearest to each of k centroids, the largest cluster's first.

    Greedy k-means++ seeding, as scikit-learn's, then Lloyd's iterations on the unlabelled points.
    Time N D k per iteration and N D k log k for the seeds, memory N (D + 128).

    Args:
      key: a PRNG key.
      features: `[N, D]` float; rows that are not finite are left out, and come last.
      labelled: `[N]` bool; left out of the clustering and never picked.
      k: number of clusters and of picks, static; at most the number of unlabelled points.
      iterations: Lloyd's iterations, static.

    Returns:
      `[k]` int32, distinct: a point that is taken goes to the first centroid that asks for it. Of
      equally near points the key decides.
    """
    key = check_key("kmeans", key)
    labelled, features = check_pool("kmeans", labelled, k, features=features)
    features, finite = finite_rows(features)
    clustered = ~labelled & finite
    free = clustered.astype(features.dtype)
    mean = free @ features / jnp.maximum(jnp.sum(free), 1.0)
    features = features - mean

    key_seeds, key_ties = jax.random.split(key)
    seeds = greedy_k_means_plus_plus(key_seeds, features, clustered, k)
    centroids = lloyd(features, clustered, features[seeds], k, iterations)
    cluster = jnp.where(~clustered, k, nearest_centroid(features, centroids, k))
    largest_first = jnp.argsort(-jnp.bincount(cluster, length=k), stable=True)

    priority = priorities(key_ties, labelled.shape[0])

    def nearest_point(taken: Array, cluster: Array) -> tuple[Array, Array]:
        squared = squared_distances_to(features, centroids[cluster])
        squared = jnp.where(finite, squared, jnp.finfo(squared.dtype).max)
        chosen = argmax(jnp.where(taken, -jnp.inf, -squared), priority)
        return taken.at[chosen].set(True), chosen

    return pad_picks(jax.lax.scan(nearest_point, labelled, largest_first)[1], labelled)
