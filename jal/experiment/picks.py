"""What was labelled, as a table in which each pick can be traced to the data's source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jal.data.sources import Dataset
from jal.experiment.config import Experiment

__all__ = ["picks", "read_picks", "write_picks"]


def picks(
    experiment: Experiment, cells: dict[tuple[str, str], dict[str, Any]], dataset: Dataset
) -> pd.DataFrame:
    """The table seed, learner, strategy, round, order, row, file, class; a line for each label.

    Round 0 is the start; order counts a seed's labels from 0. Row is the point's place in the
    source's training set, or in all that the source has where the test set was drawn from it; file
    its name there, a column only of sources that are files. Class is the name, or the number.

    Args:
      experiment: the config.
      cells: `(learner, strategy)` -> "labelled" `[S, n]`, -1 behind a seed's last, and "metrics"
        with "labels" `[S, R + 1]`.
      dataset: whose training examples are the pool.
    """
    rows = np.arange(len(dataset.train.y)) if dataset.rows is None else dataset.rows
    names = np.array(dataset.class_names or range(dataset.num_classes), object).astype(str)
    parts = []
    for (learner, strategy), cell in cells.items():
        orders, budgets = np.asarray(cell["labelled"]), np.asarray(cell["metrics"]["labels"])
        for seed, labelled, labels in zip(experiment.seed_numbers(), orders, budgets, strict=True):
            chosen = labelled[labelled >= 0]
            order = np.arange(len(chosen), dtype=np.int32)
            columns = {
                "seed": np.int32(seed),
                "learner": learner,
                "strategy": strategy,
                "round": np.searchsorted(labels, order, side="right").astype(np.int32),
                "order": order,
                "row": rows[chosen],
            }
            if dataset.files:
                columns["file"] = [dataset.files[row] for row in rows[chosen]]
            parts.append(pd.DataFrame(columns | {"class": names[dataset.train.y[chosen]]}))
    return pd.concat(parts, ignore_index=True)


def write_picks(table: pd.DataFrame, path: Path) -> None:
    """Writes the table of `picks` as CSV."""
    table.to_csv(path, index=False)


def read_picks(path: Path) -> pd.DataFrame:
    """The table that `write_picks` wrote; classes and files are text, whatever they look like."""
    kinds: Any = dict.fromkeys(("learner", "strategy", "file", "class"), str)
    kinds |= dict.fromkeys(("seed", "round", "order"), np.int32) | {"row": np.int64}
    return pd.read_csv(path, dtype=kinds, keep_default_na=False)
