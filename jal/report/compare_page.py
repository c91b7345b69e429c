"""One self-contained HTML page of several runs beside each other."""

from __future__ import annotations

import html
from collections.abc import Sequence

import pandas as pd

from jal import metrics
from jal.report.about import counted
from jal.report.charts import drawn_line, ends_of, range_of
from jal.report.compare import (
    Run,
    compare,
    comparison_headline,
    differing,
    incomparable,
    shared,
)
from jal.report.comparisons import LEVEL
from jal.report.learner_section import at_budgets
from jal.report.markup import Entry, Section, document, folded, paragraph, table
from jal.report.pairwise import over_data_sets
from jal.report.svg import Frame, chart, nice_ticks
from jal.report.texts import comparison_text
from jal.report.tidy import by_training, curves

__all__ = ["comparison_page"]


def comparison_page(runs: Sequence[Run]) -> str:
    """HTML with what differs between runs: in a sentence, their configs, tables and curves.

    Args:
      runs: as in `compare`.
    """
    found = compare(runs)
    title = " and ".join(run.name for run in runs)
    begin = [
        f"<header><h1>{html.escape(title)}</h1>",
        paragraph(comparison_headline(runs, found), "result"),
        *[paragraph(_about(run), "about") for run in runs],
        *[paragraph(f"Note: {note}.", "note") for note in incomparable(runs)],
        "</header>",
    ]
    names = [run.name for run in runs]
    differ = differing(runs)
    rows = [[Entry(name), *map(Entry, values)] for name, values in differ.items()]
    config = [table("", ["field", *names], rows, "settings")]
    if not differ:
        config = [paragraph("The configs are the same, field by field.")]
    sections = [Section("What was set otherwise", config)]
    sections += [Section(learner, _learner(runs, found, learner)) for learner in shared(runs)]
    end = "".join(
        folded(f"Config of {run.name}", ("field", "value"), run.about.settings) for run in runs
    )
    return document(title, begin, sections, end)


def _about(run: Run) -> str:
    about, info = run.about, run.info
    where = f"{info['device']}; jal {info['jal']}, JAX {info['jax']}" if "device" in info else ""
    count = about.units if about.units > 1 else run.frame.seed.nunique()
    return f"{run.name}: {about.name}, {counted(count, about.unit)}, data {about.data}; {where}"


def _learner(runs: Sequence[Run], found: pd.DataFrame, learner: str) -> list[str]:
    first, (heads, texts) = runs[0], comparison_text(found.loc[learner], runs[0].name)
    rows, difference = [], 4  # the column that may have a star
    for text in texts:
        cells = [*map(Entry, text)]
        if text[difference].endswith("*"):
            kind = "up" if text[difference].startswith("+") else "down"
            cells[difference] = Entry(text[difference], kind=kind)
        rows.append(cells)
    following = [text[0] for text in texts[1:]] + ["the end"]
    kinds = ["" if name else "more" for name in following]
    caption = (
        f"Mean and {first.about.percent} interval over the {first.about.unit}; AUBC over the "
        f"labels that all of these runs have. Differences are less {first.name}, in points, paired "
        f"by {first.about.unit[:-1]}; * where p < {LEVEL} with Holm's correction over all of the "
        "learner."
    )
    drawn = [_chart(runs, learner, text[0]) for text in texts if text[0]]
    key = "".join(
        f'<span class="c{place % 8}"><i></i> {html.escape(run.name)}</span>'
        for place, run in enumerate(runs)
    )
    found_pairs = over_data_sets(runs, learner)
    return [
        table(caption, heads, rows, "runs", kinds),
        *(at_budgets(found_pairs, list(found_pairs.wins), len(runs)) if found_pairs else []),
        "<h3>Accuracy of each strategy</h3>",
        f'<p class="key lines">{key}</p><div class="small wide">{"".join(drawn)}</div>',
    ]


def _chart(runs: Sequence[Run], learner: str, strategy: str) -> str:
    lines = []
    for place, run in enumerate(runs):
        own = by_training(run.frame, run.about.units)
        found = curves(own.loc[own.strategy == strategy], learner).get(strategy)
        if found is not None:
            level, limits = run.about.confidence, metrics.bounds("accuracy")
            line = drawn_line(run.name, *found, level, limits, f"c{place % 8}")
            lines.append(line)
    first, last = ends_of(lines)
    low, high = range_of(lines, metrics.bounds("accuracy"))
    area = Frame(250, 160, (first, last), (low, high), (38, 24, 8, 22))
    what = f"accuracy of {strategy} with {learner} in each run"
    return chart(lines, area, what, strategy, ticks=([first, last], nice_ticks(low, high, 4)))
