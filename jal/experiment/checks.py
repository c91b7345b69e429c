"""What must hold of an experiment on its data before anything is computed, in one sentence each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jal.data.dataset import Dataset
from jal.data.seed_splits import SeedSplits, of_seed
from jal.experiment.config import Experiment, metrics_of
from jal.experiment.config_file import one_line
from jal.experiment.data_config import draw_splits
from jal.experiment.form import shown
from jal.experiment.named_learners import build_learner, check_learner, folds_of, scaled_by_pool
from jal.experiment.queries import Learned, QueryConfig, learners_in, make
from jal.experiment.starts import Chosen, Indices
from jal.metrics import registry
from jal.strategies import registry as strategy_registry
from jal.types import Array, InputError, Learner, Strategy

__all__ = ["Checked", "check"]


class Checked(NamedTuple):
    """What an experiment names, found and built for its data.

    Attributes:
      learners: by name.
      strategies: of each cell, (learner, query), by names.
      metrics: functions of (logits, y) by name, the accuracy first.
      batches: query -> labels bought in each round; where it chooses them, the most.
      max_labels: that any cell may have.
      chooser: the strategy that the start names to choose the first labels; None without one.
      dataset: the pool and the test set; where each seed has its own, all examples as `whole`.
      splits: each seed's; None where all have one.
      notes: what may not be as it was meant, a sentence each, without a period.
    """

    learners: dict[str, Learner]
    strategies: dict[tuple[str, str], Strategy]
    metrics: dict[str, Callable[[Array, Array], Array]]
    batches: dict[str, tuple[int, ...]]
    max_labels: int
    chooser: Strategy | None
    dataset: Dataset
    splits: SeedSplits | None
    notes: tuple[str, ...]


def check(
    experiment: Experiment,
    dataset: Dataset,
    learned: Mapping[Learned, Strategy] | None,
    allow_code: bool,
) -> Checked:
    """Finds, builds and checks all that the experiment names; nothing is computed.

    Args:
      experiment: the config.
      dataset: the pool and the test set.
      learned: the strategies of trained agents; None where they are still to be trained, and what
        depends on them is left out.
      allow_code: whether modules that it names may be imported.

    Raises:
      InputError: with the first thing in `experiment` that cannot be run on `dataset`.
    """
    experiment.check()
    if dataset.rows is not None and len(dataset.rows) != len(dataset.train.y):
        raise InputError(
            f"the data set has {len(dataset.rows)} rows for {len(dataset.train.y)} training "
            "examples: choose examples by jal.data.take."
        )
    seeds = experiment.seed_numbers()
    held, splits = draw_splits(experiment.data, dataset, seeds, allow_code)
    if splits is not None:
        dataset = of_seed(held, splits, 0)
        _check_scaling(experiment)
    found = metrics_of(experiment.protocol, allow_code)
    _check_metrics(found, len(dataset.test.y), dataset.num_classes)
    for name, config in _every_learner(experiment).items():
        check_learner(name, config)
    points, classes, protocol = len(dataset.train.y), dataset.num_classes, experiment.protocol
    if splits is None or isinstance(protocol.start, Indices):
        y = dataset.train.y if splits is None else held.train.y[splits.pool]
        protocol.start.check(y, classes, len(seeds))
    else:
        for pool in splits.pool:
            protocol.start.check(held.train.y[pool], classes, len(seeds))
    initial = protocol.start.size(points, classes)

    def made_for(query: QueryConfig, max_labels: int) -> Strategy | None:
        if isinstance(query, Learned):
            return (learned or {}).get(query)
        return make(
            query,
            allow_code,
            lambda name, config: build_learner(name, config, dataset, max_labels, allow_code),
        )

    made = [made_for(query, points) for query in experiment.queries]
    chooser = _chooser(experiment, made, allow_code)
    batches: dict[str, tuple[int, ...]] = {}
    for query, strategy in zip(experiment.queries, made, strict=True):
        if strategy is None:
            continue
        chosen = _batches(experiment, query, strategy, points)
        _check_budget(experiment, query, chosen, initial, strategy.batch_size is None, points)
        if batches.get(query.name, chosen) != chosen:
            raise InputError(
                f"two queries are called {query.name} and buy by different batches: give one of "
                "them another name."
            )
        batches[query.name] = chosen
    max_labels = min(points, initial + max(map(sum, batches.values()), default=0))
    # How many labels there are follows from all strategies; then their own learners hold no more.
    made = [
        made_for(query, max_labels) if learners_in(query) else strategy
        for query, strategy in zip(experiment.queries, made, strict=True)
    ]
    learners = {
        name: build_learner(name, config, dataset, max_labels, allow_code)
        for name, config in experiment.learners.items()
    }
    if chooser is not None:
        for name, config in experiment.learners.items():
            _check_pair(name, config, learners[name], chooser.name, chooser, dataset.train.x)
    strategies = {}
    for learner, query in experiment.cells():
        strategy = made[experiment.queries.index(query)]
        if strategy is None:
            continue
        config = experiment.learners[learner]
        _check_pair(learner, config, learners[learner], query.name, strategy, dataset.train.x)
        strategies[learner, query.name] = strategy
    pools = held.train.y[None] if splits is None else held.train.y[splits.pool]
    notes = tuple(
        _few_for_folds(name, folds_of(config), pools, classes)
        for name, config in _every_learner(experiment).items()
    )
    notes = tuple(note for note in notes if note)
    return Checked(learners, strategies, found, batches, max_labels, chooser, held, splits, notes)


def _few_for_folds(name: str, folds: int, pools: np.ndarray, classes: int) -> str:
    """A sentence where a pool has examples of a class, but fewer than folds; else nothing."""
    counts = np.stack([np.bincount(y, minlength=classes) for y in pools])
    least = np.where(counts > 0, counts, np.iinfo(int).max).min(axis=0)
    rare = int(np.argmin(least))
    if least[rare] >= folds:
        return ""
    return (
        f"class {rare} has {least[rare]} of a pool's examples, fewer than the {folds} folds by "
        f"which {name} is cross-validated: some folds hold none of it"
    )


def _check_scaling(experiment: Experiment) -> None:
    """Raises InputError where a learner would be scaled by the pool of one seed alone."""
    for name, config in _every_learner(experiment).items():
        field = scaled_by_pool(config)
        if field:
            what = f"learners.{name}.{field}" if name in experiment.learners else f"its {field}"
            raise InputError(
                f"{name} is to be scaled by the pool, and each seed has its own: give {what} none, "
                "and data.standardise True."
            )


def _every_learner(experiment: Experiment) -> dict[str, Any]:
    """The configs of learners, and of those that queries bring along."""
    own = [learners_in(query) for query in experiment.queries]
    return {**experiment.learners, **{name: one for found in own for name, one in found.items()}}


def _chooser(
    experiment: Experiment, made: Sequence[Strategy | None], allow_code: bool
) -> Strategy | None:
    """The strategy that a chosen start names; InputError where one that is to choose cannot."""
    start = experiment.protocol.start
    if not isinstance(start, Chosen):
        return None
    named = start.query()
    chooser = None if named is None else make(named, allow_code)
    choosing = zip(experiment.queries, made, strict=True) if chooser is None else ()
    for query, strategy in choosing:
        if isinstance(query, Learned) or strategy is None or not _can_choose(strategy):
            raise _cannot_choose(query.name, ", or name one as the start's strategy")
    if chooser is not None and not _can_choose(chooser):
        raise _cannot_choose(chooser.name, "")
    return chooser


def _can_choose(strategy: Strategy) -> bool:
    return strategy.cold_start and strategy.auxiliary is None and strategy.parameters is None


def _cannot_choose(name: str, advice: str) -> InputError:
    able = ", ".join(name for name, one in strategy_registry.items() if one.cold_start)
    return InputError(
        f"{name} cannot choose the first labels, with nothing labelled: take one that can ({able}, "
        f"or your own whose Strategy says cold_start){advice}."
    )


def _check_metrics(found: Mapping[str, Any], points: int, classes: int) -> None:
    """Raises InputError for a function of one's own that is no metric."""
    shapes = (
        jax.ShapeDtypeStruct((points, classes), jnp.float32),
        jax.ShapeDtypeStruct((points,), jnp.int32),
    )
    for name, metric in found.items():
        if metric is registry.get(name):
            continue
        what = f"metric {name} must be a function of logits [M, K] and y [M] to a number, or to one"
        what = f"{what} for each class"
        if not callable(metric):
            raise InputError(f"{what}, got {shown(metric)}.")
        try:
            value = jax.eval_shape(lambda *arrays, metric=metric: metric(*arrays), *shapes)
        except Exception as error:  # of a user's own function
            says = one_line(f"{what}: {type(error).__name__}: {error}")
            raise InputError(f"{says.rstrip('.')}.") from error
        if len(getattr(value, "shape", (0, 0))) > 1:
            raise InputError(f"{what}, and gives {shown(value)}.")


