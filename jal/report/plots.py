"""Pictures made from the tidy table."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from jal import metrics
from jal.report.tables import ranking
from jal.report.tidy import curves

__all__ = [
    "COLOURS",
    "FEW",
    "RANDOM",
    "InlineFigure",
    "inline_svgs",
    "learning_curves",
    "plain",
    "png",
    "save",
    "styled",
    "svg",
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


def learning_curves(
    frame: pd.DataFrame, metric: str = "accuracy", level: float = 0.95, pool: int | None = None
) -> Figure:
    """Mean of a metric against labels with its band, a panel for each learner that has it.

    The band is the mean's interval of that level, as far as the metric can have its values.

    The legend goes from the highest AUBC to the lowest. Of more than ten strategies the seven of
    highest AUBC and random stand out, the others are thin and grey; the page shows each.

    Args:
      frame: the tidy table.
      metric: which.
      level: of the band.
      pool: points in the pool, for labels as a share of it; numbers of labels if None.
    """
    scale = 1.0 if pool is None else 100 / pool
    learners = _learners(frame, metric)
    figure = InlineFigure(figsize=(5.2 * len(learners) + 1.8, 4.2), layout="constrained")
    panels = figure.subplots(1, len(learners), sharey=True, squeeze=False)[0]
    styles, limits = _styles(frame), metrics.bounds(metric)
    for panel, learner in zip(panels, learners, strict=True):
        for strategy, (count, values) in curves(frame, learner, metric).items():
            labels = scale * count
            if strategy in styles:
                style = styles[strategy]
                _band(panel, labels, values, level, limits, label=strategy, **style)
            else:
                panel.plot(_mean(labels), _mean(values), **BACKGROUND)
        panel.set_title(learner, parse_math=False)
        panel.set_xlabel("labels" if pool is None else "labels, % of the pool")
        panel.xaxis.set_major_locator(MaxNLocator(integer=pool is None))
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


def png(figure: Figure) -> bytes:
    """The figure as a PNG."""
    return _saved(figure, "png", dpi=130)


def svg(figure: Figure, **options: Any) -> str:
    """The figure as SVG, without a background; equal figures give equal text."""
    with rc_context({"svg.hashsalt": "jal"}):
        metadata = {"Date": None}
        return _saved(figure, "svg", transparent=True, metadata=metadata, **options).decode()


def inline_svgs(figure: Figure) -> list[str]:
    """Each panel of a figure as an element of a page, in the page's colours."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # places the panels
    figure.set_layout_engine("none")
    shown = [panel for panel in figure.axes if panel.get_visible()]
    drawn = []
    for panel in shown:
        for other in shown:
            other.set_visible(other is panel)
        around = panel.get_tightbbox(canvas.get_renderer())
        assert around is not None
        around = around.transformed(figure.dpi_scale_trans.inverted()).padded(0.06)
        with rc_context({"svg.fonttype": "none"}):
            text = svg(figure, bbox_inches=around)
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
        text = text[text.index("<svg") :].strip().replace("#000000", "currentColor")
        for place, colour in enumerate(COLOURS):
            text = text.replace(colour.lower(), f"var(--c{place})")
        drawn.append(text.replace("<svg", '<svg class="figure"', 1))
    return drawn


def save(figure: Figure, path: Path) -> None:
    """Writes the figure, as SVG or PNG by the path's ending."""
    if path.suffix == ".svg":
        path.write_text(svg(figure), encoding="utf-8")
    else:
        path.write_bytes(png(figure))


def _saved(figure: Figure, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format=kind, **options)
    return buffer.getvalue()


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


def styled(frame: pd.DataFrame) -> dict[str, str]:
    """Strategy -> its style on the page (`jal.report.svg.Line`), of those that stand out, the
    highest AUBC first. Colours and dashes are those of `learning_curves`."""
    ranked = ranking(frame)
    others = [str(name) for name in frame.strategy.unique() if name != "random"]
    if len(ranked) > FEW:
        others = [name for name in ranked if name != "random"][:BEST]
    found = {"random": "random"}
    for i, name in enumerate(others):
        dashes = i // len(COLOURS) % len(DASHES)
        found[name] = f"c{i % len(COLOURS)}" + (f" d{dashes}" if dashes else "")
    return {name: found[name] for name in ranked if name in found}


def _styles(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Of the strategies that stand out, the highest AUBC first."""
    styles = {}
    for name, style in styled(frame).items():
        colour, _, dashes = style.partition(" d")
        styles[name] = (
            RANDOM
            if style == "random"
            else {"color": COLOURS[int(colour[1:])], "linestyle": DASHES[int(dashes or 0)]}
        )
    return styles
