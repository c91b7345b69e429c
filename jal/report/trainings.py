"""What agents' trainings took and gave, in the form of Slade and Branson's Table 2."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jal import metrics
from jal.report.tables import curves

__all__ = ["training_summary"]


def training_summary(
    frame: pd.DataFrame, training: pd.DataFrame, level: float = 0.95
) -> pd.DataFrame:
    """Each agent's epochs, final return, final accuracy and seconds.

    Args:
      frame: the tidy table, of `by_training`.
      training: the agents' history.
      level: of the intervals: over trainings, or over the runs of a single one.

    Returns:
      index (learner, agent); `trainings`; `epochs`, the mean number until each stopped; `return`
      of their last epochs and `final` accuracy of the policies, with `return_ci` and `final_ci`;
      `seconds`, wall time of all trainings over their number. Agents that another run has trained
      are left out.
    """
    rows = {}
    for cell, part in training.groupby(["learner", "strategy"], sort=False):
        learner, agent = cell  # pyright: ignore
        epochs = part.loc[part.epoch >= 0]
        returns = epochs.loc[epochs.metric == "return"].dropna(subset="value")
        if returns.empty:
            continue
        last = returns.sort_values("epoch").groupby("seed").value.last().to_numpy(float)
        taken = part.loc[part.metric == "seconds", "value"].to_numpy(float)
        _, accuracies = curves(frame.loc[frame.strategy == agent], learner)[agent]
        row = {"trainings": len(last), "epochs": len(returns) / len(last)}
        for name, values in {"return": last, "final": accuracies[:, -1]}.items():
            row[name], row[f"{name}_ci"] = metrics.mean_interval(values, level)
        rows[learner, agent] = row | {"seconds": taken.mean() if taken.size else np.nan}
    table = pd.DataFrame.from_dict(rows, orient="index")
    if len(table):
        table.index = pd.MultiIndex.from_tuples(table.index, names=["learner", "agent"])
    return table
