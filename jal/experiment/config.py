"""What an experiment is: nested frozen dataclasses, and their form as JSON."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import types
import typing
from typing import Annotated, Any, Literal

import tyro

from jal.experiment.agent_configs import AgentConfig, Parts
from jal.experiment.data_config import Data
from jal.experiment.learner_configs import LearnerConfig, LogisticRegression
from jal.types import InputError

__all__ = ["Experiment", "Option", "difference", "parse"]

# A command line's words are the first of these that they can be.
Option = int | float | bool | str | tuple[int, ...] | tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Strategies compared with learners on one data set, over many seeds."""

    name: str = "experiment"
    """Names the results."""
    data: Data = dataclasses.field(default_factory=Data)
    learners: dict[str, LearnerConfig] = dataclasses.field(
        default_factory=lambda: {"logistic_regression": LogisticRegression()}
    )
    strategies: tuple[str, ...] = ("random", "margin")
    """Names in jal.strategies.registry, in options or in agents."""
    options: dict[str, dict[str, Option]] = dataclasses.field(default_factory=dict)
    """Options of strategies, beside their defaults: bald passes 20. A config can name more of one:
    {"bald_20": {"strategy": "bald", "passes": 20}} makes bald_20 a strategy like any other."""
    agents: dict[str, AgentConfig] = dataclasses.field(default_factory=dict)
    """Learned strategies by name: each is trained first, on parts of the training data."""
    agents_on: dict[str, str] = dataclasses.field(default_factory=dict)
    """Agents that are trained and run with one learner alone, and which; others with each."""
    parts: Parts = dataclasses.field(default_factory=Parts)
    """Of the training data, for agents; the pool is what is for the evaluation."""
    trainings: int = 1
    """Of each agent; seed i runs with training i modulo their number."""
    classifier: Literal["scratch", "pretrained"] = "scratch"
    """What seeds start from: an untrained learner; or the one that the training of the learner's
    first agent ended with, for all of its strategies."""
    target: float = 1.0
    """Share of the quality that an agent's warm start found, which seeds are to reach."""
    splits: int = 1
    """Data splits that seeds, and the trainings of agents, are spread over: seed i is of split i
    modulo their number, whose data.split_seed is that much larger. Intervals and tests are over
    splits then."""
    split: int | None = None
    """The split to run alone; one after another if None."""
    training_segment: int = 10
    """Epochs of an agent's training between two saves."""
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
    budget: int | None = None
    """Labels bought in all, at most: a strategy that has them goes on without buying. An agent that
    chooses its batches is not bound."""
    start: Literal["balanced", "random", "twisted_main", "twisted_rare"] = "balanced"
    """How each seed draws the labels that it starts with: as many of each class; uniformly; or, of
    the half of the classes with the fewest points, 5 % (twisted_main) or 95 % (twisted_rare)."""
    initial: int | float = 1
    """Labels at the start: per class if balanced, else in all, or the share of the pool if below
    1."""
    initial_indices: tyro.conf.Fixed[tuple[tuple[int, ...], ...]] = ()
    """Pool indices to start from, for each seed, instead of drawing them."""
    metrics: tuple[str, ...] = ("accuracy",)
    """Names in jal.metrics.registry; accuracy is always among them."""
    confidence: float = 0.95
    """Of the report's intervals and bands."""
    reported: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    """What a paper reports on these data, shown beside what is measured: "learner/strategy" ->
    metric -> value, as {"resnet50/random": {"accuracy": .47}}. Of runs to a target the mean
    values there, and budget, and the largest as max_accuracy and so on; of others the accuracy at
    the end, and an agent's seconds of training. All but seconds are shares of 1."""
    segment: int = 7
    """Rounds between two saves."""
    devices: int | None = None
    """Devices to spread seeds over; all of them if None."""
    seeds_at_once: int | None = None
    """Seeds vmapped together on a device. 1 maps them one by one: each then is, bit for bit, the
    same beside any others. None: 1 on CPUs, all on other devices."""

    def cells(self) -> list[tuple[str, str]]:
        """`(learner, strategy)` names, learners in the outer loop."""
        return [
            (learner, strategy)
            for learner in self.learners
            for strategy in self.strategies
            if self.agents_on.get(strategy, learner) == learner
        ]

    def seed_numbers(self) -> range:
        """The numbers of the seeds that run: all, or those of the split."""
        return self._of_split(self.seeds)

    def training_numbers(self) -> range:
        """The numbers of each agent's trainings that run: all, or those of the split."""
        return self._of_split(self.trainings)

    def _of_split(self, count: int) -> range:
        first, stop = self.first_seed, self.first_seed + count
        return (
            range(first, stop)
            if self.split is None
            else range(first, stop)[self.split :: self.splits]
        )

    def split_data(self) -> Data:
        """The data of the split that runs."""
        seed = self.data.split_seed + (self.split or 0)
        return dataclasses.replace(self.data, split_seed=seed)

    def units(self) -> int:
        """Of how many independent units, splits or else trainings, intervals and tests are; 1: of
        seeds. Seed i, counted from the run's first, is of unit i modulo their number."""
        if self.split is None and self.splits > 1:
            return self.splits
        return max(1, len(self.training_numbers()))

    def batches(self, strategy: str) -> tuple[int, ...]:
        """Labels bought in each of the rounds by one strategy."""
        batch = self.batch_of.get(strategy, self.batch)
        wanted = (batch,) * self.rounds if isinstance(batch, int) else tuple(batch)
        if self.budget is None:
            return wanted
        bought = [min(total, self.budget) for total in itertools.accumulate(wanted, initial=0)]
        return tuple(after - before for before, after in itertools.pairwise(bought))

    def start_size(self, points: int, classes: int) -> int:
        """Labels at the start, of a pool of so many points and classes."""
        if self.initial_indices:
            return len(self.initial_indices[0])
        if self.start == "balanced":
            return int(self.initial * classes)
        return round(self.initial * points) if self.initial < 1 else int(self.initial)

    def to_json(self) -> dict[str, Any]:
        """Nested dicts; a learner's says its class under "type"."""
        return _to_json(self)

    @staticmethod
    def from_json(tree: dict[str, Any]) -> Experiment:
        """Inverse of `to_json`; raises InputError for unknown fields and values of another type."""
        return parse(Experiment, tree, "")

    @staticmethod
    def checked(experiment: Any) -> Experiment:
        """The experiment itself, once every field is found to be of its type; else InputError."""
        if type(experiment) is not Experiment:
            raise InputError(
                f"an experiment must be an Experiment, and of no subclass, got a "
                f"{type(experiment).__name__}."
            )
        return Experiment.from_json(experiment.to_json())


