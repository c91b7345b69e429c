"""Tables made from the tidy table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jal import metrics
from jal.report.tidy import aubcs, curves, indexed, units

__all__ = ["class_recalls", "confusion", "ranking", "seconds", "summary"]


def summary(frame: pd.DataFrame, level: float = 0.95, trainings: int = 1) -> pd.DataFrame:
    """AUBC and final accuracy by learner and strategy, mean over the seeds, with half widths.

    Args:
      frame: the tidy table.
      level: of the intervals.
      trainings: of agents; if several, means and intervals are over these.

    Returns:
      index (learner, strategy); columns labels, aubc, aubc_ci, final, final_ci, and for each other
      metric of predictions and imbalance_ratio its final value and interval, such as f1, f1_ci.
      AUBC is over the labels that all runs of the learner have (`aubcs`), NaN without such.
    """
    known = (*metrics.registry, "imbalance_ratio")
    present = set(frame.metric.unique()) - {"accuracy"}
    rows = {}
    for learner in frame.learner.unique():
        shown = {"aubc": aubcs(frame, learner, trainings)}
        names = {"final": "accuracy"} | {name: name for name in known if name in present}
        for title, metric in names.items():
            found = curves(frame, learner, metric)
            last = {strategy: values[:, -1] for strategy, (_, values) in found.items()}
            shown[title] = units(frame, learner, last, trainings)
        found = curves(frame, learner)
        last = {strategy: labels[:, -1] for strategy, (labels, _) in found.items()}
        labels = units(frame, learner, last, trainings).mean()
        for strategy in found:
            row = {"labels": labels[strategy]}
            for title, values in shown.items():
                mean, half = metrics.mean_interval(values[strategy].to_numpy(), level)
                row |= {title: mean, f"{title}_ci": half}
            rows[learner, strategy] = row
    return indexed(rows, ["learner", "strategy"])


def class_recalls(
    frame: pd.DataFrame, learner: str, level: float = 0.95, trainings: int = 1
) -> pd.DataFrame:
    """Final recall of each class by strategy, mean and half width; empty where not measured.

    Args:
      frame: the tidy table, with the metrics class_recall_0 and so on.
      learner: which.
      level: of the intervals.
      trainings: of agents; if several, means and intervals are over these.

    Returns:
      index (strategy, class), columns recall and recall_ci.
    """
    name = metrics.class_recall.__name__
    found = frame.metric[frame.learner == learner].unique()
    numbers = [one.removeprefix(f"{name}_") for one in found if one.startswith(f"{name}_")]
    rows = {}
    for number in map(int, numbers):
        of_class = curves(frame, learner, f"{name}_{number}")
        last = {strategy: values[:, -1] for strategy, (_, values) in of_class.items()}
        for strategy, values in units(frame, learner, last, trainings).items():
            mean, half = metrics.mean_interval(values.to_numpy(float), level)
            rows[strategy, number] = {"recall": mean, "recall_ci": half}
    return indexed(rows, ["strategy", "class"])


def confusion(frame: pd.DataFrame, learner: str, strategy: str) -> pd.DataFrame:
    """Of each class's test examples the share that the last fit takes for each class.

    Args:
      frame: the tidy table, with the metrics confusion_0_0 and so on.
      learner: which.
      strategy: which.

    Returns:
      a row for each true class, a column for each predicted one, the means over the seeds; a class
      without test examples has no row, and where confusion was not measured there is none at all.
    """
    begin = f"{metrics.confusion.__name__}_"
    names = [one for one in frame.metric.unique() if re.fullmatch(rf"{begin}\d+_\d+", one)]
    own = frame.metric.isin(names) & (frame.learner == learner) & (frame.strategy == strategy)
    means = frame.loc[own].groupby("metric").value.mean()
    pairs = [tuple(map(int, name.removeprefix(begin).split("_"))) for name in means.index]
    index = pd.MultiIndex.from_tuples(pairs, names=["true", "predicted"])
    return pd.Series(means.to_numpy(), index).unstack("predicted") if pairs else pd.DataFrame()


def ranking(frame: pd.DataFrame, learner: str | None = None, trainings: int = 1) -> list[str]:
    """Strategies, the highest mean AUBC first; over all learners, by their mean place.

    In the run's order where there is no AUBC.
    """
    learners = frame.learner.unique() if learner is None else [learner]
    places: dict[str, list[int]] = {str(name): [] for name in frame.strategy.unique()}
    for one in learners:
        means = aubcs(frame, one, trainings).mean()
        ordered = means.sort_values(ascending=False, kind="stable", na_position="last").index
        for place, strategy in enumerate(ordered):
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
    return indexed(rows, ["learner", "strategy"])
