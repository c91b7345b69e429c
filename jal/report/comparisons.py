"""Which strategy is better: paired tests over seeds or trainings, and when none can be made."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd

from jal import metrics
from jal.report.about import counted
from jal.report.tidy import aubcs

__all__ = [
    "FEWEST",
    "LEVEL",
    "WithBest",
    "adjusted",
    "level_with_best",
    "paired_differences",
    "significance",
    "untested",
    "with_best",
]

LEVEL = 0.05
FEWEST = 5  # pairs that a star, or its absence, is based on


def paired_differences(
    values: pd.DataFrame, base: str, level: float = 0.95
) -> dict[str, dict[str, float]]:
    """Each strategy's values less those of one of them.

    Args:
      values: a row for each seed or training, a column for each strategy; rows that lack one of the
        two are left out.
      base: one of these.
      level: of the intervals.

    Returns:
      strategy -> `difference` and its interval's `half` width, the paired t-test's `p`, and
      `effect`, the difference over the deviation of the differences (Cohen's d). All but the
      difference are NaN where differences do not vary, of which nothing can be estimated; equal
      ones have p = 1.
    """
    rows, own = {}, values[base].to_numpy()
    for strategy in values.columns.drop(base):
        other = values[strategy].to_numpy()
        mean, half = metrics.mean_interval(other - own, level)
        p = float(metrics.paired_p_value(other, own))
        varied = (other - own)[~np.isnan(other - own)]
        spread = varied.std(ddof=1) if len(varied) > 1 else np.nan
        rows[strategy] = {
            "difference": mean,
            "half": np.nan if np.isnan(p) else half,
            "p": p,
            "effect": np.nan if np.isnan(p) or spread == 0 else mean / spread,
        }
    return rows


def significance(frame: pd.DataFrame, learner: str, trainings: int = 1) -> pd.DataFrame:
    """Mean AUBC of row less that of column, in points, starred where p < 0.05.

    Paired t-tests over the seeds, which share their starts unless strategies choose these, with
    Holm's correction over all pairs.
    A pair of fewer than five seeds, or whose differences do not vary, is not tested and has no
    star. All AUBC are over the labels that all runs have (`aubcs`); empty where there are none.

    Args:
      frame: the tidy table.
      learner: which.
      trainings: of agents; if several, tests are over these.
    """
    scores = 100 * aubcs(frame, learner, trainings)
    found = _all_pairs(scores)

    def entry(a: str, b: str) -> str:
        difference = np.nan if a == b else (scores[a] - scores[b]).mean()
        if np.isnan(difference):
            return ""
        return f"{difference:+.1f}" + ("*" if found[a, b] < LEVEL else "")

    entries = [[entry(a, b) for b in scores] for a in scores]
    return pd.DataFrame(entries, index=scores.columns, columns=scores.columns)


class WithBest(NamedTuple):
    """Who is level with the strategy of the highest mean, by the stars of `significance`.

    Attributes:
      best: of the highest mean.
      level: not significantly below it.
      below: significantly below it.
      untested: of too few runs in common, or whose differences do not vary.
    """

    best: str
    level: list[str]
    below: list[str]
    untested: list[str]


def with_best(scores: pd.DataFrame) -> WithBest | None:
    """Each strategy beside the one of the highest mean; None without two to compare.

    Args:
      scores: a row for each seed or training, a column for each strategy, as `aubcs`.
    """
    means = scores.mean().dropna()
    if len(means) < 2:
        return None
    best = str(means.idxmax())
    values = {str(name): scores[name].to_numpy(float) for name in scores}
    tests, others = _all_pairs(scores), [name for name in values if name != best]
    without = [other for other in others if np.isnan(tests[other, best])]
    # Where seeds are missing, one may be above it on those that both have.
    below = [
        other
        for other in others
        if tests[other, best] < LEVEL and np.nanmean(values[other] - values[best]) < 0
    ]
    level = [other for other in others if other not in (*below, *without)]
    return WithBest(best, level, below, without)


def level_with_best(scores: pd.DataFrame) -> list[str]:
    """The best and those level with it (`with_best`); none of fewer than five rows."""
    found = with_best(scores) if len(scores) >= FEWEST else None
    return [] if found is None else [found.best, *found.level]


def untested(scores: pd.DataFrame, unit: str = "seeds") -> str:
    """What must be said of pairs that have no test; nothing where all have one."""
    pairs = list(itertools.combinations(scores, 2))
    if len(scores) < FEWEST:
        are = "is" if len(scores) == 1 else "are"
        few = f"no stars: {counted(len(scores), unit)} {are} fewer than {FEWEST}"
        return few if pairs else ""
    without = sum(np.isnan(p) for p in adjusted(scores, pairs).values())
    if not without:
        return ""
    which = "this pair" if len(pairs) == 1 else f"{without} of {len(pairs)} pairs"
    return f"no test of {which}, whose differences do not vary or are of fewer than {FEWEST} {unit}"


def _all_pairs(scores: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Pair, either way round -> p: one family of tests, for all that is said of a learner."""
    found = adjusted(scores, list(itertools.combinations(scores, 2)))
    return found | {(b, a): p for (a, b), p in found.items()}


def adjusted(scores: pd.DataFrame, pairs: list[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """Pair -> p with Holm's correction over these pairs; NaN where it is not tested."""
    columns = {name: scores[name].to_numpy(float) for name in scores}

    def p_value(a: str, b: str) -> float:
        both = ~np.isnan(columns[a]) & ~np.isnan(columns[b])
        if both.sum() < FEWEST:
            return np.nan
        return float(metrics.paired_p_value(columns[a][both], columns[b][both]))

    found = np.array([p_value(*pair) for pair in pairs])
    return dict(zip(pairs, metrics.holm(found), strict=True))
