"""Strategies ranked over runs on many data sets, by the runs' folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from jal import metrics, report
from jal.experiment.config import metric_names
from jal.experiment.folder import experiments_in, replace_file
from jal.experiment.form import as_name
from jal.experiment.results import load
from jal.types import InputError

__all__ = ["Ranking", "rank", "write_ranking"]

RANKS, AREAS = "ranks.csv", "areas.csv"


class Ranking(NamedTuple):
    """How strategies rank with one learner.

    Attributes:
      ranks: of `jal.report.ranks`, by the mean area over the seeds of each data set.
      record: of `jal.report.wins_ties_losses`, against the base.
      areas: data set -> the area under the curve of each seed, a row, and strategy, a column.
    """

    ranks: report.Ranks
    record: pd.DataFrame
    areas: dict[str, pd.DataFrame]

    def table(self) -> pd.DataFrame:
        """Index strategy, the best first; columns rank, win, tie, loss, and mean, in area: the last
        four against the base, which has none."""
        return self.ranks.means.to_frame("rank").join(self.record)


def rank(
    *folders: str | Path,
    base: str = "random",
    metric: str = "accuracy",
    classes: Literal["all", "two", "more"] = "all",
    out: str | Path | None = None,
) -> dict[str, Ranking]:
    """Learner -> how strategies rank over the data sets of finished runs (Demsar, 2006).

    Args:
      folders: of runs, one for each data set; or of lists and sweeps, whose runs are all taken.
      base: the strategy that wins and losses are against.
      metric: of which more is better; the area under its curve counts, accuracy's is the AUBC.
      classes: of which data sets: all, those of two classes, or those of more.
      out: a folder for what `write_ranking` writes; nothing is written if None.

    Raises:
      InputError: for a metric of which less is better, fewer than two data sets, two runs on one,
        runs that are not finished or are damaged, and where one lacks the base, a learner, a
        strategy or the metric of another.
    """
    if not folders:
        raise InputError("give one or more folders of runs.")
    if metrics.is_better_lower(metric):
        raise InputError(f"ranks take a metric of which more is better, and of {metric} less is.")
    learners: dict[str, dict[str, pd.DataFrame]] = {}
    read: dict[str, Path] = {}
    for path in (one for folder in folders for one in experiments_in(Path(folder))):
        found = load(path)
        name = as_name(found.experiment.data.source)
        if name in read:
            raise InputError(f"{read[name]} and {path} are both on {name}: give one run of each.")
        if classes != "all":
            names = found.about().classes
            if not names:
                raise InputError(f"{path} has no class names to count: leave classes at all.")
            if (len(names) > 2) != (classes == "more"):
                continue
        read[name] = path
        # Not what a fit tells of itself, or counts of what was bought: more of it may be worse.
        asked = metrics.registered_name(metric) in metric_names(found.experiment.protocol)
        if not asked or metric not in found.frame.metric.unique():
            raise InputError(f"{path} did not measure {metric}: give it among protocol.metrics.")
        for learner in found.frame.learner.unique():
            areas = report.aubcs(found.frame, learner, found.units(), metric)
            if base not in areas:
                raise InputError(f"{path} has no {base} with {learner}: give another base.")
            learners.setdefault(learner, {})[name] = areas
    if not read:
        raise InputError(f"none of these runs is on {classes} classes: give other folders.")
    ranking = {name: _ranking(name, areas, len(read), base) for name, areas in learners.items()}
    if out is not None:
        write_ranking(ranking, Path(out))
    return ranking


def write_ranking(ranking: Mapping[str, Ranking], folder: Path) -> None:
    """Writes ranks.csv, areas.csv, each data set's means, and for each learner the picture
    ranks_LEARNER.png into a folder, made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {learner: one.table() for learner, one in ranking.items()}
    areas = {learner: _means(one.areas) for learner, one in ranking.items()}
    for name, parts, index in ((RANKS, tables, "strategy"), (AREAS, areas, "data_set")):
        whole = pd.concat(parts, names=["learner", index])
        replace_file(folder / name, lambda path, whole=whole: whole.to_csv(path))
    for learner, one in ranking.items():
        figure = report.critical_difference(one.ranks)
        replace_file(
            folder / f"ranks_{learner}.png",
            lambda path, figure=figure: report.save(figure, path),
        )


def _ranking(learner: str, areas: dict[str, pd.DataFrame], data_sets: int, base: str) -> Ranking:
    if len(areas) < data_sets:
        raise InputError(f"{learner} is in {len(areas)} of {data_sets} runs: give it to all.")
    record = report.wins_ties_losses(areas, base)
    return Ranking(report.ranks(_means(areas)), record, areas)


def _means(areas: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.DataFrame({name: table.mean() for name, table in areas.items()}).T
