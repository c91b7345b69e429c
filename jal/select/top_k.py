"""The k highest scores among the unlabelled."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.select.checks import check_pool, pad_picks
from jal.types import Array

__all__ = ["top_k"]


def top_k(scores: Array, labelled: Array, k: int) -> Array:
    """Indices of the k highest scores among unlabelled points, highest first, ties by index.

    Args:
      scores: `[N]` float; higher is picked first. NaN ranks below everything.
      labelled: `[N]` bool; True is never picked.
      k: how many, static; at most the number of unlabelled points.

    Returns:
      `[k]` int32.
    """
    labelled, scores = check_pool("top_k", labelled, k, scores=scores)
    lowest = jnp.finfo(scores.dtype).min
    # In this order from below: labelled, NaN, -inf, all else; and -0 is 0.
    scores = jnp.where(scores == 0, 0.0, jnp.maximum(scores, jnp.nextafter(lowest, 0.0)))
    scores = jnp.where(labelled, -jnp.inf, jnp.where(jnp.isnan(scores), lowest, scores))
    return pad_picks(jax.lax.top_k(scores, k)[1], labelled)
