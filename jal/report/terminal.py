"""Results as printed in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from jal.report.about import About, counted
from jal.report.agent_texts import effect_texts, target_texts, targets, training_texts
from jal.report.compare import Run, compare, comparison_headline, differing, incomparable
from jal.report.comparisons import LEVEL, significance, untested
from jal.report.headline import headline
from jal.report.notes import notes
from jal.report.ranks import Ranks
from jal.report.reach import NEAR, reach
from jal.report.tables import ranking, seconds, summary
from jal.report.texts import comparison_text, same_labels, summary_text
from jal.report.tidy import aubcs, by_training, label_range
from jal.report.training_page import stages_text, training_headline

__all__ = ["print_comparison", "print_ranks", "print_tables", "print_training"]


def print_tables(
    frame: pd.DataFrame,
    console: Console,
    info: Mapping[str, Any] | None = None,
    about: About | None = None,
    training: pd.DataFrame | None = None,
) -> None:
    """Prints a sentence of result, the summary of each learner and its significance matrix, or
    what fits of them, and `notes`.

    Args:
      frame: the tidy table.
      console: where to.
      info: how it was run; its seconds are shown where it is given.
      about: what it was, and how its results are shown.
      training: the agents' histories; what they took, and runs to their targets, are shown too.
    """
    about, times = about or About(), seconds(frame, info or {})
    whole, frame = frame, by_training(frame, about.units)
    stops = targets(whole, about, info or {}, training)
    agents = () if training is None else training.strategy.unique()
    said = headline(whole, about, stops, agents, "unfinished" in (info or {}))
    console.print(f"{said}\n", markup=False, highlight=False)
    table = summary(whole, about.confidence, about.units)
    table = table.drop(columns=["imbalance_ratio", "imbalance_ratio_ci"], errors="ignore")
    for learner in frame.learner.unique():
        part = table.loc[learner]
        budget = f", {part.labels.iloc[0]:.0f} labels" if same_labels(part) else ""
        number = counted(frame.seed.nunique(), about.unit)
        title = f"{learner}: {number}{budget}, {about.percent} intervals"
        said = label_range(whole, learner).note
        title += f"; {said}" if said else ""
        scores = aubcs(whole, learner, about.units)
        own = None if times is None else times.loc[learner]
        paper = about.paper(learner) if stops is None else None
        short = part[["labels", "aubc", "aubc_ci", "final", "final_ci"]]
        shares = NEAR if len(part) > 1 else ()
        near = reach(whole, learner, shares, about.units, about.levels)
        ways = (  # of decreasing width
            (part, own, near),
            (short, own, near),
            (short, own, []),
            (short, None, []),
        )
        texts = [summary_text(of, t, paper, n, about.confidence) for of, t, n in ways]
        _print_first_that_fits(console, [_as_table(title, *text) for text in texts])
        if len(part) > 1 and not scores.isna().all(axis=None):
            order = ranking(whole, learner, about.units)
            matrix = significance(whole, learner, about.units).loc[order, order]
            grid, note = _matrix(matrix, learner), untested(scores, about.unit)
            console.print(grid if _fits(console, grid) else _counts(matrix, learner))
            if note:
                console.print(escape(f"{learner}: {note}.\n"))
    for note in notes(whole, (info or {}).get("pool")):
        console.print(f"Note: {note}.", markup=False, highlight=False, soft_wrap=True)
    if training is None:
        return
    if stops is None:
        texts = effect_texts(whole, training, about)
    else:
        texts = target_texts(stops, training, about)
    for title, heads, rows in [*training_texts(frame, training, about), *texts]:
        tables = [_as_table(title, heads, rows, folded) for folded in (False, True)]
        _print_first_that_fits(console, tables)


def print_comparison(runs: Sequence[Run], console: Console) -> None:
    """Prints what the page of several runs says: a sentence, what was set otherwise, and what
    fits of each learner's table.

    Args:
      runs: as in `compare`.
      console: where to.
    """
    found, first = compare(runs), runs[0]
    console.print(f"{comparison_headline(runs, found)}\n", markup=False, highlight=False)
    for note in incomparable(runs):
        console.print(f"Note: {note}.\n", markup=False, highlight=False, soft_wrap=True)
    differ = differing(runs)
    if differ:
        settings = [[name, *values] for name, values in differ.items()]
        heads = ["field", *(run.name for run in runs)]
        console.print(_as_table("What was set otherwise", heads, settings))
    for learner in map(str, found.index.unique("learner")):
        heads, rows = comparison_text(found.loc[learner], first.name)
        title = (
            f"{learner}: {first.about.percent} intervals over the {first.about.unit}; less "
            f"{first.name} in points, paired; * p < {LEVEL} (Holm)"
        )
        # Of decreasing width: without labels and p, then final accuracies' differences, then these.
        ways = range(8), (0, 1, 3, 4, 6, 7), (0, 1, 3, 4, 6), (0, 1, 3, 4)
        tables = [_as_table(title, *_columns(heads, rows, kept)) for kept in ways]
        _print_first_that_fits(console, tables)


def print_ranks(found: Ranks, record: pd.DataFrame, console: Console, what: str, base: str) -> None:
    """Prints strategies by their mean ranks over data sets, and how each fares against the base.

    Args:
      found: of `ranks`.
      record: of `wins_ties_losses`.
      console: where to.
      what: of which areas, in the title.
      base: of the record.
    """
    title = (
        f"{what}: {found.data_sets} data sets; Friedman's p {found.p:.2g}; ranks that differ by "
        f"{found.difference:.2f} or more are significant (Nemenyi, {LEVEL}); against {base} by "
        "paired t-tests (Holm), the mean in points"
    )
    rows = []
    for name, place in found.means.items():
        text = ["", "", "", ""]
        if name in record.index:
            of = record.loc[name]
            text = [
                *(str(int(of[kind])) for kind in ("win", "tie", "loss")),
                f"{100 * of['mean']:+.2f}",
            ]
        rows.append([str(name), f"{place:.2f}", *text])
    console.print(_as_table(title, ["strategy", "mean rank", "win", "tie", "loss", "mean"], rows))


def print_training(training: pd.DataFrame, console: Console, about: About) -> None:
    """Prints what a training has come to: a sentence, and its measures before and after.

    Args:
      training: the agent's history.
      console: where to.
      about: what was trained.
    """
    console.print(f"{training_headline(training, about)}\n", markup=False, highlight=False)
    number = training.seed.nunique()
    title = f"{about.name}: {counted(number, 'trainings')}"
    title += f", {about.percent} intervals over the {about.unit}" * (number > 1)
    heads, rows = stages_text(training, about)
    tables = []
    for without in ((), ("first epoch",), ("first epoch", "target")):
        kept = [place for place, name in enumerate(heads) if name not in without]
        tables.append(_as_table(title, *_columns(heads, rows, kept)))
    _print_first_that_fits(console, tables)


def _as_table(title: str, heads: list[str], rows: list[list[str]], folded: bool = False) -> Table:
    """With heads on several lines where they are folded, and each cell on one."""
    shown = _plain_table(title)
    for place, name in enumerate(heads):
        side = "left" if place == 0 else "right"
        least = max((len(row[place]) for row in rows), default=0)
        shown.add_column(escape(name), justify=side, no_wrap=not folded, min_width=least)
    for row in rows:
        shown.add_row(*map(escape, row))
    return shown


def _columns(
    heads: list[str], rows: list[list[str]], kept: Sequence[int]
) -> tuple[list[str], list[list[str]]]:
    return [heads[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _print_first_that_fits(console: Console, tables: list[Table]) -> None:
    """Of tables of decreasing width."""
    console.print(next((one for one in tables if _fits(console, one)), tables[-1]))


def _fits(console: Console, table: Table) -> bool:
    wide = console.options.update_width(10_000)
    return Measurement.get(console, wide, table).maximum <= console.width


def _matrix(matrix: pd.DataFrame, learner: str) -> Table:
    shown = _plain_table(f"{learner}: AUBC of row less column, points; * p < {LEVEL} (Holm)")
    shown.add_column("", no_wrap=True)
    for number, _ in enumerate(matrix.columns, 1):
        shown.add_column(f"({number})", justify="right", no_wrap=True)
    for number, (strategy, row) in enumerate(matrix.iterrows(), 1):
        shown.add_row(escape(f"({number}) {strategy}"), *row)
    return shown


def _counts(matrix: pd.DataFrame, learner: str) -> Table:
    """Of a matrix too wide for the terminal: how many each beats, and its columns that matter."""
    shown = _plain_table(
        f"{learner}: AUBC, points; * p < {LEVEL} (Holm over all pairs, which report.html shows)"
    )
    best = str(matrix.index[0])
    against = [best, "random"] if "random" in matrix.index and best != "random" else [best]
    shown.add_column("strategy", no_wrap=True)
    for name in ("beats", "loses to", *(f"less {name}" for name in against)):
        shown.add_column(escape(name), justify="right", no_wrap=True)
    for strategy, row in matrix.iterrows():
        stars = [text for text in row if text.endswith("*")]
        wins = sum(text.startswith("+") for text in stars)
        shown.add_row(
            escape(str(strategy)),
            str(wins),
            str(len(stars) - wins),
            *[str(row[name]) for name in against],
        )
    return shown


def _plain_table(title: str) -> Table:
    # Narrow, so that a matrix of eight strategies fits into 80 columns.
    return Table(
        title=escape(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
