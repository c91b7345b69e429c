"""How a seed draws the labels that it starts with, each way with its own fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
import tyro

from jal.experiment.form import Option, Parser
from jal.experiment.queries import Query, joined, read_strategy, registered_name
from jal.labels import balanced_start, random_start, start_from, twisted_start
from jal.types import Array, InputError

__all__ = ["Balanced", "Chosen", "Indices", "Random", "Start", "Twisted"]

# `(key, y [N], number of the seed among the run's) -> order [N]`
Draw = Callable[[Array, Array, Array], Array]


@dataclasses.dataclass(frozen=True)
class Balanced:
    """As many labels of each class."""

    variant: ClassVar[bool] = True

    per_class: int = 1
    """Labels of each class."""

    def size(self, points: int, classes: int) -> int:
        """Labels at the start, of a pool of so many points and classes."""
        del points
        return self.per_class * classes

    def check(self, y: np.ndarray, classes: int, seeds: int) -> None:
        """Raises InputError where the pool's classes `y [N]` do not have it."""
        del seeds
        if self.per_class < 1:
            raise InputError(
                f"a balanced start takes at least 1 label per class, got {self.per_class}: give "
                "one, or start at random."
            )
        counts = np.bincount(y, minlength=classes)
        if counts.min() < self.per_class:
            raise InputError(
                f"class {counts.argmin()} has {counts.min()} examples in the pool, too few for "
                f"{self.per_class} of each class at the start: lower per_class or drop the class."
            )

    def draw(self, points: int, classes: int) -> Draw:
        """The start of one seed."""
        del points
        return lambda key, y, seed: balanced_start(key, y, classes, self.per_class)


@dataclasses.dataclass(frozen=True)
class Random:
    """Labels of points drawn uniformly, whatever their classes."""

    variant: ClassVar[bool] = True

    labels: int | None = None
    """How many; or else give a share."""
    share: float | None = None
    """How many, as a share of the pool."""

    def size(self, points: int, classes: int) -> int:
        """Labels at the start, of a pool of so many points and classes."""
        del classes
        return _number(self.labels, self.share, points)

    def check(self, y: np.ndarray, classes: int, seeds: int) -> None:
        """Raises InputError where the pool's classes `y [N]` do not have it."""
        del classes, seeds
        _check_number("a random start", self.labels, self.share, len(y))

    def draw(self, points: int, classes: int) -> Draw:
        """The start of one seed."""
        n = self.size(points, classes)
        return lambda key, y, seed: random_start(key, y.shape[0], n)


