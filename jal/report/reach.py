"""How many labels a strategy needs to come near the best of all, or to an accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from jal import metrics
from jal.report.tidy import curves, units

__all__ = ["NEAR", "Reach", "reach"]

NEAR = (0.90, 0.95)  # shares of the best
_ROUNDING = 1e-6  # of accuracies, which are float32


class Reach(NamedTuple):
    """Labels that a learner's strategies need to reach one accuracy.

    Attributes:
      share: of the best; None of an accuracy that was given.
      goal: the accuracy: as given, or that share of the highest mean final one of any strategy.
      labels: a row for each unit, a column for each strategy: the labels at the first look at which
        the accuracy is at least the goal. A run that never gets there counts with its last number
        of labels, a lower bound; NaN where it has not run.
      reached: strategy -> the share of runs that got there; NaN where none has run.
    """

    share: float | None
    goal: float
    labels: pd.DataFrame
    reached: Mapping[str, float]

    @property
    def name(self) -> str:
        """`90 %`, or `accuracy 0.5`."""
        return f"accuracy {self.goal}" if self.share is None else f"{100 * self.share:.0f} %"

    def text(self, strategy: str, level: float) -> str:
        """`57.2 ± 3.1`; `≥ 187 (88 %)` where only that share of runs got there, and the mean
        is a lower bound without interval; empty of a strategy that has not run."""
        mean, half = metrics.mean_interval(self.labels[strategy].to_numpy(float), level)
        share = self.reached[strategy]
        if np.isnan(mean) or np.isnan(share):
            return ""
        if share < 1:  # 99.6 % of runs are not all of them
            return f"≥ {mean:.0f} ({min(round(100 * share), 99)} %)"
        return f"{mean:.1f}" + ("" if np.isnan(half) else f" ± {half:.1f}")


def reach(
    frame: pd.DataFrame,
    learner: str,
    shares: Sequence[float] = NEAR,
    trainings: int = 1,
    levels: Sequence[float] = (),
) -> list[Reach]:
    """Labels to reach each share of the best of a learner's strategies, and each level.

    Args:
      frame: the tidy table.
      learner: which.
      shares: of the highest mean final accuracy.
      trainings: T, of agents; if several, the runs of each are averaged (`aubcs`).
      levels: accuracies.
    """
    found = curves(frame, learner)
    last = {strategy: values[:, -1] for strategy, (_, values) in found.items()}
    best = units(frame, learner, last, trainings).mean().max()
    results = []
    goals = [(share, float(share * best)) for share in shares]
    for share, goal in [*goals, *((None, float(level)) for level in levels)]:
        needed, got = {}, {}
        for strategy, (labels, values) in found.items():
            first = metrics.labels_to_reach(labels, values, goal * (1 - _ROUNDING))
            ran = ~np.isnan(values).all(axis=1)
            most = np.max(labels, axis=1, initial=-np.inf, where=~np.isnan(values))
            needed[strategy] = np.where(ran, np.where(np.isnan(first), most, first), np.nan)
            got[strategy] = float(np.mean(~np.isnan(first[ran]))) if ran.any() else np.nan
        table = units(frame, learner, needed, trainings)
        results.append(Reach(share, goal, table, got))
    return results
