"""The k highest scores among the unlabelled."""

from __future__ import annotations

import jax.numpy as jnp

from jal.select.checks import check_optional_key, check_pool, pad_picks
from jal.select.ties import k_largest
from jal.types import Array

__all__ = ["best_first", "top_k"]


def top_k(scores: Array, labelled: Array, k: int, *, key: Array | None = None) -> Array:
    """Indices of the k highest scores among unlabelled points, highest first.

    Args:
      scores: `[N]` float; higher is picked first. NaN ranks below everything.
      labelled: `[N]` bool; True is never picked.
      k: how many, static; at most the number of unlabelled points.
      key: a PRNG key that orders equal scores at random; by index if None.

    Returns:
      `[k]` int32.
    """
    key = check_optional_key("top_k", key)
    labelled, scores = check_pool("top_k", labelled, k, scores=scores)
    return pad_picks(best_first(scores, labelled, k, key), labelled)


def best_first(scores: Array, labelled: Array, k: int, key: Array | None) -> Array:
    """`top_k` of float32 scores, unchecked: past the unlabelled points come labelled ones."""
    lowest = jnp.finfo(scores.dtype).min
    # In this order from below: labelled, NaN, -inf, all else; and -0 is 0.
    scores = jnp.where(scores == 0, 0.0, jnp.maximum(scores, jnp.nextafter(lowest, 0.0)))
    scores = jnp.where(labelled, -jnp.inf, jnp.where(jnp.isnan(scores), lowest, scores))
    return k_largest(scores, k, key)
