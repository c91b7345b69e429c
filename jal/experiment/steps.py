"""A config's steps, checked before the first of them runs: a training may take hours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jal.data.dataset import Dataset
from jal.experiment.checks import check
from jal.experiment.config import Experiment
from jal.experiment.data_config import Data
from jal.experiment.folder import Step
from jal.experiment.parts import evaluation
from jal.experiment.session import Session
from jal.experiment.splits import over_splits, split_folder
from jal.experiment.training_config import Training

__all__ = ["check_steps"]


def check_steps(steps: Sequence[Step], session: Session) -> None:
    """Raises InputError for the first step that cannot run, of several splits on its first.

    The very first is left to find out for itself, as are batches of agents that are to be trained.
    """
    held: list[tuple[Data, Dataset]] = []

    def data(config: Data) -> Dataset:
        """Loaded once for steps that follow one another; two sets may not fit."""
        if not held or held[0][0] != config:
            held.clear()
            held.append((config, session.data(config)))
        return held[0][1]

    trainings: dict[str, Training] = {}
    for number, whole in enumerate(steps):
        step = over_splits(whole)[0]
        if isinstance(step, Training):
            trainings[whole.name] = whole  # pyright: ignore[reportArgumentType]
        if number == 0:
            continue
        dataset = data(step.split_data())
        if isinstance(step, Training):
            from jal.experiment.training import check_training

            check_training(step, dataset, session.allow_names)
        else:
            _check_experiment(step, dataset, trainings, session)


def _check_experiment(
    experiment: Experiment, dataset: Dataset, trainings: dict[str, Training], session: Session
) -> None:
    if experiment.learned():
        from jal.experiment.learned import check_agents

        folder: Any = session.folder
        if folder is not None:
            folder = folder / experiment.name
        if folder is not None and experiment.protocol.split is not None:
            folder = split_folder(folder, experiment.protocol.split)
        check_agents(experiment, folder, trainings, session.allow_code)
    pool = evaluation(dataset, experiment.data.parts, experiment.split_data().split_seed)
    check(experiment, pool, None, session.allow_names)
