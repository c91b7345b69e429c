"""The tables of all query strategies, and of their options' defaults: prints both.

python launch/strategies.py docs/pages/strategies.md puts each between the marks for it.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from jal import strategies
from jal.strategies.strategy import Registered

READS = {"x": "inputs", "y": "labels", "sample": "dropout passes"}
NEEDS = {"sample": "dropout", "head": "a last layer"}
# Options that bound what a strategy looks at.
CAPS = ("cap", "configurations", "max_classes", "max_clusters", "max_features", "max_queries")
CAPS += ("purity_sample", "sample", "subset")


def table() -> str:
    """Markdown, a row for each registered strategy, in the registry's order."""
    heads = ("strategy", "source", "reads", "needs", "trains", "cost of a query", "caps")
    heads = (*heads, "cold start")
    return _markdown(heads, [_row(member) for member in strategies.registry.values()])


def defaults() -> str:
    """Markdown, a row for each option of each registered strategy."""
    rows = [
        [f"`{member.name}`", f"`{option.name}`", _shown(option.default), *_origin(member, option)]
        for member in strategies.registry.values()
        for option in inspect.signature(member.make).parameters.values()
    ]
    return _markdown(("strategy", "option", "default", "whose", "where, or why"), rows)


def caps(member: Registered) -> str:
    """The options that bound what the strategy looks at, with their defaults."""
    parameters = inspect.signature(member.make).parameters.values()
    return ", ".join(f"{p.name} {p.default:,}" for p in parameters if p.name in CAPS)


TABLES = {
    "<!-- strategies: python launch/strategies.py docs/pages/strategies.md -->": table,
    "<!-- defaults: python launch/strategies.py docs/pages/strategies.md -->": defaults,
}
END = "<!-- end -->"


def replaced(text: str) -> str:
    """The text with the tables between their marks; ValueError where it has none."""
    marks = [begin for begin in TABLES if begin in text]
    if not marks:
        raise ValueError(f"there must be one of {', '.join(TABLES)} with {END} after it.")
    for begin in marks:
        marked = re.compile(f"{re.escape(begin)}.*?{re.escape(END)}", re.DOTALL)
        if len(marked.findall(text)) != 1:
            raise ValueError(f"there must be one {begin} with {END} after it.")
        made = f"{begin}\n{TABLES[begin]()}\n{END}"
        text = marked.sub(lambda _, made=made: made, text)
    return text


def _markdown(heads: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _origin(member: Registered, option: inspect.Parameter) -> tuple[str, str]:
    whose, _, why = member.defaults[option.name].partition(": ")
    return whose, why.replace("|", r"\|")


def _shown(default: object) -> str:
    if isinstance(default, tuple) and len(default) > 5:
        return f"{default[0]}, {default[1]}, ... {default[-1]}"
    if isinstance(default, tuple):
        return ", ".join(map(str, default))
    return f"{default:,}" if type(default) is int else str(default)


def _row(member: Registered) -> list[str]:
    made = member()
    needs = [NEEDS[need] for need in sorted(made.needs)]
    if made.auxiliary is not None:
        needs.append("minibatch training")
    return [
        f"`{member.name}`",
        member.paper,
        ", ".join(READS.get(field, field) for field in member.reads if field != "head"),
        ", ".join(needs),
        member.trains,
        member.cost,
        caps(member),
        "yes" if made.cold_start else "",
    ]


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(table(), defaults(), sep="\n\n")
    for path in map(Path, sys.argv[1:]):
        path.write_text(replaced(path.read_text(encoding="utf-8")), encoding="utf-8")
