"""BRAL-T: a reward learned among labelled points ranks the pool's clusters; and its two bounds."""

from __future__ import annotations

import inspect
from typing import Any, Literal, NamedTuple, get_type_hints

import jax
import jax.numpy as jnp

from jal import select
from jal.bral_t import (
    Policy,
    Reward,
    Seen,
    check_policy,
    choose,
    error_scores,
    init_reward,
    learn,
    rank_by_reward,
    rank_by_rival,
    rank_by_truth,
)
from jal.select.lanes import in_any_lane
from jal.select.options import counts, each
from jal.select.ties import predicted_classes
from jal.strategies.strategy import Registered, stateless
from jal.types import Array, InputError, Outputs, Round, Strategy

__all__ = ["bral_t", "gradnd_oracle", "members", "pseudo_score"]


class _Agent(NamedTuple):
    """The reward network of an earlier round, and how many rounds `[]` there were."""

    reward: Reward
    rounds: Array


def bral_t(retrain: tuple[int, ...] | None = None, **options: Any) -> Strategy:
    """Sub-clusters of the pool in the order of a reward learned from labelled points (BRAL-T).

    In every round a network learns, from pairs of subsets of the labelled points, how near a
    sub-cluster is to the TrustSet, the points of each class whose loss has the largest gradient, by
    SuperLoss hard ones that are not hopeless; it then ranks the sub-clusters of the pool. All of it
    is part of the round's compiled program. The TrustSet stands for a batch of the query's largest.

    Args:
      retrain: rounds, counted from 0, in which the reward is learned anew, and kept till the next
        of them; None for every round, (0, 20) for the paper's two agents.
    """
    policy = Policy(**options)
    check_policy("bral_t", options)
    if retrain is not None:
        _check_retrain(retrain)
        if policy.ranking != "learned":
            raise InputError(
                f'bral_t takes retrain with ranking "learned", got {policy.ranking!r}.'
            )

    def pick(key: Array, round: Round, k_max: int) -> Array:
        key_learn, key_choose = jax.random.split(key)
        seen = _seen(round)
        if policy.ranking == "learned":
            rank = rank_by_reward(learn(key_learn, seen, k_max, policy)[0])
        else:
            rank = rank_by_rival(seen, policy)
        return choose(key_choose, rank, seen, k_max, policy)

    if retrain is None:
        return stateless(pick)
    anew = jnp.asarray(retrain, jnp.int32)

    def init_from(key: Array, outputs: Outputs) -> _Agent:
        wide = outputs.features.shape[1] * (6 if policy.use_labelled_cluster else 4)
        return _Agent(init_reward(key, wide, policy.hidden), jnp.int32(0))

    def reuse(key: Array, agent: _Agent, round: Round, k_max: int) -> tuple[Array, _Agent]:
        key_learn, key_choose = jax.random.split(key)
        seen, due = _seen(round), jnp.any(anew == agent.rounds)

        def learned() -> Reward:
            new = learn(key_learn, seen, k_max, policy)[0]
            return jax.tree.map(lambda new, old: jnp.where(due, new, old), new, agent.reward)

        reward = jax.lax.cond(in_any_lane(due), learned, lambda: agent.reward)
        picks = choose(key_choose, rank_by_reward(reward), seen, k_max, policy)
        return picks, _Agent(reward, agent.rounds + 1)

    return Strategy(lambda key, x: (), reuse, init_from=init_from)


def pseudo_score(curriculum: bool = True, lambda_: float = 1.0) -> Strategy:
    """Largest gradient under the predicted class, BRAL-T's score without its policy (Table 4).

    Args:
      curriculum: whether errors are weighed by SuperLoss's sigma.
      lambda_: SuperLoss's.
    """
    options = {"curriculum": curriculum, "lambda_": lambda_}
    check_policy("pseudo_score", options)

    def pick(key: Array, round: Round, k_max: int) -> Array:
        key_classes, key_ties = jax.random.split(key)
        classes = predicted_classes(key_classes, round.logits)
        scores = error_scores(round.logits, classes, Policy(**options))
        return select.top_k(scores, round.labelled, k_max, key=key_ties)

    return stateless(pick)


