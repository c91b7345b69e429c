"""Which points of a pool are labelled, and the sets that active learning starts from."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.types import Array, Labels

__all__ = [
    "balanced_start",
    "label",
    "labelled_mask",
    "random_start",
    "revealed",
    "start_from",
    "twisted_start",
]


def revealed(y: Array, labels: Labels) -> Array:
    """`[N]` int32: of the oracle's `y [N]` what was bought, -1 elsewhere."""
    return jnp.where(labelled_mask(labels), y, -1)


def labelled_mask(labels: Labels) -> Array:
    """`[N]` bool from the order of labelling."""
    positions = jnp.arange(labels.order.shape[0])
    return jnp.zeros(positions.shape, bool).at[labels.order].set(positions < labels.n)


def label(labels: Labels, picks: Array, k: Array | int) -> Labels:
    """Labels the first k of `picks [k_max]`; the rest of the order keeps its order.

    Args:
      labels: before.
      picks: `[k_max]` int32, distinct and unlabelled, and N after the last unlabelled point.
      k: static or traced, at most k_max and the number of unlabelled points; cut at the latter.

    Returns:
      labels with `n + k`.
    """
    order, n = labels
    size = order.shape[0]
    k = jnp.minimum(jnp.asarray(k, jnp.int32), size - n)
    # min: beyond the unlabelled points, a strategy of one's own may repeat those before.
    rank = jnp.full(size, size, jnp.int32).at[picks].min(jnp.arange(picks.shape[0]), mode="drop")
    rank = rank[order]
    picked = rank < k
    position = jnp.arange(size)
    behind = position + k - jnp.cumsum(picked)
    moved = jnp.where(position < n, position, jnp.where(picked, n + rank, behind))
    return Labels(jnp.zeros_like(order).at[moved].set(order), n + k)


def random_start(key: Array, size: int, n: int) -> Array:
    """A pool order that begins with n random points, whatever their classes.

    Args:
      key: a PRNG key.
      size: N, static.
      n: static, at most N. The points of a smaller n begin those of a larger one.

    Returns:
      `[N]` int32, a permutation: the n points, then the rest by index.
    """
    return start_from(jax.random.permutation(key, size)[:n], size)


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
    shuffled = _by_group(key, y)
    counts = jnp.bincount(y, length=num_classes)
    begins = jnp.cumsum(counts) - counts
    chosen = shuffled[begins + jnp.arange(per_class)[:, None]].reshape(-1)
    return start_from(chosen, y.shape[0])


def twisted_start(key: Array, y: Array, num_classes: int, n: int, rare_share: float) -> Array:
    """A pool order that begins with n points, a given share of them from the rarer classes.

    The rarer classes are the floor(K / 2) with the fewest points; of equally rare ones the key
    draws them. Within each half of the classes points are drawn uniformly. BRAL-T's Twisted Main
    (Table 8) is n = 1000 with rare_share = 0.05, its Twisted Rare 0.95.

    Args:
      key: a PRNG key.
      y: `[N]` int32; each half of the classes must have as many points as are drawn from it.
      num_classes: K, static.
      n: static.
      rare_share: in [0, 1], static; round(rare_share * n) points are of the rarer classes.

    Returns:
      `[N]` int32, a permutation: the rarer classes' points, the others', then the rest by index.
    """
    key_ties, key = jax.random.split(key)
    drawn = jax.random.uniform(key_ties, (num_classes,))
    by_count = jnp.lexsort((drawn, jnp.bincount(y, length=num_classes)))
    is_rare = jnp.zeros(num_classes, bool).at[by_count[: num_classes // 2]].set(True)[y]
    shuffled = _by_group(key, ~is_rare)
    from_rare = round(rare_share * n)
    from_main = jnp.sum(is_rare) + jnp.arange(n - from_rare)
    chosen = jnp.concatenate([shuffled[:from_rare], shuffled[from_main]])
    return start_from(chosen, y.shape[0])


def start_from(chosen: Array, size: int) -> Array:
    """The permutation `[N]` int32 of a pool of N = size that begins with `chosen [n]`."""
    nothing = Labels(jnp.arange(size, dtype=jnp.int32), jnp.int32(0))
    return label(nothing, chosen, chosen.shape[0]).order


def _by_group(key: Array, group: Array) -> Array:
    """`[N]` int32: the points of the lowest group, of the next, ...; at random within each."""
    return jnp.lexsort((jax.random.uniform(key, group.shape), group))
