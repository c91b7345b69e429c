"""The sets that active learning starts from."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.episode import label
from jal.types import Array, Labels

__all__ = ["balanced_start", "start_from"]


def balanced_start(key: Array, y: Array, num_classes: int, per_class: int) -> Array:
    """A pool order that begins with `per_class` random points of each class.

    Args:
      key: a PRNG key.
      y: `[N]` int32, at least per_class of each class.
      num_classes: K, static.
      per_class: static.

    Returns:
      `[N]` int32, a permutation: K * per_class points, class by class in turn, then the rest by
      index.
    """
    shuffled = jnp.lexsort((jax.random.uniform(key, y.shape), y))  # by class, random within
    counts = jnp.bincount(y, length=num_classes)
    begins = jnp.cumsum(counts) - counts
    chosen = shuffled[begins + jnp.arange(per_class)[:, None]].reshape(-1)
    return start_from(chosen, y.shape[0])


def start_from(chosen: Array, size: int) -> Array:
    """The permutation `[N]` int32 of a pool of N = size that begins with `chosen [n]`."""
    nothing = Labels(jnp.arange(size, dtype=jnp.int32), jnp.int32(0))
    return label(nothing, chosen, chosen.shape[0]).order
