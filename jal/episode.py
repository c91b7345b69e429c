"""One active-learning episode: train, measure, select, label, again, as one pure function."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from jal.labels import label, labelled_mask, revealed
from jal.learners.capacity import at_capacity, capacities
from jal.strategies.strategy import initial_state
from jal.types import (
    Array,
    InputError,
    Labels,
    Learner,
    Outputs,
    Parameters,
    Pool,
    PyTree,
    Round,
    Strategy,
)

__all__ = ["Episode", "EpisodeState", "episode", "look"]

Evaluate = Callable[[Outputs, Array], dict[str, Array]]


class EpisodeState(NamedTuple):
    """What one seed carries from round to round.

    Attributes:
      key: `[]` typed PRNG key; round t uses `fold_in(key, t)`.
      labels: which pool points are labelled.
      variables: the learner's.
      strategy: the strategy's.
      metrics: name -> `[R + 1]` float32, or `[R + 1, K, K]` of a confusion, NaN in rounds to come.
        `finite` is 1 where all logits of the round, on the test set and those that the strategy
        saw, are numbers, and its auxiliary's scores; else 0.
    """

    key: Array
    labels: Labels
    variables: PyTree
    strategy: PyTree
    metrics: dict[str, Array]


class Episode(NamedTuple):
    """An episode as pure functions, unbatched in the seed.

    Attributes:
      init: `(key, order [N], n [], pool, data) -> EpisodeState`.
      run: `(state, start, stop, pool, data, test, hyper, schedule, parameters) -> EpisodeState`:
        rounds start to stop - 1 of 0..R, `data` being `learner.prepare(pool.x)`. Segments of
        any length are one program. `schedule [R + 1]` int32 is the number of labels in each round;
        where it is the same for all seeds, the number of labels stays a scalar under vmap.
        `parameters` are the strategy's, with this seed's own; None if left out.
      choose: `(key, state, n, x [N, ...], data, by=None) -> EpisodeState`: the first n labels,
        static, in place of those of `init`. The strategy picks them with nothing labelled, by the
        outputs of the state's variables, which nothing has trained; its state goes on. With `by`
        that strategy is asked instead, once. Either needs a `cold_start`.
    """

    init: Callable[..., EpisodeState]
    run: Callable[..., EpisodeState]
    choose: Callable[..., EpisodeState]


def episode(
    learner: Learner,
    strategy: Strategy,
    evaluate: Evaluate,
    rounds: int,
    k_max: int,
    evaluate_labelled: Evaluate | None = None,
) -> Episode:
    """An episode of R = `rounds` queries: R + 1 fits and measurements, with a query between two.

    Args:
      learner: fitted in every round, from the variables of the round before; extended by the
        strategy's auxiliary, if it has one.
      strategy: asked for `k_max` picks; the first k are labelled, k from the schedule or, where
        the strategy has a `batch_size`, from there.
      evaluate: `(Outputs on the test set, y) -> metrics`, scalars by name.
      rounds: R, static.
      k_max: the largest number of labels that any round may add, static.
      evaluate_labelled: likewise of outputs on the points that the fit has seen and some others,
        whose y is -1; not predicted if None.

    Raises:
      InputError: where the learner lacks what the strategy needs, and where an oracle's name does
        not say that it is one.
    """
    if strategy.auxiliary is not None:
        if learner.extend is None:
            raise InputError(
                f"{strategy.name} trains an auxiliary in a network's steps, and the learner is not "
                "trained by minibatches (its extend is None)."
            )
        learner = learner.extend(strategy.auxiliary)
    _check_needs(strategy, learner)
    if strategy.oracle and "oracle" not in strategy.name:
        raise InputError(
            f"{strategy.name} is given classes that nobody bought: its name must say so, such as "
            f"{strategy.name}_oracle."
        )

    def on_labelled(variables: PyTree, x: Array, y: Array, labels: Labels) -> dict[str, Array]:
        measure = evaluate_labelled
        if measure is None:
            return {}

        def at(size: int) -> dict[str, Array]:
            if size == x.shape[0]:  # y is -1 of all others: no copy of the pool
                return measure(learner.predict(variables, x), y)
            index = labels.order[:size]
            return measure(learner.predict(variables, x[index]), y[index])

        return at_capacity(capacities(x.shape[0]), labels.n, at)

    def init(key: Array, order: Array, n: Array, pool: Pool, data: PyTree) -> EpisodeState:
        key, key_learner, key_strategy = jax.random.split(key, 3)
        variables = learner.init(key_learner, data)
        labels = Labels(order, n)
        _, info = jax.eval_shape(
            lambda: learner.fit(key, variables, data, pool.y, labels, learner.hyper)
        )
        measured = jax.eval_shape(
            lambda: evaluate(learner.predict(variables, pool.x[:1]), pool.y[:1])
        )
        trained = jax.eval_shape(lambda: on_labelled(variables, pool.x, pool.y, labels))
        scalar = jax.ShapeDtypeStruct((), jnp.float32)
        shapes = {"labels": scalar, "finite": scalar, **measured, **trained, **info}
        metrics = {
            name: jnp.full((rounds + 1, *one.shape), jnp.nan) for name, one in shapes.items()
        }
        outputs = jax.eval_shape(lambda: learner.predict(variables, pool.x))
        own = initial_state(strategy, key_strategy, pool.x, outputs)
        return EpisodeState(key, labels, variables, own, metrics)

    def run(
        state: EpisodeState,
        start: Array,
        stop: Array,
        pool: Pool,
        data: PyTree,
        test: Pool,
        hyper: PyTree,
        schedule: Array,
        parameters: Parameters | None = None,
    ) -> EpisodeState:
        def one_round(t: Array, state: EpisodeState) -> EpisodeState:
            key_fit, key_select, key_size = jax.random.split(jax.random.fold_in(state.key, t), 3)
            y = revealed(pool.y, state.labels)
            variables, info = learner.fit(key_fit, state.variables, data, y, state.labels, hyper)
            tested = learner.predict(variables, test.x)
            measured = evaluate(tested, test.y)
            trained = on_labelled(variables, pool.x, y, state.labels)

            def query(labels: Labels, strategy_state: PyTree) -> tuple[Labels, PyTree, Array]:
                seen = look(
                    learner, variables, pool.x, data, y, labels, hyper, strategy.uses_outputs
                )._replace(parameters=parameters, truth=pool.y if strategy.oracle else None)
                picks, strategy_state = strategy.select(key_select, strategy_state, seen, k_max)
                if strategy.batch_size is None:
                    k = schedule[t + 1] - schedule[t]
                else:
                    k = jnp.clip(strategy.batch_size(key_size, strategy_state, seen), 1, k_max)
                return (
                    label(labels, picks, k),
                    strategy_state,
                    _all_finite(seen.logits, seen.auxiliary),
                )

            def nothing(labels: Labels, strategy_state: PyTree) -> tuple[Labels, PyTree, Array]:
                return labels, strategy_state, jnp.bool_(True)

            labels, strategy_state, finite = jax.lax.cond(
                t < rounds, query, nothing, state.labels, state.strategy
            )
            finite &= _all_finite(tested.logits)
            row = {"labels": state.labels.n, "finite": finite, **measured, **trained, **info}
            metrics = {name: state.metrics[name].at[t].set(row[name]) for name in state.metrics}
            return EpisodeState(state.key, labels, variables, strategy_state, metrics)

        if strategy.batch_size is None:
            # From the schedule, not from the state: unbatched where the schedule is.
            state = state._replace(labels=state.labels._replace(n=schedule[start]))
        return jax.lax.fori_loop(start, stop, one_round, state)

    def choose(
        key: Array, state: EpisodeState, n: int, x: Array, data: PyTree, by: Strategy | None = None
    ) -> EpisodeState:
        key_init, key_select = jax.random.split(key)
        chooser, carried = strategy, state.strategy
        if by is not None:
            _check_needs(by, learner)
            shapes = jax.eval_shape(lambda: learner.predict(state.variables, x))
            chooser, carried = by, initial_state(by, key_init, x, shapes)
        nothing = Labels(state.labels.order, jnp.int32(0))
        y = jnp.full(x.shape[0], -1, jnp.int32)
        seen = look(
            learner, state.variables, x, data, y, nothing, learner.hyper, chooser.uses_outputs
        )
        picks, after = chooser.select(key_select, carried, seen, n)
        labels = label(nothing, picks, n)._replace(n=jnp.int32(n))
        return state._replace(labels=labels, strategy=after if by is None else state.strategy)

    return Episode(init, run, choose)


def look(
    learner: Learner,
    variables: PyTree,
    x: Array,
    data: PyTree,
    y: Array,
    labels: Labels,
    hyper: PyTree,
    uses_outputs: bool | Array = True,
) -> Round:
    """The Round that a strategy sees.

    Args:
      learner: the classifier.
      variables: fitted.
      x: `[N, ...]` the pool's inputs.
      data: `learner.prepare(x)`.
      y: `[N]`, of `revealed`.
      labels: which points are labelled.
      hyper: the learner's hyper-parameters.
      uses_outputs: where False (static or traced) logits and features are zeros, and cost nothing.
    """

    def predict(variables: PyTree, x: Array) -> Outputs:
        return learner.predict(variables, x)

    def nothing(variables: PyTree, x: Array) -> Outputs:
        shapes = jax.eval_shape(predict, variables, x)
        return jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)

    if isinstance(uses_outputs, bool):
        outputs = (predict if uses_outputs else nothing)(variables, x)
    else:
        outputs = jax.lax.cond(uses_outputs, predict, nothing, variables, x)

    def sample(variables: PyTree, x: Array, key: Array) -> Outputs:
        assert learner.sample is not None
        return learner.sample(key, variables, x)

    def fit(data: PyTree, y: Array, hyper: PyTree, key: Array, labels: Labels) -> PyTree:
        key_init, key_fit = jax.random.split(key)
        return learner.fit(key_fit, learner.init(key_init, data), data, y, labels, hyper)[0]

    # Partial is a pytree: a Round passes through jit, vmap and switch like any other.
    return Round(
        x,
        y,
        labels,
        labelled_mask(labels),
        variables,
        outputs.logits,
        outputs.features,
        outputs.auxiliary,
        head=None if learner.head is None else Partial(learner.head, variables),
        sample=None if learner.sample is None else Partial(sample, variables, x),
        fit=Partial(fit, data, y, hyper),
        predict=Partial(learner.predict),
    )


def _check_needs(strategy: Strategy, learner: Learner) -> None:
    for need in strategy.needs:
        if getattr(learner, need) is None:
            raise InputError(f"{strategy.name} needs the learner's {need}, which is None.")


def _all_finite(*arrays: Array | None) -> Array:
    # Features need no look of their own, which would keep all of them: they make the logits so.
    present = [array for array in arrays if array is not None]
    return jnp.stack([jnp.all(jnp.isfinite(array)) for array in present]).all()
