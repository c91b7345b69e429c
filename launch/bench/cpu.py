"""What launch/bench.py measures beside jal's peers, turn by turn, and how the parts are shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from bench import (
    agents,
    agents_tables,
    bral_t,
    bral_t_tables,
    saving,
    seeds,
    selections,
    strategies,
    strategies_tables,
)
from bench import training_tables as training
from bench.measure import Show, Step, ended, measure, middle, turns_of
from bench.timing import Result
from jal.strategies import registry
from jal.types import InputError

__all__ = ["DEFAULT", "PACKAGES", "TABLES", "Scale", "packages", "run"]

PACKAGES: dict[str, tuple[str, ...]] = {  # beside jax, numpy and scikit-learn
    "seeds": ("modAL-python", "threadpoolctl"),
    "select": ("scikit-activeml",),
    "train": ("torch",),
    "strategies": ("scikit-activeml", "baal", "small-text"),
    "rl": ("torch", "flashbax", "rlax", "threadpoolctl"),
    "bral_t": ("torch", "POT", "threadpoolctl"),
}
DEFAULT = ("seeds", "select", "train")  # the others take hours
TABLES: dict[str, saving.Tables] = {
    "seeds": seeds.tables,
    "select": selections.tables,
    "train": training.tables,
    "strategies": strategies_tables.tables,
    "rl": agents_tables.tables,
    "bral_t": bral_t_tables.tables,
}


class Scale(NamedTuple):
    """How much to run."""

    turns: int = 3
    counts: tuple[int, ...] = (1, 4, 16, 64, 256)
    loop_seeds: int = 16
    points: int = 50_000
    trained: tuple[int, ...] = (1, 4, 16)
    pools: tuple[int, ...] = (10_000, 50_000)
    trainings: tuple[int, ...] = (1, 4, 16, 64)


QUICK = Scale(1, (64,), 4, 2_000, (1, 16), (500,), (2,))


class Part(NamedTuple):
    """Steps by label; what must be done before; what is long; what is done with the results."""

    steps: dict[str, Step]
    prepare: Mapping[str, Step] = MappingProxyType({})
    long_s: float = math.inf
    finish: Callable[[dict[str, Result], dict[str, Step]], None] = lambda results, steps: None


def packages(parts: Sequence[str]) -> list[str]:
    """What these parts need, and versions are told of."""
    needed = [name for part in parts for name in PACKAGES[part]]
    return list(dict.fromkeys(("jax", "numpy", "scikit-learn", *needed)))


def part_of(
    name: str, scale: Scale, folder: str, quick: bool, bfloat16: bool, names: Sequence[str]
) -> Part:
    """The part's steps; `folder` is where processes leave arrays for one another."""
    if name == "seeds":
        return Part(seeds.plan(scale.counts, scale.loop_seeds))
    if name == "select":
        return Part(selections.plan(scale.points))
    if name == "train":
        return Part(training.plan(scale.trained, bfloat16))
    if name == "rl":
        path = f"{folder}/data.npz"
        prepare = {"the data of the agents": Step("bench.agents:rl_data", {"path": path})}
        return Part(agents.plan(scale.trainings, path, quick), prepare)
    if name == "bral_t":
        path = f"{folder}/grand.npz"
        options = {"path": path, "points": bral_t.grand_points(quick)}
        prepare = {"GraNd to compare with": Step("bench.grand:prepare_grand", options)}
        return Part(bral_t.plan(path, quick), prepare)
    # What an oracle reads a benchmark's round has not.
    known = [one for one in registry if not registry[one]().oracle]
    unknown = [one for one in names if one not in known]
    if unknown:
        raise InputError(f"there is no strategy {unknown[0]}; known are {', '.join(known)}.")
    return Part(
        strategies.plan(scale.pools, names or known, folder),
        strategies.prepare(scale.pools, folder),
        strategies.LONG_S,
        strategies.finish,
    )


def run(part: Part, scale: Scale, show: Show) -> Iterator[Result]:
    """`results` and `turns` after each step.

    Raises:
      InputError: where what must be done before fails.
    """
    for label, step in part.prepare.items():
        found = measure(step)
        if not ended(found):
            raise InputError(f"{label} failed: {found.get('failed', 'no time')}")
    for turns in turns_of(part.steps, scale.turns, show, part.long_s):
        results = {label: middle(rows) for label, rows in turns.items()}
        part.finish(results, part.steps)
        kept = {
            label: [{key: row[key] for key in row if key != "picks"} for row in rows]
            for label, rows in turns.items()
        }
        yield {"results": results, "turns": kept}
