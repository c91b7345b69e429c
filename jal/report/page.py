"""One self-contained HTML page of a run."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from jal.report.comparisons import FEWEST, LEVEL, level_with_best, penalties, significance, untested
from jal.report.notes import notes
from jal.report.plots import FEW, curve_grid, learning_curves, png
from jal.report.tables import ranking, seconds, summary
from jal.report.target_plots import (
    batch_histogram,
    constant_histories,
    metric_densities,
    training_curves,
)
from jal.report.texts import (
    Shape,
    effect_texts,
    summary_text,
    target_texts,
    targets,
    training_texts,
)
from jal.report.tidy import aubcs, by_training, label_range
from jal.report.trainings import points_curve, training_summary

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #0a7d3326; --bad: #b3261e26; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 78rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; }
p.about { color: #777; margin-top: .2rem; }
p.note { border-left: 3px solid #b3261e; padding-left: .6rem; }
img { max-width: 100%; background: white; border-radius: 6px; }
.scroll { overflow-x: auto; margin-bottom: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: Canvas; }
td.good { background: var(--good); } td.bad { background: var(--bad); }
tr.best td:first-child, tr.best td.aubc { font-weight: 600; }
table.matrix { font-size: .74rem; } table.matrix td, table.matrix th { padding: .15rem .3rem; }
table.matrix th + th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left;
  vertical-align: top; font-weight: 500; border: 0; padding: .3rem .15rem; }
table.matrix tbody tr:hover td { outline: 1px solid var(--line); }
pre { overflow-x: auto; padding: 1rem; border: 1px solid var(--line); border-radius: 6px; }
p.caption { margin-bottom: .5rem; color: #777; font-size: .85rem; }
"""


def page(
    frame: pd.DataFrame,
    config: dict[str, Any],
    info: dict[str, Any],
    training: pd.DataFrame | None = None,
) -> str:
    """HTML with the curves, tables and matrices of a tidy table, and what made them.

    Args:
      frame: the tidy table.
      config: the resolved config, as nested dicts.
      info: versions, device and seconds, shown as they are.
      training: the agents' histories, if there are agents.
    """
    name = html.escape(str(config["name"]))
    learners = list(frame.learner.unique())
    strategies = frame.strategy.nunique()
    about = (
        f"{len(learners)} learner{'s'[: len(learners) > 1]}, {strategies} strategies, "
        f"{frame.seed.nunique()} seeds, data {_data(config['data'], info)}; {_ran(info)}"
    )
    shape = Shape.of(config)
    whole, frame = frame, by_training(frame, shape.trainings)
    sections = [
        f'<h1>{name}</h1><p class="about">{html.escape(about)}</p>',
        *[
            f'<p class="note">Note: {html.escape(note)}.</p>'
            for note in (*info.get("notes", ()), *notes(whole))
        ],
        "<h2>Learning curves</h2>",
        _picture(learning_curves(frame, level=shape.level), "accuracy against labels"),
        f"<p>Mean over the {shape.unit}; the band is the mean's {shape.percent} interval.</p>",
    ]
    if shape.trainings > 1:
        sections.append(
            f"<p>The runs of each {shape.unit[:-1]} are averaged first, also where they have "
            "labelled different numbers; all intervals and tests on this page are over the "
            f"{shape.unit}.</p>"
        )
    if (frame.metric == "imbalance_ratio").any():
        sections += [
            "<h2>Imbalance profile</h2>",
            _picture(
                learning_curves(frame, "imbalance_ratio", shape.level),
                "imbalance ratio against labels",
            ),
            "<p>Standard deviation over mean of the labelled points' class counts: 0 where all "
            "classes have as many labels.</p>",
        ]
    stops = targets(whole, config, info, training)
    if training is not None:
        sections += _agents(whole, frame, config, stops, training)
    table, times = summary(whole, shape.level, shape.trainings), seconds(whole, info)
    for learner in learners:
        sections.append(f"<h2>{html.escape(learner)}</h2>")
        own = None if times is None else times.loc[learner]
        paper = shape.paper(learner) if stops is None else {}
        scores = aubcs(whole, learner, shape.trainings)
        best, note = level_with_best(scores), label_range(whole, learner).note
        sections.append(_summary(table.loc[learner], own, shape, paper, best, note))
        if strategies > FEW:
            grid = curve_grid(frame, learner, level=shape.level)
            sections.append(_picture(grid, f"each strategy with {learner}"))
            sections.append("<p>Each strategy before all others, the highest AUBC first.</p>")
            if (frame.metric == "imbalance_ratio").any():
                unequal = curve_grid(frame, learner, "imbalance_ratio", shape.level)
                sections.append(_picture(unequal, f"imbalance of each strategy with {learner}"))
                sections.append("<p>How unequal the classes are in what each has labelled.</p>")
        if strategies > 1:
            order = ranking(whole, learner, shape.trainings)
            if not scores.isna().all(axis=None):
                matrix = significance(whole, learner, shape.trainings).loc[order, order]
                sections.append(_significance(matrix, shape.unit, untested(scores, shape.unit)))
            shares = penalties(frame, learner)
            if shares is not None:
                sections.append(_penalties(shares.loc[order, order]))
            elif len(scores) >= FEWEST:
                sections.append("<p>No penalty matrix: the strategies' budgets differ.</p>")
    sections.append(f"<h2>Config</h2><pre>{html.escape(json.dumps(config, indent=2))}</pre>")
    sections.append(f"<h2>Run</h2><pre>{html.escape(json.dumps(info, indent=2))}</pre>")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body>{''.join(sections)}</body></html>\n"
    )


