"""Pictures of one round: the pool in a plane, its groups, what is labelled and what was picked."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from jal.report.plots import COLOURS, InlineFigure

__all__ = ["plane", "pool_groups", "pool_round", "pool_values"]

_SIZE = (5.6, 4.2)
_MARKERS = "o^sD"  # of more groups than there are colours


def plane(features: ArrayLike) -> np.ndarray:
    """`[N, 2]`: the first two principal components of `features [N, D]`."""
    features = np.asarray(features, np.float64)
    centred = features - features.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T


def pool_groups(
    at: ArrayLike,
    group: ArrayLike,
    labelled: ArrayLike,
    marked: ArrayLike | None = None,
    title: str = "",
    mark: str = "TrustSet",
) -> Figure:
    """The unlabelled points in the colours of their groups, and the labelled ones above.

    Args:
      at: `[N, 2]`, of `plane`.
      group: `[N]` int; those of labelled points are not read.
      labelled: `[N]` bool.
      marked: `[N]` bool, labelled points with a star.
      title: of the panel.
      mark: what the star means.
    """
    figure = InlineFigure(figsize=_SIZE, layout="constrained")
    panel = figure.subplots()
    _groups(panel, np.asarray(at), np.asarray(group), np.asarray(labelled), marked, mark)
    panel.set_title(title)
    return figure


def pool_values(
    at: ArrayLike,
    value: ArrayLike,
    labelled: ArrayLike,
    picks: ArrayLike = (),
    title: str = "",
    meaning: str = "",
) -> Figure:
    """The unlabelled points in the colours of their values, with rings around the picks.

    Args:
      at: `[N, 2]`, of `plane`.
      value: `[N]` float; those of labelled points are not read.
      labelled: `[N]` bool.
      picks: `[k]` int; N and above stand for none.
      title: of the panel.
      meaning: of the values, beside the bar of colours.
    """
    figure = InlineFigure(figsize=(_SIZE[0] + 0.8, _SIZE[1]), layout="constrained")
    panel = figure.subplots()
    drawn = np.asarray(at), np.asarray(value), np.asarray(labelled), np.asarray(picks)
    _values(panel, *drawn, meaning)
    panel.set_title(title)
    return figure


def pool_round(
    features: ArrayLike,
    labelled: ArrayLike,
    trusted: ArrayLike,
    action: ArrayLike,
    expected: ArrayLike,
    picks: ArrayLike,
) -> Figure:
    """A round of BRAL-T: clusters of the pool and the TrustSet; predicted rewards and the picks.

    Args:
      features: `[N, D]`.
      labelled: `[N]` bool.
      trusted: `[N]` bool, the labelled TrustSet.
      action: `[N]`, of `jal.bral_t.Actions`.
      expected: `[C, A]`, the predicted rewards.
      picks: `[k]`; N stands for none.
    """
    labelled, action, expected = map(np.asarray, (labelled, action, expected))
    at, actions = plane(features), expected.shape[1]
    figure = InlineFigure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    _groups(left, at, action // actions, labelled, trusted, "TrustSet")
    left.set_title("Clusters of the pool, and what is labelled")
    value = np.append(np.ravel(expected), np.nan)[action]
    _values(right, at, value, labelled, np.asarray(picks), "predicted reward (minus a distance)")
    right.set_title("Predicted rewards of the sub-clusters")
    right.set_ylabel("")
    return figure


def _groups(
    panel: Axes,
    at: np.ndarray,
    group: np.ndarray,
    labelled: np.ndarray,
    marked: ArrayLike | None,
    mark: str,
) -> None:
    for one in np.unique(group[~labelled]):
        mine = ~labelled & (group == one)
        turn, colour = divmod(int(one), len(COLOURS))
        marker = _MARKERS[turn % len(_MARKERS)]
        panel.scatter(*at[mine].T, s=5, color=COLOURS[colour], marker=marker, alpha=0.5)
    rim = {"edgecolor": "black", "linewidth": 0.4}
    panel.scatter(*at[labelled].T, s=14, color="#bbbbbb", label="labelled", **rim)
    if marked is not None:
        starred = labelled & np.asarray(marked)
        panel.scatter(*at[starred].T, s=30, color="black", marker="*", label=mark)
    panel.legend(loc="best")
    _axes(panel)


def _values(
    panel: Axes,
    at: np.ndarray,
    value: np.ndarray,
    labelled: np.ndarray,
    picks: np.ndarray,
    meaning: str,
) -> None:
    drawn = panel.scatter(*at[~labelled].T, s=5, c=value[~labelled], cmap="viridis")
    picks = picks[picks < len(at)].astype(int)
    if len(picks):
        panel.scatter(*at[picks].T, s=26, facecolor="none", edgecolor=COLOURS[1], label="picked")
        panel.legend(loc="best")
    panel.figure.colorbar(drawn, ax=panel, label=meaning)
    _axes(panel)


def _axes(panel: Axes) -> None:
    panel.set_xlabel("first principal component of the features")
    panel.set_ylabel("second")
