"""SIMILAR: strategies that seek what is like the labelled points of rare classes."""

from __future__ import annotations

from collections.abc import Callable

from jal import select
from jal.strategies.strategy import Registered, stateless
from jal.types import Array, InputError, Round, Strategy

__all__ = ["fl1mi", "flqmi", "gcmi", "logdetmi", "members"]


def flqmi(*, eta: float = 1.0, max_queries: int = 256) -> Strategy:
    """Points most like the labelled ones of rare classes, all of these covered.

    SIMILAR (Kothawade et al., 2021) by facility location over the queries; the queries are the
    labelled points of classes with at most the median number of them: all, where labels are
    balanced.

    Args:
      eta: weight of relevance against coverage.
      max_queries: static bound on the queries; the rarest classes' stay.
    """
    _check("flqmi", eta, max_queries)

    return _selected(select.flqmi, eta=eta, max_queries=max_queries)


def fl1mi(*, eta: float = 1.0, max_queries: int = 256, sample: int = 2000) -> Strategy:
    """SIMILAR by facility location over the pool, as far as the queries resemble it.

    Args:
      eta: how far a pool point must be covered, relative to its likeness to the queries.
      max_queries: as for `flqmi`.
      sample: unlabelled points to be covered, drawn at random where there are more.
    """
    _check("fl1mi", eta, max_queries)
    if sample < 1:
        raise InputError(f"fl1mi takes a positive sample, got {sample}.")

    def pick(key: Array, round: Round, k_max: int) -> Array:
        return select.fl1mi(
            key,
            round.logits,
            round.features,
            round.y,
            round.labelled,
            k_max,
            eta=eta,
            max_queries=max_queries,
            sample=sample,
        )

    return stateless(pick)


def gcmi(*, max_queries: int = 256) -> Strategy:
    """SIMILAR by graph cut: the highest summed likeness to the queries, without diversity.

    Args:
      max_queries: as for `flqmi`.
    """
    _check("gcmi", 1.0, max_queries)

    return _selected(select.gcmi, max_queries=max_queries)


def logdetmi(*, eta: float = 1.0, ridge: float = 1.0, max_queries: int = 256) -> Strategy:
    """SIMILAR by log determinants: diverse points that the queries explain.

    Args:
      eta: weight of the queries, at most 1.
      ridge: added to the kernels' diagonals.
      max_queries: as for `flqmi`.
    """
    _check("logdetmi", eta, max_queries)
    if not (eta <= 1 and ridge > 0):
        raise InputError(f"logdetmi takes eta <= 1 and ridge > 0, got {eta} and {ridge}.")

    return _selected(select.logdetmi, eta=eta, ridge=ridge, max_queries=max_queries)


def _selected(selector: Callable[..., Array], **options: float) -> Strategy:
    """Of `selector(logits, features, y, labelled, k, **options)`."""

    def pick(key: Array, round: Round, k_max: int) -> Array:
        pool = round.logits, round.features, round.y, round.labelled
        return selector(*pool, k_max, key=key, **options)

    return stateless(pick)


def _check(name: str, eta: float, max_queries: int) -> None:
    if not eta >= 0:
        raise InputError(f"{name} takes an eta of 0 or more, got {eta}.")
    if max_queries < 1:
        raise InputError(f"{name} takes a positive max_queries, got {max_queries}.")


_READS = ("logits", "features", "labels")
_ETA = "code: DISTIL's"
_QUERIES = "ours: bounds memory at N x 256, or the square of it; the code takes all"
members = (
    Registered(
        flqmi,
        "Kothawade et al., 2021",
        _READS,
        "N Q (D + b), Q at most 256 queries",
        defaults={"eta": _ETA, "max_queries": _QUERIES},
    ),
    Registered(
        fl1mi,
        "Kothawade et al., 2021",
        _READS,
        "S (N + b) D, S at most 2,000 points",
        defaults={
            "eta": _ETA,
            "max_queries": _QUERIES,
            "sample": "ours: bounds memory at N x 2,000; the code's N x N is 10 GB at N = 50,000",
        },
    ),
    Registered(gcmi, "Kothawade et al., 2021", _READS, "N K D", defaults={"max_queries": _QUERIES}),
    Registered(
        logdetmi,
        "Kothawade et al., 2021",
        _READS,
        "N (D + Q + b) b",
        defaults={"eta": _ETA, "ridge": _ETA, "max_queries": _QUERIES},
    ),
)
