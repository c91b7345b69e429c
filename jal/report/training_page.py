"""What a training has come to: in a sentence, a table, and one self-contained HTML page."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jal import metrics
from jal.report.about import About, counted
from jal.report.agents_section import training_epochs
from jal.report.markup import Entry, Section, config_and_run, document, paragraph, table
from jal.report.texts import ran, unless_nan
from jal.report.trainings import training_stages

__all__ = ["stages_text", "training_headline", "training_page"]

# Measure -> how it is shown: a format, and whether in %.
_MEASURES = {
    "return": ("{:.4f}", False),
    "quality": ("{:.4f}", False),
    "budget": ("{:.2f}", True),
    "success": ("{:.1f}", True),
    "length": ("{:.1f}", False),
    "loss": ("{:.4f}", False),
    "epsilon": ("{:.2f}", False),
}


def training_page(training: pd.DataFrame, about: About, info: Mapping[str, Any]) -> str:
    """HTML with what an agent's trainings have come to, its epochs' curves and a table of each.

    Args:
      training: the agent's history.
      about: what was trained, and how it is shown.
      info: versions, device and seconds, shown as they are.
    """
    begin = [
        f"<header><h1>{html.escape(about.name)}</h1>",
        paragraph(training_headline(training, about), "result"),
        paragraph(f"{_about(training)}, data {about.data}; {ran(info)}", "about"),
        *[paragraph(f"Note: {note}.", "note") for note in info.get("notes", ())],
        "</header>",
    ]
    heads, rows = stages_text(training, about)
    ends = [
        table("", heads, [[Entry(text) for text in row] for row in rows]),
        paragraph(_ENDS + _SUCCESS * any(row[0].startswith("success") for row in rows)),
        "<details><summary>Each training</summary>" + _each(training) + "</details>",
    ]
    sections = [
        Section("Epochs", training_epochs(training, about)),
        Section("Before and after", ends),
    ]
    return document(about.name, begin, sections, config_and_run(about.settings, info))


_ENDS = (
    "Warm start: the mean return and length of its random episodes, the best quality that any of "
    "them saw, and the least budget that reached it, or the target quality that was asked for. "
    "Epochs: means over their episodes, of which epsilon is the share of random actions; the last "
    "is the last before a training stopped. Budget: the share of the pool that is labelled in the "
    "end. Quality: the classifier's in the end, on what the agent is rewarded by."
)
_SUCCESS = " Success: the share of episodes that reach the target quality within the target budget."


def training_headline(training: pd.DataFrame, about: About) -> str:
    """What the agent does at the end of its training, beside warm start and targets, in a sentence.

    Args:
      training: the agent's history.
      about: what was trained.
    """
    stages = training_stages(training, about.splits)
    learner, agent = map(str, training[["learner", "strategy"]].iloc[0])
    count = len(stages["last epoch"])
    over = f"Over {count} {about.unit}" if count > 1 else f"In one {about.unit[:-1]}"
    last, warm, goal = (stages[name] for name in ("last epoch", "warm start", "target"))

    def said(stage: pd.DataFrame, name: str) -> str:
        return _said(stage, name, about.confidence) + (" %" if _MEASURES[name][1] else "")

    text = (
        f"{over} with {learner}, the episodes of {agent}'s last epoch have a return of "
        f"{said(last, 'return')} and end at a quality of {said(last, 'quality')} with "
        f"{said(last, 'budget')} of the pool labelled"
    )
    goals = [name for name in ("quality", "budget") if _measured(goal, name)]
    found = {name: np.array_equal(goal[name], warm[name], equal_nan=True) for name in goals}
    if _measured(warm, "quality"):
        text += f"; the best that warm start saw is {said(warm, 'quality')}"
        # Its budget is that of the target quality, where another one was asked for.
        if _measured(warm, "budget") and found.get("quality", True):
            text += f" with {said(warm, 'budget')}"
    if not goals:
        return f"{text}."
    if all(found.values()):
        return f"{text}, which {'are the targets' if len(goals) > 1 else 'is the target'}."
    what = "the targets are" if len(goals) > 1 else f"the target {goals[0]} is"
    return f"{text}; {what} {' with '.join(said(goal, name) for name in goals)}."


def stages_text(training: pd.DataFrame, about: About) -> tuple[list[str], list[list[str]]]:
    """Heads and rows: each measure at warm start, as target, in the first and the last epoch.

    Of agents without targets there is no column for these.
    """
    stages, rows = training_stages(training, about.splits), []
    targets = stages["target"]
    if not targets.notna().any(axis=None):
        del stages["target"]
    for name in _shown(targets):
        texts = [_said(stage, name, about.confidence) for stage in stages.values()]
        if any(texts):
            rows.append([_head(name), *texts])
    return ["", *stages], rows


def _shown(targets: pd.DataFrame) -> list[str]:
    """The measures; success is of nothing where there is no target."""
    return [name for name in _MEASURES if name != "success" or _measured(targets, "quality")]


def _head(name: str) -> str:
    return f"{name}, %" if _MEASURES[name][1] else name


def _said(stage: pd.DataFrame, name: str, level: float) -> str:
    """A measure's mean, with its interval where it varies; empty where there is none."""
    if name not in stage:
        return ""
    values = stage[name].to_numpy(float)
    mean, half = (float(one) for one in metrics.mean_interval(values, level))
    shown, percent = _MEASURES[name]
    scale = 100.0 if percent else 1.0
    varies = len(np.unique(values[np.isfinite(values)])) > 1
    return unless_nan(mean, shown, scale) + unless_nan(half, f" ± {shown}", scale) * varies


def _measured(stage: pd.DataFrame, name: str) -> bool:
    return name in stage and bool(np.isfinite(stage[name].to_numpy(float)).any())


def _about(training: pd.DataFrame) -> str:
    """How many trainings, of how many epochs, in how many seconds each."""
    epochs = training.loc[(training.metric == "return") & (training.epoch >= 0)]
    number = training.seed.nunique()
    each = training.loc[training.metric == "seconds", "value"].mean()
    mean = f"{epochs.value.notna().sum() / number:.4g}"
    took = f"{mean} epoch{'s' * (mean != '1')}{unless_nan(each, ', {:.2f} s each')}"
    return f"{counted(number, 'trainings')} of {took}"


def _each(training: pd.DataFrame) -> str:
    stages = training_stages(training)
    goal, last = stages["target"], stages["last epoch"]
    columns = [("", name, last) for name in _shown(goal) if name in last]
    columns += [("target ", name, goal) for name in goal if _measured(goal, name)]
    heads = ["seed", *(f"{of}{_head(name)}" for of, name, _ in columns)]
    rows = [
        [Entry(str(seed)), *(Entry(_said(of.loc[[seed]], name, 0.95)) for _, name, of in columns)]
        for seed in last.index
    ]
    return table("", heads, rows)
