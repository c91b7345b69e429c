"""What an experiment is: nested frozen dataclasses, and their form as JSON."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any

import tyro

from jal.types import InputError, Learner

__all__ = ["MLP", "Data", "Experiment", "LearnerConfig", "LogisticRegression", "difference"]


@dataclasses.dataclass(frozen=True)
class Data:
    """Which data."""

    source: str = "sklearn:digits"
    """sklearn:digits, or npz:PATH with x and y, or with x_train, y_train, x_test and y_test."""
    test_size: int = 797
    """Test examples, where the source has no test set of its own."""
    split_seed: int = 0
    """Seed of that split; the same for all seeds of the experiment."""


@dataclasses.dataclass(frozen=True)
class LogisticRegression:
    """Multinomial logistic regression with scikit-learn's objective."""

    C: float = 1.0
    """Inverse regularisation strength."""
    tol: float = 1e-6
    """Largest norm of the mean objective's gradient at which it stops."""

    def build(self, input_shape: tuple[int, ...], num_classes: int, max_labels: int) -> Learner:
        """The learner for one data set."""
        from jal.learners import registry

        make = registry["logistic_regression"]
        return make(input_shape, num_classes, C=self.C, tol=self.tol, max_labels=max_labels)


@dataclasses.dataclass(frozen=True)
class MLP:
    """Multi-layer perceptron, trained by minibatch SGD with Nesterov momentum."""

    hidden: tuple[int, ...] = (128,)
    """Widths of the hidden layers."""
    epochs: int = 50
    """Passes over the labelled points in each round."""
    batch_size: int = 32
    """Points per gradient step."""
    learning_rate: float = 0.05
    """Step size."""
    weight_decay: float = 1e-4
    """L2 penalty, added to the gradient."""
    warm_start: bool = False
    """Go on from the last round's weights instead of fresh ones."""

    def build(self, input_shape: tuple[int, ...], num_classes: int, max_labels: int) -> Learner:
        """The learner for one data set."""
        from jal.learners import registry

        options = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return registry["mlp"](input_shape, num_classes, max_labels=max_labels, **options)


LearnerConfig = LogisticRegression | MLP


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Strategies compared with learners on one data set, over many seeds."""

    name: str = "experiment"
    """Names the results."""
    data: Data = Data()
    learners: dict[str, LearnerConfig] = dataclasses.field(
        default_factory=lambda: {"logistic_regression": LogisticRegression()}
    )
    strategies: tuple[str, ...] = ("random", "margin")
    """Names in jal.strategies.registry."""
    seeds: int = 32
    """How many seeds; seed i draws the same start for every strategy and learner."""
    first_seed: int = 0
    """Number of the first seed."""
    rounds: int = 20
    """How often labels are bought; the learner is fitted and measured once more."""
    batch: int | tuple[int, ...] = 10
    """Labels bought in each round: one number, or one for each round."""
    batch_of: dict[str, int] = dataclasses.field(default_factory=dict)
    """Strategies whose batch differs, and theirs: margin 5 badge 20."""
    initial: int = 1
    """Labels per class at the start, drawn at random for each seed."""
    initial_indices: tyro.conf.Fixed[tuple[tuple[int, ...], ...]] = ()
    """Pool indices to start from, for each seed, instead of drawing them."""
    metrics: tuple[str, ...] = ("accuracy",)
    """Names in jal.metrics.registry; accuracy is always among them."""
    segment: int = 7
    """Rounds between two saves."""
    devices: int | None = None
    """Devices to spread seeds over; all of them if None."""
    seeds_at_once: int | None = None
    """Seeds vmapped together on a device. 1 maps them one by one: each then is, bit for bit, the
    same beside any others. None: 1 on CPUs, all on other devices."""

    def batches(self, strategy: str) -> tuple[int, ...]:
        """Labels bought in each of the rounds by one strategy."""
        batch = self.batch_of.get(strategy, self.batch)
        return (batch,) * self.rounds if isinstance(batch, int) else tuple(batch)

    def to_json(self) -> dict[str, Any]:
        """Nested dicts; a learner's says its class under "type"."""
        return _to_json(self)

    @staticmethod
    def from_json(tree: dict[str, Any]) -> Experiment:
        """Inverse of `to_json`; raises InputError for unknown fields."""
        return _from_json(Experiment, tree)


# Where seeds run and how often they are saved does not change what the experiment is.
EXECUTION = ("devices", "segment")


def difference(a: Experiment, b: Experiment) -> str | None:
    """The first field in which two experiments differ, with both values; None if in none."""
    old, new = _flat(a.to_json()), _flat(b.to_json())
    for field in sorted(old.keys() | new.keys()):
        if old.get(field) != new.get(field) and field not in EXECUTION:
            return f"{field} is {old.get(field)!r} there and {new.get(field)!r} here"
    return None


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict) or not tree:
        return {prefix: tree}
    return {
        path: leaf
        for name, branch in tree.items()
        for path, leaf in _flat(branch, f"{prefix}.{name}" if prefix else name).items()
    }


def _to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        tree = {f.name: _to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__, **tree} if isinstance(value, LearnerConfig) else tree
    if isinstance(value, dict):
        return {name: _to_json(entry) for name, entry in value.items()}
    return [_to_json(entry) for entry in value] if isinstance(value, tuple) else value


def _from_json(kind: Any, tree: Any) -> Any:
    """Rebuilds a value of the annotated type `kind`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _from_json(arguments[0], tree)
    if origin is types.UnionType and isinstance(tree, dict):
        named = {option.__name__: option for option in arguments}
        fields = dict(tree)
        name = fields.pop("type", None)
        if name not in named:
            raise InputError(f"unknown learner type {name!r}: known are {', '.join(named)}.")
        return _from_json(named[name], fields)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        unknown = tree.keys() - hints.keys()
        if unknown:
            raise InputError(f"unknown option {min(unknown)!r} of {_name(kind)}.")
        make = typing.cast(Callable[..., Any], kind)
        return make(**{name: _from_json(hints[name], entry) for name, entry in tree.items()})
    if isinstance(tree, dict):
        return {name: _from_json(arguments[1], entry) for name, entry in tree.items()}
    wanted = {int: int, float: (int, float), str: str, bool: bool}.get(kind)
    if wanted is not None and not isinstance(tree, wanted):
        raise InputError(f"option {tree!r} must be of type {_name(kind)}.")
    return _tuples(tree)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))
