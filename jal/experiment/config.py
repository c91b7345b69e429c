"""What an experiment is: nested frozen dataclasses, and their form as JSON."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from jal import metrics
from jal.code import find
from jal.experiment.data_config import Data
from jal.experiment.form import Form, Parser, as_name, flat, parse, shown
from jal.experiment.learner_configs import LogisticRegression
from jal.experiment.named_learners import as_learners, program_of, read_learners
from jal.experiment.queries import Learned, Query, QueryConfig, as_query, check_names
from jal.experiment.starts import Balanced, Start
from jal.types import InputError

__all__ = [
    "Execution",
    "Experiment",
    "Protocol",
    "Shown",
    "difference",
    "metric_names",
    "metrics_of",
    "of_split",
]


def _metrics(tree: Any, where: str) -> tuple[Any, ...]:
    if isinstance(tree, str) or not isinstance(tree, Sequence):
        tree = (tree,)
    for one in tree:
        if not isinstance(one, str) and not callable(one):
            raise InputError(f"{where} must be names or functions, got {shown(one)}.")
    return tuple(tree)


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What is done with each learner and query."""

    seeds: int = 32
    """How many seeds; seed i draws the same start for every query and learner, unless a strategy
    chooses it."""
    first_seed: int = 0
    """Number of the first seed."""
    rounds: int = 20
    """How often labels are bought; the learner is fitted and measured once more."""
    batch: int | tuple[int, ...] = 10
    """Labels bought in each round: one number, or one for each round."""
    budget: int | None = None
    """Labels bought in all, at most: a query that has them goes on without buying. An agent that
    chooses its batches is not bound."""
    start: Start = dataclasses.field(default_factory=Balanced)
    """How each seed draws the labels that it starts with: balanced (per_class=1), random
    (labels= or share=), twisted (rare= and labels= or share=) or chosen (labels= or share=, and
    strategy= with its options), as in random:labels=20."""
    splits: int = 1
    """Data splits that seeds are spread over: seed i is of split i modulo their number, whose
    data.split_seed is that much larger. Intervals and tests are over splits then."""
    split: int | None = None
    """The one of the splits that is run; all, one after another, if None."""
    classifier: Literal["untrained", "agents"] = "untrained"
    """What seeds start from: an untrained learner; or the one that the training of the learner's
    first agent ended with, for all of its queries."""
    metrics: Annotated[Any, Parser(_metrics)] = ("accuracy",)
    """Names in jal.metrics.registry, package.module:attribute of a function of logits [M, K] and
    y [M], or that function; accuracy is always among them."""

    def check(self) -> None:
        """Raises InputError for numbers that cannot be."""
        for field, least in {"seeds": 1, "first_seed": 0, "rounds": 1, "splits": 1}.items():
            if getattr(self, field) < least:
                raise InputError(f"{field} must be at least {least}, got {getattr(self, field)}.")
        if self.budget is not None and self.budget < 1:
            raise InputError(f"budget must be at least 1 label, got {self.budget}.")
        last = self.first_seed + self.seeds - 1
        if last > 2**31 - 1:
            raise InputError(f"seeds must be below 2^31, got {last}: lower first_seed.")
        if not self.metrics or len(set(self.metrics)) < len(self.metrics):
            raise InputError(
                f"metrics must be one or more different names, got {list(self.metrics)}."
            )


@dataclasses.dataclass(frozen=True)
class Execution:
    """Where seeds run and how often they are saved."""

    devices: int | None = None
    """Devices to spread seeds over; all of them if None."""
    seeds_at_once: int | None = None
    """Seeds vmapped together on a device, those of learners that run side by side counted each. 1
    maps them one by one: each then is, bit for bit, the same beside any others. None: 1 on CPUs,
    all on other devices."""
    segment: int = 7
    """Rounds between two saves; in a training, epochs."""

    def check(self) -> None:
        """Raises InputError for numbers that cannot be."""
        if self.segment < 1:
            raise InputError(f"segment must be at least 1, got {self.segment}.")
        if self.seeds_at_once is not None and self.seeds_at_once < 1:
            raise InputError(f"seeds_at_once must be at least 1, got {self.seeds_at_once}.")


