"""Tables as text, and their print in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from jal.report.tables import LEVEL, ranking, seconds, significance, summary
from jal.report.targets import MEASURED, budget_differences, target_summary, targets_of, to_target

__all__ = ["print_tables", "print_targets", "summary_text", "target_texts", "targets"]

TITLES = {"aubc": "AUBC", "final": "final accuracy", "imbalance_ratio": "imbalance"}


def print_tables(
    frame: pd.DataFrame, console: Console, info: Mapping[str, Any] | None = None
) -> None:
    """Prints the summary of each learner and its significance matrix, or what fits of it.

    Args:
      frame: the tidy table.
      console: where to.
      info: how it was run; its seconds are shown where it is given.
    """
    table = summary(frame).drop(columns=["imbalance_ratio", "imbalance_ratio_ci"], errors="ignore")
    times = seconds(frame, info or {})
    for learner in frame.learner.unique():
        part = table.loc[learner]
        heads, rows = summary_text(part, None if times is None else times.loc[learner])
        budget = f", {part.labels.iloc[0]:.0f} labels" if _one_budget(part) else ""
        shown = _plain_table(f"{learner}: {frame.seed.nunique()} seeds{budget}, 95 % intervals")
        shown.add_column(heads[0], no_wrap=True)
        for name in heads[1:]:
            shown.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            shown.add_row(*map(escape, row))
        console.print(shown)
        if len(part) > 1:
            order = ranking(frame, learner)
            matrix = significance(frame, learner).loc[order, order]
            whole = _matrix(matrix, learner)
            width = Measurement.get(console, console.options.update_width(10_000), whole).maximum
            fits = width <= console.width
            console.print(whole if fits else _counts(matrix, learner))


def targets(
    frame: pd.DataFrame,
    config: Mapping[str, Any],
    info: Mapping[str, Any],
    training: pd.DataFrame | None,
) -> pd.DataFrame | None:
    """Runs to the target (`to_target`) of a run whose agents have one; None of others."""
    if training is None or "precision" not in set(frame.metric):
        return None
    if targets_of(training).empty:
        return None
    return to_target(frame, training, info["pool"], config["target"])


def target_texts(
    stops: pd.DataFrame, training: pd.DataFrame
) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, heads and rows of one table for each learner, and of one for each of its agents."""
    tables = []
    for learner, part in stops.groupby("learner", sort=False):
        table = target_summary(part)
        names = [name for name in MEASURED if name in table]
        rows = []
        for strategy, of in table.loc[learner].index:
            row = table.loc[(learner, strategy, of)]
            values = [f"{100 * row[name]:.2f}" for name in names]
            rows.append([strategy, of, *values, f"{100 * row.reached:.0f}"])
        goal = 100 * part.target.mean()
        title = f"{learner}: target precision {goal:.2f} %, {part.seed.nunique()} runs"
        tables.append((title, ["strategy", "", *[f"{n} %" for n in names], "reached %"], rows))
        for agent in training[training.learner == learner].strategy.unique():
            differences = budget_differences(part, agent)
            if len(differences) == 0:
                continue
            rows = [
                [
                    strategy,
                    f"{100 * row.difference:+.2f} ± {100 * row.half:.2f}",
                    f"{row.p:.2g}",
                    f"{row.effect:+.2f}",
                ]
                for (_, strategy), row in differences.iterrows()  # pyright: ignore
            ]
            heads = ["strategy", f"budget less {agent}'s, points", "p", "Cohen's d"]
            tables.append((f"{learner}: budgets beside {agent}'s", heads, rows))
    return tables


def print_targets(stops: pd.DataFrame, training: pd.DataFrame, console: Console) -> None:
    """Prints the runs to a target as tables."""
    for title, heads, rows in target_texts(stops, training):
        shown = _plain_table(title)
        for place, name in enumerate(heads):
            shown.add_column(escape(name), justify="left" if place == 0 else "right", no_wrap=True)
        for row in rows:
            shown.add_row(*map(escape, row))
        console.print(shown)


def summary_text(
    part: pd.DataFrame, times: pd.DataFrame | None = None
) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of one learner's part of `summary` as text, the highest AUBC first.

    Labels are a column where they differ.

    Args:
      part: of `summary`.
      times: the learner's part of `seconds`, for two columns more.
    """
    names = [name for name in part.columns if f"{name}_ci" in part.columns]
    heads = ["strategy", *[TITLES.get(name, f"final {name}") for name in names]]
    part = part.sort_values("aubc", ascending=False)
    rows = [
        [
            str(strategy),
            *[with_interval(row[name], row[f"{name}_ci"]) for name in names],
        ]
        for strategy, row in part.to_dict("index").items()
    ]
    if not _one_budget(part):
        heads.insert(1, "labels")
        for row, labels in zip(rows, part.labels, strict=True):
            row.insert(1, f"{labels:.0f}")
    if times is not None:
        unit, scale = ("ms", 1e3) if times.per_query.max() < 10 else ("s", 1.0)
        heads += [f"{unit}/query", "less random's"]
        for row in rows:
            both = times.loc[row[0]] * scale
            less = "" if np.isnan(both.less_random) or row[0] == "random" else both.less_random
            row += [f"{both.per_query:.2f}", less if less == "" else f"{less:+.2f}"]
    return heads, rows


def _one_budget(part: pd.DataFrame) -> bool:
    return part.labels.nunique() == 1


def with_interval(mean: float, half: float) -> str:
    """`0.9123 ± 0.0021`, or the mean alone where there is no interval."""
    return f"{mean:.4f}" if np.isnan(half) else f"{mean:.4f} ± {half:.4f}"


def _matrix(matrix: pd.DataFrame, learner: str) -> Table:
    shown = _plain_table(f"{learner}: AUBC of row less column, points; * p < {LEVEL} (Holm)")
    shown.add_column("", no_wrap=True)
    for number, _ in enumerate(matrix.columns, 1):
        shown.add_column(f"({number})", justify="right", no_wrap=True)
    for number, (strategy, row) in enumerate(matrix.iterrows(), 1):
        styled = [f"[bold]{text}[/]" if text.endswith("*") else text for text in row]
        shown.add_row(escape(f"({number}) {strategy}"), *styled)
    return shown


def _counts(matrix: pd.DataFrame, learner: str) -> Table:
    """Of a matrix too wide for the terminal: how many each beats, and its columns that matter."""
    shown = _plain_table(
        f"{learner}: AUBC, points; * p < {LEVEL} (Holm over all pairs, which report.html shows)"
    )
    best = str(matrix.index[0])
    against = [best, "random"] if "random" in matrix.index and best != "random" else [best]
    shown.add_column("strategy", no_wrap=True)
    for name in ("beats", "loses to", *(f"less {name}" for name in against)):
        shown.add_column(escape(name), justify="right", no_wrap=True)
    for strategy, row in matrix.iterrows():
        stars = [text for text in row if text.endswith("*")]
        wins = sum(text.startswith("+") for text in stars)
        shown.add_row(
            escape(str(strategy)),
            str(wins),
            str(len(stars) - wins),
            *[str(row[name]) for name in against],
        )
    return shown


def _plain_table(title: str) -> Table:
    # Narrow, so that a matrix of eight strategies fits into 80 columns.
    return Table(
        title=escape(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
