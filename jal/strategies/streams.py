"""Stream-based strategies: the pool arrives point by point, in an order drawn once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jal import scores
from jal.select import stream
from jal.select.options import check_options, reals
from jal.strategies.strategy import Registered
from jal.types import Array, InputError, Round, Strategy

__all__ = ["members", "stream_adaptive", "stream_fixed"]

Score = Literal["least_confidence", "margin", "entropy"]


class _Stream(NamedTuple):
    """The order of arrival `[N]`, the next arrival's place in it `[]`, the threshold `[]`."""

    order: Array
    position: Array
    threshold: Array


def stream_fixed(threshold: float = 0.4, score: Score = "least_confidence") -> Strategy:
    """Buys what arrives with an uncertainty of at least the threshold (modAL's stream example).

    As many as a pool-based strategy: where too few of the whole stream pass, the threshold is
    lowered for the missing ones as far as needed. Each query goes on where the one before stopped,
    by the count of the schedule's largest batch.

    Args:
      threshold: modAL's 0.4, in the score's unit.
      score: "least_confidence" (1 - max p), "margin" (1 minus it), or "entropy" (nats).
    """
    reals(above=0)("stream_fixed", "threshold", threshold)  # of scores that are at least 0

    def buy(seen: Array, state: _Stream, labelled: Array, k_max: int) -> stream.Bought:
        return stream.stream_fixed(
            seen, labelled, k_max,
            order=state.order, position=state.position, threshold=state.threshold,
        )  # fmt: skip

    return _streamed(threshold, score, buy)


def stream_adaptive(
    threshold: float = 0.4, s: float = 0.01, score: Score = "least_confidence"
) -> Strategy:
    """Buys what passes a threshold that rises with each purchase and else falls.

    Variable uncertainty (Zliobaite et al., 2014). The stream and the threshold go on from query to
    query, by the count of the schedule's largest batch.

    Args:
      threshold: at the start, in the score's unit.
      s: the threshold is multiplied by 1 + s after a purchase, by 1 - s otherwise.
      score: as in `stream_fixed`.
    """
    check_options("stream_adaptive", stream.stream_adaptive, {"threshold": threshold, "s": s})

    def buy(seen: Array, state: _Stream, labelled: Array, k_max: int) -> stream.Bought:
        return stream.stream_adaptive(
            seen, labelled, k_max,
            order=state.order, position=state.position, threshold=state.threshold, s=s,
        )  # fmt: skip

    return _streamed(threshold, score, buy)


def _streamed(
    threshold: float, score: Score, buy: Callable[[Array, _Stream, Array, int], stream.Bought]
) -> Strategy:
    uncertainties: dict[str, Callable[[Array], Array]] = {
        "least_confidence": scores.least_confidence,
        "margin": lambda logits: 1.0 - scores.margin(logits),
        "entropy": scores.entropy,
    }
    if score not in uncertainties:
        raise InputError(f"score must be one of {', '.join(uncertainties)}, got {score!r}.")

    def init(key: Array, x: Array) -> _Stream:
        order = jax.random.permutation(key, x.shape[0]).astype(jnp.int32)
        return _Stream(order, jnp.int32(0), jnp.float32(threshold))

    def choose(key: Array, state: _Stream, round: Round, k_max: int) -> tuple[Array, _Stream]:
        seen = jax.vmap(uncertainties[score])(round.logits)
        picks, position, threshold = buy(seen, state, round.labelled, k_max)
        return picks, _Stream(state.order, position, threshold)

    return Strategy(init, choose)


members = (
    Registered(
        stream_fixed,
        "Danka and Horvath, 2018",
        ("logits",),
        "N K",
        defaults={"threshold": "code: modAL's example", "score": "code: modAL's example"},
    ),
    Registered(
        stream_adaptive,
        "Zliobaite et al., 2014",
        ("logits",),
        "N (K + log N)",
        defaults={
            "threshold": "ours: stream_fixed's, from which it moves by a hundredth a point",
            "s": "paper",
            "score": "paper",
        },
    ),
)
