"""BADGE: k-means++ sampling in the space of last-layer gradients, which are never formed."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.select.checks import check_key, check_pool, pad_picks
from jal.select.gradients import residuals
from jal.select.seeding import above_rounding, finite_rows, k_means_plus_plus
from jal.select.ties import argmax, predicted_classes, priorities
from jal.types import Array

__all__ = ["badge"]


def badge(key: Array, logits: Array, features: Array, labelled: Array, k: int) -> Array:
    """BADGE (Ash et al., 2020): first the largest gradient embedding, then k-means++ sampling.

    The embedding is g = r (x) h with r = onehot(argmax p) - p and features h, so that
    |g1 - g2|^2 = |r1|^2 |h1|^2 + |r2|^2 |h2|^2 - 2 (r1.r2)(h1.h2) needs only N (K + D) memory.

    Args:
      key: a PRNG key, for the draws and for ties.
      logits: `[N, K]` float.
      features: `[N, D]` float.
      labelled: `[N]` bool; True is never picked.
      k: how many, static; at most the number of unlabelled points.

    Returns:
      `[k]` int32 in order of picking. Where every remaining point coincides with a pick, the rest
      follows uniformly; gradients that are not finite count as such.
    """
    key = check_key("badge", key)
    labelled, logits, features = check_pool("badge", labelled, k, logits=logits, features=features)
    key_classes, key_first, key_draws = jax.random.split(key, 3)
    features, finite = finite_rows(features)
    residual = residuals(logits, predicted_classes(key_classes, logits))
    norm = jnp.sum(jnp.square(residual), axis=1) * jnp.sum(jnp.square(features), axis=1)

    def squared_distance_to(chosen: Array) -> Array:
        # TF32 would lose the digits that are left of the difference.
        with jax.default_matmul_precision("highest"):
            product = (residual @ residual[chosen]) * (features @ features[chosen])
        return jnp.where(finite, above_rounding(norm + norm[chosen], product), 0.0)

    size = jnp.where(labelled, -1.0, jnp.nan_to_num(norm))
    first = argmax(size, priorities(key_first, labelled.shape[0]))
    picks = k_means_plus_plus(key_draws, squared_distance_to, first, ~labelled, k)
    return pad_picks(picks, labelled)
