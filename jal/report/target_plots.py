"""Pictures of runs to a target, in the form of ABAS-RAL's Figures 2 and 3; training histories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from jal import metrics
from jal.report.plots import COLOURS, RANDOM, InlineFigure, plain
from jal.report.targets import MEASURED, batch_sizes
from jal.report.tidy import curves

__all__ = [
    "batch_histogram",
    "batch_rounds",
    "constant_histories",
    "metric_densities",
    "training_curves",
]

_HISTORY = ("return", "length", "budget", "quality", "success", "loss")
_SHARES = ("budget", "quality", "success")


def batch_histogram(frame: pd.DataFrame, stops: pd.DataFrame, learner: str, agent: str) -> Figure:
    """How often an agent chose batches of which size (Figure 2).

    In bins of 100 points as in the paper, and in 20 bins where no batch has 500.
    """
    sizes = batch_sizes(frame, stops, learner, agent)
    largest = sizes.max() if sizes.size else 1
    width = 100 if largest >= 500 else max(1, round(largest / 20))
    top = largest + width
    figure = InlineFigure(figsize=(6.4, 3.6), layout="constrained")
    panel = figure.subplots()
    edges = np.arange(1, top + 1, width) - 0.5  # whole numbers in the middle of their bins
    panel.hist(sizes, bins=edges.tolist(), color=COLOURS[0], alpha=0.8)
    panel.set_xlabel(f"batch size, bins of {width}")
    panel.set_ylabel("batches")
    panel.set_title(f"{agent} · {learner}: {sizes.size} batches", parse_math=False)
    plain(panel)
    return figure


def batch_rounds(
    frame: pd.DataFrame, learner: str, agents: Sequence[str], trainings: int
) -> Figure:
    """The batches of each round, a panel for each agent and a line for each training's mean.

    Args:
      frame: the tidy table.
      learner: which.
      agents: some of its strategies.
      trainings: T; the i-th seed ran with training i modulo T.
    """
    figure = InlineFigure(figsize=(4.6 * len(agents), 3.4), layout="constrained")
    panels = figure.subplots(1, len(agents), sharey=True, squeeze=False)[0]
    for panel, agent in zip(panels, agents, strict=True):
        labels, _ = curves(frame, learner)[agent]
        sizes = np.diff(labels, axis=1)
        rounds = np.arange(1, sizes.shape[1] + 1)
        for one in range(trainings):
            mean = sizes[one::trainings].mean(axis=0)
            panel.plot(rounds, mean, color=COLOURS[one % len(COLOURS)], label=f"training {one}")
        panel.set_title(f"{agent} · {learner}", parse_math=False)
        panel.set_xlabel("round")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        plain(panel)
    panels[0].set_ylabel("labels bought, mean of the seeds")
    panels[-1].legend(frameon=False)
    return figure


def metric_densities(stops: pd.DataFrame, learner: str, agent: str) -> Figure:
    """Histograms with kernel density estimates of what was measured at the stop (Figure 3)."""
    part = stops.loc[(stops.learner == learner) & (stops.strategy == agent)]
    names = [name for name in MEASURED if name in part]
    figure = InlineFigure(figsize=(2.9 * len(names) + 0.4, 3.2), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for panel, name in zip(panels, names, strict=True):
        _density(panel, 100 * part[name].to_numpy())
        panel.set_xlabel(f"{name}, %")
        plain(panel)
    panels[0].set_ylabel("runs")
    figure.suptitle(f"{agent} · {learner}: {len(part)} runs", fontsize=11)
    return figure


def training_curves(
    training: pd.DataFrame, learner: str, agent: str, level: float = 0.95, splits: int = 1
) -> Figure:
    """An agent's epochs: each varying history's mean over the trainings with its band.

    Args:
      training: the agents' histories.
      learner: which.
      agent: which.
      level: of the bands.
      splits: of the data; if several, the trainings of each are averaged, and bands are over these.

    Returns:
      a panel for each; dashed in those of budget and quality, the mean target where there is one.
    """
    own = training.loc[(training.learner == learner) & (training.strategy == agent)]
    part = own.loc[own.epoch >= 0]
    varies = part.groupby("metric").value.nunique() > 1
    names = [name for name in _HISTORY if name == "return" or varies.get(name, False)]
    figure = InlineFigure(figsize=(11.5, 2.9 * -(-len(names) // 3)), layout="constrained")
    panels = figure.subplots(-(-len(names) // 3), 3, squeeze=False).ravel()
    for panel, name in zip(panels, names, strict=False):
        values = part.loc[part.metric == name].pivot(index="seed", columns="epoch", values="value")
        values = values.ffill(axis=1)  # a training that has stopped stays where it was
        if splits > 1:
            values = values.groupby((values.index - values.index.min()) % splits).mean()
        mean, half = metrics.mean_interval(values.to_numpy(float), level)
        at = values.columns.to_numpy()
        panel.plot(at, mean, color=COLOURS[0])
        limits = (0, 1) if name in _SHARES else (-np.inf, np.inf)
        low, high = np.clip(mean - half, *limits), np.clip(mean + half, *limits)
        panel.fill_between(at, low, high, color=COLOURS[0], alpha=0.15, linewidth=0)
        goal = own.loc[own.metric == f"target_{name}", "value"]
        if np.isfinite(goal).any():
            panel.axhline(goal[np.isfinite(goal)].mean(), **RANDOM)
        panel.set_title(name, fontsize=10)
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        plain(panel)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    return figure


def constant_histories(own: pd.DataFrame) -> list[str]:
    """Those of one agent that `training_curves` leaves out, with values, such as "length 20"."""
    goal = own.loc[own.metric == "target_quality", "value"]
    names = set(_HISTORY) - {"return"}
    if not np.isfinite(goal).any():
        names -= {"success"}  # of nothing
    epochs = own.loc[(own.epoch >= 0) & own.metric.isin(names)]
    groups = epochs.groupby("metric").value
    return [f"{name} {values.iloc[0]:.4g}" for name, values in groups if values.nunique() == 1]


def _density(panel: Axes, values: np.ndarray) -> None:
    _, edges, _ = panel.hist(values, bins=20, color=COLOURS[0], alpha=0.45)
    if np.ptp(values) > 0:  # a single value has no density
        at = np.linspace(edges[0], edges[-1], 200)
        scale = len(values) * (edges[1] - edges[0])
        panel.plot(at, stats.gaussian_kde(values)(at) * scale, color=COLOURS[1])
