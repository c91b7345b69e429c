"""Strategies that spread their picks in feature or gradient space."""

from __future__ import annotations

from jal import select
from jal.strategies.strategy import Registered, stateless
from jal.types import Array, Round, Strategy

__all__ = ["badge", "k_center", "kmeans", "members"]


def k_center() -> Strategy:
    """CoreSet's greedy k-center on the features (Sener and Savarese, 2018)."""
    return stateless(
        lambda key, round, k_max: select.k_center(round.features, round.labelled, k_max, key=key)
    )


def kmeans() -> Strategy:
    """The points nearest to the centroids of k-means on the features.

    There are k_max clusters, the largest coming first: where a schedule's batches differ from round
    to round, as many as its largest.
    """
    return stateless(
        lambda key, round, k_max: select.kmeans(key, round.features, round.labelled, k_max)
    )


def badge() -> Strategy:
    """k-means++ sampling of last-layer gradients (Ash et al., 2020)."""

    def pick(key: Array, round: Round, k_max: int) -> Array:
        return select.badge(key, round.logits, round.features, round.labelled, k_max)

    return stateless(pick)


members = (
    Registered(k_center, "Sener and Savarese, 2018", ("features",), "N D (L + b)"),
    Registered(kmeans, "Lloyd, 1982", ("features",), "N D b per iteration"),
    Registered(badge, "Ash et al., 2020", ("logits", "features"), "N (D + K) b"),
)
