"""What the page says of learned strategies: their training, and their runs to a target."""

from __future__ import annotations

import html

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from jal.report.about import About, counted
from jal.report.agent_texts import Texts, effect_texts, target_texts, training_texts
from jal.report.markup import Entry, Section, paragraph, table
from jal.report.plots import inline_svgs
from jal.report.target_plots import (
    batch_histogram,
    constant_histories,
    metric_densities,
    training_curves,
)
from jal.report.targets import batch_sizes
from jal.report.trainings import points_curve, training_summary

__all__ = ["agents_sections", "training_epochs"]


def agents_sections(
    whole: pd.DataFrame,
    frame: pd.DataFrame,
    about: About,
    stops: pd.DataFrame | None,
    training: pd.DataFrame,
) -> list[Section]:
    """What agents have learned, and how their runs to the target compare.

    Args:
      whole: the tidy table.
      frame: the same, of `by_training`.
      about: what was run.
      stops: of `to_target`; None of agents without targets.
      training: the agents' histories.
    """
    if stops is None:
        title, body = "Agents beside others", _tables(effect_texts(whole, training, about))
        body.append(
            paragraph(
                f"Intervals and tests, paired and without correction, are over the {about.unit}; "
                "Cohen's d is the mean difference over the differences' standard deviation."
            )
        )
    else:
        title, body = "Runs to the target", _tables(target_texts(stops, training, about))
        body.append(paragraph(_TARGETS.format(unit=about.unit)))
    if about.units == 1:
        body.append(
            paragraph(
                "Intervals and tests on this page are over runs: they hold for the policies that "
                "were trained here, not for another training."
            )
        )
    sections = [*_trained(frame, about, training), Section(title, body)]
    for learner, agent in training[["learner", "strategy"]].drop_duplicates().to_numpy():
        sections += _agent(whole, about, stops, training, learner, agent)
    return sections


_TARGETS = (
    "A run stops at the first round whose precision reaches the target: its training's best of "
    "warm start, times the share that the config asks for; else after its last round, and its "
    "budget is a lower bound: where a strategy has not reached the target in all runs, so is its "
    "mean. Budget: labels at the stop, in % of the pool; a strategy that buys many at a time is "
    "looked at after each batch only, and stops later for it. Crossing: where the straight line to "
    "the stop from the look before reaches the target, which leaves that out; who is looked at "
    "more often still has more chances to touch it early. Stops are found on the test set that all "
    "of these metrics are of. Intervals and tests, paired and without correction, are over the "
    "{unit}; Cohen's d is the mean difference over the differences' standard deviation."
)


def _trained(frame: pd.DataFrame, about: About, training: pd.DataFrame) -> list[Section]:
    trained = training_texts(frame, training, about)
    if not trained:
        return []
    body = _tables(trained)
    body.append(
        paragraph(
            "Return: of the last epoch's episodes. Accuracy: at the end of the runs with the "
            f"trained policy. {about.percent} intervals over the {about.unit}. Seconds: wall time "
            "of all trainings over their number, without compilation; relative: to the quickest "
            "of all."
        )
    )
    if not about.held_out:
        body.append(
            paragraph(
                "In training, rewards and targets were measured on the same test set as the runs "
                "on this page, which favours agents; parts.holdout is for another one."
            )
        )
    if len(set(about.points.values())) > 2:
        took = training_summary(frame, training, about.confidence, about.splits)
        for learner in map(str, took.index.unique("learner")):
            drawn = points_curve(took, about.points, learner, about.paper(learner))
            body.append(_picture(drawn))
    return [Section("Agents", body)]


def _agent(
    whole: pd.DataFrame,
    about: About,
    stops: pd.DataFrame | None,
    training: pd.DataFrame,
    learner: str,
    agent: str,
) -> list[Section]:
    body = []
    if stops is not None and learner in set(stops.learner):
        sizes = set(batch_sizes(whole, stops, learner, agent).tolist())
        if len(sizes) > 1:
            body.append(_picture(batch_histogram(whole, stops, learner, agent)))
        body.append(_picture(metric_densities(stops, learner, agent)))
    own = training.loc[(training.learner == learner) & (training.strategy == agent)]
    if (own.epoch >= 0).any():
        body.append(f"<h3>Training of {html.escape(f'{agent} with {learner}')}</h3>")
        body += training_epochs(own, about)
    return [Section(f"{agent} with {learner}", body)] if body else []


def training_epochs(own: pd.DataFrame, about: About) -> list[str]:
    """Curves of one agent's epochs, and what they are."""
    learner, agent = map(str, own[["learner", "strategy"]].iloc[0])
    same, number = constant_histories(own), own.seed.nunique()
    said = f"Means over the epochs' episodes and {counted(number, 'trainings')}"
    if number > 1:
        over = f" over the {about.splits} splits" if about.splits > 1 else ""
        said += f", with {about.percent} bands{over}"
    goal = own.loc[own.metric.isin(["target_quality", "target_budget"]), "value"]
    said += "; dashed, the mean target" if np.isfinite(goal).any() else ""
    said += f"; in all of them: {', '.join(same)}" if same else ""
    drawn = training_curves(own, learner, agent, about.confidence, about.splits)
    return [_picture(drawn), paragraph(f"{said}.")]


def _picture(figure: Figure) -> str:
    return f'<div class="figures">{"".join(inline_svgs(figure))}</div>'


def _tables(texts: list[Texts]) -> list[str]:
    parts = []
    for title, heads, rows in texts:
        parts.append(f"<h3>{html.escape(title)}</h3>")
        parts.append(table("", heads, [[Entry(text) for text in row] for row in rows]))
    return parts
