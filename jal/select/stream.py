"""Stream-based selection: points arrive one by one, and are bought where they pass a threshold."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jal.select.checks import check_pool, pad_picks, take_picks
from jal.select.options import counts, reals, takes
from jal.select.top_k import top_k
from jal.types import Array

__all__ = ["Bought", "stream_adaptive", "stream_fixed"]

_LEAST_STEP = 1e-4  # below it a threshold takes too long to fall, or never moves in float32


class Bought(NamedTuple):
    """What was bought of a stream, and where it stands.

    Attributes:
      picks: `[k]` int32, distinct unlabelled pool indices.
      position: `[]` int32, the place in the stream of the next arrival.
      threshold: `[]` float32, after the last arrival.
    """

    picks: Array
    position: Array
    threshold: Array


def _position(name: str, option: str, value: Any) -> None:
    if not hasattr(value, "ndim"):  # arrays, of NumPy's too, are taken as they are
        counts(0)(name, option, value)


@takes(position=_position, threshold=reals())
def stream_fixed(
    scores: Array,
    labelled: Array,
    k: int,
    *,
    order: Array,
    position: Array | int = 0,
    threshold: Array | float = 0.4,
) -> Bought:
    """The first k arrivals whose score is at least the threshold, as in modAL's stream example.

    The stream is `order`, from `position` on and round to it again. Where fewer than k pass, a
    second time through it would find nothing new: the threshold is lowered for the missing ones
    just as far as needed, so that they follow by falling score.

    Args:
      scores: `[N]` float, an uncertainty; NaN never passes and comes last.
      labelled: `[N]` bool; True does not arrive.
      k: how many, static; at most the number of unlabelled points.
      order: `[N]` int32, a permutation of the pool: the order of arrival.
      position: `[]` int32, where in `order` the next arrival stands.
      threshold: `[]` float; modAL's example has 0.4 on 1 - max p (Danka and Horvath, 2018).

    Returns:
      Bought; `picks` in order of arrival, as far as they pass. `threshold` is the one given.
    """
    labelled, scores, order = check_pool("stream_fixed", labelled, k, scores=scores, order=order)
    n, position = order.shape[0], jnp.asarray(position, jnp.int32)
    threshold = jnp.asarray(threshold, jnp.float32)
    order = jnp.roll(order, -position)
    arriving = scores[order]
    # All that pass tie, and ties go by place in the stream.
    place = top_k(jnp.minimum(arriving, threshold), labelled[order], k)
    enough = arriving.at[place[-1]].get(mode="fill", fill_value=-jnp.inf) >= threshold
    seen = jnp.where(enough, place[-1] + 1, 0)  # 0: all of it, and back again
    return Bought(
        take_picks(order, place, n),
        jnp.int32((position + seen) % n),
        threshold,
    )


@takes(
    position=_position,
    threshold=reals(above=0),
    s=reals(least=_LEAST_STEP, below=1, static=True),
)
def stream_adaptive(
    scores: Array,
    labelled: Array,
    k: int,
    *,
    order: Array,
    position: Array | int = 0,
    threshold: Array | float = 0.4,
    s: float = 0.01,
) -> Bought:
    """Arrivals that pass a threshold which moves: times 1 + s after a purchase, else times 1 - s.

    The variable uncertainty strategy (Zliobaite et al., 2014): where much is bought it becomes
    harder to pass, where nothing is, easier; so that about half of what arrives is bought in the
    long run. Theirs is a threshold on the confidence, which shrinks after a purchase; this one is
    on the uncertainty, which thus grows. Their limit on the share of the stream is k here.

    The stream is gone through again and again until k are bought; what was bought does not arrive
    again. At float32's smallest normal number the threshold stops falling and lets anything pass,
    scores of 0 too: the loop always ends.

    Args:
      scores: `[N]` float, an uncertainty, at least 0; NaN counts as 0.
      labelled: `[N]` bool; True does not arrive.
      k: how many, static; at most the number of unlabelled points.
      order: `[N]` int32, a permutation of the pool: the order of arrival.
      position: `[]` int32, where in `order` the next arrival stands.
      threshold: `[]` float, above 0: at the first arrival.
      s: the threshold's step, from 1e-4 to below 1.

    Returns:
      Bought; `picks` in order of arrival.
    """
    labelled, scores, order = check_pool("stream_adaptive", labelled, k, scores=scores, order=order)
    n, position = order.shape[0], jnp.asarray(position, jnp.int32)
    order = jnp.roll(order, -position)
    arrives = jnp.argsort(labelled[order], stable=True)  # unlabelled ones first
    arriving = scores[order[arrives]]
    free = jnp.sum(~labelled, dtype=jnp.int32)
    limits = jnp.finfo(jnp.float32)
    up, down = jnp.float32(1 + s), jnp.float32(1 - s)

    def more(carry: tuple[Array, ...]) -> Array:
        return carry[1] < jnp.minimum(k, free)

    def arrive(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        i, bought, threshold, taken, places = carry
        passes = (arriving[i] >= threshold) | (threshold <= limits.tiny)
        buys = passes & ~taken[i]
        moved = jnp.clip(threshold * jnp.where(buys, up, down), limits.tiny, limits.max)
        threshold = jnp.where(taken[i], threshold, moved)
        taken = taken.at[i].set(taken[i] | buys)
        places = places.at[jnp.where(buys, bought, k)].set(i, mode="drop")
        i = jnp.where(i + 1 < free, i + 1, 0)
        return i, bought + buys.astype(jnp.int32), threshold, taken, places

    start = (
        jnp.int32(0),
        jnp.int32(0),
        jnp.clip(jnp.asarray(threshold, jnp.float32), limits.tiny, limits.max),
        jnp.zeros(n, bool),
        jnp.arange(k, dtype=jnp.int32),
    )
    *_, threshold, _, places = jax.lax.while_loop(more, arrive, start)
    # A purchase was the last to arrive.
    last = arrives[places[jnp.maximum(jnp.minimum(k, free) - 1, 0)]]
    return Bought(
        pad_picks(order[arrives[places]], labelled),
        jnp.int32((position + last + 1) % n),
        threshold,
    )