@dataclasses.dataclass(frozen=True)
class Shown:
    """What the report shows; it can be changed when all is measured."""

    confidence: float = 0.95
    """Level of the confidence intervals and bands."""
    levels: tuple[float, ...] = ()
    """Accuracies, as .5: the labels that each strategy needs to reach them are shown."""
    target: float = 1.0
    """Share of the quality that an agent's warm start found, which seeds are to reach."""
    reported: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    """What a paper reports on these data, shown beside what is measured: "learner/query" ->
    metric -> value, as {"resnet50/random": {"accuracy": .47}}. Of runs to a target the mean
    values there, and budget, and the largest as max_accuracy and so on; of others the accuracy at
    the end, aubc, and an agent's seconds of training. All but seconds are shares of 1."""

    def check(self, experiment: Experiment) -> None:
        """Raises InputError for what cannot be, or is of no learner or query."""
        if not 0 < self.confidence < 1:
            raise InputError(f"confidence must lie between 0 and 1, got {self.confidence}.")
        for level in self.levels:
            if not 0 < level <= 1 or self.levels.count(level) > 1:
                raise InputError(
                    f"levels must be different accuracies in (0, 1], got {list(self.levels)}."
                )
        if not 0 < self.target <= 1:
            raise InputError(f"target must be a share in (0, 1], got {self.target}.")
        names = [query.name for query in experiment.queries]
        measured = (*metrics.registry, "aubc", "budget", "seconds")
        for cell, values in self.reported.items():
            learner, slash, query = cell.rpartition("/")
            if not slash:
                raise InputError(f"reported takes learner/query, got {cell!r}.")
            _known("learner", (learner,), experiment.learners)
            _known("query", (query,), names)
            largest = [f"max_{name}" for name in measured]
            _known(f"metric of {cell}", values, (*measured, *largest))


def _queries(tree: Any, where: str) -> tuple[QueryConfig, ...]:
    if isinstance(tree, str) or not isinstance(tree, Sequence):
        tree = (tree,)
    return tuple(
        parse(Query | Learned, as_query(one), f"{where}.{i}") for i, one in enumerate(tree)
    )


@dataclasses.dataclass(frozen=True)
class Experiment(Form):
    """Queries compared with learners on one data set, over many seeds."""

    name: str = "experiment"
    """Name of the experiment in tables, and of its folder."""
    data: Data = dataclasses.field(default_factory=Data)
    learners: Annotated[Any, Parser(read_learners)] = dataclasses.field(
        default_factory=lambda: {"logistic_regression": LogisticRegression()}
    )
    """Name -> learner; or names alone, as ("mlp",)."""
    queries: Annotated[Any, Parser(_queries)] = ("random", "margin")
    """Strategies by name, Query for one with options, Learned for a trained agent."""
    protocol: Protocol = dataclasses.field(default_factory=Protocol)
    execution: Execution = dataclasses.field(default_factory=Execution)
    shown: Shown = dataclasses.field(default_factory=Shown)

    def __post_init__(self) -> None:
        """Names stand for what they name; wrong types are left for `checked` to find."""
        object.__setattr__(self, "learners", as_learners(self.learners))
        if isinstance(self.queries, tuple | list):
            object.__setattr__(self, "queries", tuple(map(as_query, self.queries)))

    def cells(self) -> list[tuple[str, QueryConfig]]:
        """Pairs of a learner's name and a query, learners in the outer loop."""
        return [
            (learner, query)
            for learner in self.learners
            for query in self.queries
            if not query.learners or learner in query.learners
        ]

    def blocks(self) -> list[tuple[tuple[str, ...], QueryConfig]]:
        """The cells as they run: side by side, with one query, learners whose queries are the same
        and that differ in nothing but traced hyper-parameters."""
        alike: dict[tuple[str, tuple[int, ...]], list[str]] = {}
        for name, config in self.learners.items():
            queries = enumerate(self.queries)
            own = tuple(i for i, one in queries if not one.learners or name in one.learners)
            # An agent's classifier is a start for the one learner that is alike in all.
            program = name if self.protocol.classifier == "agents" else program_of(name, config)
            alike.setdefault((program, own), []).append(name)
        return [(tuple(names), self.queries[i]) for (_, own), names in alike.items() for i in own]

    def learned(self) -> list[Learned]:
        """The trained agents among the queries."""
        return [query for query in self.queries if isinstance(query, Learned)]

    def seed_numbers(self) -> range:
        """The numbers of the seeds that run: all, or those of the split."""
        protocol = self.protocol
        return of_split(protocol.first_seed, protocol.seeds, protocol.splits, protocol.split)

    def split_data(self) -> Data:
        """The data of the split that runs."""
        return self.data.of_split(self.protocol.split)

    def batches(self, query: QueryConfig) -> tuple[int, ...]:
        """Labels bought in each of the rounds by one query, within the budget."""
        wanted, budget = self.wanted(query), self.protocol.budget
        if budget is None:
            return wanted
        bought = [min(total, budget) for total in itertools.accumulate(wanted, initial=0)]
        return tuple(after - before for before, after in itertools.pairwise(bought))

    def wanted(self, query: QueryConfig) -> tuple[int, ...]:
        """Labels bought in each of the rounds by one query, were there no budget."""
        batch = self.protocol.batch if query.batch is None else query.batch
        return (batch,) * self.protocol.rounds if isinstance(batch, int) else tuple(batch)

    def check(self) -> None:
        """Raises InputError for the first thing that cannot be, whatever the data are."""
        check_names("name", [self.name])
        self.protocol.check()
        self.execution.check()
        if not self.learners:
            raise InputError("learners must be one or more, got none.")
        check_names("a learner's name", [*self.learners], slash=True)
        if not self.queries:
            raise InputError("queries must be one or more, got none.")
        check_names("a query's name", [query.name for query in self.queries])
        for query in self.queries:
            _known(f"learner of {query.name}", query.learners, self.learners)
        cells = [f"{learner}/{query.name}" for learner, query in self.cells()]
        twice = [name for name in cells if cells.count(name) > 1]
        if twice:
            raise InputError(f"two queries are called {twice[0]}: give one of them another name.")
        idle = [name for name in self.learners if not any(name == one for one, _ in self.cells())]
        if idle:
            raise InputError(f"no query runs with the learner {idle[0]}: leave it out.")
        self.shown.check(self)
        self._check_split()
        if not self.learned():
            for what, is_default in {
                "classifier agents": self.protocol.classifier == "untrained",
                f"target {self.shown.target}": self.shown.target == 1.0,
            }.items():
                if not is_default:
                    raise InputError(
                        f"{what} is for trained agents, and no query is a Learned: add one, or "
                        "leave it out."
                    )

    def _check_split(self) -> None:
        """Raises InputError for what takes one pool, where each seed has its own."""
        self.data.check()
        if self.data.split == "fixed":
            return
        for what, wrong in {
            f"splits {self.protocol.splits}": self.protocol.splits > 1,
            "a trained agent": bool(self.learned()),
        }.items():
            if wrong:
                raise InputError(
                    f"by data.split {as_name(self.data.split)} each seed has a pool of its own, "
                    f"which is not for {what}: give split fixed, or leave that out."
                )


