"""Trained agents as an experiment's queries: found in their folders, verified, made strategies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jal.data.dataset import Dataset
from jal.experiment.config import Experiment, of_split
from jal.experiment.folder import CONFIG
from jal.experiment.form import as_name, to_json
from jal.experiment.named_learners import build_learner, resolved
from jal.experiment.parts import divide
from jal.experiment.queries import Learned
from jal.experiment.splits import split_folder
from jal.experiment.trained import Trained, load_trained
from jal.experiment.training_config import Training
from jal.rl.agent import parameters_of
from jal.types import InputError, Learner, PyTree, Strategy

__all__ = ["Agents", "check_agents", "find_agents"]


class Agents(NamedTuple):
    """The trained agents of an experiment.

    Attributes:
      strategies: by query; each brings its policies' weights along.
      starts: learner -> variables `[T, ...]` that seeds start from; none unless the protocol's
        classifier is the agents'.
      history: the tidy table experiment, learner, strategy, seed, epoch, metric, value of their
        trainings.
      agents: query -> its agent's config as JSON.
      weights: of all policies, which the results depend on.
    """

    strategies: dict[Learned, Strategy]
    starts: dict[str, PyTree]
    history: pd.DataFrame
    agents: dict[str, Any]
    weights: list[np.ndarray]


def find_agents(
    experiment: Experiment,
    dataset: Dataset,
    folder: Path | None,
    trained: Mapping[str, Trained],
    allow_code: bool,
    allow_names: bool = True,
) -> Agents:
    """The agents that the experiment names; checked, and nothing is computed.

    Args:
      experiment: the config.
      dataset: of which `data.parts` are parts.
      folder: the experiment's, whose neighbours may be named; None without one.
      trained: trainings of this process, by name.
      allow_code: whether modules of agents that are not jal's may be imported.
      allow_names: whether modules may that the experiment names.

    Raises:
      InputError: where one is not there, not finished, damaged or cannot be applied.
    """
    found = {
        query: _trained(query, experiment, folder, trained, allow_code)
        for query in experiment.learned()
    }
    _check(experiment, {query.name: one.training for query, one in found.items()})
    found = {query: _of_split(one, experiment) for query, one in found.items()}
    parts, split_data = experiment.data.parts, experiment.split_data()
    assert parts is not None
    state_x = jnp.asarray(dataset.train.x[divide(dataset, parts, split_data.split_seed)["state"]])
    strategies = {}
    for query, one in found.items():
        strategy = one.agent.strategy(one.policy, state_x)
        strategies[query] = strategy._replace(
            parameters=parameters_of(one.policy, state_x), name=query.name
        )
    frames = [
        found[query].history.assign(
            experiment=experiment.name, learner=learner, strategy=query.name
        )
        for learner, query in experiment.cells()
        if isinstance(query, Learned)
    ]
    weights = [
        np.asarray(leaf) for one in found.values() for leaf in jax.tree.leaves(one.policy.weights)
    ]
    starts = {}
    if experiment.protocol.classifier == "agents":
        starts = _starts(experiment, dataset, found, allow_names)
        weights += [np.asarray(leaf) for leaf in jax.tree.leaves(starts)]
    history = pd.concat(frames, ignore_index=True)
    agents = {query.name: to_json(one.training.agent) for query, one in found.items()}
    return Agents(strategies, starts, history, agents, weights)


def check_agents(
    experiment: Experiment,
    folder: Path | None,
    trainings: Mapping[str, Training],
    allow_code: bool,
) -> None:
    """Raises InputError for agents that cannot be the experiment's.

    Args:
      experiment: the config.
      folder: as in `find_agents`.
      trainings: to be made before the experiment, by name.
      allow_code: as in `find_agents`.
    """
    found = {}
    for query in experiment.learned():
        one = trainings.get(query.training)
        if one is None:
            known = dict.fromkeys(trainings)
            one = _trained(query, experiment, folder, known, allow_code).training
        found[query.name] = one
    _check(experiment, found)


def _check(experiment: Experiment, found: Mapping[str, Training]) -> None:
    """Raises InputError where the trainings of the queries are not for this experiment."""
    if experiment.data.parts is None:
        raise InputError(
            "a trained agent sees the classifier on a part of the data, and data.parts is None: "
            "give Parts(), the same as its training's where the data are."
        )
    for name, training in found.items():
        _check_splits(name, training, experiment)
        _check_drawn(name, training, experiment)
    split = experiment.protocol.split
    counts = {
        name: len(of_split(0, one.seeds, one.splits, one.split if one.split is not None else split))
        for name, one in found.items()
    }
    if len(set(counts.values())) > 1:
        raise InputError(
            f"all agents of an experiment have as many trainings, got {counts}: train them alike."
        )
    trainings = next(iter(counts.values()))
    if len(experiment.seed_numbers()) < trainings:
        raise InputError(
            f"{trainings} trainings are not all used by {len(experiment.seed_numbers())} seeds: "
            f"give at least {trainings * experiment.protocol.splits} seeds."
        )


def _check_splits(name: str, training: Training, experiment: Experiment) -> None:
    """Raises InputError where agents have seen what others are compared on."""
    protocol = experiment.protocol
    if training.splits != protocol.splits and (training.split is None or protocol.splits > 1):
        raise InputError(
            f"{name} was trained on {training.splits} splits of the data, and this experiment is "
            f"on {protocol.splits}: one holds parts of another in its pool, so give splits "
            f"{training.splits}."
        )
    if protocol.splits == 1:
        return
    if training.split not in (None, protocol.split):
        raise InputError(
            f"{name} was trained on split {training.split} alone, and this is split "
            f"{protocol.split}, which holds parts of it in its pool: give the training of all "
            f"splits, or split {training.split}."
        )
    if training.data.split_seed != experiment.data.split_seed:
        raise InputError(
            f"{name} was trained on splits that begin with split_seed {training.data.split_seed}, "
            f"and this experiment's begin with {experiment.data.split_seed}: give the same."
        )


# Which points are in which part depends on these.
_DRAWN = ("split_seed", "test_size", "classes", "train_share", "imbalance", "parts")


def _check_drawn(name: str, training: Training, experiment: Experiment) -> None:
    """Raises InputError where the pool could have points that the agent was trained on."""
    whole = training.splits > 1 and training.split is None  # as `_check_splits` has found it
    old = training.data if whole else training.split_data()
    new = experiment.data if whole else experiment.split_data()
    if (as_name(old.source), old.arrays) != (as_name(new.source), new.arrays):
        return
    if old.classes and new.classes and not set(old.classes) & set(new.classes):
        return
    for field in _DRAWN:
        there, here = getattr(old, field), getattr(new, field)
        if there != here:
            raise InputError(
                f"{name} was trained on parts of {as_name(old.source)} that were drawn otherwise, "
                f"so that this pool could hold them: data.{field} is {there} there and {here} "
                "here; give the same."
            )


def _of_split(one: Trained, experiment: Experiment) -> Trained:
    """The agent of the experiment's split, where it was trained on several."""
    split = experiment.protocol.split
    return one if split is None or not one.splits else one.splits[split]