def _batches(
    experiment: Experiment, query: QueryConfig, strategy: Strategy, points: int
) -> tuple[int, ...]:
    """Labels bought in each round; the most, of a strategy that chooses them."""
    if strategy.batch_size is None:
        return experiment.batches(query)
    if query.batch is not None:
        wanted = experiment.wanted(query)
        return (max(wanted),) * len(wanted)
    if strategy.largest is None:
        raise InputError(
            f"{query.name} chooses its batches and does not say their largest: give its Strategy "
            "`largest`, or its query a batch, the most that it may label."
        )
    return (strategy.largest(points),) * experiment.protocol.rounds


def _check_budget(
    experiment: Experiment,
    query: QueryConfig,
    batches: tuple[int, ...],
    start: int,
    scheduled: bool,
    points: int,
) -> None:
    rounds = experiment.protocol.rounds
    wanted = experiment.wanted(query) if scheduled else batches
    if len(wanted) != rounds:
        raise InputError(
            f"batch has {len(wanted)} numbers for {rounds} rounds: give one number, or one for "
            "each round."
        )
    if min(wanted) < 1:
        raise InputError(f"batch sizes of {query.name} must be at least 1, got {min(wanted)}.")
    # One that chooses its batches stops where the pool is exhausted.
    if start + sum(batches) > (points if scheduled else math.inf):
        raise InputError(
            f"{query.name} would buy {sum(batches)} labels in {rounds} rounds after the {start} it "
            f"starts with, but the pool has {points} examples: lower rounds, batch or budget."
        )


