"""Growing labelled sets without dynamic shapes: buckets of zero-weight padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jal.types import Array

__all__ = ["at_capacity", "capacities"]


def capacities(max_labels: int, smallest: int = 64, growth: int = 4) -> tuple[int, ...]:
    """Bucket sizes that grow from `smallest` up to `max_labels`: 64, 256, 1000 for 1000.

    Each costs 0.3 s to compile. Doubling sizes would run a fifth faster.
    """
    sizes = []
    size = smallest
    while size < max_labels:
        sizes.append(size)
        size *= growth
    return (*sizes, max_labels)


def at_capacity(sizes: tuple[int, ...], n: Array, fit: Callable[..., Any], *operands: Any) -> Any:
    """`fit(size, *operands)` at the smallest size that holds n; only that branch runs.

    Under vmap with an n that differs between lanes, the largest n chooses for all of them: the
    predicate stays a scalar, where a batched `lax.switch` would run every branch.

    Args:
      sizes: increasing static bucket sizes; the last must hold every n.
      n: `[]` int32, how many rows count.
      fit: `(size, *operands) -> result`, with the same result shapes for every size.
      operands: arrays or pytrees.
    """
    branches = [lambda *args, size=size: fit(size, *args) for size in sizes]
    return jax.lax.switch(_bucket(n, jnp.asarray(sizes, jnp.int32)), branches, *operands)


@jax.custom_batching.custom_vmap
def _bucket(n: Array, sizes: Array) -> Array:
    return jnp.searchsorted(sizes, n).astype(jnp.int32)


@_bucket.def_vmap
def _bucket_vmap(axis_size: int, in_batched: list[bool], n: Array, sizes: Array):
    del axis_size
    if in_batched[1]:  # by a cond around it, whose predicate differs between lanes
        sizes = sizes[0]
    return _bucket(jnp.max(n), sizes), False