def _trained(
    query: Learned,
    experiment: Experiment,
    folder: Path | None,
    trained: Mapping[str, Trained | None],
    allow_code: bool,
) -> Trained:
    one = trained.get(query.training)
    protocol = experiment.protocol
    if one is None:
        path = Path(query.training).expanduser()
        home, split = folder, protocol.split
        if home is not None and split is not None and home == split_folder(home.parent, split):
            home = home.parent
        if home is not None and (home.parent / query.training).is_dir():
            path = home.parent / query.training
        if not (path / CONFIG).is_file():
            named = f", or one of {', '.join(trained)}" if trained else ""
            raise InputError(
                f"there is no training {query.training}: give Learned the folder of one that is "
                f"finished{named}."
            )
        one = load_trained(path, allow_code)
    return one


def _starts(
    experiment: Experiment,
    dataset: Dataset,
    found: Mapping[Learned, Trained],
    allow_names: bool,
) -> dict[str, PyTree]:
    """Learner -> the classifiers that the training of its first agent ended with."""
    starts: dict[str, Any] = {}
    for learner, config in experiment.learners.items():
        if not getattr(resolved(learner, config, allow_names)[0], "warm_start", False):
            raise InputError(
                f"an agent's classifier is no start for {learner}, which starts anew in every "
                "round: give it warm_start, or classifier untrained."
            )
        first = [
            query
            for name, query in experiment.cells()
            if name == learner and isinstance(query, Learned)
        ]
        if not first:
            raise InputError(
                f"no agent was trained with {learner}, whose classifier its queries could start "
                "from: add one, or give classifier untrained."
            )
        one = found[first[0]]
        if to_json(one.training.learner) != to_json(config):
            raise InputError(
                f"{first[0].name} was trained with another learner than {learner}, so its "
                "classifier is no start for it: give the same options, or classifier untrained."
            )
        built = build_learner(learner, config, dataset, len(dataset.train.y), allow_names)
        starts[learner] = one.classifier(_like(built, dataset, len(one.training.seed_numbers())))
    return starts


def _like(learner: Learner, dataset: Dataset, count: int) -> PyTree:
    """Shapes and dtypes of so many of the learner's variables."""
    x = jax.ShapeDtypeStruct(dataset.train.x.shape, dataset.train.x.dtype)
    one = jax.eval_shape(lambda x: learner.init(jax.random.key(0), learner.prepare(x)), x)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((count, *leaf.shape), leaf.dtype), one)
