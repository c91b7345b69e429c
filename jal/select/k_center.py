"""k-center (CoreSet): greedy farthest points."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.select.checks import check_optional_key, check_pool, pad_picks
from jal.select.seeding import finite_rows, squared_distances, squared_distances_to
from jal.select.ties import argmax, priorities
from jal.types import Array

__all__ = ["k_center"]

_BLOCK = 64  # labelled points per matrix product; bounds memory at N x 64


def k_center(features: Array, labelled: Array, k: int, *, key: Array | None = None) -> Array:
    """Greedy k-center: again and again the point farthest from all labelled and picked ones.

    Time N D (|L| + k); memory N D, never N x N. The covering radius is at most twice the optimum
    (Gonzalez, 1985; CoreSet: Sener and Savarese, 2018). With nothing labelled, all points tie
    for the first pick. Points whose features are not finite are no centres, and come last.

    Args:
      features: `[N, D]` float.
      labelled: `[N]` bool; the centres to start from, never picked.
      k: how many, static; at most the number of unlabelled points.
      key: a PRNG key that breaks ties at random; by index if None.

    Returns:
      `[k]` int32 in order of picking.
    """
    key = check_optional_key("k_center", key)
    labelled, features = check_pool("k_center", labelled, k, features=features)
    n = features.shape[0]
    features, finite = finite_rows(features)
    features = features - jnp.mean(features, axis=0)

    # Labelled points first, in blocks of one matrix product each.
    centre = labelled & finite
    first = jnp.nonzero(centre, size=n + (-n % _BLOCK), fill_value=0)[0]
    blocks = -(-jnp.sum(centre) // _BLOCK)

    def nearest_labelled(block: Array, nearest: Array) -> Array:
        index = jax.lax.dynamic_slice_in_dim(first, block * _BLOCK, _BLOCK)
        squared = squared_distances(features, features[index])
        return jnp.minimum(nearest, jnp.min(jnp.where(centre[index], squared, jnp.inf), axis=1))

    nearest = jax.lax.fori_loop(0, blocks, nearest_labelled, jnp.full(n, jnp.inf, features.dtype))
    nearest = jnp.where(labelled, -jnp.inf, jnp.where(finite, nearest, -1.0))

    priority = priorities(key, n)

    def pick(nearest: Array, _: None) -> tuple[Array, Array]:
        chosen = argmax(nearest, priority)
        squared = squared_distances_to(features, features[chosen])
        return jnp.minimum(nearest, squared).at[chosen].set(-jnp.inf), chosen

    return pad_picks(jax.lax.scan(pick, nearest, length=k)[1], labelled)
