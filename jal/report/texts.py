"""Tables as text, and their print in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from jal.report.comparisons import LEVEL, significance, untested
from jal.report.notes import notes
from jal.report.tables import ranking, seconds, summary
from jal.report.targets import MEASURED, budget_differences, target_summary, targets_of, to_target
from jal.report.tidy import aubcs, by_training, label_range
from jal.report.trainings import aubc_differences, training_summary

__all__ = ["Shape", "print_tables", "summary_text", "target_texts", "targets", "training_texts"]

Texts = tuple[str, list[str], list[list[str]]]  # a table's title, heads and rows
TITLES = {"aubc": "AUBC", "final": "final accuracy", "imbalance_ratio": "imbalance"}


class Shape(NamedTuple):
    """How results are shown.

    Attributes:
      level: of the intervals.
      trainings: how many units, splits or trainings of agents, whose runs are averaged before
        anything else.
      reported: "learner/strategy" -> metric -> what a paper has.
      splits: of the data, that the runs are spread over; the units if several.
    """

    level: float
    trainings: int
    reported: Mapping[str, Mapping[str, float]]
    splits: int = 1

    @staticmethod
    def of(config: Mapping[str, Any]) -> Shape:
        """As a resolved config has it."""
        trainings, splits = config.get("trainings", 1), config.get("splits", 1)
        if config.get("split") is not None:  # one of them alone
            trainings, splits = max(1, trainings // splits), 1
        units = splits if splits > 1 else trainings
        return Shape(config.get("confidence", 0.95), units, config.get("reported", {}), splits)

    def paper(self, learner: str) -> dict[str, Mapping[str, float]]:
        """What a paper has of one learner's strategies."""
        cells = {tuple(cell.rsplit("/", 1)): values for cell, values in self.reported.items()}
        return {strategy: values for (of, strategy), values in cells.items() if of == learner}

    @property
    def unit(self) -> str:
        """What intervals are over."""
        if self.splits > 1:
            return "splits"
        return "trainings" if self.trainings > 1 else "seeds"

    @property
    def percent(self) -> str:
        """The level, as 95 %."""
        return f"{100 * self.level:g} %"


def print_tables(
    frame: pd.DataFrame,
    console: Console,
    info: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    training: pd.DataFrame | None = None,
) -> None:
    """Prints the summary of each learner and its significance matrix, or what fits of it, and
    `notes` on fits that did not converge.

    Args:
      frame: the tidy table.
      console: where to.
      info: how it was run; its seconds are shown where it is given.
      config: the resolved config, as nested dicts.
      training: the agents' histories; what they took, and runs to their targets, are shown too.
    """
    shape, times = Shape.of(config or {}), seconds(frame, info or {})
    whole, frame = frame, by_training(frame, shape.trainings)
    stops = targets(whole, config or {}, info or {}, training)
    table = summary(whole, shape.level, shape.trainings)
    table = table.drop(columns=["imbalance_ratio", "imbalance_ratio_ci"], errors="ignore")
    for learner in frame.learner.unique():
        part = table.loc[learner]
        budget = f", {part.labels.iloc[0]:.0f} labels" if _one_budget(part) else ""
        number = frame.seed.nunique()
        title = f"{learner}: {number} {shape.unit}{budget}, {shape.percent} intervals"
        said = label_range(whole, learner).note
        title += f"; {said}" if said else ""
        scores = aubcs(whole, learner, shape.trainings)
        own = None if times is None else times.loc[learner]
        paper = shape.paper(learner) if stops is None else None
        short = part[["labels", "aubc", "aubc_ci", "final", "final_ci"]]
        ways = ((part, own), (short, own), (short, None))  # of decreasing width
        tables = [_as_table(title, *summary_text(*way, paper)) for way in ways]
        console.print(next((one for one in tables if _fits(console, one)), tables[-1]))
        if len(part) > 1 and not scores.isna().all(axis=None):
            order = ranking(whole, learner, shape.trainings)
            matrix = significance(whole, learner, shape.trainings).loc[order, order]
            grid, note = _matrix(matrix, learner), untested(scores, shape.unit)
            console.print(grid if _fits(console, grid) else _counts(matrix, learner))
            if note:
                console.print(escape(f"{learner}: {note}.\n"))
    for note in notes(whole):
        console.print(f"Note: {note}.", markup=False, highlight=False, soft_wrap=True)
    if training is None:
        return
    if stops is None:
        texts = effect_texts(whole, training, shape)
    else:
        texts = target_texts(stops, training, shape)
    for title, heads, rows in [*training_texts(frame, training, shape), *texts]:
        console.print(_as_table(title, heads, rows))


