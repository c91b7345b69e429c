"""Learning curves of the tidy table, and the area under each over the same labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from jal import metrics

__all__ = [
    "LabelRange",
    "aubcs",
    "by_training",
    "curves",
    "indexed",
    "label_range",
    "same_budgets",
    "units",
]

Curves = dict[str, tuple[np.ndarray, np.ndarray]]


def curves(frame: pd.DataFrame, learner: str, metric: str = "accuracy") -> Curves:
    """Strategy -> (labels `[S, R + 1]`, values `[S, R + 1]`) of one learner, in the run's order.

    Rows are the learner's seeds in order, the same for each strategy: NaN where one has not run.
    ValueError where a seed's round is there twice.
    """
    own = frame.loc[frame.learner == learner]
    seeds, part = np.sort(own.seed.unique()), own.loc[own.metric == metric]
    found = {}
    for strategy, rows in part.groupby("strategy", sort=False, observed=True):
        rounds, column = np.unique(rows["round"].to_numpy(), return_inverse=True)
        place = np.searchsorted(seeds, rows.seed.to_numpy()) * len(rounds) + column
        if len(np.unique(place)) < len(place):
            raise ValueError(f"{learner} with {strategy} has rounds of a seed twice.")
        wide = np.full((2, len(seeds) * len(rounds)), np.nan)
        wide[:, place] = rows.labels.to_numpy(), rows.value.to_numpy()
        labels, values = wide.reshape(2, len(seeds), len(rounds))
        found[strategy] = labels, values
    return found


def indexed(rows: Mapping[tuple, Mapping[str, float]], names: Sequence[str]) -> pd.DataFrame:
    """A table of rows by their keys, whose parts have these names; also of none."""
    index = pd.MultiIndex.from_tuples(list(rows), names=list(names))
    return pd.DataFrame(list(rows.values()), index=index)


def same_budgets(found: Curves) -> bool:
    """Whether all strategies had the same numbers of labels in the same rounds, as far as run."""
    budgets = [labels for labels, _ in found.values()]
    first = budgets[0]
    return all(
        labels.shape == first.shape and not (np.abs(labels - first) > 0).any() for labels in budgets
    )


class LabelRange(NamedTuple):
    """The numbers of labels that all runs of one learner have.

    Attributes:
      low: the largest of their first numbers of labels.
      high: the smallest of their last ones. At most `low` where there is no such range.
      whole: whether each run has these and no others.
    """

    low: float
    high: float
    whole: bool

    @property
    def note(self) -> str:
        """What must be said of an AUBC over it; nothing where it is whole."""
        if self.whole:
            return ""
        if self.low >= self.high:
            return "AUBC is withheld: no range of labels is common to all runs"
        return f"AUBC over {self.low:g} to {self.high:g} labels, which all runs have"


def label_range(frame: pd.DataFrame, learner: str) -> LabelRange:
    """The numbers of labels that all strategies and seeds of a learner have."""
    own = frame[(frame.learner == learner) & (frame.metric == "accuracy")]
    ends = own.groupby(["strategy", "seed"], sort=False, observed=True).labels.agg(["min", "max"])
    low, high = float(ends["min"].max()), float(ends["max"].min())
    return LabelRange(low, high, bool((ends["min"] == low).all() and (ends["max"] == high).all()))


def aubcs(
    frame: pd.DataFrame, learner: str, trainings: int = 1, metric: str = "accuracy"
) -> pd.DataFrame:
    """The AUBC of each run, over the `label_range` of all: areas over other labels say nothing.

    Args:
      frame: the tidy table.
      learner: which.
      trainings: T, of agents: the i-th seed ran with training i modulo T. The runs of each are
        averaged.
      metric: the area under whose curve it is.

    Returns:
      a row for each seed, or each training where there are several, and a column for each
      strategy; NaN where it has not run, and everywhere without a common range.
    """
    low, high, _ = label_range(frame, learner)
    return units(
        frame,
        learner,
        {
            strategy: metrics.aubc(labels, values, (low, high))
            for strategy, (labels, values) in curves(frame, learner, metric).items()
        },
        trainings,
    )


def units(
    frame: pd.DataFrame, learner: str, values: dict[str, np.ndarray], trainings: int
) -> pd.DataFrame:
    """Values `[S]` of a learner's seeds in order, as a table; averaged by training if several."""
    seeds = np.sort(frame.seed[frame.learner == learner].unique())
    table = pd.DataFrame(values, index=pd.Index(seeds, name="seed"))
    if trainings == 1:
        return table
    return pd.DataFrame(table.groupby(np.arange(len(seeds)) % trainings).mean())


def by_training(frame: pd.DataFrame, trainings: int) -> pd.DataFrame:
    """Of T trainings of agents, the runs of each averaged, round by round: independent rows.

    Args:
      frame: the tidy table; its i-th seed, whatever their numbers, ran with training i modulo T.
      trainings: T; 1 leaves the table as it is.

    Returns:
      the tidy table, whose seed is the training's number; labels, too, are means.
    """
    if trainings == 1:
        return frame
    names = ["experiment", "learner", "strategy", "metric"]  # grouped much faster as categories
    kinds = dict.fromkeys([name for name in names if name in frame], "category")
    number = np.unique(frame.seed, return_inverse=True)[1] % trainings
    keys = [*kinds, "seed", "round"]
    grouped = frame.assign(seed=number).astype(kinds).groupby(keys, sort=False, observed=True)
    means = pd.DataFrame(grouped[["labels", "value"]].mean()).reset_index()
    return means.astype(dict.fromkeys(kinds, object))
