"""Pieces of a page as HTML. What is said in them must be escaped by whoever gives it, but for
entries' and sections' texts, which are escaped here."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jal.report.style import STYLE

__all__ = [
    "Entry",
    "Section",
    "config_and_run",
    "document",
    "folded",
    "heat",
    "paragraph",
    "table",
]

UP, DOWN, SHARE = "0 114 178", "213 94 0", "0 158 115"  # told apart by colour-blind readers
DENSE = 12  # a heat map of more columns has no numbers but under the pointer


class Entry(NamedTuple):
    """A table's entry: its text, or markup to stand in its place, and how it looks.

    Attributes:
      text: escaped.
      markup: as it is, behind the text.
      kind: its class.
      title: shown under the pointer, escaped.
      style: as it is.
    """

    text: str
    markup: str = ""
    kind: str = ""
    title: str = ""
    style: str = ""


class Section(NamedTuple):
    """A part of the page with a heading that the table of contents lists."""

    title: str
    body: list[str]


def document(title: str, begin: Sequence[str], sections: Sequence[Section], end: str = "") -> str:
    """The whole page: what comes before the first section, the sections, and what is folded."""
    links, parts = [], []
    for number, section in enumerate(sections):
        name = html.escape(section.title)
        links.append(f'<a href="#s{number}">{name}</a>')
        parts.append(f'<section id="s{number}"><h2>{name}</h2>{"".join(section.body)}</section>')
    shown = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{shown}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><nav><strong>{shown}</strong>{''.join(links)}</nav>"
        f"<main>{''.join(begin)}{''.join(parts)}{end}</main></body></html>\n"
    )


def paragraph(text: str, kind: str = "") -> str:
    """Text, escaped."""
    return f"<p{_class(kind)}>{html.escape(text, quote=False)}</p>"


def folded(title: str, heads: Sequence[str], fields: Mapping[str, str]) -> str:
    """A list of names and values that opens by a click."""
    rows = [[Entry(name), Entry(value)] for name, value in fields.items()]
    return f"<details><summary>{html.escape(title)}</summary>{table('', heads, rows)}</details>"


def config_and_run(settings: Mapping[str, str], info: Mapping[str, Any]) -> str:
    """The page's end, folded: the config's fields, and how it ran."""
    values = {name: json.dumps(value) for name, value in info.items()}
    return folded("Config", ("field", "value"), settings) + folded(
        "How it ran", ("", "value"), values
    )


def table(
    caption: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[Entry]],
    kind: str = "",
    row_kinds: Sequence[str] = (),
) -> str:
    """A table that scrolls within the page; its caption is above it."""
    turned = "turned" in kind.split()
    head = "".join(
        f"<th{_class('dot' if text == '' and place else '')}>"
        + (f"<span>{html.escape(text)}</span>" if turned and place else html.escape(text))
        + "</th>"
        for place, text in enumerate(heads)
    )
    kinds = row_kinds or [""] * len(rows)
    body = "".join(
        f"<tr{_class(of)}>{''.join(map(_entry, row))}</tr>"
        for row, of in zip(rows, kinds, strict=True)
    )
    said = paragraph(caption, "caption") if caption else ""
    return (
        f'{said}<div class="scroll"><table{_class(kind)}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _entry(entry: Entry) -> str:
    title = f' title="{html.escape(entry.title)}"' if entry.title else ""
    style = f' style="{entry.style}"' if entry.style else ""
    text = html.escape(entry.text, quote=False)
    return f"<td{_class(entry.kind)}{title}{style}>{text}{entry.markup}</td>"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def heat(
    caption: str,
    values: pd.DataFrame,
    texts: pd.DataFrame,
    colours: tuple[str, str],
    ends: tuple[float, float],
    key: tuple[str, str],
    self_is_blank: bool = True,
) -> str:
    """A heat map: a table whose entries are shaded by their values, blank where these are NaN.

    Args:
      caption: above it.
      values: what shades; its index and columns name rows and columns.
      texts: of the same shape, in the entries; of more than twelve columns under the pointer only,
        behind their names.
      colours: of the low and the high end, as R G B.
      ends: the values there; the middle, or the low end if both have one sign, is colourless.
      key: what the ends mean.
      self_is_blank: whether the diagonal compares a thing with itself.
    """
    dense, names = len(values.columns) > DENSE, list(map(str, values.columns))
    rows = []
    for place, row in enumerate(map(str, values.index)):
        entries = [Entry(row, title=row)]
        for column, name in enumerate(names):
            value, text = values.iat[place, column], str(texts.iat[place, column])
            style = "" if np.isnan(value) else _shade(float(value), ends, colours)
            kind = "self" if self_is_blank and place == column else ""
            said = f"{row}, {name}: {text}" if text and not kind else ""
            entries.append(Entry("" if dense else text, kind=kind, title=said, style=style))
        rows.append(entries)
    turned = dense or max(map(len, names), default=0) > 9
    kind = "heat" + (" turned" if turned else "") + (" dense" if dense else "")
    low, high = (_shade(end, ends, colours).removeprefix("background:") for end in ends)
    middle = "transparent," if ends[0] < 0 < ends[1] else ""
    low = low or "transparent"
    bar = f'<i style="background:linear-gradient(90deg,{low},{middle}{high or "transparent"})"></i>'
    shown = f'<p class="key">{html.escape(key[0])} {bar} {html.escape(key[1])}</p>'
    return table(caption, ["", *names], rows, kind) + shown


def _shade(value: float, ends: tuple[float, float], colours: tuple[str, str]) -> str:
    zero = 0.0 if ends[0] < 0 else ends[0]
    low = value < zero
    reach = (zero - ends[0]) if low else (ends[1] - zero)
    share = min(abs(value - zero) / reach, 1.0) if reach > 0 else 0.0
    if share == 0:
        return ""
    # The square root tells small values from none.
    return f"background:rgb({colours[0 if low else 1]} / {0.08 + 0.62 * share**0.5:.2f})"
