"""Experiments that take seconds, for tests of runs and their folders."""

import dataclasses
from typing import Any

from jal.experiment import MLP, Execution, Experiment, LogisticRegression, Protocol

__all__ = ["ALONE", "BASE", "LINEAR", "SMALL", "changed", "contents", "flip"]


def changed(config: Any, **change: Any) -> Any:
    """The config with other fields, each of its own or of one of its groups."""
    for name, value in change.items():
        if hasattr(config, name):
            config = dataclasses.replace(config, **{name: value})
            continue
        groups = [one for one in ("protocol", "execution", "shown") if hasattr(config, one)]
        (group,) = [one for one in groups if hasattr(getattr(config, one), name)]
        new = dataclasses.replace(getattr(config, group), **{name: value})
        config = dataclasses.replace(config, **{group: new})
    return config


LINEAR = {"logistic_regression": LogisticRegression()}
BASE = Experiment(
    name="small",
    learners={**LINEAR, "mlp": MLP(hidden=(16,), epochs=5)},
    queries=("random", "margin"),
    protocol=Protocol(seeds=6, rounds=3),
    execution=Execution(segment=4),
)
# Two cells of two segments, with a save after each.
SMALL = changed(BASE, learners=LINEAR, segment=2)
# Of a strategy alone, and one seed.
ALONE = changed(SMALL, queries=("random",), seeds=1, first_seed=5, devices=1, segment=1)


def contents(folder) -> dict:
    """Of every file its bytes and when they were written."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def flip(path, place=-1):
    """Flips a bit."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