# Share of the labels at the start that are of the rarer classes (BRAL-T, Table 8).
RARE_SHARE = {"twisted_main": 0.05, "twisted_rare": 0.95}

# Where seeds run, how often they are saved and what is shown does not change the experiment.
EXECUTION = ("devices", "segment", "training_segment", "confidence", "reported")


def difference(a: Experiment, b: Experiment) -> str | None:
    """The first field in which two experiments differ, with both values; None if in none."""
    old, new = _flat(a.to_json()), _flat(b.to_json())
    for field in sorted(old.keys() | new.keys(), key=lambda name: (name.count("."), name)):
        if old.get(field) != new.get(field) and field.partition(".")[0] not in EXECUTION:
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
        named = isinstance(value, LearnerConfig | AgentConfig)
        return {"type": type(value).__name__, **tree} if named else tree
    if isinstance(value, dict):
        return {name: _to_json(entry) for name, entry in value.items()}
    return [_to_json(entry) for entry in value] if isinstance(value, tuple) else value


def parse(kind: Any, tree: Any, where: str) -> Any:
    """A value of the annotated type `kind`; InputError names the place `where` if it is none."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return parse(arguments[0], tree, where)
    if origin is types.UnionType or origin is typing.Union:
        return _from_union(arguments, tree, where)
    if dataclasses.is_dataclass(kind):
        return _from_fields(kind, tree, where)
    if origin is dict and isinstance(tree, dict):
        return {name: parse(arguments[1], entry, f"{where}.{name}") for name, entry in tree.items()}
    if origin is tuple and isinstance(tree, list | tuple):
        kinds = [arguments[0]] * len(tree) if arguments[-1:] == (...,) else arguments
        if len(kinds) == len(tree):
            return tuple(parse(k, entry, where) for k, entry in zip(kinds, tree, strict=True))
    if origin is Literal and tree in arguments:
        return tree
    wanted = {int: int, float: (int, float), str: str, bool: bool, types.NoneType: types.NoneType}
    if (
        kind in wanted
        and isinstance(tree, wanted[kind])
        and isinstance(tree, bool) == (kind is bool)
    ):
        if kind is int and isinstance(tree, int) and not -(2**31) <= tree < 2**31:
            raise InputError(f"{where} must be an integer of 32 bits, got {_shown(tree)}.")
        if kind is float and not _is_finite(tree):
            raise InputError(f"{where} must be finite, got {_shown(tree)}.")
        return tree
    raise InputError(f"{where} must be {_name(kind)}, got {_shown(tree)}.")


def _shown(value: Any) -> str:
    """A value in a sentence: its beginning if it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def _is_finite(number: Any) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # of an int that no float can be
        return False


def _from_union(options: tuple[Any, ...], tree: Any, where: str) -> Any:
    """By the "type" that a learner's or an agent's dict has, else the first option that it is."""
    if isinstance(tree, dict) and all(map(dataclasses.is_dataclass, options)):
        named = {option.__name__: option for option in options}
        fields = dict(tree)
        name = fields.pop("type", None)
        if name not in named:
            raise InputError(f"unknown type {name!r} of {where}: known are {', '.join(named)}.")
        return parse(named[name], fields, where)
    for option in options:
        with contextlib.suppress(InputError):
            return parse(option, tree, where)
    wanted = " or ".join(map(_name, options))
    if isinstance(tree, float) and float in options:
        raise InputError(f"{where} must be finite, got {_shown(tree)}.")
    raise InputError(f"{where} must be {wanted}, got {_shown(tree)}.")


def _from_fields(kind: Any, tree: Any, where: str) -> Any:
    if not isinstance(tree, dict):
        raise InputError(f"{where} must be {_name(kind)}, got {_shown(tree)}.")
    unknown = tree.keys() - {field.name for field in dataclasses.fields(kind)}
    if unknown:
        raise InputError(f"unknown option {min(unknown)!r} of {_name(kind)}.")
    hints = typing.get_type_hints(kind, include_extras=True)
    prefix = f"{where}." if where else ""
    return kind(**{name: parse(hints[name], entry, prefix + name) for name, entry in tree.items()})


def _name(kind: Any) -> str:
    """A type in words."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return " or ".join(repr(one) for one in arguments)
    if origin is tuple:
        inner = [_name(one) for one in arguments if one is not ...]
        return f"a list of {inner[0]}" if ... in arguments else f"a list ({', '.join(inner)})"
    if kind is types.NoneType:
        return "None"
    return getattr(kind, "__name__", str(kind))
