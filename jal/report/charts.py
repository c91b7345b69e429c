"""The page's charts of the tidy table: learning curves, and one for each of many strategies."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jal import metrics
from jal.report.plots import styled
from jal.report.svg import Frame, Line, chart, margin_for, nice_ticks
from jal.report.tables import ranking
from jal.report.tidy import curves, same_budgets

__all__ = ["curve_charts", "drawn_line", "ends_of", "range_of", "small_charts"]


def curve_charts(frame: pd.DataFrame, metric: str = "accuracy", level: float = 0.95) -> list[str]:
    """An SVG for each learner that has the metric, all of the same scale of y.

    Lines are means against labels, bands the means' intervals of that level as far as the metric
    can have its values. Of more than ten strategies the seven of highest AUBC and random are named
    at their ends, the others under the pointer.
    """
    styles, limits = styled(frame), metrics.bounds(metric)
    found = {}
    for learner in map(str, frame.learner[frame.metric == metric].unique()):
        found[learner] = [
            drawn_line(name, *values, level, limits, styles.get(name, "other"))
            for name, values in curves(frame, learner, metric).items()
        ]
    low, high = range_of([line for lines in found.values() for line in lines], limits)
    drawn = []
    for learner, lines in found.items():
        first, last = ends_of(lines)
        right = margin_for([line.name for line in lines if line.style != "other"])
        area = Frame(450, 300, (first, last), (low, high), (40, 48, min(right, 180), 36))
        ticks = nice_ticks(first, last, 6, whole=True), nice_ticks(low, high, 6)
        shown = metric.replace("_", " ")
        what = f"{shown} against labels with {learner}"
        drawn.append(chart(lines, area, what, learner, ("labels", shown), ticks))
    return drawn


def small_charts(
    frame: pd.DataFrame, learner: str, metric: str = "accuracy", level: float = 0.95
) -> tuple[list[str], bool]:
    """A small SVG for each strategy of a learner, the highest AUBC first; each has its own scale.

    Returns:
      the SVGs; and whether they show what each has more than random, seed by seed, in points: else
      random is not among them or bought other numbers of labels, and they show the metric itself.
    """
    found = curves(frame, learner, metric)
    limits, scale = metrics.bounds(metric), 1.0
    less = "random" in found and len(found) > 1 and same_budgets(found)
    if less:
        base = found.pop("random")[1]
        scale = 100.0 if limits == (0, 1) else 1.0
        found = {
            name: (labels, scale * (values - base)) for name, (labels, values) in found.items()
        }
        limits = (scale * (limits[0] - limits[1]), scale * (limits[1] - limits[0]))
    drawn = []
    for name in ranking(frame, learner):
        if name not in found:
            continue
        line = drawn_line(name, *found[name], level, limits, "c0")
        if not np.isfinite(line.mean).any():  # no seed in common with random
            continue
        low, high, ticks = _own_scale(line, less)
        first, last = ends_of([line])
        area = Frame(190, 126, (first, last), (low, high), (34, 24, 8, 22))
        drawn.append(
            chart(
                [line],
                area,
                f"{name} with {learner}",
                name,
                ticks=([first, last], ticks),
                mark=0.0 if less else None,
            )
        )
    return drawn, less


def drawn_line(
    name: str,
    labels: np.ndarray,
    values: np.ndarray,
    level: float,
    limits: tuple[float, float],
    style: str,
) -> Line:
    """The mean of values `[S, R + 1]` with its interval, within the metric's limits."""
    mean, half = metrics.mean_interval(values, level)
    low, high = np.clip(mean - half, *limits), np.clip(mean + half, *limits)
    return Line(name, metrics.mean_interval(labels)[0], mean, low, high, style)


def ends_of(lines: list[Line]) -> tuple[float, float]:
    """The ends of the lines' x."""
    x = np.concatenate([line.x for line in lines])
    first, last = float(np.nanmin(x)), float(np.nanmax(x))
    return first, last if last > first else first + 1


def range_of(lines: list[Line], limits: tuple[float, float]) -> tuple[float, float]:
    """The ends of y: of all the lines' means with some room, no further than the metric goes."""
    values = np.concatenate([line.mean for line in lines])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.05 * (high - low) or 0.05
    return max(low - room, limits[0]), min(high + room, limits[1])


_STEPS = [step * 10.0**power for power in range(-3, 5) for step in (1, 1.5, 2, 3, 5, 7)]


def _own_scale(line: Line, less: bool) -> tuple[float, float, list[float]]:
    """Ends and ticks. Differences have one of few scales, so that panels of the same compare."""
    low, high = float(np.nanmin(line.mean)), float(np.nanmax(line.mean))
    if not less:
        room = 0.1 * (high - low) or 0.05
        return low - room, high + room, nice_ticks(low - room, high + room, 3)
    # All of the mean, and four of five of the band's ends.
    ends = np.abs([*line.low, *line.high])
    wide = np.nanpercentile(ends, 80) if np.isfinite(ends).any() else 0.0
    least = max(abs(low), abs(high), wide)
    most = next(step for step in _STEPS if 1.03 * step >= least)
    down, up = low < -most / 4, high > most / 4
    up |= not down
    ticks = [*[-most] * down, 0.0, *[most] * up]
    return (-1.06 if down else -0.3) * most, (1.06 if up else 0.3) * most, ticks
