"""What every query strategy must do."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jal.strategies.strategy import initial_state
from jal.testing.rounds import linear_round
from jal.types import Array, Outputs, PyTree, Round, Strategy

__all__ = ["check_strategy"]

_POINTS, _LABELLED, _PICKS = 60, 12, 7
_KEYS = 100  # of the test that copies are picked equally often
_FALSE_ALARM = 1e-6


def check_strategy(make: Callable[[], Strategy], *, ties_at_random: bool = True) -> None:
    """Raises AssertionError with the first thing that the strategy does not keep.

    Picks are distinct unlabelled points, in int32, and N after the last of them, also where fewer
    are left than asked for, where all scores are equal, where labels are of two classes alone,
    where a point is not a number and, of a `cold_start`, where nothing is labelled; they are the
    same for the same key, under jit and under vmap, and whatever the logits and features are where
    `uses_outputs` is False; the state keeps its shapes from round to round; batch sizes are in
    1..k_max.

    Args:
      make: without arguments; `functools.partial` gives it options.
      ties_at_random: whether copies of a point must be picked equally often, wherever they stand;
        False for a strategy that says it goes by position.
    """
    strategy = make()

    @jax.jit
    def select(key: Array, round: Round) -> tuple[Array, PyTree]:
        state = _state(strategy, jax.random.fold_in(key, 1), round)
        return strategy.select(key, state, _with_parameters(strategy, round), _PICKS)

    key = jax.random.key(7)
    nothing = (0,) if strategy.cold_start else ()
    for left in (_POINTS - _LABELLED, _PICKS, _PICKS - 2, *(_POINTS - n for n in nothing)):
        for copies in (None, 1):
            for seen in (None, 2):
                round_ = linear_round(
                    jax.random.key(0), labelled=_POINTS - left, seen=seen, copies=copies
                )
                where = f"with {left} points left" + (", all of them equal" if copies else "")
                _check_picks(select(key, round_)[0], round_, left, where)
    round_ = linear_round(jax.random.key(0))
    _check_not_a_number(select, key, round_)
    picks = select(key, round_)[0]
    if not np.array_equal(picks, select(key, round_)[0]):
        raise AssertionError("the same key and round must give the same picks.")
    _check_vmap(select)
    if strategy.uses_outputs is False:
        other = round_._replace(logits=round_.logits[::-1] ** 3, features=round_.features[::-1])
        if not np.array_equal(picks, select(key, other)[0]):
            raise AssertionError(
                "uses_outputs is False, and the picks change with the logits and features."
            )
    _check_state(strategy, round_)
    if strategy.batch_size is not None:
        _check_batch_size(strategy, round_)
    for labelled in (_LABELLED, *nothing) if ties_at_random else ():
        _check_copies(select, labelled)


def _state(strategy: Strategy, key: Array, round: Round) -> PyTree:
    """Before the first round."""
    shapes = jax.eval_shape(lambda: Outputs(round.logits, round.features))
    return initial_state(strategy, key, round.x, shapes)


def _with_parameters(strategy: Strategy, round: Round) -> Round:
    """With what the strategy brings along, as its first seed has it."""
    if strategy.parameters is None:
        return round
    own = jax.tree.map(lambda leaf: leaf[0], strategy.parameters.own)
    return round._replace(parameters=strategy.parameters._replace(own=own))


def _check_picks(picks: Array, round: Round, left: int, where: str) -> None:
    if picks.shape != (_PICKS,) or picks.dtype != jnp.int32:
        raise AssertionError(
            f"picks must be int32 [{_PICKS}], as many as asked for, got {picks.dtype} "
            f"{list(picks.shape)}."
        )
    chosen, rest = np.asarray(picks[:left]), np.asarray(picks[left:])
    if len(set(chosen.tolist())) < len(chosen):
        raise AssertionError(f"picks must be distinct, got {chosen.tolist()} {where}.")
    if chosen.min() < 0 or chosen.max() >= _POINTS or np.asarray(round.labelled)[chosen].any():
        raise AssertionError(
            f"picks must be unlabelled points of the {_POINTS}, got {chosen.tolist()} {where}."
        )
    if (rest != _POINTS).any():
        raise AssertionError(
            f"after the last unlabelled point picks must be N = {_POINTS}, got {rest.tolist()} "
            f"{where}."
        )


def _check_not_a_number(select: Callable, key: Array, round: Round) -> None:
    spoilt = int(np.flatnonzero(~np.asarray(round.labelled))[3])
    assert round.auxiliary is not None
    nan = {
        "x": round.x.at[spoilt].set(jnp.nan),
        "logits": round.logits.at[spoilt].set(jnp.nan),
        "features": round.features.at[spoilt].set(jnp.nan),
        "auxiliary": round.auxiliary.at[spoilt].set(jnp.nan),
    }
    picks = select(key, round._replace(**nan))[0]
    _check_picks(picks, round, _POINTS - _LABELLED, "where one point is not a number")


def _check_vmap(select: Callable) -> None:
    rounds = [linear_round(jax.random.key(seed)) for seed in range(3)]
    keys = jax.random.split(jax.random.key(1), 3)
    alone = [select(key, one)[0] for key, one in zip(keys, rounds, strict=True)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rounds)
    together = jax.jit(jax.vmap(select))(keys, stacked)[0]
    if not np.array_equal(together, np.stack(alone)):
        raise AssertionError(
            f"under vmap over seeds picks must be those of each seed alone, got "
            f"{np.asarray(together).tolist()} for {np.stack(alone).tolist()}."
        )


def _check_state(strategy: Strategy, round: Round) -> None:
    def shapes(state: PyTree) -> PyTree:
        return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state)

    def before_and_after(round: Round) -> tuple[PyTree, PyTree]:
        state = _state(strategy, jax.random.key(0), round)
        seen = _with_parameters(strategy, round)
        return state, strategy.select(jax.random.key(1), state, seen, _PICKS)[1]

    # Run without jit, this would compile each operation.
    before, after = jax.eval_shape(before_and_after, round)
    if jax.tree.structure(before) != jax.tree.structure(after) or shapes(before) != shapes(after):
        raise AssertionError(
            f"a state must keep its shapes and dtypes, got {shapes(after)} after {shapes(before)}."
        )


def _check_batch_size(strategy: Strategy, round: Round) -> None:
    assert strategy.batch_size is not None
    state = _state(strategy, jax.random.key(0), round)
    for seed in range(10):
        size = strategy.batch_size(jax.random.key(seed), state, _with_parameters(strategy, round))
        if jnp.shape(size) != () or not jnp.issubdtype(jnp.result_type(size), jnp.integer):
            raise AssertionError(f"a batch size must be an integer [], got {size}.")
        most = None if strategy.largest is None else strategy.largest(_POINTS)
        if int(size) < 1 or (most is not None and int(size) > most):
            raise AssertionError(
                f"a batch size must be at least 1 and at most largest(N) = {most}, got {size}."
            )


def _check_copies(select: Callable, labelled: int) -> None:
    """A point's copies are exchangeable: their counts over keys are as even as chance has them."""
    keys = jax.random.split(jax.random.key(11), _KEYS)
    for copies in (1, 2):
        round_ = linear_round(jax.random.key(0), labelled=labelled, copies=copies)
        picks = np.ravel([select(key, round_)[0] for key in keys])
        counts = np.bincount(picks, minlength=_POINTS)[:_POINTS]
        free, kind = ~np.asarray(round_.labelled), np.arange(_POINTS) * copies // _POINTS
        groups = [counts[free & (kind == one)] for one in range(copies)]
        groups = [group for group in groups if group.any()]
        # Without repetition in a batch: the variance is less than chi-square's.
        found = sum(((group - group.mean()) ** 2).sum() / group.mean() for group in groups)
        freedom = sum(len(group) - 1 for group in groups)
        if found > stats.chi2.ppf(1 - _FALSE_ALARM, freedom):
            raise AssertionError(
                "copies of a point must be picked equally often, wherever they stand: order ties "
                "by the key, as jal.select.top_k(..., key=key) does."
            )
