"""What must hold before anything is computed; each violation is one sentence."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping

import jax
import numpy as np

from jal import metrics
from jal.data.sources import Dataset
from jal.experiment.agent_configs import Saved
from jal.experiment.config import RARE_SHARE, Experiment
from jal.experiment.learner_configs import LearnerConfig
from jal.experiment.strategy_options import (
    Factories,
    check_options,
    known_strategies,
    largest_batches,
    make_strategies,
)
from jal.types import InputError, Learner, Pool, Strategy

__all__ = ["check", "check_agents", "check_pair"]

LONGEST = 100  # of a name, in bytes: file systems allow 255, of which folders take more than one
POSITIVE = ("C", "batch_size", "epochs", "learning_rate", "folds", "max_steps", "predict_batch")


def check(experiment: Experiment, dataset: Dataset, factories: Factories) -> Experiment:
    """The experiment, whose `batch_of` has the largest batch of strategies that choose theirs.

    Args:
      experiment: the config.
      dataset: the pool and the test set.
      factories: of strategies.

    Raises:
      InputError: with the first thing in `experiment` that cannot be run on `dataset`.
    """
    if dataset.rows is not None and len(dataset.rows) != len(dataset.train.y):
        raise InputError(
            f"the data set has {len(dataset.rows)} rows for {len(dataset.train.y)} training "
            "examples: choose examples by jal.data.take."
        )
    strategies = known_strategies(experiment, factories)
    _known("strategy", experiment.strategies, strategies)
    _known("strategy", experiment.batch_of, strategies)
    check_options(experiment, factories)
    _known("metric", experiment.metrics, metrics.registry)
    for field in ("strategies", "learners", "metrics"):
        names = list(getattr(experiment, field))
        if not names or len(set(names)) < len(names):
            raise InputError(f"{field} must be one or more different names, got {names}.")
    for field, least in {"seeds": 1, "first_seed": 0, "rounds": 1, "segment": 1}.items():
        if getattr(experiment, field) < least:
            raise InputError(f"{field} must be at least {least}, got {getattr(experiment, field)}.")
    if experiment.budget is not None and experiment.budget < 1:
        raise InputError(f"budget must be at least 1 label, got {experiment.budget}.")
    if not 0 < experiment.confidence < 1:
        raise InputError(f"confidence must lie between 0 and 1, got {experiment.confidence}.")
    for cell, values in experiment.reported.items():
        learner, slash, strategy = cell.partition("/")
        if not slash:
            raise InputError(f"reported takes learner/strategy, got {cell!r}.")
        _known("learner", (learner,), experiment.learners)
        _known("strategy", (strategy,), strategies)
        measured = (*metrics.registry, "budget", "seconds")
        largest = [f"max_{name}" for name in measured]
        _known(f"metric of {cell}", values, (*measured, *largest))
    if experiment.seeds_at_once is not None and experiment.seeds_at_once < 1:
        raise InputError(f"seeds_at_once must be at least 1, got {experiment.seeds_at_once}.")
    last = experiment.first_seed + experiment.seeds - 1
    if last > 2**31 - 1:
        raise InputError(f"seeds must be below 2^31, got {last}: lower first_seed.")
    _check_names(experiment)
    for name, learner in experiment.learners.items():
        _check_learner(name, learner)
    start, points = _check_start(experiment, dataset), len(dataset.train.y)
    largest = largest_batches(experiment, make_strategies(experiment, factories), points)
    compared = dataclasses.replace(experiment, batch_of=experiment.batch_of | largest)
    for strategy in experiment.strategies:
        # One that chooses its batches stops where the pool is exhausted.
        _check_budget(compared, strategy, start, math.inf if strategy in largest else points)
    return compared


def check_agents(experiment: Experiment, strategies: Collection[str]) -> None:
    """Raises InputError with the first thing about the experiment's agents that cannot be."""
    if not experiment.agents:
        needless = {"trainings": 1, "classifier": "scratch", "target": 1.0, "agents_on": {}}
        for field, default in needless.items():
            if getattr(experiment, field) != default:
                raise InputError(
                    f"{field} {getattr(experiment, field)!r} is for agents, and there are none: "
                    "add some, or leave it out."
                )
        return
    taken = set(strategies) & set(experiment.agents)
    if taken:
        raise InputError(f"agent {min(taken)!r} has a strategy's name: give it another.")
    for name in (*experiment.agents, *experiment.learners):
        if "/" in name or "." in name:
            raise InputError(f"{name!r} names a folder of the run: take a name without / and dots.")
    for name in experiment.agents:
        if name not in experiment.strategies:
            raise InputError(f"agent {name!r} is not among the strategies: list it there.")
    for name, learner in experiment.agents_on.items():
        _known("agent", (name,), experiment.agents)
        _known("learner", (learner,), experiment.learners)
    least = {"trainings": 1, "training_segment": 1}
    for field, bound in least.items():
        if getattr(experiment, field) < bound:
            raise InputError(f"{field} must be at least {bound}, got {getattr(experiment, field)}.")
    if experiment.seeds < experiment.trainings:
        raise InputError(
            f"{experiment.trainings} trainings are not all used by {experiment.seeds} seeds: give "
            f"at least --seeds {experiment.trainings}."
        )
    if not 0 < experiment.target <= 1:
        raise InputError(f"target must be a share in (0, 1], got {experiment.target}.")
    if experiment.classifier == "pretrained":
        for name, config in experiment.learners.items():
            if not getattr(config, "warm_start", False):
                raise InputError(
                    f"a pretrained classifier is no start for {name}, which starts anew in every "
                    "round: give it warm_start, or classifier scratch."
                )
            trained = [
                agent
                for learner, agent in experiment.cells()
                if learner == name and agent in experiment.agents
            ]
            if not trained or isinstance(experiment.agents[trained[0]], Saved):
                raise InputError(
                    f"no agent is trained with {name} first, whose classifier its strategies "
                    "could start from: add one, or give classifier scratch."
                )


