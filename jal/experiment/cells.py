"""What was measured of each cell (pair of learner and strategy), as a checkpoint keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["Cell", "by_learner", "pack", "unpack"]

# {"metrics": {name: [S, R + 1]}, "labelled": [S, n], "seconds": []}, NaN in rounds to come; of a
# confusion [S, R + 1, K, K].
Cell = dict[str, Any]


def by_learner(
    metrics: Mapping[str, np.ndarray], labelled: np.ndarray, seconds: float, learners: int
) -> list[Cell]:
    """The cells of a block of so many learners, whose lanes are the leading axis `[L * S]`; each
    has its share of the wall seconds."""
    values = {name: np.split(value, learners) for name, value in metrics.items()}
    return [
        {
            "metrics": {name: value[i] for name, value in values.items()},
            "labelled": picks,
            "seconds": np.asarray(seconds / learners),
        }
        for i, picks in enumerate(np.split(labelled, learners))
    ]


def pack(cells: Sequence[Cell]) -> dict[str, np.ndarray]:
    """Arrays by names such as 0/metrics/accuracy; inverse of `unpack`."""
    return {
        f"{number}/{name}": np.asarray(value)
        for number, cell in enumerate(cells)
        for name, value in {
            "labelled": cell["labelled"],
            "seconds": cell["seconds"],
            **{f"metrics/{name}": values for name, values in cell["metrics"].items()},
        }.items()
    }


def unpack(arrays: Mapping[str, np.ndarray]) -> list[Cell]:
    """The cells, in order."""
    cells: dict[int, Cell] = {}
    for path, value in arrays.items():
        number, name = path.split("/", 1)
        cell = cells.setdefault(int(number), {"metrics": {}})
        kind, _, metric = name.partition("/")
        if metric:
            cell[kind][metric] = value
        else:
            cell[kind] = value
    return [cells[number] for number in sorted(cells)]
