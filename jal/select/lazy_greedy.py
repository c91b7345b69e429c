"""Greedy maximisation of a submodular function, gains being renewed only where they may matter."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jal.select.checks import pad_picks
from jal.select.ties import random_order
from jal.types import Array, PyTree

__all__ = ["lazy_greedy"]


def lazy_greedy(
    gain: Callable[[PyTree, Array], Array],
    update: Callable[[PyTree, Array], PyTree],
    state: PyTree,
    bounds: Array,
    free: Array,
    k: int,
    block: int = 256,
    key: Array | None = None,
) -> Array:
    """k picks, each of the highest gain given those before it (Minoux, 1978, in blocks).

    The gains of a submodular function never rise, so that an old gain bounds the new one: for each
    pick the `block` highest bounds are renewed, and again, until the highest is new.

    Args:
      gain: `(state, indices [block]) -> [block]`, what each would add to what state holds.
      update: `(state, index []) -> state`, with that point added.
      state: of nothing picked.
      bounds: `[N]`, at least each point's gain at the start.
      free: `[N]` bool, which points may be picked.
      k: how many, static.
      block: gains renewed at once, static.
      key: a PRNG key that orders equal gains at random; by index if None.

    Returns:
      `[k]` int32, distinct while any point is free; a gain of NaN ranks below all others.
    """
    block = min(block, bounds.shape[0])
    order = random_order(key, bounds.shape[0])  # of places: maxima take the first of equals

    def finite(gains: Array) -> Array:
        # top_k puts a NaN first or last by its sign: it might never be renewed.
        return jnp.nan_to_num(gains, nan=jnp.finfo(gains.dtype).min)

    def pick(carry: tuple[PyTree, Array], _: None) -> tuple[tuple[PyTree, Array], Array]:
        state, bounds = carry

        def is_old(carry: tuple[Array, Array]) -> Array:
            bounds, new = carry
            return ~new[jnp.argmax(bounds)]

        def renew(carry: tuple[Array, Array]) -> tuple[Array, Array]:
            bounds, new = carry
            index = jax.lax.top_k(jnp.where(new, -jnp.inf, bounds), block)[1]
            stays = new[index] | jnp.isneginf(bounds[index])
            gains = jnp.where(stays, bounds[index], finite(gain(state, order[index])))
            return bounds.at[index].set(gains), new.at[index].set(True)

        start = bounds, jnp.zeros(bounds.shape, bool)
        bounds = jax.lax.while_loop(is_old, renew, start)[0]
        place = jnp.argmax(bounds)
        chosen = order[place]
        return (update(state, chosen), bounds.at[place].set(-jnp.inf)), chosen

    bounds = jnp.where(free, finite(bounds), -jnp.inf)[order]  # -inf: not to be picked
    return pad_picks(jax.lax.scan(pick, (state, bounds), length=k)[1], ~free)
