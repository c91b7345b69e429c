"""ALAMP, and its diversification for any score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jal import scores, select
from jal.select.ties import predicted_classes
from jal.strategies.strategy import Registered, stateless
from jal.types import Array, InputError, Round, Strategy

__all__ = ["alamp", "alamp_div", "diversified", "margin_div", "members", "random_div"]

Margin = Literal["probability", "decision"]


class _Before(NamedTuple):
    """Of the round before: margins `[N]`, predicted classes `[N]`, and how many there were `[]`."""

    margins: Array
    predictions: Array
    rounds: Array


def alamp(margin: Margin = "probability") -> Strategy:
    """Largest shift from certain to uncertain in one round (Aggarwal et al., 2022).

    The first query is the smallest margin's, for want of a round before.

    Args:
      margin: of the two largest probabilities (the paper's eq. 1) or decision values (its machine's
        own: an SVM's probabilities would need a random calibration).
    """

    def pick(key: Array, score: Array, classes: Array, round: Round, k_max: int) -> Array:
        return select.top_k(score, round.labelled, k_max, key=key)

    return _alamp(margin, pick)


def alamp_div(margin: Margin = "probability") -> Strategy:
    """ALAMP, in turns over the classes predicted a round ago (Aggarwal et al., 2022).

    The first query takes the classes predicted now.

    Args:
      margin: as in `alamp`.
    """

    def pick(key: Array, score: Array, classes: Array, round: Round, k_max: int) -> Array:
        return select.round_robin(score, classes, round.labelled, k_max, key=key)

    return _alamp(margin, pick)


def diversified(score: Callable[[Array, Round], Array]) -> Strategy:
    """Highest `score(key, round) -> [N]`, in turns over the classes predicted now."""

    def pick(key: Array, round: Round, k_max: int) -> Array:
        key_score, key_classes, key_ties = jax.random.split(key, 3)
        classes = predicted_classes(key_classes, round.logits)
        return select.round_robin(
            score(key_score, round), classes, round.labelled, k_max, key=key_ties
        )

    return stateless(pick)


def margin_div(margin: Margin = "probability") -> Strategy:
    """Smallest margin, in turns over the predicted classes (Aggarwal et al., 2022, 5.6).

    Args:
      margin: as in `alamp`.
    """
    gap = _gap(margin)
    return diversified(lambda key, round: -jax.vmap(gap)(round.logits))


def random_div() -> Strategy:
    """Random sampling, in turns over the predicted classes (Aggarwal et al., 2022, 5.6)."""
    return diversified(lambda key, round: jax.random.uniform(key, round.labelled.shape))


def _alamp(margin: Margin, pick: Callable[..., Array]) -> Strategy:
    gap = _gap(margin)

    def init(key: Array, x: Array) -> _Before:
        n = x.shape[0]
        return _Before(jnp.zeros(n), jnp.zeros(n, jnp.int32), jnp.int32(0))

    def choose(key: Array, before: _Before, round: Round, k_max: int) -> tuple[Array, _Before]:
        key_classes, key_ties = jax.random.split(key)
        predictions = predicted_classes(key_classes, round.logits)
        now = _Before(jax.vmap(gap)(round.logits), predictions, before.rounds + 1)
        first = before.rounds == 0
        score = jnp.where(first, -now.margins, jax.vmap(scores.alamp)(before.margins, now.margins))
        classes = jnp.where(first, now.predictions, before.predictions)
        return pick(key_ties, score, classes, round, k_max), now

    return Strategy(init, choose)


def _gap(margin: Margin) -> Callable[[Array], Array]:
    gaps = {"probability": scores.margin, "decision": scores.top_two_gap}
    if margin not in gaps:
        raise InputError(f"margin must be 'probability' or 'decision', got {margin!r}.")
    return gaps[margin]


_DEFAULTS = {"margin": "paper: eq. 1"}
members = (
    Registered(alamp, "Aggarwal et al., 2022", ("logits",), "N K", defaults=_DEFAULTS),
    Registered(
        alamp_div, "Aggarwal et al., 2022", ("logits",), "N (K + log N)", defaults=_DEFAULTS
    ),
    Registered(
        margin_div, "Aggarwal et al., 2022", ("logits",), "N (K + log N)", defaults=_DEFAULTS
    ),
    Registered(random_div, "Aggarwal et al., 2022", ("logits",), "N (K + log N)"),
)
