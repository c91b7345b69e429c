"""Ways to make a Strategy: from a selector, from a score, from several; and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.select import top_k
from jal.types import Array, InputError, Outputs, PyTree, Round, Strategy

__all__ = [
    "Registered",
    "by_score",
    "check_positive",
    "initial_state",
    "is_shareable",
    "one_of",
    "stateless",
]

_OUTPUTS = frozenset({"logits", "features", "auxiliary"})
_OPTIONAL = frozenset({"head", "sample"})  # what not every learner has


class Registered(NamedTuple):
    """A member of the registry; calling it makes the Strategy.

    Attributes:
      make: the factory; its options have defaults.
      paper: where the strategy comes from.
      reads: the Round's fields that decide, beside which points are labelled: from them follow the
        Strategy's `uses_outputs` and `needs`.
      cost: of one query, beyond a pass of the learner over the pool; N points, D features, K
        classes, L labels, b picks, T passes.
      trains: what it trains of its own; "" for nothing.
      defaults: for each option of `make` where its default comes from: "paper", "code" (what the
        authors published) or "ours", a colon and more words where these are not all.
      cold_start: the Strategy's.
    """

    make: Callable[..., Strategy]
    paper: str
    reads: tuple[str, ...]
    cost: str
    trains: str = ""
    defaults: Mapping[str, str] = MappingProxyType({})
    cold_start: bool = False

    @property
    def name(self) -> str:
        """In the registry."""
        return self.make.__name__

    def __call__(self, **options: object) -> Strategy:
        """The strategy with these options of `make`."""
        made = self.make(**options)
        return made._replace(
            uses_outputs=not _OUTPUTS.isdisjoint(self.reads),
            needs=made.needs | _OPTIONAL.intersection(self.reads),
            cold_start=made.cold_start or self.cold_start,
            name=self.name,
        )


def stateless(select: Callable[[Array, Round, int], Array]) -> Strategy:
    """A Strategy without state from `select(key, round, k_max) -> picks [k_max]`."""
    return Strategy(
        init=lambda key, x: (),
        select=lambda key, state, round, k_max: (select(key, round, k_max), state),
    )


def by_score(score: Callable[[Array], Array]) -> Strategy:
    """Picks the highest `score(logits [K]) -> []`, an unbatched function; ties at random."""

    def pick(key: Array, round: Round, k_max: int) -> Array:
        return top_k(jax.vmap(score)(round.logits), round.labelled, k_max, key=key)

    return stateless(pick)


def check_positive(name: str, **options: float | tuple[int, ...] | None) -> None:
    """Raises InputError for the first option of `name` that is given and not above 0, all of it."""
    for option, value in options.items():
        values = value if isinstance(value, tuple) else (value,)
        if not all(one is None or one > 0 for one in values):
            raise InputError(f"{name} takes a positive {option}, got {value}.")


def initial_state(strategy: Strategy, key: Array, x: Array, outputs: Outputs) -> PyTree:
    """The state before the first round, of a pool `x [N, ...]` and the shapes of outputs on it."""
    if strategy.init_from is None:
        return strategy.init(key, x)
    return strategy.init_from(key, outputs)


def one_of(strategies: Sequence[Strategy], index: Array) -> Strategy:
    """The strategy at a traced index: many share one compiled episode, and only one runs.

    Args:
      strategies: one, or several that all follow the experiment's schedule and have nothing of
        their own (ValueError where one of several is not `is_shareable`).
      index: `[]` int32; a scalar for all seeds, since a batched one runs every branch.
    """
    if len(strategies) == 1:
        return strategies[0]
    if not all(is_shareable(strategy) for strategy in strategies):
        raise ValueError(
            "one_of takes strategies without a batch_size, auxiliary, parameters or init_from, and "
            "no oracle."
        )

    def init(key: Array, x: Array) -> tuple[PyTree, ...]:
        return tuple(strategy.init(key, x) for strategy in strategies)

    def select(key: Array, states: tuple[PyTree, ...], round: Round, k_max: int):
        def branch(i: int):
            def run(key: Array, states: tuple[PyTree, ...], round: Round):
                picks, state = strategies[i].select(key, states[i], round, k_max)
                return picks, (*states[:i], state, *states[i + 1 :])

            return run

        branches = [branch(i) for i in range(len(strategies))]
        return jax.lax.switch(index, branches, key, states, round)

    uses = [strategy.uses_outputs for strategy in strategies]
    same = all(use is uses[0] for use in uses)
    return Strategy(
        init,
        select,
        uses_outputs=uses[0] if same else jnp.asarray(uses)[index],
        needs=frozenset().union(*(strategy.needs for strategy in strategies)),
        cold_start=all(strategy.cold_start for strategy in strategies),
    )


def is_shareable(strategy: Strategy) -> bool:
    """Whether the strategy can be a member of `one_of`."""
    own = (strategy.batch_size, strategy.auxiliary, strategy.parameters, strategy.init_from)
    return not strategy.oracle and all(one is None for one in own)
