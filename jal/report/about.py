"""What the report needs to know of a run beside its tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["About", "counted"]

_NONE: Mapping[Any, Any] = MappingProxyType({})


class About(NamedTuple):
    """A run, and how its results are shown.

    Attributes:
      name: the page's title.
      data: what was labelled, in a few words.
      unit: what intervals and tests are over, in the plural: seeds, splits or trainings.
      units: how many splits or trainings of agents there are, whose runs are averaged before
        anything else; seed i, counted from the first, is of unit i modulo their number. 1: of
        seeds.
      splits: of the data, that the runs are spread over.
      confidence: level of the intervals.
      levels: accuracies, the labels to which are shown.
      classes: their names, or none.
      points: agent -> labels that it buys in a step, of those that are made for a number.
      target: share of the quality that an agent's warm start found, which runs are to reach.
      held_out: whether agents were rewarded by other examples than those of the test set.
      reported: (learner, strategy) -> metric -> what a paper has.
      settings: a config's fields by name and as text, to be shown as they are.
    """

    name: str = "experiment"
    data: str = ""
    unit: str = "seeds"
    units: int = 1
    splits: int = 1
    confidence: float = 0.95
    levels: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()
    points: Mapping[str, int] = _NONE
    target: float = 1.0
    held_out: bool = False
    reported: Mapping[tuple[str, str], Mapping[str, float]] = _NONE
    settings: Mapping[str, str] = _NONE

    @property
    def percent(self) -> str:
        """The level, as 95 %."""
        return f"{100 * self.confidence:g} %"

    def paper(self, learner: str) -> dict[str, Mapping[str, float]]:
        """What a paper has of one learner's strategies."""
        return {name: values for (of, name), values in self.reported.items() if of == learner}

    def class_name(self, number: int) -> str:
        """A class's name, or its number where it has none."""
        return self.classes[number] if number < len(self.classes) else str(number)


def counted(number: int, plural: str) -> str:
    """`1 seed`, `8 seeds`, `1 strategy`."""
    if number != 1:
        return f"{number} {plural}"
    return f"1 {plural[:-3]}y" if plural.endswith("ies") else f"1 {plural.removesuffix('s')}"
