"""Tables made from the tidy table."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jal import metrics

__all__ = ["curves", "penalties", "print_tables", "significance", "summary"]

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


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """AUBC and final accuracy by learner and strategy, mean over the seeds, with 95 % half widths.

    Returns:
      index (learner, strategy); columns labels, aubc, aubc_ci, final, final_ci, and for each other
      metric of predictions its final value and interval, such as f1, f1_ci.
    """
    others = [name for name in metrics.registry if name in set(frame.metric) - {"accuracy"}]
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
                shown[name], shown[f"{name}_ci"] = metrics.mean_interval(values)
            rows[learner, strategy] = shown
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["learner", "strategy"])
    return table


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


def print_tables(frame: pd.DataFrame, console: Console) -> None:
    """Prints the summary and each learner's significance matrix."""
    table = summary(frame)
    for learner in frame.learner.unique():
        part = table.loc[learner]
        shown = _plain_table(f"{learner}: {frame.seed.nunique()} seeds, 95 % intervals")
        shown.add_column("strategy")
        heads, rows = summary_text(part)
        for name in heads[1:]:
            shown.add_column(name, justify="right")
        for row in rows:
            shown.add_row(*map(escape, row))
        console.print(shown)
        if len(part) > 1:
            console.print(_matrix(significance(frame, learner), learner))


def summary_text(part: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of one learner's part of `summary` as text, the highest AUBC first."""
    names = [name for name in part.columns if f"{name}_ci" in part.columns]
    titles = {"aubc": "AUBC", "final": "final accuracy"}
    heads = ["strategy", "labels", *[titles.get(name, f"final {name}") for name in names]]
    rows = [
        [
            str(strategy),
            f"{row['labels']:.0f}",
            *[with_interval(row[name], row[f"{name}_ci"]) for name in names],
        ]
        for strategy, row in part.sort_values("aubc", ascending=False).to_dict("index").items()
    ]
    return heads, rows


def with_interval(mean: float, half: float) -> str:
    """`0.9123 ± 0.0021`, or the mean alone where there is no interval."""
    return f"{mean:.4f}" if np.isnan(half) else f"{mean:.4f} ± {half:.4f}"


def _matrix(matrix: pd.DataFrame, learner: str) -> Table:
    shown = _plain_table(f"{learner}: AUBC of row less column, points; * p < {LEVEL} (Holm)")
    shown.add_column("", no_wrap=True)
    for number, _ in enumerate(matrix.columns, 1):
        shown.add_column(f"({number})", justify="right")
    for number, (strategy, row) in enumerate(matrix.iterrows(), 1):
        styled = [f"[bold]{text}[/]" if text.endswith("*") else text for text in row]
        shown.add_row(escape(f"({number}) {strategy}"), *styled)
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
