"""What tables hold, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jal.report.comparisons import LEVEL
from jal.report.reach import Reach

__all__ = [
    "comparison_text",
    "points",
    "ran",
    "same_labels",
    "summary_text",
    "title_of",
    "unless_nan",
    "with_interval",
]

TITLES = {
    "aubc": "AUBC",
    "final": "final accuracy",
    "imbalance_ratio": "imbalance",
    "f1": "final F1",
    "macro_f1": "final macro F1",
}


def summary_text(
    part: pd.DataFrame,
    times: pd.DataFrame | None = None,
    reported: Mapping[str, Mapping[str, float]] | None = None,
    near: Sequence[Reach] = (),
    level: float = 0.95,
) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of one learner's part of `summary` as text, the highest AUBC first.

    Labels are a column where they differ.

    Args:
      part: of `summary`.
      times: the learner's part of `seconds`, for two columns more.
      reported: strategy -> metric -> what a paper has; a column where it has AUBC, and one where
        it has final accuracies.
      near: of `reach`, for a column each.
      level: of these columns' intervals.
    """
    names = [name for name in part.columns if f"{name}_ci" in part.columns]
    heads = ["strategy", *map(title_of, names)]
    part = part.sort_values("aubc", ascending=False)
    rows = [
        [
            str(strategy),
            *[with_interval(row[name], row[f"{name}_ci"]) for name in names],
        ]
        for strategy, row in part.to_dict("index").items()
    ]
    for column, metric in (("final", "accuracy"), ("aubc", "aubc")):  # the last column first
        found = {name: of[metric] for name, of in (reported or {}).items() if metric in of}
        if found:
            place = 1 + names.index(column) + 1
            heads.insert(place, "in the paper")
            for row in rows:
                row.insert(place, f"{found[row[0]]:.4f}" if row[0] in found else "")
    if not same_labels(part):
        heads.insert(1, "labels")
        for row, labels in zip(rows, part.labels, strict=True):
            row.insert(1, f"{labels:.0f}")
    for one in near:
        heads.append(f"labels to {one.name}")
        for row in rows:
            row.append(one.text(row[0], level))
    if times is not None:
        unit, scale = ("ms", 1e3) if times.per_query.max() < 10 else ("s", 1.0)
        heads += [f"{unit}/query", "less random's"]
        for row in rows:
            both = times.loc[row[0]] * scale
            less = "" if np.isnan(both.less_random) or row[0] == "random" else both.less_random
            row += [f"{both.per_query:.2f}", less if less == "" else f"{less:+.2f}"]
    return heads, rows


def comparison_text(part: pd.DataFrame, first: str) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of one learner's part of `compare` as text, the highest AUBC first.

    A strategy's name stands in the first of its rows alone.

    Args:
      part: of `compare`.
      first: the run that the others are compared with.
    """
    less = f"less {first}"
    heads = ["strategy", "run", "labels", "AUBC", less, "p", "final accuracy", less]
    order = part.aubc.groupby(level="strategy").mean().sort_values(ascending=False).index
    rows = [
        [
            str(strategy) if place == 0 else "",
            str(name),
            f"{row.labels:.0f}",
            with_interval(row.aubc, row.aubc_ci),
            points(row.aubc_less, row.aubc_less_ci) + ("*" if row.p < LEVEL else ""),
            unless_nan(row.p, "{:.2g}"),
            with_interval(row.final, row.final_ci),
            points(row.final_less, row.final_less_ci),
        ]
        for strategy in order
        for place, (name, row) in enumerate(part.loc[strategy].iterrows())
    ]
    return heads, rows


def ran(info: Mapping[str, Any]) -> str:
    """Where and how long something ran, or how much of it is there yet."""
    if "unfinished" in info:
        return f"UNFINISHED: {info['unfinished']}"
    resumed = ", since it was resumed" if info["resumed"] else ""
    return (
        f"{info['seconds']:.0f} s on {info['device']}, of which compilation "
        f"{info['compile_seconds']:.0f} s{resumed}; jal {info['jal']}, JAX {info['jax']}"
    )


def title_of(name: str) -> str:
    """A column's head, of `summary`'s name."""
    return TITLES.get(name, f"final {name.replace('_', ' ')}")


def same_labels(part: pd.DataFrame) -> bool:
    """Whether all strategies of a part of `summary` end with as many labels."""
    return part.labels.nunique() == 1


def with_interval(mean: float, half: float) -> str:
    """`0.9123 ± 0.0021`, or the mean alone where there is no interval; empty without a mean."""
    return unless_nan(mean, "{:.4f}") + unless_nan(half, " ± {:.4f}")


def points(difference: float, half: float) -> str:
    """`+1.23 ± 0.45`, a difference of shares in points; empty of NaN."""
    return unless_nan(difference, "{:+.2f}", 100) + unless_nan(half, " ± {:.2f}", 100)


def unless_nan(value: float, shown: str, scale: float = 1.0) -> str:
    """The scaled value in a format; empty of NaN."""
    return "" if np.isnan(value) else shown.format(scale * value)
