"""Ranks of strategies over many data sets, as Demsar (2006) compares classifiers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from jal import metrics
from jal.report.comparisons import FEWEST, LEVEL
from jal.report.plots import InlineFigure
from jal.types import InputError

__all__ = ["Ranks", "critical_difference", "ranks", "wins_ties_losses"]


class Ranks(NamedTuple):
    """How strategies rank over N data sets, the lowest mean rank, that of the best, first.

    Attributes:
      means: strategy -> its mean rank over the data sets; 1 is the best of a data set, equal values
        share their ranks.
      data_sets: N.
      p: of Friedman's test that all rank alike, by Iman and Davenport's F.
      difference: Nemenyi's critical difference: two mean ranks that are further apart differ.
      groups: of strategies next to each other in which no two differ, each as long as can be.
    """

    means: pd.Series
    data_sets: int
    p: float
    difference: float
    groups: list[list[str]]


def ranks(values: pd.DataFrame, level: float = LEVEL) -> Ranks:
    """The ranks of strategies by what each comes to on each data set (Demsar, 2006, section 3.2.2).

    Args:
      values: a row for each data set, a column for each strategy; the higher the better, such as
        the mean AUBC over the seeds.
      level: of the critical difference.

    Raises:
      InputError: for fewer than two data sets or strategies, and for values that are missing.
    """
    count, names = len(values), len(values.columns)
    if count < 2 or names < 2:
        raise InputError(
            f"ranks are of two strategies or more on two data sets or more, got {names} on {count}."
        )
    if values.isna().to_numpy().any():
        place, column = np.argwhere(values.isna().to_numpy())[0]
        raise InputError(
            f"ranks take a value of every strategy on every data set: {values.columns[column]} has "
            f"none on {values.index[place]}."
        )
    means = values.rank(axis=1, ascending=False).mean().sort_values(kind="stable")
    chi2 = 12 * count / (names * (names + 1)) * float(((means - (names + 1) / 2) ** 2).sum())
    most = count * (names - 1)  # where all data sets rank alike
    if chi2 >= most * (1 - 1e-12):
        p = 0.0
    else:
        f = (count - 1) * chi2 / (most - chi2)
        p = float(stats.f.sf(f, names - 1, (names - 1) * (count - 1)))
    quantile = stats.studentized_range.ppf(1 - level, names, np.inf) / np.sqrt(2)
    difference = float(quantile * np.sqrt(names * (names + 1) / (6 * count)))
    return Ranks(means, count, p, difference, _groups(means, difference))


def _groups(means: pd.Series, difference: float) -> list[list[str]]:
    names, at = [str(name) for name in means.index], means.to_numpy()
    found: list[list[str]] = []
    for first in range(len(names)):
        inside = [names[i] for i in range(first, len(names)) if at[i] - at[first] <= difference]
        if len(inside) > 1 and not (found and found[-1][-1] == inside[-1]):
            found.append(inside)
    return found


def wins_ties_losses(
    scores: dict[str, pd.DataFrame], base: str = "random", level: float = LEVEL
) -> pd.DataFrame:
    """On how many data sets each strategy is above one of them, level with it, or below.

    A win or a loss is a difference that a paired t-test over the seeds finds, with Holm's
    correction over all pairs of a data set and a strategy; all else are ties.

    Args:
      scores: data set -> a row for each seed, a column for each strategy, such as `aubcs` gives.
      base: whom they are compared with.
      level: of the tests.

    Returns:
      index strategy, without the base; columns win, tie, loss, and mean, that of the differences.

    Raises:
      InputError: where a data set lacks the base or a strategy, or has fewer than five seeds.
    """
    tests: dict[tuple[str, str], tuple[float, float]] = {}
    first = next(iter(scores.values()))
    names = [str(name) for name in first.columns if name != base]
    for data_set, table in scores.items():
        missing = [name for name in (base, *names) if name not in table]
        if missing:
            raise InputError(f"{data_set} has no {missing[0]}: give all data sets the same.")
        if len(table) < FEWEST:
            raise InputError(f"{data_set} has {len(table)} seeds: a test takes {FEWEST} or more.")
        for name in names:
            own, other = table[name].to_numpy(float), table[base].to_numpy(float)
            p = float(metrics.paired_p_value(own, other))
            tests[data_set, name] = p, float(np.mean(own - other))
    adjusted = metrics.holm(np.array([p for p, _ in tests.values()]))
    rows = {name: {"win": 0, "tie": 0, "loss": 0, "mean": 0.0} for name in names}
    for ((_, name), (_, difference)), p in zip(tests.items(), adjusted, strict=True):
        found = "tie" if not p < level else "win" if difference > 0 else "loss"
        rows[name][found] += 1
        rows[name]["mean"] += difference / len(scores)
    return pd.DataFrame(rows).T.astype({"win": int, "tie": int, "loss": int})


def critical_difference(found: Ranks) -> Figure:
    """Demsar's picture: the strategies at their mean ranks, the best to the left; a bar joins those
    that do not differ."""
    names, at = [str(name) for name in found.means.index], found.means.to_numpy()
    count, half = len(names), -(-len(names) // 2)
    top, step, bar = 0.0, 0.55, 0.22
    depth = step * half + bar * len(found.groups) + 0.6
    figure = InlineFigure(figsize=(8.2, 0.62 * depth + 0.9), layout="constrained")
    panel = figure.subplots()
    panel.set_xlim(1 - 0.32 * count, count + 0.32 * count)
    panel.set_ylim(depth, -1.1)
    panel.axis("off")
    panel.plot([1, count], [top, top], color="black", linewidth=1)
    for place in range(1, count + 1):
        panel.plot([place, place], [top - 0.12, top], color="black", linewidth=1)
        panel.text(place, top - 0.2, str(place), ha="center", va="bottom", fontsize=9)
    panel.plot([1, 1 + found.difference], [-0.85, -0.85], color="black", linewidth=1.5)
    text = f"critical difference {found.difference:.2f}, {found.data_sets} data sets"
    panel.text(1 + found.difference + 0.05 * count, -0.85, text, va="center", fontsize=9)
    below = bar * len(found.groups) + 0.25
    for i, (name, rank) in enumerate(zip(names, at, strict=True)):
        left = i < half
        height = top + below + step * ((i if left else count - 1 - i) + 0.5)
        edge = 0.95 - 0.02 * count if left else count + 0.05 + 0.02 * count
        panel.plot([rank, rank, edge], [top, height, height], color="#5d6673", linewidth=0.9)
        label = f"{name}  {rank:.2f}" if left else f"{rank:.2f}  {name}"
        shift = -0.06 if left else 0.06
        panel.text(
            edge + shift,
            height,
            label,
            ha="right" if left else "left",
            va="center",
            fontsize=9.5,
            parse_math=False,
        )
    for i, group in enumerate(found.groups):
        low, high = found.means[group[0]], found.means[group[-1]]
        height = top + 0.2 + bar * i
        panel.plot([low - 0.03, high + 0.03], [height, height], color="#0072B2", linewidth=3.2)
    return figure