def _check_pair(
    name: str, config: Any, learner: Learner, query: str, strategy: Strategy, x: Any
) -> None:
    """Raises InputError where a learner has not what a strategy needs."""
    kind = type(config).__name__
    for need in strategy.needs:
        if getattr(learner, need, None) is not None:
            continue
        if need == "sample" and hasattr(config, "dropout"):
            raise InputError(
                f"{query} needs dropout: {name} has dropout 0; give learners.{name}.dropout 0.3."
            )
        what, takes = {
            "sample": ("dropout", "a network with dropout, such as MLP(dropout=0.3)"),
            "head": ("a last layer on features", "a network, LogisticRegression or LinearSVC"),
        }.get(need, (f"the learner's {need}", "another learner"))
        raise InputError(f"{query} needs {what}: {name} ({kind}) has none; take {takes}.")
    if strategy.auxiliary is None:
        return
    if learner.extend is None:
        raise InputError(
            f"{query} trains a part of its own in a network's steps: {name} ({kind}) is not "
            "trained by minibatches; take a network, such as MLP."
        )
    extended = learner.extend(strategy.auxiliary)
    try:
        jax.eval_shape(lambda x: extended.init(jax.random.key(0), extended.prepare(x)), x)
    except InputError as error:
        raise InputError(f"{query} with {name}: {error}") from error