@dataclasses.dataclass(frozen=True)
class Twisted:
    """Labels of which a given share is of the half of the classes with the fewest points."""

    variant: ClassVar[bool] = True

    rare: float
    """Share of the labels that is of the rarer classes: .05 in BRAL-T's Twisted Main, .95 in its
    Twisted Rare (Table 8)."""
    labels: int | None = None
    """How many; or else give a share."""
    share: float | None = None
    """How many, as a share of the pool."""

    def size(self, points: int, classes: int) -> int:
        """Labels at the start, of a pool of so many points and classes."""
        del classes
        return _number(self.labels, self.share, points)

    def check(self, y: np.ndarray, classes: int, seeds: int) -> None:
        """Raises InputError where the pool's classes `y [N]` do not have it."""
        del seeds
        points = len(y)
        if not 0 <= self.rare <= 1:
            raise InputError(f"rare must be a share in [0, 1] of the labels, got {self.rare}.")
        _check_number("a twisted start", self.labels, self.share, points)
        size = self.size(points, classes)
        counts = np.bincount(y, minlength=classes)
        rare = int(np.sort(counts)[: classes // 2].sum())
        from_rare = round(self.rare * size)
        for half, has, wanted in (
            ("rarer", rare, from_rare),
            ("other", points - rare, size - from_rare),
        ):
            if has < wanted:
                raise InputError(
                    f"the {half} classes have {has} examples in the pool, too few for {wanted} at "
                    "the start: start with fewer labels."
                )

    def draw(self, points: int, classes: int) -> Draw:
        """The start of one seed."""
        n = self.size(points, classes)
        return lambda key, y, seed: twisted_start(key, y, classes, n, self.rare)


@dataclasses.dataclass(frozen=True)
class Indices:
    """Given pool indices for each seed, as many in each; or one row for all seeds."""

    variant: ClassVar[bool] = True

    indices: tyro.conf.Fixed[tuple[tuple[int, ...], ...]]
    """For each seed its pool indices; of one row alone those of all."""
    every_class: bool = True
    """Whether each seed must have an example of every class."""

    def size(self, points: int, classes: int) -> int:
        """Labels at the start, of a pool of so many points and classes."""
        del points, classes
        return len(self.indices[0])

    def check(self, y: np.ndarray, classes: int, seeds: int) -> None:
        """Raises InputError where the pool's classes `y [N]`, or each seed's `[S, N]`, do not have
        it."""
        if len(self.indices) not in (1, seeds):
            raise InputError(
                f"the start's indices have {len(self.indices)} rows for {seeds} seeds: give one "
                "each, or one for all."
            )
        first, points = self.indices[0], y.shape[-1]
        rows = self.indices if len(self.indices) == seeds else self.indices * seeds
        for seed, (row, own) in enumerate(
            zip(rows, np.broadcast_to(y, (seeds, points)), strict=True)
        ):
            if not row or len(row) != len(first) or len(set(row)) != len(row):
                raise InputError(
                    f"the start's indices of seed {seed} must be {max(len(first), 1)} different "
                    f"ones, as many as seed 0's, got {len(set(row))} different of {len(row)}."
                )
            outside = [index for index in row if not 0 <= index < points]
            if outside:
                raise InputError(
                    f"index {outside[0]} of seed {seed}'s start is outside the pool's "
                    f"0..{points - 1}."
                )
            missing = set(range(classes)) - set(own[list(row)].tolist())
            if missing and self.every_class:
                raise InputError(
                    f"the start of seed {seed} has no example of class {min(missing)}: give one of "
                    f"each of the {classes} classes, or every_class False."
                )

    def draw(self, points: int, classes: int) -> Draw:
        """The start of one seed."""
        del classes
        given = jnp.asarray(np.asarray(self.indices, np.int32))
        return lambda key, y, seed: start_from(given[seed % len(given)], points)


def _chooser(tree: Any, where: str) -> Any:
    return None if tree is None else read_strategy(tree, where)


@dataclasses.dataclass(frozen=True, init=False)
class Chosen:
    """Labels that a strategy chooses with nothing labelled: `Chosen(labels=20)`,
    `Chosen(share=.01, strategy="active_ft", iterations=100)`."""

    variant: ClassVar[bool] = True

    labels: int | None
    """How many; or else give a share."""
    share: float | None
    """How many, as a share of the pool."""
    strategy: Annotated[Any, Parser(_chooser)]
    """The strategy that chooses for all queries, as a Query's; each query for itself if None."""
    options: dict[str, Option | None]
    """The strategy's, beside their defaults."""

    def __init__(
        self,
        labels: int | None = None,
        share: float | None = None,
        strategy: Any = None,
        options: Mapping[str, Option | None] | None = None,
        **more: Option | None,
    ):
        own = {"labels": labels, "share": share, "strategy": registered_name(strategy)}
        for name, value in (own | {"options": joined(options, more)}).items():
            object.__setattr__(self, name, value)

    def query(self) -> Query | None:
        """Of the strategy that chooses for all queries; None without one."""
        return None if self.strategy is None else Query(self.strategy, options=self.options)

    def size(self, points: int, classes: int) -> int:
        """Labels at the start, of a pool of so many points and classes."""
        del classes
        return _number(self.labels, self.share, points)

    def check(self, y: np.ndarray, classes: int, seeds: int) -> None:
        """Raises InputError where the pool's classes `y [N]` do not have it."""
        del classes, seeds
        if self.strategy is None and self.options:
            raise InputError(
                f"a chosen start has no option {min(self.options)!r}, and names no strategy that "
                "could: it takes labels, share, strategy and that one's options."
            )
        _check_number("a chosen start", self.labels, self.share, len(y))

    def draw(self, points: int, classes: int) -> Draw:
        """Nothing yet: the strategy chooses among all points (`Episode.choose`)."""
        del classes
        return lambda key, y, seed: jnp.arange(points, dtype=jnp.int32)


Start = Balanced | Random | Twisted | Indices | Chosen


def _number(labels: int | None, share: float | None, points: int) -> int:
    return round((share or 0.0) * points) if labels is None else labels


def _check_number(what: str, labels: int | None, share: float | None, points: int) -> None:
    if (labels is None) == (share is None):
        raise InputError(f"{what} takes labels or a share, got labels {labels} and share {share}.")
    if share is not None and not 0 < share <= 1:
        raise InputError(f"{what} takes a share in (0, 1] of the pool, got {share}.")
    if not 1 <= _number(labels, share, points) <= points:
        raise InputError(
            f"{what} takes 1 to all {points} of the pool's points, got "
            f"{labels if share is None else f'a share of {share}'}."
        )
