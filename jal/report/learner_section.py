"""What the page says of one learner: its strategies' table, and who beats whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jal.report.about import About
from jal.report.charts import small_charts
from jal.report.comparisons import LEVEL, level_with_best, significance, untested
from jal.report.markup import DOWN, SHARE, UP, Entry, Section, heat, paragraph, table
from jal.report.pairwise import Pairwise, pairwise
from jal.report.plots import FEW
from jal.report.reach import NEAR, Reach, reach
from jal.report.svg import interval
from jal.report.tables import class_recalls, confusion, ranking, summary
from jal.report.texts import summary_text
from jal.report.tidy import aubcs, by_training, label_range

__all__ = ["at_budgets", "learner_section"]


def learner_section(
    frame: pd.DataFrame,
    learner: str,
    about: About,
    times: pd.DataFrame | None = None,
    paper: Mapping[str, Mapping[str, float]] | None = None,
) -> Section:
    """The learner's part of the page.

    Args:
      frame: the tidy table, of all runs.
      learner: which.
      about: what was run.
      times: the learner's part of `seconds`.
      paper: strategy -> metric -> what a paper has.
    """
    own = frame.loc[frame.learner == learner]
    averaged = by_training(own, about.units)
    count = own.strategy.nunique()
    body = [_summary(own, learner, about, times, paper or {})]
    if count > FEW:
        for metric in ("accuracy", "imbalance_ratio"):
            if (own.metric == metric).any():
                body += _small(averaged, learner, metric, about)
    recalls = class_recalls(own, learner, about.confidence, about.units)
    if len(recalls):
        body += _recalls(recalls, ranking(own, learner, about.units), about)
    body += _confusions(own, learner, about)
    if count > 1:
        scores = aubcs(own, learner, about.units)
        order = ranking(own, learner, about.units)
        if not scores.isna().all(axis=None):
            matrix = significance(own, learner, about.units).loc[order, order]
            body += _significance(matrix, about.unit, untested(scores, about.unit))
        found = pairwise(averaged, learner)
        if found is not None:
            body += at_budgets(found, order)
        else:
            body.append(paragraph("No penalty matrix: the strategies' budgets differ."))
    return Section(learner, body)


def _summary(
    own: pd.DataFrame,
    learner: str,
    about: About,
    times: pd.DataFrame | None,
    paper: Mapping[str, Mapping[str, float]],
) -> str:
    part = summary(own, about.confidence, about.units).loc[learner]
    scores = aubcs(own, learner, about.units)
    best, note = level_with_best(scores), label_range(own, learner).note
    shares = NEAR if len(part) > 1 else ()
    near = reach(own, learner, shares, about.units, about.levels)
    heads, texts = summary_text(part, times, paper, near, about.confidence)
    half = part.aubc_ci.fillna(0)
    ends = (part.aubc - half).min(), (part.aubc + half).max()
    place = heads.index("AUBC") + 1
    drawn = len(part) > 1 and not part.aubc.isna().all()
    mark = part.aubc.get("random", np.nan)
    rows = []
    for text in texts:
        entries = [
            Entry(one, kind="aubc" * (place == column + 1)) for column, one in enumerate(text)
        ]
        if drawn:
            row = part.loc[text[0]]
            dot = interval(row.aubc, row.aubc_ci, ends, mark)
            entries.insert(place, Entry("", dot, "dot"))
        rows.append(entries)
    if drawn:
        heads.insert(place, "")
    kinds = ["best" if text[0] in best else "" for text in texts]
    caption = _caption(part, about, note, bool(best))
    how = _how(part, bool(best), near, times)
    return table(caption, heads, rows, row_kinds=kinds) + how


def _caption(part: pd.DataFrame, about: About, note: str, bold: bool) -> str:
    with_labels = f" with {part.labels.iloc[0]:.0f} labels" if part.labels.nunique() == 1 else ""
    caption = f"Mean and {about.percent} interval over the {about.unit}{with_labels}."
    if note:
        caption += f" {note}."
    if bold:
        caption += " Bold: AUBC not significantly below the highest."
    return caption


def _how(part: pd.DataFrame, bold: bool, near: Sequence[Reach], times: pd.DataFrame | None) -> str:
    """What the columns mean, folded."""
    said = ["AUBC: area under the accuracy curve over the labels bought, divided by their number."]
    if part.labels.nunique() > 1:
        said.append("What is final is with the labels of its row.")
    if bold:
        said.append(
            f"Bold by a paired t-test, p < {LEVEL} with Holm's correction over all pairs, as are "
            "the stars of Who beats whom."
        )
    shared = [one for one in near if one.share is not None]
    if shared:
        goals = " and ".join(f"{one.goal:.4f}" for one in shared)
        shares = " and ".join(one.name.removesuffix(" %") for one in shared)
        said.append(
            f"Labels to {shares} %: at the first look at which a run's accuracy is at least "
            f"{goals}, these shares of the highest mean final accuracy."
        )
    if len(shared) < len(near):
        said.append("Labels to an accuracy: at the first look at which a run has it.")
    if any(share < 1 for one in near for share in one.reached.values()):
        said.append(
            "Where ≥ stands, only the share of runs in brackets got there; the others count "
            "with their last number of labels, and the mean is a lower bound."
        )
    if times is not None:
        timed = (
            "The time of a query and seed is the wall time of all rounds, which fit, measure and "
            "select, without compilation, over queries and seeds"
        )
        if not times.less_random.isna().any():
            timed += (
                "; less random's it is what scoring the pool, selecting and training for it take, "
                "and what fits on other points take more or less. Each was timed once, beside "
                "whatever else the machine did: the least of these differences, and those below "
                "zero, are no more than that"
            )
        said.append(f"{timed}.")
    return (
        '<details class="how"><summary>What the columns mean</summary>'
        f"{''.join(map(paragraph, said))}</details>"
    )


def _small(frame: pd.DataFrame, learner: str, metric: str, about: About) -> list[str]:
    drawn, less = small_charts(frame, learner, metric, about.confidence)
    what = "Accuracy" if metric == "accuracy" else "Imbalance"
    if less:
        unit = ", in points" if metric == "accuracy" else ""
        said = f"What each has more than random{unit}, and the {about.percent} band"
    else:
        said = f"Mean and {about.percent} band"
    title = f"{what} of each strategy"
    body = paragraph(
        f"{said}, against labels; the highest AUBC first. Each panel has its own scale, which "
        "its axis says.",
        "caption",
    )
    body += f'<div class="small">{"".join(drawn)}</div>'
    if metric == "accuracy":
        return [f"<h3>{title}</h3>", body]
    return [f"<details><summary>{title}</summary>{body}</details>"]


def _significance(matrix: pd.DataFrame, unit: str, note: str) -> list[str]:
    def value(text: str) -> float:
        return float(text.removesuffix("*")) if text.endswith("*") else np.nan

    values = matrix.map(value)
    most = float(np.nanmax(np.abs(values.to_numpy()), initial=0.0))
    if most == 0 or np.isnan(most):
        most = 1.0
    caption = (
        f"AUBC of row less column, in points; * where a paired t-test over the {unit} with Holm's "
        f"correction over all pairs has p < {LEVEL}, which alone is shaded"
        f"{f'; {note}' if note else ''}."
    )
    key = (f"-{most:.1f}: row below column", f"+{most:.1f}: row above column")
    return [
        "<h3>Who beats whom</h3>",
        heat(caption, values, matrix, (DOWN, UP), (-most, most), key),
    ]


def at_budgets(found: Pairwise, order: Sequence[str], data_sets: int = 1) -> list[str]:
    """Heat maps, of the tests' shares if there are any, and of counts, in this order."""
    shares, wins = found.shares.loc[order, order], found.wins.loc[order, order]
    over = f", summed over {data_sets} data sets," if data_sets > 1 else ""
    key = ("at none", "at all")
    made = ["<h3>At how many budgets</h3>"]
    if not shares.isna().all(axis=None):
        caption = (
            f"Pairwise penalty matrix: the share of budgets{over} at which row beats column "
            f"(paired t-test at each budget, p < {LEVEL}, uncorrected)."
        )
        texts = shares.map(lambda share: "" if np.isnan(share) else f"{share:.2f}")
        ends = (0.0, float(data_sets))
        made.append(heat(caption, shares.where(shares > 0), texts, (SHARE, SHARE), ends, key))
    caption = (
        f"The raw count: at how many of {found.budgets} budgets{over} row's mean accuracy is above "
        "column's, tested or not."
    )
    values, ends = wins.where(wins > 0).astype(float), (0.0, float(found.budgets))
    return [*made, heat(caption, values, wins.map(str), (SHARE, SHARE), ends, key)]


