"""The results of an experiment on several data splits as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jal.experiment.config import Experiment
from jal.experiment.results import Results
from jal.experiment.splits import with_split

__all__ = ["merged"]


def merged(experiment: Experiment, found: Sequence[Results], resumed: bool) -> Results:
    """The Results of all splits as one: seeds in order, seconds added.

    The tables have a column split beside seed; what was labelled are indices of the pool of the
    seed's split.
    """
    frames = [with_split(one.frame, split) for split, one in enumerate(found)]
    picks = [with_split(one.picks, split) for split, one in enumerate(found)]
    histories = [
        with_split(one.training, split)
        for split, one in enumerate(found)
        if one.training is not None
    ]
    return Results(
        experiment,
        _in_order(frames),
        _added([one.info for one in found], resumed),
        {name: _interleaved([one.labelled[name] for one in found]) for name in found[0].labelled},
        _in_order(picks),
        _in_order(histories) if histories else None,
    )


def _in_order(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all, by what they were grouped by in each, then by seed."""
    whole = pd.concat(tables, ignore_index=True)
    groups = [name for name in ("learner", "strategy", "metric") if name in whole]
    number = whole.groupby(groups, sort=False).ngroup()
    return whole.iloc[np.lexsort((whole.seed, number))].reset_index(drop=True)


def _interleaved(orders: list[np.ndarray]) -> np.ndarray:
    """`[S, n]` of `[S / splits, n_i]` each: seed i is of split i modulo their number."""
    width = max(order.shape[1] for order in orders)
    wide = [
        np.pad(order, ((0, 0), (0, width - order.shape[1])), constant_values=-1) for order in orders
    ]
    return np.stack(wide, axis=1).reshape(-1, width)


def _added(infos: list[dict[str, Any]], resumed: bool) -> dict[str, Any]:
    """How all were run: as the last says, times summed, what differs listed."""
    info = dict(infos[-1])
    for name in ("seconds", "compile_seconds"):
        info[name] = round(sum(one[name] for one in infos), 2)
    cells = [one["cell_seconds"] for one in infos]
    info["cell_seconds"] = {name: round(sum(one[name] for one in cells), 4) for name in cells[0]}
    info["resumed"] = resumed or any(one["resumed"] for one in infos)
    info["notes"] = list(dict.fromkeys(note for one in infos for note in one["notes"]))
    info["data_sha256"] = [one["data_sha256"] for one in infos]
    info["pool"] = [one["pool"] for one in infos]
    return info
