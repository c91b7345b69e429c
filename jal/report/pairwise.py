"""At how many budgets a strategy beats another, in one run or in runs on several data sets."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from jal import metrics
from jal.report.compare import Run, shared
from jal.report.comparisons import FEWEST, LEVEL
from jal.report.tidy import by_training, curves, same_budgets

__all__ = ["Pairwise", "over_data_sets", "pairwise"]


class Pairwise(NamedTuple):
    """Row against column, of strategies.

    Attributes:
      shares: BADGE's penalty matrix: the share of budgets at which row is significantly better, of
        several data sets their sum; NaN where fewer than five runs have both at any budget.
      wins: BRAL-T's count: at how many budgets row has the higher mean.
      budgets: how many there are.
    """

    shares: pd.DataFrame
    wins: pd.DataFrame
    budgets: int


def pairwise(frame: pd.DataFrame, learner: str) -> Pairwise | None:
    """Of the budgets, and of the seeds, that both of a pair have run; None where budgets differ.

    Args:
      frame: a run's table, by the unit of its tests.
      learner: which.
    """
    found = curves(frame, learner)
    rounds = min(values.shape[1] for _, values in found.values())  # that all have run so far
    found = {name: (x[:, :rounds], values[:, :rounds]) for name, (x, values) in found.items()}
    if not same_budgets(found):
        return None
    values = np.stack([values for _, values in found.values()])
    names = pd.Index(found)
    shares, wins = metrics.penalty_matrix(values, LEVEL, FEWEST), metrics.wins(values)
    return Pairwise(
        pd.DataFrame(shares, index=names, columns=names),
        pd.DataFrame(wins, index=names, columns=names),
        rounds,
    )


def over_data_sets(runs: Sequence[Run], learner: str) -> Pairwise | None:
    """Sums over runs, of the strategies that all of them have.

    None where two runs have data in common, which would count twice, or one does not say which it
    has; where fewer than two strategies are in all runs; and where budgets of one run differ.
    """
    names = [
        name
        for name in shared(runs).get(learner, [])
        if all(_has(run, learner, name) for run in runs)
    ]
    if not _apart(runs) or len(names) < 2:
        return None
    found = []
    for run in runs:
        own = by_training(run.frame, run.about.units)
        made = pairwise(own.loc[own.strategy.isin(names)], learner)
        if made is None:
            return None
        found.append(made)
    shares = sum(one.shares.loc[names, names] for one in found)
    wins = sum(one.wins.loc[names, names] for one in found)
    return Pairwise(pd.DataFrame(shares), pd.DataFrame(wins), sum(one.budgets for one in found))


def _apart(runs: Sequence[Run]) -> bool:
    """Whether no two runs are on the same data, in any of their splits."""
    data: list[set[str]] = []
    for run in runs:
        of = run.info.get("data_sha256")
        data.append({of} if isinstance(of, str) else set(of or ()))
    return all(data) and not any(a & b for a, b in itertools.combinations(data, 2))


def _has(run: Run, learner: str, strategy: str) -> bool:
    return bool(((run.frame.learner == learner) & (run.frame.strategy == strategy)).any())
