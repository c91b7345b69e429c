"""Strategies that ask where learners trained on bootstrap samples disagree."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp

from jal import scores, select
from jal.strategies.strategy import Registered, stateless
from jal.types import Array, InputError, Labels, Round, Strategy

__all__ = ["bootstrap", "committee_kl", "members", "query_by_committee"]


def query_by_committee(
    members: int = 5, disagreement: Literal["vote_entropy", "consensus_kl"] = "vote_entropy"
) -> Strategy:
    """Largest disagreement of learners trained anew on bootstrap samples of the labelled points.

    A committee (Seung et al., 1992) by bagging (Abe and Mamitsuka, 1998). With few labels for each
    class, samples lack classes, and members disagree most on points of these, again and again.

    Args:
      members: learners in the committee, trained one after another.
      disagreement: "vote_entropy" (Dagan and Engelson, 1995), of which a small committee has but a
        few values, so that many points tie; or "consensus_kl" (McCallum and Nigam, 1998).

    Raises:
      InputError: for fewer than 2 members, or another disagreement.
    """
    if members < 2:
        raise InputError(f"members must be at least 2, got {members}: one agrees with itself.")
    if disagreement not in ("vote_entropy", "consensus_kl"):
        raise InputError(
            f'disagreement must be "vote_entropy" or "consensus_kl", got "{disagreement}".'
        )

    def pick(key: Array, round: Round, k_max: int) -> Array:
        assert round.fit is not None and round.predict is not None
        fit, predict = round.fit, round.predict

        def member(key: Array) -> Array:
            key_draw, key_fit = jax.random.split(key)
            variables = fit(key_fit, bootstrap(key_draw, round.labels))
            return predict(variables, round.x).logits

        key_ties, key_members = jax.random.split(key)
        logits = jax.lax.map(member, jax.random.split(key_members, members))
        if disagreement == "consensus_kl":
            score = jax.vmap(scores.consensus_kl, in_axes=1)(logits)
            return select.top_k(score, round.labelled, k_max, key=key_ties)
        # What is equal but for rounding counts as equal.
        steps = jnp.round(jax.vmap(scores.vote_entropy, in_axes=1)(logits) * 1e5)
        return select.top_k(steps, round.labelled, k_max, key=key_ties)

    return stateless(pick)._replace(uses_outputs=False)


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
        trains="T learners on bootstrap samples",
        defaults={
            "members": _MEMBERS,
            "disagreement": "paper: Dagan and Engelson, 1995; one of the two in use",
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
