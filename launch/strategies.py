"""The table of all query strategies: python launch/strategies.py prints it.

python launch/strategies.py README.md puts it between the marks that the file has for it.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from jal import strategies
from jal.strategies.strategy import Registered

BEGIN, END = "<!-- strategies: python launch/strategies.py README.md -->", "<!-- end -->"
NEEDS = {"sample": "dropout", "head": "a last layer"}
# Options that bound what a strategy looks at.
CAPS = ("cap", "configurations", "max_classes", "max_clusters", "max_features", "max_queries")
CAPS += ("purity_sample", "sample")


def table() -> str:
    """Markdown, a row for each registered strategy, in the registry's order."""
    heads = ("strategy", "source", "reads", "needs", "trains", "cost of a query", "caps")
    rows = [_row(member) for member in strategies.registry.values()]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def caps(member: Registered) -> str:
    """The options that bound what the strategy looks at, with their defaults."""
    parameters = inspect.signature(member.make).parameters.values()
    return ", ".join(f"{p.name} {p.default:,}" for p in parameters if p.name in CAPS)


def replaced(text: str) -> str:
    """The text with the table between its marks; ValueError where it has none."""
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if len(marked.findall(text)) != 1:
        raise ValueError(f"there must be one {BEGIN} with {END} after it.")
    return marked.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", text)


def _row(member: Registered) -> list[str]:
    made = member()
    needs = [NEEDS[need] for need in sorted(made.needs)]
    if made.auxiliary is not None:
        needs.append("minibatch training")
    return [
        f"`{member.name}`",
        member.paper,
        ", ".join(member.reads),
        ", ".join(needs),
        member.trains,
        member.cost,
        caps(member),
    ]


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(table())
    for path in map(Path, sys.argv[1:]):
        path.write_text(replaced(path.read_text(encoding="utf-8")), encoding="utf-8")