def _as_table(title: str, heads: list[str], rows: list[list[str]]) -> Table:
    shown = _plain_table(title)
    for place, name in enumerate(heads):
        shown.add_column(escape(name), justify="left" if place == 0 else "right", no_wrap=True)
    for row in rows:
        shown.add_row(*map(escape, row))
    return shown


def _fits(console: Console, table: Table) -> bool:
    wide = console.options.update_width(10_000)
    return Measurement.get(console, wide, table).maximum <= console.width


def targets(
    frame: pd.DataFrame,
    config: Mapping[str, Any],
    info: Mapping[str, Any],
    training: pd.DataFrame | None,
) -> pd.DataFrame | None:
    """Runs to the target (`to_target`) of a run whose agents have one; None of others."""
    if training is None or not (frame.metric == "precision").any():
        return None
    if targets_of(training).empty:
        return None
    return to_target(frame, training, info["pool"], config["target"], Shape.of(config).splits)


def training_texts(frame: pd.DataFrame, training: pd.DataFrame, shape: Shape) -> list[Texts]:
    """What each learner's agents took to train, and what it gave; of `by_training`'s table."""
    table = training_summary(frame, training, shape.level, shape.splits)
    if table.empty:
        return []
    texts, quickest = [], table.seconds.min()
    for learner, part in table.groupby(level="learner", sort=False):
        timed = not np.isnan(quickest)  # runs of older versions are not
        rows = [
            [
                str(agent),
                f"{row['epochs']:.0f}",
                with_interval(row["return"], row["return_ci"]),
                with_interval(row["final"], row["final_ci"]),
                f"{row['seconds']:.2f}" if timed else "",
                f"{row['seconds'] / quickest:.1f}" if timed else "",
            ]
            for agent, row in part.droplevel("learner").to_dict("index").items()
        ]
        heads = ["agent", "epochs", "return", "accuracy", "s each", "relative"]
        number = part.trainings.max()
        texts.append((f"{learner}: {number:.0f} trainings of each agent", heads, rows))
    return texts


def target_texts(stops: pd.DataFrame, training: pd.DataFrame, shape: Shape) -> list[Texts]:
    """Title, heads and rows of one table for each learner, and of one for each of its agents."""
    tables = []
    for learner, part in stops.groupby("learner", sort=False):
        table = target_summary(part, shape.paper(str(learner)))
        names = [name for name in (*MEASURED, "crossing") if name in table]
        rows = []
        for strategy, of in table.loc[learner].index:
            row = table.loc[(learner, strategy, of)]
            rows.append([strategy, of, *[_percent(row[name], 2) for name in names]])
            rows[-1].append(_percent(row.reached, 1))
        goal = 100 * part.target.mean()
        title = f"{learner}: target precision {goal:.2f} %, {part.seed.nunique()} runs; all in %"
        tables.append((title, ["strategy", "of", *names, "reached"], rows))
        for agent in training[training.learner == learner].strategy.unique():
            differences = budget_differences(part, agent, shape.level)
            if len(differences) == 0:
                continue
            crossings = budget_differences(part, agent, shape.level, "crossing")
            heads = ["strategy", f"budget less {agent}'s, points", "p", "Cohen's d"]
            heads += ["crossing less its, points", "p", "reached"]
            rows = _differences(differences.droplevel("learner"))
            for row, more in zip(rows, _differences(crossings.droplevel("learner")), strict=True):
                row += more[1:3]
            shares = part.groupby("strategy").reached.mean()
            for row in rows:
                row.append(_percent(shares[row[0]], 1))
            own = f"reached in {_percent(shares[agent], 1)} % of its runs"
            tables.append((f"{learner}: budgets beside {agent}'s, {own}", heads, rows))
    return tables