def check_pair(
    name: str, config: LearnerConfig, learner: Learner, strategy: str, made: Strategy, pool: Pool
) -> None:
    """Raises InputError where a learner has not what a strategy needs; nothing is computed.

    Args:
      name: the learner's in the experiment.
      config: what the learner was built from.
      learner: itself.
      strategy: the strategy's name.
      made: itself.
      pool: arrays or their shapes.
    """
    kind = type(config).__name__
    for need in made.needs:
        if getattr(learner, need, None) is not None:
            continue
        if need == "sample" and hasattr(config, "dropout"):
            raise InputError(
                f"{strategy} needs dropout: {name} has dropout 0; give --learners."
                f"{name.replace('_', '-')}.dropout 0.3."
            )
        what, takes = {
            "sample": ("dropout", "a network with dropout, such as MLP(dropout=0.3)"),
            "head": ("a last layer on features", "a network, LogisticRegression or LinearSVC"),
        }.get(need, (f"the learner's {need}", "another learner"))
        raise InputError(f"{strategy} needs {what}: {name} ({kind}) has none; take {takes}.")
    if made.auxiliary is None:
        return
    if learner.extend is None:
        raise InputError(
            f"{strategy} trains a part of its own in a network's steps: {name} ({kind}) is not "
            "trained by minibatches; take a network, such as MLP."
        )
    extended = learner.extend(made.auxiliary)
    try:
        jax.eval_shape(lambda x: extended.init(jax.random.key(0), extended.prepare(x)), pool.x)
    except InputError as error:
        raise InputError(f"{strategy} with {name}: {error}") from error


def _check_names(experiment: Experiment) -> None:
    """Names are parts of files' names."""
    if "/" in experiment.name:
        raise InputError(f"name must be a name without a slash, got {experiment.name!r}.")
    named = {"name": (experiment.name,)}
    named |= {f"a name in {n}": getattr(experiment, n) for n in ("learners", "options", "agents")}
    for what, names in named.items():
        for name in names:
            if not name or not name.isprintable():
                raise InputError(f"{what} must be of printable characters, got {name!r}.")
            if len(name.encode()) > LONGEST:
                raise InputError(
                    f"{what} must have at most {LONGEST} bytes, got {len(name.encode())}: "
                    f"{name[:20]!r}..."
                )