def of_split(first: int, count: int, splits: int, split: int | None) -> range:
    """Of the numbers first to first + count - 1 all, or those of one split."""
    numbers = range(first, first + count)
    return numbers if split is None else numbers[split::splits]


def metric_names(protocol: Protocol) -> list[str]:
    """What the protocol's metrics are called, the accuracy first."""
    return ["accuracy", *map(_name_of, protocol.metrics)]


def _name_of(metric: Any) -> str:
    return as_name(metric).rpartition(":")[2].strip("<>")


def metrics_of(protocol: Protocol, allow_code: bool) -> dict[str, Any]:
    """Name -> function of the protocol's metrics, the accuracy first."""
    found = {"accuracy": metrics.registry["accuracy"]}
    for given in protocol.metrics:
        function = find("metric", given, metrics.registry, allow_code)
        name = _name_of(given)
        if name in found and found[name] is not function:
            raise InputError(f"two metrics are called {name}: give one of them another name.")
        found[name] = function
    return found


def difference(a: dict[str, Any], b: dict[str, Any]) -> str | None:
    """The first field in which two configs' JSON differ, with both values; None if in none.

    Where seeds run, how often they are saved and what is shown does not change an experiment.
    """
    old, new = flat(a), flat(b)
    there, here = _kinds(old), _kinds(new)
    if there != here:
        return f"the kind is {there} there and {here} here"
    for field in sorted(old.keys() | new.keys(), key=_outer_first):
        name = _OF_CONFIG.sub("", field)
        if old.get(field) != new.get(field) and not _FREE.match(name):
            return f"{name} is {old.get(field)!r} there and {new.get(field)!r} here"
    return None


def _kinds(fields: dict[str, Any]) -> str:
    """What a config is: experiment, training, or of a list each step's."""
    found = map(_OF_CONFIG.match, fields)
    return ", ".join(sorted({match.group().rstrip(".") for match in found if match}))


def _outer_first(field: str) -> tuple[int, bool, str]:
    """Of fields at one depth the kind of a thing, then what that kind has."""
    return field.count("."), not field.endswith(".type"), field


# "experiment.", "steps.0.training." and so on, in front of a field; fields that may differ.
_OF_CONFIG = re.compile(r"^(steps\.\d+\.)?(sweep(\.experiment)?|experiment|training)\.")
_FREE = re.compile(r"^(shown\.|execution\.(devices|segment)$)")


def _known(what: str, names: Any, known: Any) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"unknown {what} {name!r}: known are {', '.join(known)}.")
