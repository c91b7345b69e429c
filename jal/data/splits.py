"""The sets that active learning starts from, and parts of a data set."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jal.episode import label
from jal.learners.cross_validation import stratified_folds
from jal.types import Array, InputError, Labels

__all__ = [
    "balanced_start",
    "fractions",
    "random_start",
    "start_from",
    "stratified_folds",
    "twisted_start",
]


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


def fractions(y: np.ndarray, shares: Sequence[float], seed: int) -> tuple[np.ndarray, ...]:
    """Disjoint random parts of a data set, each with the given share of every class.

    A class of m points gives a part of share s either floor(s m) or one more: largest remainders,
    carried from class to class so that the parts' totals keep to their shares as well. ABAS-RAL's
    split is (0.1, 0.1, 0.6, 0.2).

    Args:
      y: `[N]` classes.
      shares: of the parts, positive; what they leave of 1 is in no part.
      seed: of the draw.

    Returns:
      for each share its points' indices, ascending.

    Raises:
      InputError: for shares that are not positive or exceed 1, or a part that would be empty.
    """
    wanted = np.asarray(shares, float)
    left = 1.0 - wanted.sum()
    if wanted.size == 0 or not (wanted > 0).all() or left < -1e-9:
        raise InputError(f"shares must be positive and sum to at most 1, got {tuple(shares)}.")
    wanted = np.append(wanted, left if left > 1e-9 else 0.0)  # 0.7 + 0.2 + 0.1 is not quite 1
    rng = np.random.default_rng(seed)
    y = np.asarray(y)
    part = np.empty(len(y), int)
    owed = np.zeros(len(wanted))
    for one in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == one))
        exact = wanted * len(members)
        counts = np.floor(exact + 1e-9).astype(int)
        owed += exact - counts
        # Not to a part without a claim: it would give more than one in all.
        winners = np.argsort(-np.where(exact - counts > 1e-9, owed, -np.inf), kind="stable")
        winners = winners[: len(members) - counts.sum()]
        counts[winners] += 1
        owed[winners] -= 1
        part[members] = np.repeat(np.arange(len(wanted)), counts)
    parts = tuple(np.flatnonzero(part == i) for i in range(len(shares)))
    for share, chosen in zip(shares, parts, strict=True):
        if chosen.size == 0:
            raise InputError(f"a share of {share} of {len(y)} points is empty: give a larger one.")
    return parts


def _by_group(key: Array, group: Array) -> Array:
    """`[N]` int32: the points of the lowest group, of the next, ...; at random within each."""
    return jnp.lexsort((jax.random.uniform(key, group.shape), group))