def _known(what: str, names: Collection[str], known: Collection[str] | Mapping) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"unknown {what} {name!r}: known are {', '.join(known)}.")


def _check_learner(name: str, learner: LearnerConfig) -> None:
    for field, value in vars(learner).items():
        if field in POSITIVE and not 0 < value < math.inf:
            raise InputError(f"{field} of {name} must be positive, got {value}.")
        if field == "dropout" and not 0 <= value < 1:
            raise InputError(f"dropout of {name} must be at least 0 and below 1, got {value}.")
        if field in ("tol", "weight_decay") and not 0 <= value < math.inf:
            raise InputError(f"{field} of {name} must not be negative, got {value}.")
        if field in ("hidden", "channels") and any(width < 1 for width in value):
            raise InputError(f"{field} of {name} must be widths of at least 1, got {value}.")


def _check_budget(experiment: Experiment, strategy: str, start: int, pool: float) -> None:
    batches = dataclasses.replace(experiment, budget=None).batches(strategy)
    if len(batches) != experiment.rounds:
        raise InputError(
            f"batch has {len(batches)} numbers for {experiment.rounds} rounds: give one number, or "
            "one for each round."
        )
    if min(batches) < 1:
        raise InputError(f"batch sizes of {strategy} must be at least 1, got {min(batches)}.")
    bought = sum(experiment.batches(strategy))
    if start + bought > pool:
        raise InputError(
            f"{strategy} would buy {bought} labels in {experiment.rounds} rounds after the "
            f"{start} it starts with, but the pool has {pool} examples: lower rounds, batch or "
            "budget."
        )


def _check_start(experiment: Experiment, dataset: Dataset) -> int:
    """The size of the initial set, once it is found sound."""
    y, classes = dataset.train.y, dataset.num_classes
    given = experiment.initial_indices
    if not given:
        return _check_drawn_start(experiment, np.bincount(y, minlength=classes))
    if len(given) != experiment.seeds:
        raise InputError(
            f"initial_indices has {len(given)} rows for {experiment.seeds} seeds: give one each."
        )
    for seed, row in enumerate(given):
        if len(row) != len(given[0]) or len(set(row)) != len(row):
            raise InputError(
                f"initial_indices of seed {seed} must be {len(given[0])} different indices, as "
                f"seed 0's, got {len(set(row))} different of {len(row)}."
            )
        outside = [index for index in row if not 0 <= index < len(y)]
        if outside:
            raise InputError(
                f"initial index {outside[0]} of seed {seed} is outside the pool's 0..{len(y) - 1}."
            )
        missing = set(range(classes)) - set(y[list(row)].tolist())
        if missing and experiment.start == "balanced":
            raise InputError(
                f"the initial set of seed {seed} has no example of class {min(missing)}: give one "
                f"of each of the {classes} classes, or start random."
            )
    return len(given[0])


def _check_drawn_start(experiment: Experiment, counts: np.ndarray) -> int:
    initial, points = experiment.initial, int(counts.sum())
    size = experiment.start_size(points, len(counts))
    if experiment.start == "balanced":
        if initial < 1 or initial != int(initial):
            raise InputError(
                f"a balanced start takes a whole number of labels per class, at least 1, got "
                f"initial {initial}: give one, or --start random."
            )
        if counts.min() < initial:
            raise InputError(
                f"class {counts.argmin()} has {counts.min()} examples in the pool, too few for "
                f"{initial} of each class at the start: lower initial or drop the class."
            )
    elif not 1 <= size <= points or (initial >= 1 and initial != int(initial)):
        raise InputError(
            f"initial must be a number of labels up to the pool's {points}, or a share of it below "
            f"1, got {initial}."
        )
    if experiment.start in RARE_SHARE:
        rare = np.sort(counts)[: len(counts) // 2].sum()
        from_rare = round(RARE_SHARE[experiment.start] * size)
        for half, has, wanted in (
            ("rarer", rare, from_rare),
            ("other", points - rare, size - from_rare),
        ):
            if has < wanted:
                raise InputError(
                    f"the {half} classes have {has} examples in the pool, too few for {wanted} at "
                    f"the start: lower initial."
                )
    return size
