"""One self-contained HTML page of a run."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import pandas as pd

from jal.report.about import About, counted
from jal.report.agent_texts import targets
from jal.report.agents_section import agents_sections
from jal.report.charts import curve_charts
from jal.report.headline import headline
from jal.report.learner_section import learner_section
from jal.report.markup import Section, config_and_run, document, paragraph
from jal.report.notes import notes
from jal.report.plots import FEW
from jal.report.tables import seconds
from jal.report.texts import ran
from jal.report.tidy import by_training

__all__ = ["page"]


def page(
    frame: pd.DataFrame,
    about: About,
    info: Mapping[str, Any],
    training: pd.DataFrame | None = None,
) -> str:
    """HTML with the result in a sentence, the curves, tables and matrices of a tidy table.

    Args:
      frame: the tidy table.
      about: what was run, and how its results are shown.
      info: versions, device and seconds, shown as they are.
      training: the agents' histories, if there are agents.
    """
    averaged = by_training(frame, about.units)
    stops = targets(frame, about, info, training)
    agents = () if training is None else tuple(map(str, training.strategy.unique()))
    learners = list(map(str, frame.learner.unique()))
    begin = [
        f"<header><h1>{html.escape(about.name)}</h1>",
        paragraph(headline(frame, about, stops, agents, "unfinished" in info), "result"),
        paragraph(_about(averaged, learners, about, info), "about"),
        *[
            paragraph(f"Note: {note}.", "note")
            for note in (*info.get("notes", ()), *notes(frame, info.get("pool")))
        ],
        "</header>",
    ]
    sections = [_curves(averaged, about)]
    if (frame.metric == "imbalance_ratio").any():
        sections.append(
            Section(
                "Imbalance profile",
                [
                    _charts(curve_charts(averaged, "imbalance_ratio", about.confidence)),
                    paragraph(
                        "Standard deviation over mean of the labelled points' class counts: 0 "
                        "where all classes have as many labels.",
                        "caption",
                    ),
                ],
            )
        )
    if training is not None:
        sections += agents_sections(frame, averaged, about, stops, training)
    times = seconds(frame, info)
    for learner in learners:
        own = None if times is None else times.loc[learner]
        paper = about.paper(learner) if stops is None else {}
        sections.append(learner_section(frame, learner, about, own, paper))
    return document(about.name, begin, sections, config_and_run(about.settings, info))


def _about(frame: pd.DataFrame, learners: list[str], about: About, info: Mapping[str, Any]) -> str:
    """What was run, where and how long."""
    counts = [
        counted(len(learners), "learners"),
        counted(frame.strategy.nunique(), "strategies"),
        counted(frame.seed.nunique(), about.unit),
    ]
    return f"{', '.join(counts)}, data {about.data}; {ran(info)}"


def _curves(frame: pd.DataFrame, about: About) -> Section:
    said = f"Mean over the {about.unit}; the band is the mean's {about.percent} interval."
    if frame.strategy.nunique() > FEW:
        said += " Grey lines are the other strategies, named under the pointer."
    body = [
        _charts(curve_charts(frame, level=about.confidence)),
        paragraph(said, "caption"),
    ]
    if about.units > 1:
        body.append(
            paragraph(
                f"The runs of each {about.unit[:-1]} are averaged first, also where they have "
                "labelled different numbers; all intervals and tests on this page are over the "
                f"{about.unit}."
            )
        )
    return Section("Learning curves", body)


def _charts(drawn: list[str]) -> str:
    return f'<div class="charts">{"".join(drawn)}</div>'