def _recalls(recalls: pd.DataFrame, order: list[str], about: About) -> list[str]:
    means = recalls.recall.unstack("class").loc[order]
    halves = recalls.recall_ci.unstack("class").loc[order]
    texts = means.map(lambda value: "" if np.isnan(value) else f"{value:.2f}")
    names = [about.class_name(int(number)) for number in means.columns]
    low = float(np.nanmin(means.to_numpy()))
    caption = (
        "Share of each class's test examples that the last fit has right: the mean over the "
        f"{about.unit}, the highest AUBC first. Intervals reach {_most(halves)} to either side at "
        "most."
    )
    shown: Any = means.set_axis(names, axis=1)
    return [
        "<h3>Recall of each class</h3>",
        heat(
            caption,
            shown,
            texts.set_axis(names, axis=1),
            (SHARE, SHARE),
            (low, 1.0),
            (f"{low:.2f}", "1"),
            self_is_blank=False,
        ),
    ]


def _confusions(own: pd.DataFrame, learner: str, about: About) -> list[str]:
    """A heat map of the strategy of the highest AUBC, and one of random."""
    made = []
    for strategy in dict.fromkeys((ranking(own, learner, about.units)[0], "random")):
        found = confusion(own, learner, strategy)
        if found.empty:
            continue
        found.index = pd.Index([about.class_name(int(one)) for one in found.index])
        found.columns = [about.class_name(int(one)) for one in found.columns]
        caption = (
            f"{strategy}: the share of a row's test examples that the last fit takes for a "
            f"column's; the mean over the {about.unit}. What it has right is not shaded."
        )
        wrong: Any = found.copy()
        for name in found.index:
            wrong.loc[name, name] = np.nan
        high = float(np.nanmax(wrong.to_numpy(), initial=0.0)) or 1.0
        texts: Any = found.map("{:.2f}".format)
        ends, key = (0.0, high), ("0", f"{high:.2f}")
        made.append(heat(caption, wrong, texts, (DOWN, DOWN), ends, key, self_is_blank=False))
    return ["<h3>Which class is taken for which</h3>", *made] if made else []


def _most(halves: pd.DataFrame) -> str:
    found = halves.to_numpy()
    return f"{np.nanmax(found):.2f}" if np.isfinite(found).any() else "an unknown width"
