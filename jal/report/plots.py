"""Pictures made from the tidy table."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jal import metrics
from jal.report.tables import curves

__all__ = ["learning_curves", "png", "save_png"]

# Okabe and Ito's colours, told apart by colour-blind readers too; random is grey.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B5A2B"]
DASHES = ["-", "--", ":", "-."]


class _InlineFigure(Figure):
    """A figure that a notebook shows without pyplot's global state."""

    def _repr_png_(self) -> bytes:
        return png(self)


def learning_curves(frame: pd.DataFrame, metric: str = "accuracy") -> Figure:
    """Mean of a metric against labels with its 95 % band, a panel for each learner that has it."""
    learners = list(frame[frame.metric == metric].learner.unique())
    if not learners:
        known = ", ".join(frame.metric.unique())
        raise ValueError(f"no metric {metric!r} in these results: there are {known}.")
    figure = _InlineFigure(figsize=(5.2 * len(learners) + 1.8, 4.2), layout="constrained")
    panels = figure.subplots(1, len(learners), sharey=True, squeeze=False)[0]
    styles = _styles(list(frame.strategy.unique()))
    for panel, learner in zip(panels, learners, strict=True):
        for strategy, (labels, values) in curves(frame, learner, metric).items():
            mean, half = metrics.mean_interval(values)
            at = labels.mean(axis=0)
            panel.plot(at, mean, label=strategy, linewidth=1.6, **styles[strategy])
            colour = styles[strategy]["color"]
            panel.fill_between(at, mean - half, mean + half, color=colour, alpha=0.15, linewidth=0)
        panel.set_title(learner, parse_math=False)
        panel.set_xlabel("labels")
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel(metric)
    handles, names = panels[0].get_legend_handles_labels()
    legend = figure.legend(handles, names, loc="outside right center", frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
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


def _styles(strategies: list[str]) -> dict[str, dict[str, str]]:
    others = [name for name in strategies if name != "random"]
    styles = {
        name: {
            "color": COLOURS[i % len(COLOURS)],
            "linestyle": DASHES[i // len(COLOURS) % len(DASHES)],
        }
        for i, name in enumerate(others)
    }
    return styles | {"random": {"color": "#888888", "linestyle": "--"}}