def _data(config: dict[str, Any], info: dict[str, Any]) -> str:
    """The data's source; of arrays also what they hold."""
    held = config.get("arrays")
    if held is None:
        return config["source"]
    return (
        f"{config['source']} ({held['train']:,} training and {held['test']:,} test examples of "
        f"shape {tuple(held['shape'])}, {held['classes']} classes, SHA-256 "
        f"{_sha256(info)})"
    )


def _sha256(info: Mapping[str, Any]) -> str:
    """Their beginnings: of splits there are several."""
    found = info.get("data_sha256", "unknown")
    return ", ".join(one[:12] for one in ([found] if isinstance(found, str) else found))


def _ran(info: Mapping[str, Any]) -> str:
    """Where and how long, or how much of it is there yet."""
    if "unfinished" in info:
        return f"UNFINISHED: {info['unfinished']}"
    resumed = ", since it was resumed" if info["resumed"] else ""
    return (
        f"{info['seconds']:.0f} s on {info['device']}, of which compilation "
        f"{info['compile_seconds']:.0f} s{resumed}; jal {info['jal']}, JAX {info['jax']}"
    )


def _agents(
    whole: pd.DataFrame,
    frame: pd.DataFrame,
    config: dict[str, Any],
    stops: pd.DataFrame | None,
    training: pd.DataFrame,
) -> list[str]:
    """What agents have learned, and how their runs to the target compare."""
    sections, shape = [], Shape.of(config)
    trained = training_texts(frame, training, shape)
    if trained:
        sections.append("<h2>Agents</h2>")
    for title, heads, texts in trained:
        sections.append(f"<h3>{html.escape(title)}</h3>")
        sections.append(_table("", heads, [_row(text) for text in texts]))
    if trained:
        sections.append(
            "<p>Return: of the last epoch's episodes. Accuracy: at the end of the runs with the "
            f"trained policy. {shape.percent} intervals over the {shape.unit}. Seconds: wall time "
            "of all trainings over their number, without compilation; relative: to the "
            "quickest of all.</p>"
        )
        if not config.get("parts", {}).get("holdout", 0):
            sections.append(
                "<p>In training, rewards and targets were measured on the same test set as the "
                "runs on this page, which favours agents; parts.holdout is for another one.</p>"
            )
    points = {name: agent.get("points") for name, agent in config.get("agents", {}).items()}
    points = {name: n for name, n in points.items() if n}
    if trained and len(set(points.values())) > 2:
        took = training_summary(frame, training, shape.level, shape.splits)
        for learner in took.index.unique("learner"):
            drawn = points_curve(took, points, learner, shape.paper(learner))
            sections.append(_picture(drawn, f"points a step with {learner}"))
    if stops is None:
        for title, heads, texts in effect_texts(whole, training, shape):
            sections.append(f"<h3>{html.escape(title)}</h3>")
            sections.append(_table("", heads, [_row(text) for text in texts]))
        sections.append(
            f"<p>Intervals and tests, paired and without correction, are over the {shape.unit}; "
            "Cohen's d is the mean difference over the differences' standard deviation.</p>"
        )
    else:
        sections.append("<h2>Runs to the target</h2>")
        for title, heads, texts in target_texts(stops, training, shape):
            sections.append(f"<h3>{html.escape(title)}</h3>")
            sections.append(_table("", heads, [_row(text) for text in texts]))
        sections.append(
            "<p>A run stops at the first round whose precision reaches the target: its training's "
            "best of warm start, times the share that the config asks for; else after its last "
            "round, and its budget is a lower bound: where a strategy has not reached the target "
            "in all runs, so is its mean. Budget: labels at the stop, in % of the pool; a strategy "
            "that buys many at a time is looked at after each batch only, and stops later for it. "
            "Crossing: where the straight line to the stop from the look before reaches the "
            "target, which leaves that out; who is looked at more often still has more chances to "
            "touch it early. Stops are found on the test set that all of these metrics are of. "
            "Intervals "
            f"and tests, paired and without correction, are over the {shape.unit}; Cohen's d is "
            "the mean difference over the differences' standard deviation.</p>"
        )
    if shape.trainings == 1:
        sections.append(
            "<p>Intervals and tests on this page are over runs: they hold for the policies that "
            "were trained here, not for another training.</p>"
        )
    for learner, agent in training[["learner", "strategy"]].drop_duplicates().to_numpy():
        sized = config["agents"][agent]["type"] in ("AbasRal", "Saved")
        if stops is not None and sized and learner in set(stops.learner):
            sections.append(f"<h2>{html.escape(f'{agent} with {learner}')}</h2>")
            histogram = batch_histogram(whole, stops, learner, agent)
            sections.append(_picture(histogram, f"batch sizes of {agent}"))
            densities = metric_densities(stops, learner, agent)
            sections.append(_picture(densities, f"densities of {agent}"))
        own = training.loc[(training.learner == learner) & (training.strategy == agent)]
        if (own.epoch >= 0).any():
            sections.append(f"<h2>Training of {html.escape(f'{agent} with {learner}')}</h2>")
            drawn = training_curves(training, learner, agent, shape.level)
            sections.append(_picture(drawn, "training"))
            same = constant_histories(own)
            also = "; in all of them: " + ", ".join(same) if same else ""
            sections.append(
                f"<p>Means over the epochs' episodes and {own.seed.nunique()} trainings, with "
                f"{shape.percent} bands{html.escape(also)}.</p>"
            )
    return sections


