"""An experiment over data splits: a run of each, in a folder of its own, and their results."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jal.data.sources import Dataset, fingerprint
from jal.experiment.agent_configs import Saved
from jal.experiment.config import Experiment
from jal.experiment.data_config import load_data
from jal.experiment.results import Results
from jal.types import InputError

__all__ = ["check_different", "check_splits", "merged", "parts", "split_folder"]


def parts(experiment: Experiment) -> list[Experiment]:
    """The experiment on each of its splits."""
    return [dataclasses.replace(experiment, split=i) for i in range(experiment.splits)]


def split_folder(folder: Path | None, split: int) -> Path | None:
    """Where the run of a split is, in the folder of all."""
    return None if folder is None else folder / f"split_{split}"


def check_splits(experiment: Experiment, dataset: Dataset | None) -> None:
    """Raises InputError where seeds or trainings cannot be spread over the splits.

    Args:
      experiment: the config.
      dataset: a given one, None to load the config's.
    """
    splits = experiment.splits
    if splits < 1:
        raise InputError(f"splits must be at least 1, got {splits}.")
    if experiment.split is not None and not 0 <= experiment.split < splits:
        raise InputError(
            f"split must be one of the splits 0..{splits - 1}, got {experiment.split}."
        )
    if splits == 1:
        return
    spread = {"seeds": experiment.seeds}
    if experiment.agents:
        spread["trainings"] = experiment.trainings
    for name, count in spread.items():
        if count % splits:
            raise InputError(
                f"{count} {name} cannot be spread evenly over {splits} splits: give a multiple."
            )
    if experiment.initial_indices:
        raise InputError(
            f"initial_indices are of one pool, and {splits} splits have one each: leave them out."
        )
    for name, agent in experiment.agents.items():
        if isinstance(agent, Saved):
            raise InputError(
                f"{name} was trained on one split, of which others hold parts in their pools: an "
                "agent of another run takes splits 1."
            )
    if experiment.first_seed % splits:
        raise InputError(
            f"seed i is of split i modulo {splits}, and a run begins with split 0: give a "
            f"first_seed that is a multiple, not {experiment.first_seed}."
        )
    if dataset is not None and not experiment.agents:  # which divide the training data anew
        raise _same(splits)


def check_different(experiment: Experiment, first: Dataset) -> None:
    """Raises InputError where the second split is of the same data as the `first`."""
    second = load_data(parts(experiment)[1].split_data())
    if fingerprint(first) == fingerprint(second):
        raise _same(experiment.splits)


def _same(splits: int) -> InputError:
    return InputError(
        f"all of {splits} splits would be the same, since the data have a test set of their own: "
        "give test_size where the source takes it, or splits 1."
    )


def merged(experiment: Experiment, found: Sequence[Results], resumed: bool) -> Results:
    """The Results of all splits as one: seeds in order, seconds added.

    The tables have a column split beside seed; what was labelled are indices of the pool of the
    seed's split.
    """
    frames = [_with_split(one.frame, split) for split, one in enumerate(found)]
    picks = [_with_split(one.picks, split) for split, one in enumerate(found)]
    histories = [
        _with_split(one.training, split)
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


def _with_split(table: pd.DataFrame, split: int) -> pd.DataFrame:
    table = table.copy()
    table.insert(list(table.columns).index("seed") + 1, "split", np.int32(split))
    return table


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
