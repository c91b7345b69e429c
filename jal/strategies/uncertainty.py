"""Strategies that read one prediction of each point, and random sampling beside them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal import scores, select
from jal.strategies.strategy import Registered, by_score, stateless
from jal.types import Array, InputError, PyTree, Round, Strategy

__all__ = [
    "average_confidence",
    "decision_margin",
    "entropy",
    "least_confidence",
    "margin",
    "members",
    "random",
    "random_size",
]


def random() -> Strategy:
    """Uniform over the unlabelled points."""

    def pick(key: Array, round: Round, k_max: int) -> Array:
        return select.top_k(jax.random.uniform(key, round.labelled.shape), round.labelled, k_max)

    return stateless(pick)


def random_size(share: float = 1.0) -> Strategy:
    """As many random points as a number drawn uniformly says (ABAS-RAL's RS, Table 1).

    Args:
      share: of the unlabelled points, the most that one batch may label; at least one point.
    """
    if not 0 < share <= 1:
        raise InputError(f"random_size takes a share in (0, 1], got {share}.")

    def batch_size(key: Array, state: PyTree, round: Round) -> Array:
        del state
        left = jnp.int32(round.labelled.shape[0]) - round.labels.n
        most = jnp.maximum(jnp.floor(left * share + 1e-3).astype(jnp.int32), 1)
        return jax.random.randint(key, (), 1, most + 1)

    def largest(points: int) -> int:
        return max(int(points * share + 1e-3), 1)

    return random()._replace(batch_size=batch_size, largest=largest)


def least_confidence() -> Strategy:
    """Lowest largest probability (Lewis and Gale, 1994); the papers' "uncertainty"."""
    return by_score(scores.least_confidence)


def margin() -> Strategy:
    """Smallest gap between the two largest probabilities (Scheffer et al., 2001)."""
    return by_score(lambda logits: -scores.margin(logits))


def decision_margin() -> Strategy:
    """Smallest gap between the two largest decision values: the margin of a machine's own."""
    return by_score(lambda logits: -scores.top_two_gap(logits))


def entropy() -> Strategy:
    """Largest entropy of the prediction (Shannon, 1948)."""
    return by_score(scores.entropy)


def average_confidence() -> Strategy:
    """modAL's average confidence.

    The mean of a softmax is 1/K for every point, so that all points tie: rounding must not decide,
    and what remains is random sampling.
    """

    def pick(key: Array, round: Round, k_max: int) -> Array:
        score = jax.vmap(scores.average_confidence)(jax.nn.softmax(round.logits))
        # What is equal but for rounding counts as equal; from 1/K, which is no boundary then.
        steps = jnp.round((score - 1.0 / round.logits.shape[1]) * 1e5)
        # Of the same key the sample would be that of `random`, point by point.
        return select.top_k(steps, round.labelled, k_max, key=jax.random.fold_in(key, 1))

    return stateless(pick)


members = (
    Registered(random, "baseline", (), "N", cold_start=True),
    Registered(
        random_size,
        "ABAS-RAL",
        (),
        "N",
        defaults={"share": "ours: not given; means of 49 to 60 % of the pool are such draws'"},
        cold_start=True,
    ),
    Registered(least_confidence, "Lewis and Gale, 1994", ("logits",), "N K"),
    Registered(margin, "Scheffer et al., 2001", ("logits",), "N K"),
    Registered(decision_margin, "ALAMP", ("logits",), "N K"),
    Registered(entropy, "Shannon, 1948", ("logits",), "N K"),
    Registered(average_confidence, "modAL", ("logits",), "N K"),
)
