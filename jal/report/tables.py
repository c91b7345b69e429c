"""Tables made from the tidy table."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jal import metrics

__all__ = [
    "LEVEL",
    "by_training",
    "curves",
    "paired_differences",
    "penalties",
    "ranking",
    "seconds",
    "significance",
    "summary",
]

LEVEL = 0.05


def curves(
    frame: pd.DataFrame, learner: str, metric: str = "accuracy"
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Strategy -> (labels `[S, R + 1]`, values `[S, R + 1]`) of one learner, in the run's order."""
    part = frame[(frame.learner == learner) & (frame.metric == metric)]
    found = {}
    for strategy, cell in part.groupby("strategy", sort=False, observed=True):
        wide = cell.pivot(index="seed", columns="round", values=["labels", "value"])
        found[strategy] = wide["labels"].to_numpy(float), wide["value"].to_numpy(float)
    return found


def by_training(frame: pd.DataFrame, trainings: int) -> pd.DataFrame:
    """Of T trainings of agents, the runs of each averaged, round by round: independent rows.

    Args:
      frame: the tidy table; its seed i ran with training i modulo T.
      trainings: T; 1 leaves the table as it is.

    Returns:
      the tidy table, whose seed is the training's number; labels, too, are means.
    """
    if trainings == 1:
        return frame
    names = ["experiment", "learner", "strategy", "metric"]  # grouped much faster as categories
    kinds = dict.fromkeys([name for name in names if name in frame], "category")
    number = (frame.seed - frame.seed.min()) % trainings
    keys = [*kinds, "seed", "round"]
    grouped = frame.assign(seed=number).astype(kinds).groupby(keys, sort=False, observed=True)
    means = pd.DataFrame(grouped[["labels", "value"]].mean()).reset_index()
    return means.astype(dict.fromkeys(kinds, object))


def summary(frame: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """AUBC and final accuracy by learner and strategy, mean over the seeds, with half widths.

    Args:
      frame: the tidy table.
      level: of the intervals.

    Returns:
      index (learner, strategy); columns labels, aubc, aubc_ci, final, final_ci, and for each other
      metric of predictions and imbalance_ratio its final value and interval, such as f1, f1_ci.
    """
    known = (*metrics.registry, "imbalance_ratio")
    present = set(frame.metric.unique()) - {"accuracy"}
    others = [name for name in known if name in present]
    rows = {}
    for learner in frame.learner.unique():
        more = {name: curves(frame, learner, name) for name in others}
        for strategy, (labels, accuracies) in curves(frame, learner).items():
            row = {
                "aubc": metrics.aubc(labels, accuracies),
                "final": metrics.final_accuracy(accuracies),
                **{name: found[strategy][1][:, -1] for name, found in more.items()},
            }
            shown = {"labels": labels[:, -1].mean()}
            for name, values in row.items():
                shown[name], shown[f"{name}_ci"] = metrics.mean_interval(values, level)
            rows[learner, strategy] = shown
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["learner", "strategy"])
    return table


def paired_differences(
    values: pd.DataFrame, base: str, level: float = 0.95
) -> dict[str, dict[str, float]]:
    """Each strategy's values less those of one of them.

    Args:
      values: a row for each seed or training, a column for each strategy.
      base: one of these.
      level: of the intervals.

    Returns:
      strategy -> `difference` and its interval's `half` width, the paired t-test's `p`, and
      `effect`, the difference over the deviation of the differences (Cohen's d).
    """
    rows, own = {}, values[base].to_numpy()
    for strategy in values.columns.drop(base):
        other = values[strategy].to_numpy()
        mean, half = metrics.mean_interval(other - own, level)
        spread = (other - own).std(ddof=1) if len(own) > 1 else np.nan
        rows[strategy] = {
            "difference": mean,
            "half": half,
            "p": float(metrics.paired_p_value(other, own)),
            "effect": mean / spread if spread > 0 else np.nan,
        }
    return rows


def significance(frame: pd.DataFrame, learner: str) -> pd.DataFrame:
    """Mean AUBC of row less that of column, in points, starred where p < 0.05.

    Paired t-tests over the seeds, which share their starts, with Holm's correction over all pairs.
    """
    scores = {
        strategy: 100 * metrics.aubc(labels, accuracies)
        for strategy, (labels, accuracies) in curves(frame, learner).items()
    }
    pairs = list(itertools.combinations(scores, 2))
    p_values = np.array([metrics.paired_p_value(scores[a], scores[b]) for a, b in pairs])
    adjusted = dict(zip(pairs, metrics.holm(p_values), strict=True))

    def entry(a: str, b: str) -> str:
        if a == b:
            return ""
        p = adjusted[(a, b) if (a, b) in adjusted else (b, a)]
        return f"{(scores[a] - scores[b]).mean():+.1f}" + ("*" if p < LEVEL else "")

    cells = [[entry(a, b) for b in scores] for a in scores]
    return pd.DataFrame(cells, index=pd.Index(scores), columns=pd.Index(scores))


def penalties(frame: pd.DataFrame, learner: str) -> pd.DataFrame | None:
    """BADGE's penalty matrix: the share of budgets where row beats column; None if they differ."""
    found = curves(frame, learner)
    budgets = [labels for labels, _ in found.values()]
    if any(labels.shape != budgets[0].shape or (labels != budgets[0]).any() for labels in budgets):
        return None
    matrix = metrics.penalty_matrix(np.stack([values for _, values in found.values()]), LEVEL)
    return pd.DataFrame(matrix, index=pd.Index(found), columns=pd.Index(found))


def ranking(frame: pd.DataFrame, learner: str | None = None) -> list[str]:
    """Strategies, the highest mean AUBC first; over all learners, by their mean place."""
    learners = frame.learner.unique() if learner is None else [learner]
    places: dict[str, list[int]] = {str(name): [] for name in frame.strategy.unique()}
    for one in learners:
        means = {
            strategy: metrics.aubc(labels, accuracies).mean()
            for strategy, (labels, accuracies) in curves(frame, one).items()
        }
        for place, strategy in enumerate(sorted(means, key=lambda name: -means[name])):
            places[strategy].append(place)
    present = [name for name, found in places.items() if found]
    return sorted(present, key=lambda name: np.mean(places[name]))


def seconds(frame: pd.DataFrame, info: Mapping[str, Any]) -> pd.DataFrame | None:
    """Wall seconds for a query of one seed; None where `info` does not say them.

    Returns:
      index (learner, strategy); columns per_query (all of the strategy's rounds, which fit, measure
      and select, over queries and seeds) and less_random: the same less that of `random` with the
      same learner, which leaves scoring the pool and selecting; NaN without `random`.
    """
    cells = info.get("cell_seconds")
    if cells is None:
        return None
    queries = int(frame["round"].to_numpy().max()) * frame.seed.nunique()
    rows = {}
    for learner in frame.learner.unique():
        base = cells.get(f"{learner}/random", np.nan)
        for strategy in frame.strategy.unique():
            total = cells.get(f"{learner}/{strategy}")
            if total is None:  # an agent of another learner
                continue
            rows[learner, strategy] = {
                "per_query": total / queries,
                "less_random": (total - base) / queries,
            }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["learner", "strategy"])
    return table
