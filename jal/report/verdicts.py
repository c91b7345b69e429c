"""By how much, and by how many labels, each strategy beats random; and whether ranks carry over."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from jal import metrics
from jal.report.comparisons import paired_differences
from jal.report.tidy import aubcs, curves, units
from jal.types import InputError

__all__ = ["RankCorrelation", "learners_apart", "rank_correlation", "verdict"]


def verdict(
    frame: pd.DataFrame, learner: str, base: str = "random", level: float = 0.95, trainings: int = 1
) -> pd.DataFrame:
    """Each strategy beside one of them, of one learner, the highest AUBC first.

    Labels are those at the first look at which a run is as accurate as its seed's run of the base
    at the end; a run that never is counts with its last number: it saves none, and costs some
    where the base was there before.

    Args:
      frame: the tidy table.
      learner: which.
      base: whom the others are compared with.
      level: of the intervals.
      trainings: T, of agents; if several, all is over these (`aubcs`).

    Returns:
      index strategy, without the base; columns aubc_less, the AUBC less the base's, with its
      interval aubc_less_ci and p of a paired t-test, with Holm's correction over the strategies;
      saved, the labels less than the base's, with saved_ci; and reached, the share of runs that got
      there.

    Raises:
      InputError: where the learner did not run with the base.
    """
    scores, found = aubcs(frame, learner, trainings), curves(frame, learner)
    if base not in scores:
        raise InputError(f"{learner} has no {base}: give one of {', '.join(map(str, scores))}.")
    goals = found[base][1][:, -1]
    needed, got = {}, {}
    for strategy, (labels, values) in found.items():
        first = np.array(
            [
                metrics.labels_to_reach(budgets, line, goal)
                for budgets, line, goal in zip(labels, values, goals, strict=True)
            ]
        )
        needed[strategy] = np.where(np.isnan(first), labels[:, -1], first)
        got[strategy] = float(np.mean(~np.isnan(first)))
    saved = units(
        frame, learner, {name: needed[base] - own for name, own in needed.items()}, trainings
    )
    less = paired_differences(scores, base, level)
    order = scores.drop(columns=base).mean().sort_values(ascending=False, kind="stable").index
    p = metrics.holm(np.array([less[str(name)]["p"] for name in order]))
    rows = {}
    for name, corrected in zip(map(str, order), p, strict=True):
        mean, half = metrics.mean_interval(saved[name].to_numpy(float), level)
        rows[name] = {
            "aubc_less": less[name]["difference"],
            "aubc_less_ci": less[name]["half"],
            "p": corrected,
            "saved": mean,
            "saved_ci": half,
            "reached": got[name],
        }
    return pd.DataFrame(rows).T


def learners_apart(
    first: pd.DataFrame, second: pd.DataFrame, strategy: str = "random", level: float = 0.95
) -> pd.DataFrame:
    """A learner's accuracy less another's, of the seeds and numbers of labels that both have.

    Args:
      first: the tidy table of one learner.
      second: of the other.
      strategy: which bought the labels of both.
      level: of the interval.

    Returns:
      Index labels; columns first and second, mean accuracies, and less, paired by seed, and its
      half width less_ci.

    Raises:
      InputError: where they have no number of labels in common.
    """
    wide = [
        of[(of.metric == "accuracy") & (of.strategy == strategy)].pivot_table(
            index="seed", columns="labels", values="value"
        )
        for of in (first, second)
    ]
    one, other = (each.dropna(axis=1) for each in wide)
    seeds, labels = one.index.intersection(other.index), one.columns.intersection(other.columns)
    if not len(seeds) or not len(labels):
        raise InputError(
            f"the learners have no seed and number of labels by {strategy} in common: run both "
            "with the same seeds and batches."
        )
    one, other = (each.loc[seeds, labels] for each in (one, other))
    less, half = metrics.mean_interval((one - other).to_numpy(float), level)
    table = {"first": one.mean(), "second": other.mean(), "less": less, "less_ci": half}
    return pd.DataFrame(table, index=labels)


class RankCorrelation(NamedTuple):
    """Spearman's correlation of two learners' ranks of the same strategies.

    Attributes:
      rho: of the mean values; in [-1, 1], NaN where one ranks all alike.
      low: the lower end of its interval; NaN of one row, of which none can be made.
      high: the upper end.
      strategies: in how many the ranks are.
    """

    rho: float
    low: float
    high: float
    strategies: int


def rank_correlation(
    a: pd.DataFrame, b: pd.DataFrame, level: float = 0.95, samples: int = 10_000
) -> RankCorrelation:
    """Whether what is good with one learner is good with another.

    The interval is the percentile bootstrap's: the rows of both tables are drawn anew, each table's
    by themselves, and their means ranked. Of few rows it is too narrow, and it is for these
    strategies, not for others.

    Args:
      a: a row for each seed, a column for each strategy, such as `aubcs` gives.
      b: likewise, of the other learner; seeds may be others. Ranked are the strategies that both
        have.
      level: of the interval.
      samples: of the bootstrap; they are the same in each call.

    Raises:
      InputError: for fewer than three strategies in common, and for values that are missing.
    """
    names = [name for name in a if name in b]
    if len(names) < 3:
        raise InputError(
            f"a rank correlation takes three strategies or more in common, got {len(names)}."
        )
    tables = [table[names].to_numpy(float) for table in (a, b)]
    if any(np.isnan(table).any() for table in tables):
        raise InputError("a rank correlation takes a value of every strategy and seed.")
    rho = _spearman(*[table.mean(axis=0, keepdims=True) for table in tables])[0]
    low = high = np.nan
    if min(map(len, tables)) > 1 and not np.isnan(rho):
        rng = np.random.default_rng(0)
        # How often each row is drawn, not the rows: equal means stay equal but for rounding.
        means = [
            (rng.multinomial(n, np.full(n, 1 / n), samples) @ table / n).round(12)
            for n, table in zip(map(len, tables), tables, strict=True)
        ]
        low, high = np.nanquantile(_spearman(*means), [(1 - level) / 2, (1 + level) / 2])
    return RankCorrelation(float(rho), float(low), float(high), len(names))


def _spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row of two tables `[S, K]`, `[S]`; NaN of ranks that are all the same."""
    ranks = [stats.rankdata(values, axis=1) - (values.shape[1] + 1) / 2 for values in (a, b)]
    with np.errstate(invalid="ignore"):
        return np.sum(ranks[0] * ranks[1], axis=1) / np.sqrt(
            np.sum(ranks[0] ** 2, axis=1) * np.sum(ranks[1] ** 2, axis=1)
        )
