"""A config's learners: read from names and JSON, asked for what others must know, and built."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from jal.code import call, find, name_of
from jal.data.sources import Dataset
from jal.experiment.form import Code, as_name, check_keys, parse, parse_object, to_json
from jal.experiment.learner_configs import LearnerBase, Switch, learner_classes
from jal.types import InputError, Learner

__all__ = [
    "as_learners",
    "build_learner",
    "check_learner",
    "folds_of",
    "program_of",
    "read_learner",
    "read_learners",
    "resolved",
    "scaled_by_pool",
    "weights_of",
]

_BY_NAME = learner_classes()
_BY_TYPE: dict[str, type] = {kind.__name__: kind for kind in _BY_NAME.values()}


def as_learners(given: Any) -> Any:
    """Name -> learner, of names alone too; anything else as it is."""
    if isinstance(given, str):
        given = (given,)
    if isinstance(given, tuple | list):
        names = [_name_of(one) for one in given]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise InputError(f"two learners are called {twice[0]}: give a dict of names.")
        given = dict(zip(names, given, strict=True))
    if not isinstance(given, Mapping):
        return given
    return {
        name: _BY_NAME[one]() if isinstance(one, str) and one in _BY_NAME else one
        for name, one in given.items()
    }


def _name_of(given: Any) -> str:
    if isinstance(given, LearnerBase):
        return given.learner
    target = given.target if isinstance(given, Code) else given
    return target.rpartition(":")[2] if isinstance(target, str) else name_of(target)


def weights_of(config: Any) -> str | None:
    """The file of pre-trained weights that a config names, also one that is not jal's."""
    if isinstance(config, Switch):
        config = config.network
    options = config.options if isinstance(config, Code) else getattr(config, "__dict__", {})
    weights = options.get("weights")
    return weights if isinstance(weights, str) else None


def folds_of(config: Any) -> int:
    """The most folds of a cross-validation that a learner makes in each fit; 0 of none."""
    if isinstance(config, Switch):
        return max(config.folds, folds_of(config.shallow))
    return config.folds if getattr(config, "C_grid", ()) else 0


def scaled_by_pool(config: Any) -> str:
    """The field that says that a learner's inputs are scaled by the pool; empty where none does."""
    if isinstance(config, Switch):
        inner = scaled_by_pool(config.network)
        return f"network.{inner}" if inner else ""
    return "normalise" if getattr(config, "normalise", None) == "pool" else ""


def read_learners(tree: Any, where: str) -> dict[str, Any]:
    """Learners of JSON, or the things themselves; InputError for what is none."""
    tree = as_learners(tree)
    if not isinstance(tree, Mapping):
        raise InputError(f"{where} must be names, or a dict of learners, got {tree!r}.")
    check_keys(tree, where)
    return {name: read_learner(one, f"{where}.{name}") for name, one in tree.items()}


def read_learner(tree: Any, where: str) -> Any:
    """A learner of JSON, or the thing itself; InputError for what is none."""
    if isinstance(tree, str) and ":" not in tree and not tree.startswith("<"):
        raise InputError(
            f"unknown learner {tree!r}: known are {', '.join(_BY_NAME)}, or give "
            "package.module:attribute."
        )
    return parse_object(tree, where, _BY_TYPE)


def program_of(name: str, config: Any) -> str:
    """What tells a learner's programs from others': all but its traced hyper-parameters.

    Of one that is not jal's the name: also of a subclass, which may build what it likes, and which
    a run that goes on alone has as Code.
    """
    if type(config) not in _BY_TYPE.values():
        return name
    tree = to_json(config)
    return json.dumps({field: tree[field] for field in tree if field not in config.traced})


def check_learner(name: str, config: Any) -> None:
    """Raises InputError for numbers that the config itself says cannot be."""
    if isinstance(config, LearnerBase):
        config.check(name)


def resolved(name: str, config: Any, allow_code: bool) -> tuple[Any, dict[str, Any]]:
    """What a config names, and the options that it is still to be called with; a dataclass has
    them already."""
    options: dict[str, Any] = {}
    if isinstance(config, Code):
        options = config.options
        config = find(f"learner {name},", config.target, {}, allow_code)
    if isinstance(config, type) and dataclasses.is_dataclass(config):
        return parse(config, options, f"learners.{name}"), {}
    return config, options


def build_learner(
    name: str, config: Any, dataset: Dataset, max_labels: int, allow_code: bool
) -> Learner:
    """The learner of a config, a Code, a function or a Learner.

    Raises:
      InputError: where it is none of these, or does not take the data.
    """
    config, options = resolved(name, config, allow_code)
    if isinstance(config, Learner):
        made: Any = config
    elif hasattr(config, "build"):
        made = config.build(dataset, max_labels)
    elif callable(config):
        shape, classes = dataset.train.x.shape[1:], dataset.num_classes
        made = call(f"learner {name}", config, shape, classes, max_labels=max_labels, **options)
    else:
        made = config
    if not isinstance(made, Learner):
        raise InputError(
            f"learner {name} must be a Learner, a function that makes one, or a dataclass that "
            f"builds one, got {as_name(made)}."
        )
    return made
