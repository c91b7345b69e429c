"""Strategies that ask where learners disagree, of bootstrap samples or of several kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import jax
import jax.numpy as jnp

from jal import scores, select
from jal.strategies.strategy import Registered, stateless
from jal.types import Array, InputError, Labels, Learner, PyTree, Round, Strategy

__all__ = ["bootstrap", "committee_kl", "members", "query_by_committee"]


def query_by_committee(
    members: int | Mapping[str, Learner] = 5,
    disagreement: Literal["vote_entropy", "consensus_kl", "consensus_entropy"] = "vote_entropy",
) -> Strategy:
    """Largest disagreement of learners: bagged ones, or others than the one that is measured.

    A committee (Seung et al., 1992) by bagging (Abe and Mamitsuka, 1998): learners trained anew on
    bootstrap samples of the labelled points. With few labels for each class, samples lack classes,
    and members disagree most on points of these, again and again. Or learners that are given, which
    all train on all labelled points, each from its variables of the round before; what a member
    prepares of the pool it prepares in every query.

    Args:
      members: how many bagged learners, trained one after another; or name -> Learner (in an
        experiment its config), the members themselves.
      disagreement: "vote_entropy" (Dagan and Engelson, 1995), of which a small committee has but a
        few values, so that many points tie; "consensus_kl" (McCallum and Nigam, 1998); or
        "consensus_entropy", of the mean prediction: of one member, uncertainty sampling by another
        learner than the one that is measured.

    Raises:
      InputError: for fewer than 2 members, none of "consensus_entropy", or another disagreement.
    """
    count = len(members) if isinstance(members, Mapping) else members
    if disagreement not in _SCORES:
        known = ", ".join(f'"{name}"' for name in _SCORES)
        raise InputError(f'disagreement must be one of {known}, got "{disagreement}".')
    least = 1 if disagreement == "consensus_entropy" else 2
    if count < least:
        raise InputError(
            f"members must be at least {least}, got {count}"
            f"{': one agrees with itself' if least == 2 else ''}."
        )

    def ranked(key: Array, round: Round, logits: Array, k_max: int) -> Array:
        score = jax.vmap(_SCORES[disagreement], in_axes=1)(logits)
        if disagreement == "vote_entropy":
            score = jnp.round(score * 1e5)  # what is equal but for rounding counts as equal
        return select.top_k(score, round.labelled, k_max, key=key)

    if isinstance(members, Mapping):
        return _of_learners(tuple(members.values()), ranked)

    def pick(key: Array, round: Round, k_max: int) -> Array:
        assert round.fit is not None and round.predict is not None
        fit, predict = round.fit, round.predict

        def member(key: Array) -> Array:
            key_draw, key_fit = jax.random.split(key)
            variables = fit(key_fit, bootstrap(key_draw, round.labels))
            return predict(variables, round.x).logits

        key_ties, key_members = jax.random.split(key)
        logits = jax.lax.map(member, jax.random.split(key_members, members))
        return ranked(key_ties, round, logits, k_max)

    return stateless(pick)._replace(uses_outputs=False)


def _of_learners(
    learners: tuple[Learner, ...], ranked: Callable[[Array, Round, Array, int], Array]
) -> Strategy:
    """Picks by the logits `[T, N, K]` of learners that train on all labelled points."""

    def init(key: Array, x: Array) -> tuple[PyTree, ...]:
        keys = jax.random.split(key, len(learners))
        return tuple(one.init(key, one.prepare(x)) for one, key in zip(learners, keys, strict=True))

    def pick(
        key: Array, state: tuple[PyTree, ...], round: Round, k_max: int
    ) -> tuple[Array, tuple[PyTree, ...]]:
        key_ties, key_members = jax.random.split(key)
        keys = jax.random.split(key_members, len(learners))
        fitted, logits = [], []
        for one, variables, key_fit in zip(learners, state, keys, strict=True):
            # Prepared in each round: kept, it would be a copy of the pool for each seed.
            data = one.prepare(round.x)
            variables, _ = one.fit(key_fit, variables, data, round.y, round.labels, one.hyper)
            fitted.append(variables)
            logits.append(one.predict(variables, round.x).logits)
        return ranked(key_ties, round, jnp.stack(logits), k_max), tuple(fitted)

    return Strategy(init, pick, uses_outputs=False)


def _consensus_entropy(logits: Array) -> Array:
    """Of the mean prediction of `logits [T, K]`, in nats."""
    return scores.entropy(jax.nn.logsumexp(jax.nn.log_softmax(logits, axis=1), axis=0))


_SCORES = {
    "vote_entropy": scores.vote_entropy,
    "consensus_kl": scores.consensus_kl,
    "consensus_entropy": _consensus_entropy,
}


def committee_kl(members: int = 5) -> Strategy:
    """`query_by_committee` with the mean divergence from the consensus.

    Args:
      members: as there.
    """
    return query_by_committee(members, "consensus_kl")


def bootstrap(key: Array, labels: Labels) -> Labels:
    """As many labelled points, drawn with replacement; a class may be absent among them.

    What is behind the first n stays as it is.
    """
    order, n = labels
    position = jnp.arange(order.shape[0])
    drawn = jax.random.randint(key, order.shape, 0, n)
    return Labels(order[jnp.where(position < n, drawn, position)], n)


_MEMBERS = "ours: the papers fix none; each costs a fit and a pass over the pool"
members = (
    Registered(
        query_by_committee,
        "Seung et al., 1992; Abe and Mamitsuka, 1998",
        ("x", "labels"),
        "N K T for T members, and T passes over the pool",
        trains="T learners on bootstrap samples, or given ones on all labels",
        defaults={
            "members": _MEMBERS,
            "disagreement": "paper: Dagan and Engelson, 1995; one of those in use",
        },
    ),
    Registered(
        committee_kl,
        "McCallum and Nigam, 1998",
        ("x", "labels"),
        "N K T for T members, and T passes over the pool",
        trains="T learners on bootstrap samples",
        defaults={"members": _MEMBERS},
    ),
)
