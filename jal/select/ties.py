"""Which of equal values comes first: a key decides, and not their places in the pool."""

from __future__ import annotations

import jax
import jax.numpy as jnp

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


def k_largest(values: Array, k: int, priority: Array) -> Array:
    """The indices `[k]` int32 of the k largest of `values [n]`, the largest first.

    Of equals those of highest priority, the highest first. Two selections of k, of which XLA has a
    fast one for floats, and a sort of k: the pool is never sorted.

    Args:
      values: `[n]` float, without NaN and -0.
      k: static.
      priority: `[n]` float32, of `priorities`.
    """
    least = jnp.min(jax.lax.top_k(values, k)[0])  # as [-1] XLA would sort all of them
    tied = jnp.where(values == least, priority, -jnp.inf)
    index = jax.lax.top_k(jnp.where(values > least, jnp.inf, tied), k)[1]
    return index[jnp.lexsort((-priority[index], -values[index]))].astype(jnp.int32)


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
