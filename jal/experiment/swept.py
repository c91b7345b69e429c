"""What a sweep measured: one tidy table with a column for each swept field."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd
from rich.console import Console
from rich.table import Table

from jal.experiment.folder import replace_file
from jal.experiment.results import Results
from jal.experiment.sweep import Expanded, Sweep, short

__all__ = ["TABLE", "Swept", "swept"]

TABLE = "sweep.parquet"


@dataclasses.dataclass(frozen=True)
class Swept:
    """The results of a sweep.

    Attributes:
      sweep: the config.
      expanded: its experiments.
      results: of each of them.
      frame: the tidy table of all, with a column for each swept field.
    """

    sweep: Sweep
    expanded: Expanded
    results: tuple[Results, ...]
    frame: pd.DataFrame

    def save(self, folder: Path) -> None:
        """Writes the table into the sweep's folder."""
        replace_file(folder / TABLE, lambda path: self.frame.to_parquet(path, index=False))

    def print(self, console: Console) -> None:
        """AUBC and the final accuracy of every combination, in a terminal."""
        fields = [*self.sweep.over]
        last = [field.rpartition(".")[2] for field in fields]
        heads = last if len(set(last)) == len(last) else fields
        table = Table(*heads, "learner", "strategy", box=None)
        for head in ("AUBC", "final accuracy"):
            table.add_column(head, no_wrap=True)
        for results in self.results:
            rows: dict[Any, Any] = results.table().to_dict("index")
            for (learner, query), row in rows.items():
                values = self.expanded.columns[results.experiment.name, learner, query]
                table.add_row(
                    *[short(values[field]) if field in values else "" for field in fields],
                    self.expanded.named.get(learner, learner),
                    self.expanded.named.get(query, query),
                    _interval(row["aubc"], row["aubc_ci"]),
                    _interval(row["final"], row["final_ci"]),
                )
        console.print(table)


def swept(sweep: Sweep, expanded: Expanded, found: Sequence[Results]) -> Swept:
    """The results of the sweep's experiments as one."""
    parts = []
    for results in found:
        for named, rows in results.frame.groupby(["learner", "strategy"], sort=False):
            learner, query = cast(tuple[str, str], named)
            values = expanded.columns[results.experiment.name, learner, query]
            plain = {
                "learner": expanded.named.get(learner, learner),
                "strategy": expanded.named.get(query, query),
            }
            settings = {field: _entry(values.get(field)) for field in sweep.over}
            parts.append(rows.assign(**plain, **settings))
    return Swept(sweep, expanded, tuple(found), pd.concat(parts, ignore_index=True))


def _entry(value: Any) -> Any:
    """A swept value as a table has it."""
    return value if isinstance(value, bool | int | float | str) or value is None else short(value)


def _interval(mean: float, half: float) -> str:
    return f"{mean:.4f}" + ("" if half != half else f" ± {half:.4f}")  # NaN of one seed
