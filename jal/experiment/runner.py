"""Runs configs: an experiment, a training, or several of them one after another."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jal.data.dataset import Dataset
from jal.experiment.comparison import finished_results, run_experiment
from jal.experiment.config import Experiment
from jal.experiment.data_config import given_data
from jal.experiment.folder import (
    Config,
    Step,
    check_config,
    import_code,
    read_config,
)
from jal.experiment.history import is_trained
from jal.experiment.merging import merged
from jal.experiment.progress import Interrupted
from jal.experiment.results import is_finished
from jal.experiment.session import OnRows, Session
from jal.experiment.splits import check_splits, over_splits, run_several
from jal.experiment.steps import check_steps
from jal.experiment.sweep import Sweep, expand
from jal.experiment.swept import Swept, swept
from jal.experiment.training_config import Training
from jal.types import InputError

__all__ = ["Interrupted", "resume", "run"]


def run(
    config: Step | Sweep | Sequence[Step],
    *,
    out: str | Path | None = None,
    dataset: Dataset | None = None,
    progress: bool = True,
    allow_code: bool = False,
    on_rows: OnRows | None = None,
) -> Any:
    """Runs a config from its start.

    Args:
      config: an Experiment, a Training, a Sweep, or a list of the first two: experiments may name
        trainings before them, as `Learned(NAME)`.
      out: a new folder for config, checkpoints and results; nothing is written if None.
      dataset: used instead of loading `config.data`, which must be left as it is by default, but
        for its parts; see `jal.data.from_arrays`.
      progress: show it.
      allow_code: whether modules may be imported that the folders of trained agents name.
      on_rows: called after each segment of an experiment with its rows of the tidy table, without
        imbalance ratios: for TensorBoard, W&B or a log of one's own.

    Returns:
      Results of an experiment, Trained of a training, Swept of a sweep, a list of a list.

    Raises:
      InputError: one sentence, before anything is computed, where the config cannot run; or where
        the disk fails, with all that was saved before still whole.
      Interrupted: after Ctrl-C, where there is a folder to go on from.
    """
    folder = None if out is None else Path(out)
    typed = _typed(config, dataset)
    event = threading.Event()
    return _run_all(
        typed,
        Session(folder, dataset, {}, True, allow_code, progress, False, event, on_rows),
    )


def resume(
    folder: str | Path,
    config: Step | Sweep | Sequence[Step] | None = None,
    *,
    dataset: Dataset | None = None,
    progress: bool = True,
    allow_code: bool = False,
    on_rows: OnRows | None = None,
    own: bool = True,
) -> Any:
    """Goes on with the run in `folder`; its results equal those of a run never interrupted, but for
    times.

    Args:
      folder: as given to `run` as `out`.
      config: if given, must be the folder's, but for where it runs, how often it is saved and what
        its report shows; of things that are in no module, it brings them.
      dataset: as in `run`; must hold the same data.
      progress: show it.
      allow_code: whether code may be run that the folder names, or those of trained agents.
      on_rows: as in `run`, of the segments that are still to run.
      own: whether a given config is the caller's, who may name code; False for one that was read
        from the folder.

    Returns:
      as `run`.

    Raises:
      InputError: as `run`; where the folder belongs to another config or other data, or is in use
        by another process; where it is damaged so that nothing is left to go on from.
      Interrupted: as `run`.
    """
    folder = Path(folder)
    own = own and config is not None
    if config is None:
        import_code(folder, allow_code)
        config = read_config(folder)
    assert config is not None
    typed = _typed(config, dataset)
    check_config(folder, typed)
    event, names = threading.Event(), own or allow_code
    session = Session(folder, dataset, {}, names, allow_code, progress, True, event, on_rows)
    if dataset is None and isinstance(typed, Experiment) and is_finished(folder):
        return finished_results(folder, typed, session)
    return _run_all(typed, session)


def _typed(config: Any, dataset: Dataset | None) -> Config:
    """The config, every field found to be of its type; on arrays where a data set is given."""
    if isinstance(config, list | tuple):
        other = [step for step in config if not isinstance(step, Experiment | Training)]
        if other:
            raise InputError(
                f"a list is of experiments and trainings, got a {type(other[0]).__name__} in it."
            )
        steps: Any = tuple(_typed(step, dataset) for step in config)
        names = [step.name for step in steps]
        if not steps or len(set(names)) < len(names):
            raise InputError(f"a list is of one or more configs of different names, got {names}.")
        return steps
    if isinstance(config, Sweep):
        config = Sweep.checked(config)
        config.check()
        return dataclasses.replace(config, experiment=_typed(config.experiment, dataset))
    kind = Training if isinstance(config, Training) else Experiment
    config = kind.checked(config)
    config.check()
    if dataset is None:
        return config
    return dataclasses.replace(config, data=given_data(config.data, dataset))


def _run_all(config: Config, session: Session) -> Any:
    if isinstance(config, Experiment | Training):
        return _run(config, session)
    if isinstance(config, tuple):
        return _run_steps(config, config, session, lambda found: found)
    sweep, expanded = config, expand(config)

    def finish(found: list[Any]) -> Swept:
        made = swept(sweep, expanded, found)
        if session.folder is not None:
            made.save(session.folder)
        return made

    return _run_steps(sweep, expanded.experiments, session, finish)


def _run_steps(
    whole: Config, steps: Sequence[Step], session: Session, finish: Callable[[list[Any]], Any]
) -> Any:
    trained: dict[str, Any] = {}

    def one(step: Step, inner: Session) -> Any:
        found = _run(step, inner._replace(trained=dict(trained)))
        if isinstance(step, Training):
            trained[step.name] = found
        return found

    if not session.resumed:
        check_steps(steps, session)
    runs = [(step.name, step, session.dataset) for step in steps]
    return run_several(whole, runs, session, one, lambda i: steps[i].name, finish)


def _run(config: Step, session: Session) -> Any:
    """One run, or one of each split."""
    data = check_splits(config, session)
    each = over_splits(config)
    if len(each) == 1:
        return _run_one(config, session._replace(dataset=data))
    splits = [f"split {i + 1} of {len(each)}" for i in range(len(each))]

    def finish(found: list[Any]) -> Any:
        return _merged(config, found, session)

    first = [data, *[session.dataset] * (len(each) - 1)]
    runs = [(f"split_{i}", one, first[i]) for i, one in enumerate(each)]
    return run_several(config, runs, session, _run_one, lambda i: splits[i], finish)


def _merged(config: Step, found: list[Any], session: Session) -> Any:
    folder = session.folder
    if isinstance(config, Training):
        from jal.experiment.trained import load_trained, merged_trainings

        if folder is not None and session.resumed and is_trained(folder, config):
            return load_trained(folder, agent=found[0].agent)
        trained = dataclasses.replace(
            merged_trainings(config, found, session.resumed), folder=folder
        )
        if folder is not None:
            trained.save(folder)
        return trained
    if folder is not None and session.resumed and is_finished(folder):
        return finished_results(folder, config, session)
    results = merged(config, found, session.resumed)
    if folder is not None:
        results.save(folder)
    return results


def _run_one(config: Step, session: Session) -> Any:
    if isinstance(config, Training):
        from jal.experiment.training import run_training  # with rlax and all that it needs

        return run_training(config, session)
    return run_experiment(config, session)
