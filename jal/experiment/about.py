"""What the report is told of a run: the one place that reads a config for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jal.experiment.config import Experiment
from jal.experiment.form import as_name
from jal.experiment.training_config import Training
from jal.report import About

__all__ = ["about", "about_training"]


def about(experiment: Experiment, info: Mapping[str, Any], units: int) -> About:
    """The report's view of an experiment that ran as `info` says (`Results.info`).

    Args:
      experiment: the config.
      info: how it was run.
      units: of how many independent units it is, as `Results.units`.
    """
    protocol, parts = experiment.protocol, experiment.data.parts
    splits = protocol.splits if protocol.split is None else 1
    return About(
        name=experiment.name,
        data=_data(experiment, info),
        unit="splits" if splits > 1 else "trainings" if units > 1 else "seeds",
        units=units,
        splits=splits,
        confidence=experiment.shown.confidence,
        levels=experiment.shown.levels,
        classes=tuple(info.get("class_names", ())),
        points={
            name: agent["points"]
            for name, agent in info.get("agents", {}).items()
            if isinstance(agent, dict) and isinstance(agent.get("points"), int)
        },
        target=experiment.shown.target,
        held_out=bool(parts and parts.holdout),
        reported={
            (cell.rpartition("/")[0], cell.rpartition("/")[2]): values
            for cell, values in experiment.shown.reported.items()
        },
        settings=_settings(experiment.to_json()),
    )


def about_training(training: Training, info: Mapping[str, Any]) -> About:
    """The report's view of a training that ran as `info` says."""
    splits = training.splits if training.split is None else 1
    return About(
        name=training.name,
        data=_data(training, info),
        unit="splits" if splits > 1 else "trainings",
        splits=splits,
        settings=_settings(training.to_json()),
    )


def _data(config: Experiment | Training, info: Mapping[str, Any]) -> str:
    """The data's source; of arrays also what they hold."""
    data = config.data
    if data.arrays is None:
        return as_name(data.source)
    held, found = data.arrays, info.get("data_sha256", "unknown")
    sha256 = ", ".join(one[:12] for one in ([found] if isinstance(found, str) else found))
    return (
        f"{as_name(data.source)} ({held.train:,} training and {held.test:,} test examples of shape "
        f"{tuple(held.shape)}, {held.classes} classes, SHA-256 {sha256})"
    )


def _settings(tree: Any, prefix: str = "") -> dict[str, str]:
    """Leaves by their dotted names, as JSON."""
    if not isinstance(tree, dict) or not tree:
        return {prefix: json.dumps(tree)}
    return {
        path: leaf
        for name, branch in tree.items()
        for path, leaf in _settings(branch, f"{prefix}.{name}" if prefix else name).items()
    }
