"""The agents that an experiment can train, and the parts of the data that they need."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jal.data.sources import Dataset, take
from jal.data.splits import fractions
from jal.rl import AbasRal, AgentData, LalRl, SladeBranson, check_parts
from jal.types import InputError, Pool

__all__ = ["AbasRal", "AgentConfig", "Arena", "LalRl", "Parts", "Saved", "SladeBranson", "arena"]


@dataclasses.dataclass(frozen=True)
class Parts:
    """Shares of the training data, drawn class by class; no point is in two of them."""

    state: float = 0.1
    """On which agents see the classifier."""
    warm: float = 0.1
    """The pool of the warm start; 0: that of the training."""
    train: float = 0.6
    """The pool of the agents' training."""
    evaluation: float = 0.2
    """The pool on which strategies are compared."""
    holdout: float = 0.0
    """Where rewards are measured; 0: on the test set, as ABAS-RAL has it."""


@dataclasses.dataclass(frozen=True)
class Saved:
    """An agent that another run has trained, applied as it is: also to other data."""

    run: str
    """The other run's folder."""
    agent: str
    """The agent's name there."""
    learner: str
    """The learner that it was trained with there."""


AgentConfig = AbasRal | LalRl | SladeBranson | Saved


class Arena(NamedTuple):
    """The data of agents, and the data set whose pool is the evaluation's."""

    data: AgentData
    evaluation: Dataset


def arena(dataset: Dataset, parts: Parts, seed: int) -> Arena:
    """Divides the training data.

    Raises:
      InputError: for shares that cannot be, or a part with less than two points of a class.
    """
    wanted = {f.name: getattr(parts, f.name) for f in dataclasses.fields(parts)}
    for name in ("state", "train", "evaluation"):
        if wanted[name] <= 0:
            raise InputError(f"parts.{name} must be a share above 0, got {wanted[name]}.")
    for name in ("warm", "holdout"):
        if wanted[name] < 0:
            raise InputError(f"parts.{name} must be a share of at least 0, got {wanted[name]}.")
    wanted = {name: share for name, share in wanted.items() if share > 0}
    x, y = dataset.train
    made = dict(zip(wanted, fractions(y, tuple(wanted.values()), seed), strict=True))
    pools = {name: part for name, part in made.items() if name not in ("state", "holdout")}
    check_parts(y, dataset.num_classes, state=made["state"], **pools)

    def pool(part: np.ndarray) -> Pool:
        return Pool(jnp.asarray(x[part]), jnp.asarray(y[part]))

    train = pool(made["train"])
    tested = Pool(jnp.asarray(dataset.test.x), jnp.asarray(dataset.test.y))
    data = AgentData(
        jnp.asarray(x[made["state"]]),
        pool(made["warm"]) if "warm" in made else train,
        train,
        pool(made["holdout"]) if "holdout" in made else tested,
    )
    return Arena(data, take(dataset, made["evaluation"]))
