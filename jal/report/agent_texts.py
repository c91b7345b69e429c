"""Tables of learned strategies as text: their trainings, runs to the target, differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jal.report.about import About, counted
from jal.report.targets import MEASURED, budget_differences, target_summary, targets_of, to_target
from jal.report.texts import points, unless_nan, with_interval
from jal.report.trainings import aubc_differences, training_summary

__all__ = ["effect_texts", "target_texts", "targets", "training_texts"]

Texts = tuple[str, list[str], list[list[str]]]  # a table's title, heads and rows


def targets(
    frame: pd.DataFrame,
    about: About,
    info: Mapping[str, Any],
    training: pd.DataFrame | None,
) -> pd.DataFrame | None:
    """Runs to the target (`to_target`) of a run whose agents have one; None of others."""
    if training is None or not (frame.metric == "precision").any():
        return None
    if targets_of(training).empty:
        return None
    return to_target(frame, training, info["pool"], about.target, about.splits)


def training_texts(frame: pd.DataFrame, training: pd.DataFrame, about: About) -> list[Texts]:
    """What each learner's agents took to train, and what it gave; of `by_training`'s table."""
    table = training_summary(frame, training, about.confidence, about.splits)
    if table.empty:
        return []
    texts, quickest = [], table.seconds.min()
    for learner, part in table.groupby(level="learner", sort=False):
        timed = not np.isnan(quickest)  # runs of older versions are not
        rows = [
            [
                str(agent),
                f"{row['epochs']:.0f}",
                with_interval(row["return"], row["return_ci"]),
                with_interval(row["final"], row["final_ci"]),
                f"{row['seconds']:.2f}" if timed else "",
                f"{row['seconds'] / quickest:.1f}" if timed else "",
            ]
            for agent, row in part.droplevel("learner").to_dict("index").items()
        ]
        heads = ["agent", "epochs", "return", "accuracy", "s each", "relative"]
        number = counted(int(part.trainings.max()), "trainings")
        texts.append((f"{learner}: {number} of each agent", heads, rows))
    return texts


def target_texts(stops: pd.DataFrame, training: pd.DataFrame, about: About) -> list[Texts]:
    """Title, heads and rows of one table for each learner, and of one for each of its agents."""
    tables = []
    for learner, part in stops.groupby("learner", sort=False):
        table = target_summary(part, about.paper(str(learner)))
        names = [name for name in (*MEASURED, "crossing") if name in table]
        rows = []
        for strategy, of in table.loc[learner].index:
            row = table.loc[(learner, strategy, of)]
            rows.append([strategy, of, *[_percent(row[name], 2) for name in names]])
            rows[-1].append(_percent(row.reached, 1))
        goal = 100 * part.target.mean()
        runs = counted(part.seed.nunique(), "runs")
        title = f"{learner}: target precision {goal:.2f} %, {runs}; all in %"
        tables.append((title, ["strategy", "of", *names, "reached"], rows))
        for agent in training[training.learner == learner].strategy.unique():
            differences = budget_differences(part, agent, about.confidence)
            if len(differences) == 0:
                continue
            crossings = budget_differences(part, agent, about.confidence, "crossing")
            heads = ["strategy", f"budget less {agent}'s, points", "p", "Cohen's d"]
            heads += ["crossing less its, points", "p", "reached"]
            rows = _differences(differences.droplevel("learner"))
            for row, more in zip(rows, _differences(crossings.droplevel("learner")), strict=True):
                row += more[1:3]
            shares = part.groupby("strategy").reached.mean()
            for row in rows:
                row.append(_percent(shares[row[0]], 1))
            own = f"reached in {_percent(shares[agent], 1)} % of its runs"
            tables.append((f"{learner}: budgets beside {agent}'s, {own}", heads, rows))
    return tables


def effect_texts(frame: pd.DataFrame, training: pd.DataFrame, about: About) -> list[Texts]:
    """Each learner's agents: their AUBC less that of other strategies; of the tidy table."""
    tables = []
    for learner, part in training.groupby("learner", sort=False):
        agents = list(part.strategy.unique())
        found = aubc_differences(frame, str(learner), agents, about.confidence, about.units)
        if len(found):
            heads = ["agent", "less", "AUBC, points", "p", "Cohen's d"]
            tables.append(
                (f"{learner}: agents beside other strategies", heads, _differences(found))
            )
    return tables


def _differences(table: pd.DataFrame) -> list[list[str]]:
    """Rows of `paired_differences`, with what the index says first."""
    return [
        [
            *([of] if isinstance(of, str) else of),
            points(row["difference"], row["half"]),
            unless_nan(row["p"], "{:.2g}"),
            unless_nan(row["effect"], "{:+.2f}"),
        ]
        for of, row in table.to_dict("index").items()
    ]


def _percent(value: float, digits: int) -> str:
    return "" if np.isnan(value) else f"{100 * value:.{digits}f}"