def _picture(figure: Figure, what: str) -> str:
    data = base64.b64encode(png(figure)).decode()
    return f'<img alt="{html.escape(what)}" src="data:image/png;base64,{data}">'


def _summary(
    part: pd.DataFrame,
    times: pd.DataFrame | None,
    shape: Shape,
    paper: Mapping[str, Mapping[str, float]],
    best: Collection[str],
    note: str,
) -> str:
    heads, texts = summary_text(part, times, paper)
    classes = ["aubc" if head == "AUBC" else "" for head in heads]
    rows = [_row(text, classes, "best" if text[0] in best else "") for text in texts]
    with_labels = f" with {part.labels.iloc[0]:.0f} labels" if part.labels.nunique() == 1 else ""
    caption = (
        f"Mean and {shape.percent} interval over the {shape.unit}{with_labels}. AUBC: area under "
        "the accuracy curve over the labels bought, divided by their number."
    )
    if part.labels.nunique() > 1:
        caption += " What is final is with the labels of its row."
    if note:
        caption += f" {note}."
    if best:
        caption += (
            " Bold: AUBC not significantly below the highest (paired t-test, p &lt; "
            f"{LEVEL} with Holm's correction over the comparisons with it)."
        )
    if times is not None:
        caption += (
            " The time of a query and seed is the wall time of all rounds, which fit, measure and "
            "select, without compilation, over queries and seeds"
        )
        if not times.less_random.isna().any():
            caption += (
                "; less random's it is what scoring the pool, selecting and training for it take, "
                "and what fits on other points take more or less. Each was timed once, beside "
                "whatever else the machine did: the least of these differences, and those below "
                "zero, are no more than that"
            )
        caption += "."
    return _table(caption, heads, rows)


def _significance(matrix: pd.DataFrame, unit: str, note: str) -> str:
    def shade(text: str) -> str:
        return "" if not text.endswith("*") else "good" if text.startswith("+") else "bad"

    rows = [
        _row([str(strategy), *row], ["", *[shade(text) for text in row]])
        for strategy, row in matrix.iterrows()
    ]
    caption = (
        f"AUBC of row less column, in points; * where a paired t-test over the {unit} with Holm's "
        f"correction has p &lt; {LEVEL}{f'; {note}' if note else ''}."
    )
    return _table(caption, ["", *map(str, matrix.columns)], rows, "matrix")


def _penalties(shares: pd.DataFrame) -> str:
    rows = [
        _row(
            [str(strategy), *["" if np.isnan(v) else f"{v:.2f}" for v in row]],
            styles=[
                "",
                *[f"background:rgba(10,125,51,{0.4 * v:.2f})" if v > 0 else "" for v in row],
            ],
        )
        for strategy, row in shares.iterrows()
    ]
    caption = (
        "Pairwise penalty matrix: the share of budgets at which row beats column (paired t-test at "
        "each budget, p &lt; 0.05, uncorrected)."
    )
    return _table(caption, ["", *map(str, shares.columns)], rows, "matrix")


def _table(caption: str, heads: list[str], rows: list[str], kind: str = "") -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    return (
        f'<p class="caption">{caption}</p><div class="scroll"><table class="{kind}">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(
    cells: list[str],
    classes: list[str] | None = None,
    row_class: str = "",
    styles: list[str] | None = None,
) -> str:
    none = [""] * len(cells)
    inner = "".join(
        f'<td class="{c}" style="{style}">{html.escape(text)}</td>'
        for text, c, style in zip(cells, classes or none, styles or none, strict=True)
    )
    return f'<tr class="{row_class}">{inner}</tr>'
