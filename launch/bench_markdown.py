"""How launch/bench.py shows tables and numbers."""

from __future__ import annotations

from bench_workers import Result

# A title, rows of text by column, and a note.
Table = tuple[str, list[dict[str, str]], str]

Goal = tuple[str, str, float, float]  # what, sign, wanted, measured


def goal_rows(goals: list[Goal]) -> list[dict[str, str]]:
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
    return f"{row['peak_mib']:.0f}{device}"


def number(value: float) -> str:
    """About three digits."""
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def brief(value: float) -> str:
    """Two digits, of however few seconds."""
    return f"{value:.2g}" if 0 < value < 0.1 else number(value)


def markdown(title: str, shown: list[Table]) -> str:
    """The tables as a page."""
    parts = [title]
    for name, rows, note in shown:
        rule = ["---"] + ["---:"] * (len(rows[0]) - 1)
        lines = [[*rows[0]], rule, *([*row.values()] for row in rows)]
        parts += [f"**{name}**", "\n".join(f"| {' | '.join(line)} |" for line in lines), note]
    return "\n\n".join(filter(None, parts)) + "\n"