def effect_texts(frame: pd.DataFrame, training: pd.DataFrame, shape: Shape) -> list[Texts]:
    """Each learner's agents: their AUBC less that of other strategies; of the tidy table."""
    tables = []
    for learner, part in training.groupby("learner", sort=False):
        agents = list(part.strategy.unique())
        found = aubc_differences(frame, str(learner), agents, shape.level, shape.trainings)
        if len(found):
            heads = ["agent", "less", "AUBC, points", "p", "Cohen's d"]
            tables.append(
                (f"{learner}: agents beside other strategies", heads, _differences(found))
            )
    return tables


def _unless_nan(value: float, shown: str, scale: float = 1.0) -> str:
    return "" if np.isnan(value) else shown.format(scale * value)


def _differences(table: pd.DataFrame) -> list[list[str]]:
    """Rows of `paired_differences`, with what the index says first."""
    return [
        [
            *([of] if isinstance(of, str) else of),
            _unless_nan(row["difference"], "{:+.2f}", 100)
            + _unless_nan(row["half"], " ± {:.2f}", 100),
            _unless_nan(row["p"], "{:.2g}"),
            _unless_nan(row["effect"], "{:+.2f}"),
        ]
        for of, row in table.to_dict("index").items()
    ]


def summary_text(
    part: pd.DataFrame,
    times: pd.DataFrame | None = None,
    reported: Mapping[str, Mapping[str, float]] | None = None,
) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of one learner's part of `summary` as text, the highest AUBC first.

    Labels are a column where they differ.

    Args:
      part: of `summary`.
      times: the learner's part of `seconds`, for two columns more.
      reported: strategy -> metric -> what a paper has; a column where it has final accuracies.
    """
    names = [name for name in part.columns if f"{name}_ci" in part.columns]
    heads = ["strategy", *[TITLES.get(name, f"final {name}") for name in names]]
    part = part.sort_values("aubc", ascending=False)
    rows = [
        [
            str(strategy),
            *[with_interval(row[name], row[f"{name}_ci"]) for name in names],
        ]
        for strategy, row in part.to_dict("index").items()
    ]
    found = {name: of["accuracy"] for name, of in (reported or {}).items() if "accuracy" in of}
    if found:
        place = 1 + names.index("final") + 1
        heads.insert(place, "in the paper")
        for row in rows:
            row.insert(place, f"{found[row[0]]:.4f}" if row[0] in found else "")
    if not _one_budget(part):
        heads.insert(1, "labels")
        for row, labels in zip(rows, part.labels, strict=True):
            row.insert(1, f"{labels:.0f}")
    if times is not None:
        unit, scale = ("ms", 1e3) if times.per_query.max() < 10 else ("s", 1.0)
        heads += [f"{unit}/query", "less random's"]
        for row in rows:
            both = times.loc[row[0]] * scale
            less = "" if np.isnan(both.less_random) or row[0] == "random" else both.less_random
            row += [f"{both.per_query:.2f}", less if less == "" else f"{less:+.2f}"]
    return heads, rows


def _percent(value: float, digits: int) -> str:
    return "" if np.isnan(value) else f"{100 * value:.{digits}f}"


def _one_budget(part: pd.DataFrame) -> bool:
    return part.labels.nunique() == 1


def with_interval(mean: float, half: float) -> str:
    """`0.9123 ± 0.0021`, or the mean alone where there is no interval; empty without a mean."""
    return _unless_nan(mean, "{:.4f}") + _unless_nan(half, " ± {:.4f}")


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
