"""What a training is: one agent with one learner, on parts of one data set, over many seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

from jal.code import call, find
from jal.experiment.config import Execution, of_split
from jal.experiment.data_config import Data
from jal.experiment.form import Code, Form, Parser, as_name, parse, parse_object
from jal.experiment.learner_configs import LogisticRegression
from jal.experiment.named_learners import as_learners, read_learner
from jal.experiment.parts import Parts
from jal.experiment.queries import check_names
from jal.types import InputError

__all__ = ["Training", "build_agent"]


def _agent(tree: Any, where: str) -> Any:
    from jal.rl.policy import agent_classes

    return parse_object(tree, where, agent_classes())


@dataclasses.dataclass(frozen=True)
class Training(Form):
    """An agent that is trained with a learner; a query of an experiment is then `Learned(NAME)`."""

    agent: Annotated[Any, Parser(_agent)]
    """AbasRal, LalRl or SladeBranson with its options; a dataclass of one's own that is a
    jal.rl.Agent, or package.module:attribute of one."""
    name: str = "agent"
    """Name of the training, and of the agent in tables."""
    data: Data = dataclasses.field(default_factory=lambda: Data(parts=Parts()))
    learner: Annotated[Any, Parser(read_learner)] = dataclasses.field(
        default_factory=LogisticRegression
    )
    """The classifier whose labels are bought."""
    seeds: int = 1
    """How many trainings, each with a seed of its own; seed i of an experiment runs with training i
    modulo their number."""
    first_seed: int = 0
    """Number of the first seed."""
    splits: int = 1
    """Data splits that seeds are spread over, as those of an experiment."""
    split: int | None = None
    """The one of the splits that is run; all, one after another, if None."""
    execution: Execution = dataclasses.field(default_factory=lambda: Execution(segment=10))

    def __post_init__(self) -> None:
        """A name stands for the learner that it names."""
        if isinstance(self.learner, str):
            object.__setattr__(self, "learner", as_learners({"": self.learner})[""])

    def seed_numbers(self) -> range:
        """The numbers of the seeds that run: all, or those of the split."""
        return of_split(self.first_seed, self.seeds, self.splits, self.split)

    def split_data(self) -> Data:
        """The data of the split that runs."""
        return self.data.of_split(self.split)

    def check(self) -> None:
        """Raises InputError for the first thing that cannot be, whatever the data are."""
        check_names("name", [self.name])
        self.execution.check()
        for field, least in {"seeds": 1, "first_seed": 0, "splits": 1}.items():
            if getattr(self, field) < least:
                raise InputError(f"{field} must be at least {least}, got {getattr(self, field)}.")
        last = self.first_seed + self.seeds - 1
        if last > 2**31 - 1:
            raise InputError(f"seeds must be below 2^31, got {last}: lower first_seed.")
        if self.data.parts is None:
            raise InputError(
                f"the training {self.name} is on parts of its data, and data.parts is None: give "
                "Parts(), the same as the experiment's."
            )
        self.data.check()


def build_agent(config: Any, allow_code: bool) -> Any:
    """The agent of a config; raises InputError where it is none."""
    options: dict[str, Any] = {}
    if isinstance(config, Code):
        options = config.options
        config = find("agent", config.target, {}, allow_code)
    if isinstance(config, type) and dataclasses.is_dataclass(config):
        config, options = parse(config, options, "agent"), {}
    elif isinstance(config, type) or (isinstance(config, Callable) and not _is_agent(config)):
        config = call("agent", config, **options)
    if not _is_agent(config):
        missing = [name for name in _PARTS if not callable(getattr(config, name, None))]
        raise InputError(
            f"agent {as_name(config)} must be a jal.rl.Agent, and has no {', '.join(missing)}."
        )
    return config


_PARTS = ("trainer", "strategy", "max_labels", "network", "trained_size")


def _is_agent(thing: Any) -> bool:
    return all(callable(getattr(thing, name, None)) for name in _PARTS)
