"""Line charts as SVG for the page: they follow its colours, and name a line under the pointer."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator

__all__ = ["Frame", "Line", "chart", "interval", "margin_for", "nice_ticks"]

_MINUS = "\N{MINUS SIGN}"
_APART = 13.0  # px between the lines of two names
_TEXT = 6.5  # width of a character of 11 px, as a rule


class Line(NamedTuple):
    """One curve: x `[R + 1]`, its mean and the ends of its band; NaN where nothing is measured.

    Attributes:
      name: shown at its end, or under the pointer.
      x: `[R + 1]`.
      mean: `[R + 1]`.
      low: `[R + 1]`, the band's lower end.
      high: `[R + 1]`, its upper end.
      style: class of the page's styles: c0 to c7, random, or other, which is thin and grey, has
        no band, and its name under the pointer only. Behind c0 to c7 may stand d1 to d3, dashes.
    """

    name: str
    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    style: str


class Frame(NamedTuple):
    """Where a chart lies and what its axes show.

    Attributes:
      width: of the whole, px.
      height: likewise.
      x: its ends.
      y: likewise.
      margins: left, top, right, bottom, px.
    """

    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    margins: tuple[float, float, float, float]

    def across(self, x: np.ndarray | float) -> np.ndarray:
        """px from the plot's left end, of values."""
        inner = self.width - self.margins[0] - self.margins[2]
        return (np.asarray(x, float) - self.x[0]) / (self.x[1] - self.x[0]) * inner

    def down(self, y: np.ndarray | float) -> np.ndarray:
        """px from the plot's top, of values."""
        inner = self.height - self.margins[1] - self.margins[3]
        return (self.y[1] - np.asarray(y, float)) / (self.y[1] - self.y[0]) * inner


def chart(
    lines: Sequence[Line],
    frame: Frame,
    what: str,
    title: str,
    axes: tuple[str, str] = ("", ""),
    ticks: tuple[Sequence[float], Sequence[float]] = ((), ()),
    mark: float | None = None,
) -> str:
    """An SVG of lines with their bands, and names at their ends where there is room for them.

    Args:
      lines: drawn in this order, those of style "other" below all.
      frame: the chart's.
      what: its description for those who do not see it.
      title: above it, in bold.
      axes: names of x and y.
      ticks: of x and y, with labels.
      mark: a value of y with a line of its own, such as 0 of differences.
    """
    left, top, right, bottom = frame.margins
    wide, high = frame.width - left - right, frame.height - top - bottom
    parts = [
        f'<svg class="chart" viewBox="0 0 {frame.width:g} {frame.height:g}" role="img" '
        f'aria-label="{html.escape(what)}"><text class="title" x="{min(left, 4):g}" y="12">'
        f"{html.escape(title)}</text>"
    ]
    if axes[1]:
        parts.append(f'<text class="axis" x="4" y="{top - 9:g}">{html.escape(axes[1])}</text>')
    parts.append(f'<g transform="translate({left:g} {top:g})">')
    for value, text in zip(ticks[1], _labels(ticks[1]), strict=True):
        y = frame.down(value)
        kind = "mark" if value == mark else "grid"
        parts.append(f'<path class="{kind}" d="M0 {y:.1f}H{wide:g}"/>')
        parts.append(f'<text class="tick" x="-6" y="{y + 3.5:.1f}" text-anchor="end">{text}</text>')
    for value, text in zip(ticks[0], _labels(ticks[0]), strict=True):
        x = frame.across(value)
        parts.append(f'<path class="base" d="M{x:.1f} {high:g}v4"/>')
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{high + 16:g}" text-anchor="middle">{text}</text>'
        )
    if axes[0]:
        parts.append(
            f'<text class="axis" x="{wide:g}" y="{high + 30:g}" text-anchor="end">'
            f"{html.escape(axes[0])}</text>"
        )
    parts.append(f'<path class="base" d="M0 {high:g}H{wide:g}"/>')
    parts.append(f'<svg width="{wide:g}" height="{high:g}">')  # clips bands
    parts += [_band(line, frame) for line in lines if line.style != "other"]
    parts.append("</svg>")
    drawn = sorted(lines, key=lambda line: line.style != "other")
    named = _places([line for line in lines if line.style != "other"], frame) if right > 20 else {}
    for line in drawn:
        parts.append(_line(line, frame, named.get(line.name), wide))
    parts.append("</g></svg>")
    return "".join(parts)


