"""Greedy maximisation of a submodular function, gains being renewed only where they may matter."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

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

    Returns:
      `[k]` int32, distinct while any point is free.
    """
    block = min(block, bounds.shape[0])

    def pick(
        carry: tuple[PyTree, Array, Array], _: None
    ) -> tuple[tuple[PyTree, Array, Array], Array]:
        state, bounds, free = carry

        def is_old(carry: tuple[Array, Array]) -> Array:
            bounds, new = carry
            return ~new[jnp.argmax(bounds)]

        def renew(carry: tuple[Array, Array]) -> tuple[Array, Array]:
            bounds, new = carry
            index = jax.lax.top_k(jnp.where(new, -jnp.inf, bounds), block)[1]
            gains = jnp.where(new[index] | ~free[index], bounds[index], gain(state, index))
            return bounds.at[index].set(gains), new.at[index].set(True)

        start = bounds, jnp.zeros(free.shape, bool)
        bounds = jax.lax.while_loop(is_old, renew, start)[0]
        chosen = jnp.argmax(bounds).astype(jnp.int32)
        bounds = bounds.at[chosen].set(-jnp.inf)
        return (update(state, chosen), bounds, free.at[chosen].set(False)), chosen

    return jax.lax.scan(pick, (state, jnp.where(free, bounds, -jnp.inf), free), length=k)[1]
