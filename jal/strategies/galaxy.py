"""GALAXY: bisection of the pool's order by margin."""

from __future__ import annotations

from jal import select
from jal.strategies.strategy import Registered, stateless
from jal.types import Array, Round, Strategy

__all__ = ["galaxy", "members"]


def galaxy() -> Strategy:
    """The middle between differently labelled points in each class's order by margin, in turns.

    GALAXY (Zhang et al., 2022). Within a batch, predictions stand for the labels to come. Each
    query draws the order of the classes anew.
    """

    def pick(key: Array, round: Round, k_max: int) -> Array:
        return select.galaxy(round.logits, round.y, round.labelled, k_max, key=key)

    return stateless(pick)


members = (Registered(galaxy, "Zhang et al., 2022", ("logits", "labels"), "N (K log N + b)"),)
