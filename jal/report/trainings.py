"""What agents' trainings took and gave, in the form of Slade and Branson's Table 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from jal import metrics
from jal.report.comparisons import paired_differences
from jal.report.plots import COLOURS, InlineFigure, plain
from jal.report.tidy import aubcs, curves, indexed

__all__ = ["aubc_differences", "points_curve", "training_stages", "training_summary"]


def training_summary(
    frame: pd.DataFrame, training: pd.DataFrame, level: float = 0.95, splits: int = 1
) -> pd.DataFrame:
    """Each agent's epochs, final return, final accuracy and seconds.

    Args:
      frame: the tidy table, of `by_training`.
      training: the agents' history.
      level: of the intervals: over splits, else trainings, else the runs of a single one.
      splits: of the data; training t is of split t modulo their number.

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
        last = returns.sort_values("epoch").groupby("seed").value.last()
        number = (last.index - training.seed.min()) % splits
        means = last.groupby(number).mean() if splits > 1 else last
        taken = part.loc[part.metric == "seconds", "value"].to_numpy(float)
        _, accuracies = curves(frame.loc[frame.strategy == agent], learner)[agent]
        row = {"trainings": len(last), "epochs": len(returns) / len(last)}
        for name, values in {"return": means.to_numpy(float), "final": accuracies[:, -1]}.items():
            row[name], row[f"{name}_ci"] = metrics.mean_interval(values, level)
        rows[learner, agent] = row | {"seconds": taken.mean() if taken.size else np.nan}
    return indexed(rows, ["learner", "agent"])


def training_stages(training: pd.DataFrame, splits: int = 1) -> dict[str, pd.DataFrame]:
    """One agent's trainings before, at the start and at the end.

    Args:
      training: the agent's history.
      splits: of the data; the trainings of each are averaged.

    Returns:
      "warm start" (the mean return and length of its episodes, the best quality seen, the least
      budget that reached it), "target" (quality and budget), "first epoch" and "last epoch" (before
      a training stopped) -> a row for each training or split, a column for each measure; NaN where
      there is none, as of agents without targets.
    """
    seeds = np.unique(training.seed)
    values = training.dropna(subset="value").sort_values("epoch", kind="stable")
    before, epochs = values.loc[values.epoch < 0], values.loc[values.epoch >= 0]

    def wide(part: pd.DataFrame, last: bool, names: Mapping[str, str]) -> pd.DataFrame:
        ends = part.drop_duplicates(["seed", "metric"], keep="last" if last else "first")
        table = ends.pivot(index="seed", columns="metric", values="value")
        table = table.reindex(index=seeds, columns=[*names]).rename(columns=names).astype(float)
        table = table.where(np.isfinite(table))
        number = (seeds - seeds.min()) % splits
        return pd.DataFrame(table.groupby(number).mean()) if splits > 1 else table

    found = {"warm_episode": "return", "warm_length": "length"}
    found |= {f"warm_{name}": name for name in ("quality", "budget")}
    goal = {f"target_{name}": name for name in ("quality", "budget")}
    measures = {name: name for name in map(str, epochs.metric.unique())}
    return {
        "warm start": wide(before, True, found),
        "target": wide(before, True, goal),
        "first epoch": wide(epochs, False, measures),
        "last epoch": wide(epochs, True, measures),
    }


def aubc_differences(
    frame: pd.DataFrame,
    learner: str,
    agents: Sequence[str],
    level: float = 0.95,
    trainings: int = 1,
) -> pd.DataFrame:
    """The AUBC of each agent less that of each strategy that is none; over the labels all have.

    Args:
      frame: the tidy table.
      learner: which.
      agents: some of its strategies.
      level: of the intervals.
      trainings: of the agents; if several, intervals and tests are over these.

    Returns:
      index (agent, strategy); columns of `paired_differences`.
    """
    values = aubcs(frame, learner, trainings)
    present = [agent for agent in agents if agent in values]
    beside = {
        other: paired_differences(values.loc[:, [*present, other]], other, level)
        for other in values.columns.drop(present)
    }
    rows = {(agent, other): beside[other][agent] for agent in present for other in beside}
    return indexed(rows, ["agent", "strategy"])


def points_curve(
    took: pd.DataFrame,
    points: Mapping[str, int],
    learner: str,
    reported: Mapping[str, Mapping[str, float]] | None = None,
) -> Figure:
    """Final accuracy and seconds of a training against N, points a step (their Figure 4, Table 2).

    Args:
      took: of `training_summary`.
      points: N of each agent.
      learner: which.
      reported: agent -> metric -> what a paper has, of which accuracy and seconds are drawn.
    """
    part = took.loc[learner]
    part = part.assign(points=[points.get(str(agent), 0) for agent in part.index])
    part = part[part.points > 0].sort_values("points")
    figure = InlineFigure(figsize=(9.4, 3.4), layout="constrained")
    accuracy, time = figure.subplots(1, 2)
    accuracy.errorbar(
        part.points, part.final, yerr=part.final_ci, color=COLOURS[0], marker="o", capsize=3
    )
    accuracy.set_ylabel("final accuracy")
    time.plot(part.points, part.seconds, color=COLOURS[0], marker="o")
    time.set_ylabel("seconds of a training")
    time.set_ylim(bottom=0)
    for panel, metric in ((accuracy, "accuracy"), (time, "seconds")):
        papers = [(reported or {}).get(str(agent), {}).get(metric, np.nan) for agent in part.index]
        if not np.isnan(papers).all():
            panel.plot(part.points, papers, color=COLOURS[1], marker="x", label="in the paper")
            panel.legend(frameon=False)
        panel.set_xlabel("points labelled in a step")
        panel.set_xticks(part.points)
        plain(panel)
    return figure
