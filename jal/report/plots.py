"""Pictures made from the tidy table."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from jal import metrics
from jal.report.tables import ranking
from jal.report.tidy import curves, same_budgets

__all__ = [
    "COLOURS",
    "FEW",
    "InlineFigure",
    "curve_grid",
    "learning_curves",
    "plain",
    "png",
    "save_png",
]

# Okabe and Ito's colours, told apart by colour-blind readers too; random is grey.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B5A2B"]
DASHES = ["-", "--", ":", "-."]
RANDOM = {"color": "#888888", "linestyle": "--"}
BACKGROUND = {"color": "#c8c8c8", "linewidth": 0.7, "zorder": 1}

FEW = 10  # so many strategies can be told apart in one panel
BEST = 7  # of more, so many are shown in colour, and random


class InlineFigure(Figure):
    """A figure that a notebook shows without pyplot's global state."""

    def _repr_png_(self) -> bytes:
        return png(self)


def learning_curves(frame: pd.DataFrame, metric: str = "accuracy", level: float = 0.95) -> Figure:
    """Mean of a metric against labels with its band, a panel for each learner that has it.

    The band is the mean's interval of that level, as far as the metric can have its values.

    The legend goes from the highest AUBC to the lowest. Of more than ten strategies the seven of
    highest AUBC and random stand out, the others are thin and grey: `curve_grid` shows each.
    """
    learners = _learners(frame, metric)
    figure = InlineFigure(figsize=(5.2 * len(learners) + 1.8, 4.2), layout="constrained")
    panels = figure.subplots(1, len(learners), sharey=True, squeeze=False)[0]
    styles, limits = _styles(frame), metrics.bounds(metric)
    for panel, learner in zip(panels, learners, strict=True):
        for strategy, (labels, values) in curves(frame, learner, metric).items():
            if strategy in styles:
                style = styles[strategy]
                _band(panel, labels, values, level, limits, label=strategy, **style)
            else:
                panel.plot(_mean(labels), _mean(values), **BACKGROUND)
        panel.set_title(learner, parse_math=False)
        panel.set_xlabel("labels")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        plain(panel)
    panels[0].set_ylabel(metric.replace("_", " "))
    handles = [Line2D([], [], label=name, **style) for name, style in styles.items()]
    others = frame.strategy.nunique() - len(styles)
    if others:
        handles.append(Line2D([], [], label=f"{others} others", **BACKGROUND))
    legend = figure.legend(handles=handles, loc="outside right center", frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def curve_grid(
    frame: pd.DataFrame, learner: str, metric: str = "accuracy", level: float = 0.95
) -> Figure:
    """A small panel for each strategy of one learner, the highest AUBC first, the others in grey.

    Shows what each has more than random, seed by seed, with its band; the metric itself where
    random is not among them or bought other numbers of labels.
    """
    _learners(frame, metric)
    found = curves(frame, learner, metric)
    name, (low, high) = metric.replace("_", " "), metrics.bounds(metric)
    if "random" in found and len(found) > 1 and same_budgets(found):
        base = found["random"][1]
        found = {
            strategy: (labels, values - base)
            for strategy, (labels, values) in found.items()
            if strategy != "random"
        }
        name += " less random's"
        low, high = low - high, high - low
    columns = min(6, len(found))
    rows = -(-len(found) // columns)
    # Margins in inches: a layout that measures all panels' texts takes seconds.
    width, height = 2.0 * columns + 1.0, 1.75 * rows + 0.6
    figure = InlineFigure(figsize=(width, height))
    margins = {"left": 0.9 / width, "right": 1 - 0.1 / width, "wspace": 0.1, "hspace": 0.25}
    margins |= {"bottom": 0.55 / height, "top": 1 - 0.35 / height}
    panels = figure.subplots(
        rows, columns, sharex=True, sharey=True, squeeze=False, gridspec_kw=margins
    ).ravel()
    for place in range(len(found), len(panels)):
        panels[place].set_visible(False)
        panels[place - columns].tick_params(labelbottom=True)  # the lowest of its column
    ranked = [strategy for strategy in ranking(frame, learner) if strategy in found]
    means = [np.stack([_mean(labels), _mean(values)], axis=1) for labels, values in found.values()]
    for panel, strategy in zip(panels, ranked, strict=False):
        panel.add_collection(LineCollection(means, **BACKGROUND))
        _band(panel, *found[strategy], level, (low, high), color=COLOURS[0])
        panel.set_title(strategy, parse_math=False, fontsize=9)
        panel.tick_params(labelsize=8)
        plain(panel)
    figure.supxlabel("labels", fontsize=9)
    figure.supylabel(name, fontsize=9)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as a PNG."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def save_png(figure: Figure, path: Path) -> None:
    """Writes the figure."""
    path.write_bytes(png(figure))


def _learners(frame: pd.DataFrame, metric: str) -> list[str]:
    """Those that have the metric; ValueError if there are none."""
    learners = list(frame[frame.metric == metric].learner.unique())
    if not learners:
        known = ", ".join(frame.metric.unique())
        raise ValueError(f"no metric {metric!r} in these results: there are {known}.")
    return learners


def _band(
    panel: Axes,
    labels: np.ndarray,
    values: np.ndarray,
    level: float,
    limits: tuple[float, float],
    **style: Any,
) -> None:
    mean, half = metrics.mean_interval(values, level)
    panel.plot(_mean(labels), mean, linewidth=1.6, zorder=3, **style)
    low, high = np.clip(mean - half, *limits), np.clip(mean + half, *limits)
    colour = style["color"]
    panel.fill_between(_mean(labels), low, high, color=colour, alpha=0.15, linewidth=0, zorder=2)


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the seeds that have run."""
    return metrics.mean_interval(values)[0]


def plain(panel: Axes) -> None:
    """A light grid, and no frame above and to the right."""
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)


def _styles(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Of the strategies that stand out, the highest AUBC first."""
    ranked = ranking(frame)
    others = [str(name) for name in frame.strategy.unique() if name != "random"]
    if len(ranked) > FEW:
        others = [name for name in ranked if name != "random"][:BEST]
    styles = {
        name: {
            "color": COLOURS[i % len(COLOURS)],
            "linestyle": DASHES[i // len(COLOURS) % len(DASHES)],
        }
        for i, name in enumerate(others)
    }
    styles["random"] = RANDOM
    return {name: styles[name] for name in ranked if name in styles}
