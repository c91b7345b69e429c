"""Tables and numbers in Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from bench.timing import Result

Rows = list[dict[str, str]]  # text by column
Goal = tuple[str, str, float, float]  # what, sign, wanted, measured


class Table(NamedTuple):
    """A title, rows of text by column, a note, and sentences on what is not in it."""

    title: str
    rows: Rows
    note: str = ""
    missing: tuple[str, ...] = ()


def rows_of(
    results: Mapping[str, Result], columns: dict[str, Callable[[Result], str]], first: str
) -> Rows:
    """A row for each result, under its label; one that failed or was stopped says that alone."""
    rows = []
    for label, row in results.items():
        why = not_measured(row)
        texts = (
            [why, *[""] * (len(columns) - 1)] if why else [show(row) for show in columns.values()]
        )
        rows.append({first: label, **dict(zip(columns, texts, strict=True))})
    return rows


def not_measured(row: Result) -> str:
    """Why there are no numbers, in a word; empty where there are."""
    if "over_s" in row:
        return f"> {row['over_s']:.0f} s"
    if "over_mib" in row:
        return f"> {row['over_mib']:,.0f} MiB"
    return "failed" if "failed" in row else ""


def reasons(results: Mapping[str, Result]) -> tuple[str, ...]:
    """A sentence for each that failed."""
    return tuple(
        f"{label}: {row['failed'].rstrip('.')}."
        for label, row in results.items()
        if "failed" in row
    )


def goal_rows(goals: list[Goal]) -> Rows:
    """Targets, and whether they are met."""
    return [
        {
            "on two CPU cores": what,
            "wanted": f"{sign} {number(wanted)}",
            "measured": number(value),
            "met": "yes" if (value < wanted if sign == "<" else value > wanted) else "no",
        }
        for what, sign, wanted, value in goals
    ]


def memory(row: Result) -> str:
    """Peak MiB, also of a device."""
    device = f" + {row['device_mib']:.0f} on the device" if "device_mib" in row else ""
    return f"{row['peak_mib']:.0f}{device}" if "peak_mib" in row else ""


def number(value: float) -> str:
    """About three digits."""
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def brief(value: float) -> str:
    """Two digits, of however few seconds."""
    return f"{value:.2g}" if 0 < value < 0.1 else number(value)


def counted(count: int, what: str) -> str:
    """Such as "1 seed", "2 seeds"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def natural(label: str) -> list[tuple[int, str]]:
    """To sort labels by: numbers in them by size."""
    parts = re.split(r"(\d[\d,]*\d|\d)", label)
    return [
        (int(part.replace(",", "")), "") if part[:1].isdigit() else (-1, part) for part in parts
    ]


def note(text: str) -> str:
    """The text in one line."""
    return " ".join(text.split())


def markdown(title: str, tables: list[Table]) -> str:
    """The tables as a page; those without rows say what is missing, or are left out."""
    parts = [title]
    for table in tables:
        if not table.rows and not table.missing:
            continue
        parts.append(f"**{table.title}**")
        if table.rows:
            rule = ["---"] + ["---:"] * (len(table.rows[0]) - 1)
            lines = [[*table.rows[0]], rule, *([*row.values()] for row in table.rows)]
            parts += ["\n".join(f"| {' | '.join(line)} |" for line in lines), note(table.note)]
        parts.append("\n".join(f"- {escaped(line)}" for line in table.missing))
    return "\n\n".join(filter(None, parts)) + "\n"


def escaped(line: str) -> str:
    """What a library said, with nothing in it that Markdown would read."""
    for mark in "\\`*_<|":
        line = line.replace(mark, f"\\{mark}")
    return line