def _line(line: Line, frame: Frame, place: float | None, wide: float) -> str:
    x, y = frame.across(line.x), frame.down(line.mean)
    seen = np.isfinite(x) & np.isfinite(y)
    if not seen.any():
        return ""
    path = _path(x[seen], y[seen])
    name = html.escape(line.name)
    parts = [f'<g class="line {line.style}"><title>{name}</title>']
    parts.append(f'<path class="near" d="{path}"/><path class="curve" d="{path}"/>')
    end_x, end_y = x[seen][-1], y[seen][-1]
    if place is not None:
        # Of a curve that ends early, so that it does not look as if it went on.
        kind = "leader far" if end_x < wide - 1 else "leader"
        parts.append(
            f'<path class="{kind}" d="M{end_x:.1f} {end_y:.1f}L{wide + 12:.1f} {place:.1f}h5"/>'
            f'<text class="name" x="{wide + 21:.1f}" y="{place + 3.6:.1f}">{name}</text>'
        )
    elif line.style == "other":
        parts.append(
            f'<text class="name" x="{end_x - 4:.1f}" y="{end_y - 6:.1f}" text-anchor="end">'
            f"{name}</text>"
        )
    return "".join([*parts, "</g>"])


def _band(line: Line, frame: Frame) -> str:
    seen = np.isfinite(line.low) & np.isfinite(line.high)
    if not seen.any():
        return ""
    x = frame.across(line.x[seen])
    there = _path(x, frame.down(line.high[seen]))
    back = _path(x[::-1], frame.down(line.low[seen])[::-1])
    return f'<path class="band {line.style}" d="{there}L{back[1:]}Z"/>'


def _path(x: np.ndarray, y: np.ndarray) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _places(lines: Sequence[Line], frame: Frame) -> dict[str, float]:
    """px from the top of the names at the lines' ends, pushed apart, their order kept."""
    ends = {}
    for line in lines:
        seen = np.isfinite(line.mean)
        if seen.any():
            ends[line.name] = float(frame.down(line.mean[seen][-1]))
    order = sorted(ends, key=lambda name: ends[name])
    lowest = frame.height - frame.margins[1] - frame.margins[3]
    # Each name is at least _APART below the last; then all that fell out are pushed up again.
    found, least = [], -np.inf
    for name in order:
        least = max(ends[name], least + _APART)
        found.append(least)
    most = max(lowest, _APART * (len(order) - 1))
    for place in reversed(range(len(found))):
        found[place] = min(found[place], most)
        most = found[place] - _APART
    return dict(zip(order, found, strict=True))


def margin_for(names: Sequence[str]) -> float:
    """px that names at the lines' ends take."""
    return 26 + _TEXT * max((len(name) for name in names), default=0)


def nice_ticks(low: float, high: float, count: int, whole: bool = False) -> list[float]:
    """Round numbers between two ends."""
    found = MaxNLocator(count, integer=whole, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(value) for value in found if low <= value <= high]


def _labels(values: Sequence[float]) -> list[str]:
    """With as many digits as they need to be told apart."""
    for digits in range(6):
        if np.allclose(np.round(values, digits), values, rtol=0, atol=1e-9):
            return [f"{value + 0:,.{digits}f}".replace("-", _MINUS) for value in values]
    return [f"{value:g}" for value in values]


def interval(mean: float, half: float, ends: tuple[float, float], mark: float) -> str:
    """A dot with its interval on a line from one end to the other, for a table's entry.

    Args:
      mean: the dot.
      half: width of the interval to either side; NaN without.
      ends: of the line.
      mark: another value, a thin rule; NaN without.
    """
    if np.isnan(mean):
        return ""

    def at(value: float) -> float:
        return 4 + 112 * (value - ends[0]) / max(ends[1] - ends[0], 1e-12)

    parts = ['<svg class="dot" viewBox="0 0 120 14" width="120" height="14" aria-hidden="true">']
    if not np.isnan(mark):
        parts.append(f'<path class="mark" d="M{at(mark):.1f} 0V14"/>')
    if not np.isnan(half):
        parts.append(f'<path class="reach" d="M{at(mean - half):.1f} 7H{at(mean + half):.1f}"/>')
    parts.append(f'<circle cx="{at(mean):.1f}" cy="7" r="3.2"/></svg>')
    return "".join(parts)