def gradnd_oracle(
    ranking: Literal["points", "clusters"] = "points",
    curriculum: bool = True,
    lambda_: float = 1.0,
    clusters: int | None = None,
    actions: int = 5,
    distance: Literal["sinkhorn", "gaussian"] = "sinkhorn",
    members_of_set: int = 32,
) -> Strategy:
    """The pool's own TrustSet, by classes that nobody bought: a bound for BRAL-T (Figure 8).

    Args:
      ranking: "points": those of the largest gradient, in turns over their true classes;
        "clusters": BRAL-T's sub-clusters in the order of their true rewards, which a perfect
        network would predict (ours).
      curriculum: whether errors are weighed by SuperLoss's sigma.
      lambda_: SuperLoss's.
      clusters: as in `bral_t`; this and the rest are not read with "points".
      actions: likewise.
      distance: likewise.
      members_of_set: likewise.
    """
    options = {"curriculum": curriculum, "lambda_": lambda_, "clusters": clusters}
    options |= {"actions": actions, "distance": distance, "members_of_set": members_of_set}
    if ranking not in ("points", "clusters"):
        raise InputError(f'gradnd_oracle takes ranking as "points" or "clusters", got {ranking!r}.')
    check_policy("gradnd_oracle", options)
    policy = Policy(**options, use_labelled_cluster=False)

    def pick(key: Array, round: Round, k_max: int) -> Array:
        if round.truth is None:
            raise ValueError("gradnd_oracle needs the round's truth, the classes of all points.")
        if ranking == "points":
            scores = error_scores(round.logits, round.truth, policy)
            return select.round_robin(scores, round.truth, round.labelled, k_max, key=key)
        seen = _seen(round)
        return choose(key, rank_by_truth(seen, round.truth, k_max, policy), seen, k_max, policy)

    return stateless(pick)._replace(oracle=True)


def _seen(round: Round) -> Seen:
    return Seen(round.logits, round.features, round.y, round.labelled)


def _check_retrain(rounds: tuple[int, ...]) -> None:
    each(counts(0))("bral_t", "retrain", rounds)
    if rounds[0] != 0 or list(rounds) != sorted(set(rounds)):
        raise InputError(
            f"bral_t takes retrain as ascending rounds from 0 on, such as (0, 20), got {rounds!r}."
        )


def _with_policy(make: Any) -> None:
    """In place of `**options` the Policy's fields, in the signature and in the docstring."""
    hints = get_type_hints(Policy)
    named = [p for p in inspect.signature(make).parameters.values() if p.kind != p.VAR_KEYWORD]
    named += [
        inspect.Parameter(
            field, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[field]
        )
        for field, default in Policy._field_defaults.items()
    ]
    vars(make)["__signature__"] = inspect.Signature(named, return_annotation=Strategy)
    make.__annotations__ = {p.name: p.annotation for p in named} | {"return": Strategy}
    explained = (inspect.getdoc(Policy) or "").partition("Attributes:\n")[2]
    make.__doc__ = f"{inspect.getdoc(make)}\n{explained}\n"


_with_policy(bral_t)

_PAPER = "Anonymous, 2025 (BRAL-T)"
_ERRORS = {
    "curriculum": "paper",
    "lambda_": "paper: of most of its data sets; .25 of EMNIST, CIFAR-100 and TinyImageNet",
}
_CLUSTERS = {
    "clusters": "paper: its Table 5",
    "actions": "paper",
    "distance": "ours: the paper's Wasserstein distance, of sets, by an algorithm of our choice",
    "members_of_set": "ours: it bounds the time",
}
members = (
    Registered(
        bral_t,
        _PAPER,
        ("logits", "features", "y"),
        "N D C (A + log C) + C C, and 30 times as much for min(L, max(20 C A, 1000)) points",
        "a network of two layers of 512 units, by 600 steps of SGD in a query",
        {
            "retrain": "paper",
            "samples": "paper",
            "steps": "paper",
            "batch_size": "paper",
            "learning_rate": "paper",
            "hidden": "paper",
            **_ERRORS,
            "trust": "paper",
            "use_labelled_cluster": "paper",
            **_CLUSTERS,
            "selection": "ours: the paper goes through a state's actions, and leaves shares open",
            "ranking": "paper",
            "share": "ours: the paper has L' much smaller than U'",
            "size": "ours: it bounds time and memory",
        },
    ),
    Registered(pseudo_score, _PAPER, ("logits",), "N (K + log N)", defaults=_ERRORS),
    Registered(
        gradnd_oracle,
        _PAPER,
        ("truth", "logits", "features", "y"),
        "N (K + log N); as `bral_t` with clusters",
        defaults={"ranking": "paper", **_ERRORS, **_CLUSTERS},
    ),
)
