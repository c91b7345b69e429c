"""One sentence that says what a run has found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np
import pandas as pd

from jal.report.about import About
from jal.report.comparisons import FEWEST, WithBest, with_best
from jal.report.reach import reach
from jal.report.tables import summary
from jal.report.targets import budget_differences, target_summary
from jal.report.texts import with_interval
from jal.report.tidy import aubcs

__all__ = ["headline"]

_FEW = 3  # learners that one sentence can tell apart, and names that it can list


def headline(
    frame: pd.DataFrame,
    about: About,
    stops: pd.DataFrame | None = None,
    agents: Collection[str] = (),
    unfinished: bool = False,
) -> str:
    """The result in one sentence.

    That is the strategy of the highest AUBC, who is level with it, and the labels that it saves; of
    runs to a target the one that buys the fewest labels.

    Args:
      frame: the tidy table.
      about: what was run.
      stops: of `to_target`, if the run has targets.
      agents: the learned strategies.
      unfinished: whether rounds are still to come.
    """
    learners = list(map(str, frame.learner.unique()))
    count = about.units if about.units > 1 else frame.seed.nunique()
    over = f"over {count} {about.unit}" if count > 1 else f"in one {about.unit[:-1]}"
    begin = f"so far, {over}" if unfinished else over
    if stops is not None:
        learners = list(map(str, stops.learner.unique()))
        parts = [stops.loc[stops.learner == one] for one in learners[:_FEW]]
        said = [_to_target(part, about, agents) for part in parts]
    elif len(learners) > _FEW:
        said = [_counted(frame, learners, about)]
    else:
        said = [_of_learner(frame, one, about, len(learners) < _FEW) for one in learners]
    text = "; ".join(said)
    return f"{begin[0].upper()}{begin[1:]}, {text}."


def _of_learner(frame: pd.DataFrame, learner: str, about: About, with_labels: bool) -> str:
    scores = aubcs(frame, learner, about.units)
    table = summary(frame.loc[frame.learner == learner], about.confidence, about.units).loc[learner]
    if len(scores.columns) == 1:
        name, row = str(table.index[0]), table.iloc[0]
        final = with_interval(row["final"], row["final_ci"])
        return f"{name} reaches an accuracy of {final} with {learner} and {row.labels:.0f} labels"
    if scores.isna().all(axis=None):
        name = str(table.final.idxmax())
        row = table.loc[name]
        return (
            f"no AUBC can be compared with {learner}, since no range of labels is common to all "
            f"runs, and {name} ends highest, at {with_interval(row.final, row.final_ci)} with "
            f"{row.labels:.0f} labels"
        )
    found = with_best(scores)
    best = str(scores.mean().idxmax()) if found is None else found.best
    row = table.loc[best]
    parts = [f"{best} has the highest AUBC with {learner} ({with_interval(row.aubc, row.aubc_ci)})"]
    above = (scores[best] - scores["random"]).mean() if "random" in scores else np.nan
    beside_random = best != "random" and not np.isnan(above)
    if beside_random:
        parts.append(f"{100 * above:.1f} points above random")
    if found is not None:
        parts.append(_standing(found, len(scores), about, beside_random))
    if beside_random and with_labels:
        near = reach(frame, learner, trainings=about.units)[-1]
        needed = {name: near.labels[name].mean() for name in (best, "random")}
        if near.reached[best] == 1:
            more = "" if near.reached["random"] == 1 else "more than "
            parts.append(
                f"and needs {needed[best]:.0f} labels for {near.name} of the best "
                f"final accuracy where random needs {more}{needed['random']:.0f}"
            )
    return ", ".join(parts)


def _standing(found: WithBest, count: int, about: About, random_said: bool) -> str:
    """How the best stands beside the others, as far as there are tests.

    Args:
      found: of `with_best`.
      count: rows that were tested over.
      about: what was run.
      random_said: whether the difference to random was just told.
    """
    level, below, untested = found.level, found.below, found.untested
    if count < FEWEST:
        number = f"{count} {about.unit}" if count > 1 else f"one {about.unit[:-1]}"
        return f"which {number} cannot put to a test"
    if random_said and [*level, *below, *untested] == ["random"]:
        return "significantly" if below else "not significantly" if level else "not tested"
    said = []
    if level:
        few = len(level) <= _FEW
        said.append(f"level with {_listed(level) if few else f'{len(level)} others'}")
    if below:
        which = below[0] if len(below) == 1 else f"{len(below)} others"
        said.append(f"significantly above {which}")
    if untested:
        said.append(f"not tested against {len(untested)}")
    return " and ".join(said)


def _counted(frame: pd.DataFrame, learners: list[str], about: About) -> str:
    """Of more learners than a sentence can tell apart."""
    means = [aubcs(frame, learner, about.units).mean() for learner in learners]
    firsts = Counter(str(one.idxmax()) for one in means if one.notna().any())
    if not firsts:
        return "no AUBC can be compared, since no range of labels is common to all runs"
    (best, count), *others = firsts.most_common()
    also = [f"{name} with {number}" for name, number in others[:_FEW]]
    text = f"{best} has the highest AUBC with {count} of {len(learners)} learners"
    return text + (f", {_listed(also)}" if also else "")


def _to_target(stops: pd.DataFrame, about: About, agents: Collection[str]) -> str:
    """Of one learner's runs to a target."""
    learner = str(stops.learner.iloc[0])
    table = target_summary(stops).loc[learner].xs("mean", level="of")
    whole = table[table.reached == 1]
    if whole.empty:
        best = str(table.reached.idxmax())
        share = 100 * table.reached[best]
        if share == 0:
            return f"no strategy reaches the target in any run with {learner}"
        return (
            f"no strategy reaches the target in all runs with {learner}, and {best} does in most, "
            f"{share:.0f} %"
        )
    best = str(whole.budget.idxmin())
    text = (
        f"{best} reaches the target with {learner} with the fewest labels, "
        f"{100 * whole.budget[best]:.2f} % of the pool"
    )
    if len(whole) < len(table):
        text += f", of the {len(whole)} of {len(table)} strategies that reach it in all runs"
    differences = budget_differences(stops, best, about.confidence)
    beside = [name for name in whole.index if name in agents and name != best]
    for name in beside[:1]:
        row = differences.loc[learner, name]
        half = "" if np.isnan(row.half) else f" ± {100 * row.half:.2f}"
        text += f", {100 * row.difference:.2f}{half} points less than {name}"
    return text


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
