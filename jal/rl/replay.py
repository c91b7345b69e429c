"""Prioritised replay as functional state: every step of an episode is stored once.

A buffer of its own, not flashbax's, for three reasons. An item's successor is the item in the next
slot, so that a state is stored once; flashbax's flat buffer does that too, but takes sequences of
one length, and episodes of many lengths would put masked steps in it. A new item's priority is the
largest among those present; flashbax's is the largest ever seen, which with the exponent 3 drowns
all that is new after one early error. It is about as fast: `launch/bench.py --only rl` has both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.types import Array, InputError, PyTree

__all__ = ["Replay", "ReplayState", "Sample", "prioritised_replay", "replay_bytes"]

EPSILON = 1e-4  # added to |TD error|: an item without error is not lost for ever
LARGEST = 1e30  # of a priority: sums of them stay finite


class ReplayState(NamedTuple):
    """What one seed's buffer holds.

    Attributes:
      items: leaves `[C, ...]`; an item's successor is in the next slot, the first after the last.
      weights: `[G, M, M]` float32, `(|TD error| + epsilon)^exponent` of the slots in turn; 0 where
        there is nothing to sample.
      sums: `[G, M]`, over the last axis.
      next: `[]` int32, the slot that is written next.
      filled: `[]` int32, slots ever written, at most C.
      waits: `[]` bool: the newest item is of an episode that goes on, and waits for its successor.
    """

    items: PyTree
    weights: Array
    sums: Array
    next: Array
    filled: Array
    waits: Array


class Sample(NamedTuple):
    """`index [B]` int32 of the slots drawn, their items and the items after them, `[B, ...]`."""

    index: Array
    items: PyTree
    successors: PyTree


class Replay(NamedTuple):
    """A buffer as pure functions, unbatched in the seed.

    Attributes:
      init: `(item) -> state`, empty; item gives the shapes and dtypes of one.
      add: `(state, items [T, ...], valid [T], terminal [T], cut [T]) -> state`. Steps of episodes
        in order; those that are not valid are skipped. After a terminal step, or a step at which an
        episode was cut, another episode begins; any other step's successor must come next, in
        this call or the following one. A step that was cut has none, and is never sampled.
      sample: `(key, state, n) -> Sample`: n independent draws, each slot's probability its weight
        over the sum; n static. Nothing may be drawn from a buffer that has nothing to sample.
      update: `(state, index [B], td_error [B]) -> state`: the priorities of slots drawn; an error
        that is not finite leaves the slot's as it was.
    """

    init: Callable[[PyTree], ReplayState]
    add: Callable[[ReplayState, PyTree, Array, Array, Array], ReplayState]
    sample: Callable[[Array, ReplayState, int], Sample]
    update: Callable[[ReplayState, Array, Array], ReplayState]


def prioritised_replay(capacity: int, *, exponent: float = 3.0) -> Replay:
    """P(i) proportional to `|TD error_i|^exponent` (Schaul et al., 2016; LAL-RL's exponent is 3).

    There are no importance weights, as LAL-RL has none. Weights are summed in three levels of about
    the capacity's cube root each, anew from the weights themselves, so that no rounding builds up;
    an update or a draw reads one row of each.

    Args:
      capacity: items at most; then the oldest go.
      exponent: of the TD error.

    Raises:
      InputError: for a capacity below 1 or a negative exponent.
    """
    if capacity < 1:
        raise InputError(f"a replay buffer holds at least 1 item, got a capacity of {capacity}.")
    if not 0 <= exponent < math.inf:
        raise InputError(f"the exponent of priorities must not be negative, got {exponent}.")
    width = 1
    while width**3 < capacity:
        width += 1
    groups = -(-capacity // width**2)
    room = groups * width**2

    def init(item: PyTree) -> ReplayState:
        items = jax.tree.map(
            lambda leaf: jnp.zeros((capacity, *jnp.shape(leaf)), jnp.result_type(leaf)), item
        )
        return ReplayState(
            items,
            jnp.zeros((groups, width, width)),
            jnp.zeros((groups, width)),
            jnp.int32(0),
            jnp.int32(0),
            jnp.bool_(False),
        )

    def add(
        state: ReplayState, items: PyTree, valid: Array, terminal: Array, cut: Array
    ) -> ReplayState:
        steps = valid.shape[0]
        if steps > capacity:
            raise InputError(
                f"{steps} steps are added at once to a replay buffer of {capacity}: give it a "
                "larger capacity."
            )
        # One slot after another for the valid steps; the others' is out of range, and dropped.
        rank = jnp.cumsum(valid.astype(jnp.int32)) - 1
        slot = jnp.where(valid, (state.next + rank) % capacity, room)
        count = rank[-1] + 1
        written = jax.tree.map(
            lambda whole, new: whole.at[slot].set(new, mode="drop"), state.items, items
        )
        goes_on = valid & ~terminal & ~cut
        newest = rank == count - 1
        usable = valid & ~cut & ~(goes_on & newest)
        # A waiting item has its successor with the first that is written.
        before = (state.next - 1) % capacity
        weights = state.weights.reshape(-1)
        largest = jnp.max(weights)
        fresh = jnp.where(largest > 0, largest, 1.0)
        weights = weights.at[slot].set(jnp.where(usable, fresh, 0.0), mode="drop")
        waited = state.waits & (count > 0) & (count < capacity)  # else it was overwritten
        weights = weights.at[jnp.where(waited, before, room)].set(fresh, mode="drop")
        weights = weights.reshape(groups, width, width)
        return ReplayState(
            written,
            weights,
            jnp.sum(weights, axis=2),
            (state.next + count) % capacity,
            jnp.minimum(state.filled + count, capacity),
            jnp.where(count > 0, jnp.any(goes_on & newest), state.waits),
        )

    def sample(key: Array, state: ReplayState, n: int) -> Sample:
        totals = jnp.sum(state.sums, axis=1)
        group, rest = jax.vmap(_draw, (None, 0))(totals, jax.random.uniform(key, (n,)))
        row, rest = jax.vmap(_draw)(state.sums[group], rest)
        column, _ = jax.vmap(_draw)(state.weights[group, row], rest)
        index = (group * width + row) * width + column
        items = jax.tree.map(lambda leaf: leaf[index], state.items)
        after = (index + 1) % capacity
        return Sample(index, items, jax.tree.map(lambda leaf: leaf[after], state.items))

    def update(state: ReplayState, index: Array, td_error: Array) -> ReplayState:
        rows, column = jnp.divmod(index, width)
        group, row = jnp.divmod(rows, width)
        priority = jnp.minimum((jnp.abs(td_error) + EPSILON) ** exponent, LARGEST)
        before = state.weights[group, row, column]
        priority = jnp.where(jnp.isfinite(td_error), priority, before)
        weights = state.weights.at[group, row, column].set(priority)
        sums = state.sums.at[group, row].set(jnp.sum(weights[group, row], axis=1))
        return state._replace(weights=weights, sums=sums)

    return Replay(init, add, sample, update)


def replay_bytes(state: ReplayState) -> int:
    """Bytes of one seed's buffer, of its arrays or their shapes."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))


def _draw(weights: Array, share: Array) -> tuple[Array, Array]:
    """Where `share []` in [0, 1] of the sum of `weights [M]` falls, and at which share of it there.

    The entry is above 0, whatever the rounding of the cumulative sum, if any is.
    """
    cumulative = jnp.where(weights > 0, jnp.cumsum(weights), -1.0)
    total = jnp.max(cumulative)
    wanted = jnp.minimum(share * total, jnp.nextafter(total, 0.0))
    index = jnp.argmax(cumulative > wanted).astype(jnp.int32)
    below = cumulative[index] - weights[index]
    return index, jnp.clip((wanted - below) / weights[index], 0.0, 1.0)
