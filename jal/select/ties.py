"""Which of equal values comes first: a key decides, and not their places in the pool."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.select.lanes import in_any_lane
from jal.types import Array

__all__ = ["argmax", "k_largest", "predicted_classes", "priorities", "random_order", "split"]


def split(key: Array | None, count: int) -> tuple[Array | None, ...]:
    """`count` keys of one; without one, as often None."""
    return (None,) * count if key is None else tuple(jax.random.split(key, count))


def priorities(key: Array | None, n: int) -> Array:
    """`[n]` float32, uniform in [0, 1): of equal values the highest comes first.

    Without a key they fall with the index, so that the lowest comes first.
    """
    if key is None:
        return -jnp.arange(n, dtype=jnp.float32)
    return jax.random.uniform(key, (n,), jnp.float32)


def random_order(key: Array | None, n: int) -> Array:
    """`[n]` int32, a random permutation; that of `priorities`, the highest first.

    Whoever takes the first of equals in this order breaks ties as `priorities` do.
    """
    if key is None:
        return jnp.arange(n, dtype=jnp.int32)
    return jnp.argsort(-priorities(key, n)).astype(jnp.int32)


def argmax(values: Array, priority: Array) -> Array:
    """The index `[]` int32 of the largest of `values [n]`; of equals that of highest priority.

    NaN is larger than any number, as for `jnp.argmax`.
    """
    largest = (values == jnp.max(values)) | jnp.isnan(values)
    return jnp.argmax(jnp.where(largest, priority, -jnp.inf)).astype(jnp.int32)


def k_largest(values: Array, k: int, key: Array | None) -> Array:
    """The indices `[k]` int32 of the k largest of `values [n]`, the largest first.

    Of equals those of highest `priorities` of the key, the highest first. One selection of k + 1,
    of which XLA has a fast one for floats; only where any are equal, another one and a sort of k.

    Args:
      values: `[n]` float, without NaN and -0.
      k: static.
      key: a PRNG key, or None.
    """
    n = values.shape[0]
    if key is None:
        return jax.lax.top_k(values, k)[1].astype(jnp.int32)
    # Not the values that come along: of a part of these XLA would sort all.
    index = jax.lax.top_k(values, min(k + 1, n))[1].astype(jnp.int32)
    descending = values[index]

    def drawn() -> Array:
        priority = priorities(key, n)
        least = jnp.min(descending[:k])
        tied = jnp.where(values == least, priority, -jnp.inf)
        found = jax.lax.top_k(jnp.where(values > least, jnp.inf, tied), k)[1]
        return found[jnp.lexsort((-priority[found], -values[found]))].astype(jnp.int32)

    any_tie = in_any_lane(jnp.any(descending[1:] == descending[:-1]))
    return jax.lax.cond(any_tie, drawn, lambda: index[:k])


def predicted_classes(key: Array | None, logits: Array) -> Array:
    """The class `[N]` int32 of each point's largest logit; the key ranks classes that tie.

    The same class of equals for all points, so that equal points are predicted alike; the lowest
    one without a key.

    Args:
      key: a PRNG key, or None.
      logits: `[N, K]` float.
    """
    if key is None:
        return jnp.argmax(logits, axis=1).astype(jnp.int32)
    order = random_order(key, logits.shape[1])
    return order[jnp.argmax(logits[:, order], axis=1)]
