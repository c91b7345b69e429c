"""TrustSet: of each class's labelled points the ones of highest score; it prunes data, too."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jal.select.checks import check_numbers, check_optional_key
from jal.select.options import counts, takes
from jal.select.ties import priorities
from jal.types import Array

__all__ = ["trust_set"]


@takes(n=counts(static=False), num_classes=counts())
def trust_set(
    scores: Array,
    y: Array,
    labelled: Array,
    n: Array | int,
    num_classes: int,
    *,
    key: Array | None = None,
) -> Array:
    """The ceil(n / K) labelled points of highest score of each class; all of a smaller class.

    Balanced over the classes: nobody's place goes to another class. So there are at most
    `K ceil(n / K)` points, which may be up to K - 1 more than n, and less where classes are small
    or absent. Time N log N.

    Args:
      scores: `[N]` float, such as `jal.scores.el2n`; higher is chosen first. NaN ranks below
        everything, and is chosen where its class has nothing else.
      y: `[N]` int, the classes; a point of no class in 0..K-1, such as -1, is never chosen.
      labelled: `[N]` bool; False is never chosen, and counts in no class. All True to prune a data
        set.
      n: how many in all, at least 1; it may be traced.
      num_classes: K, static.
      key: a PRNG key that orders equal scores at random; by index if None.

    Returns:
      `[N]` bool, True for the chosen: a mask, as their number is data (BRAL-T, section 4.1).

    Raises:
      ValueError: where a shape or a dtype is another, or n or num_classes no integer of at least 1.
    """
    name = "trust_set"
    key = check_optional_key(name, key)
    labelled = check_numbers(name, "labelled", labelled)
    count = labelled.shape[0]
    scores, y = (check_numbers(name, w, v, count) for w, v in (("scores", scores), ("y", y)))
    allowed = labelled & (y >= 0) & (y < num_classes)
    group = jnp.where(allowed, y, num_classes)
    # By class, in each the best first. Sorts put NaN last and hold -0 for 0.
    order = jnp.lexsort((-priorities(key, count), -scores, group))
    position = jnp.arange(count, dtype=jnp.int32)
    first = jnp.concatenate([jnp.ones(1, bool), group[order][1:] != group[order][:-1]])
    rank = position - jax.lax.cummax(jnp.where(first, position, 0))
    share = -(-_size(n, count * num_classes) // num_classes)
    return allowed & jnp.zeros(count, bool).at[order].set(rank < share)


def _size(n: Array | int, most: int) -> Array | int:
    """n, of which more than `most` is as good as that, and may be more than an int32 holds."""
    if not isinstance(n, Tracer):
        return min(int(n), most)
    if n.ndim or not jnp.issubdtype(n.dtype, jnp.integer):
        raise ValueError(
            f"trust_set takes n as an integer, got a traced value of shape {n.shape} of {n.dtype}."
        )
    return n.astype(jnp.int32)  # unsigned has no negative
