"""Several runs in one folder: of one config over data splits, or of a config's steps."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jal.data.dataset import Dataset, fingerprint
from jal.experiment.checks import check
from jal.experiment.config import Experiment
from jal.experiment.folder import CONFIG, Config, Step, check_config, check_vacant, create
from jal.experiment.lock import locked
from jal.experiment.progress import Interrupted
from jal.experiment.session import Session
from jal.experiment.training_config import Training
from jal.types import InputError

__all__ = ["check_splits", "over_splits", "run_several", "split_folder", "with_split"]


def over_splits(config: Step) -> list[Any]:
    """The config on each of its splits; itself alone where there is one, or one is asked for."""
    splits, split = _splits(config)
    if splits == 1 or split is not None:
        return [config]
    if isinstance(config, Training):
        return [dataclasses.replace(config, split=i) for i in range(splits)]
    protocols = [dataclasses.replace(config.protocol, split=i) for i in range(splits)]
    return [dataclasses.replace(config, protocol=protocol) for protocol in protocols]


def _splits(config: Step) -> tuple[int, int | None]:
    held = config if isinstance(config, Training) else config.protocol
    return held.splits, held.split


def split_folder(folder: Path, split: int) -> Path:
    """Where the run of a split is, in the folder of all."""
    return folder / f"split_{split}"


def check_splits(config: Step, session: Session) -> Dataset | None:
    """Raises InputError where seeds cannot be spread over the splits.

    Returns the first split's data where they had to be loaded for that.
    """
    splits, split = _splits(config)
    if splits < 1:
        raise InputError(f"splits must be at least 1, got {splits}.")
    if split is not None and not 0 <= split < splits:
        raise InputError(f"split must be one of the splits 0..{splits - 1}, got {split}.")
    if splits == 1:
        return session.dataset
    held = config if isinstance(config, Training) else config.protocol
    if held.seeds % splits:
        raise InputError(
            f"{held.seeds} seeds cannot be spread evenly over {splits} splits: give a multiple."
        )
    if held.first_seed % splits:
        raise InputError(
            f"seed i is of split i modulo {splits}, and a run begins with split 0: give a "
            f"first_seed that is a multiple, not {held.first_seed}."
        )
    if hasattr(getattr(held, "start", None), "indices"):
        raise InputError(
            f"the start's indices are of one pool, and {splits} splits have one each: draw it."
        )
    if split is not None or session.resumed or config.data.parts is not None:
        return session.dataset  # parts divide the training data anew
    if session.dataset is not None:
        raise _same(splits)
    one, other = over_splits(config)[:2]
    first = session.data(one.split_data())
    if isinstance(one, Experiment) and not one.learned():
        check(one, first, {}, session.allow_names)  # before the second is loaded
    if fingerprint(first) == fingerprint(session.data(other.split_data())):
        raise _same(splits)
    return first


def _same(splits: int) -> InputError:
    return InputError(
        f"all of {splits} splits would be the same, since the data have a test set of their own: "
        "give test_size where the source takes it, or splits 1."
    )


def run_several(
    whole: Config,
    runs: Sequence[tuple[str, Step, Dataset | None]],
    session: Session,
    one: Callable[[Step, Session], Any],
    called: Callable[[int], str],
    finish: Callable[[list[Any]], Any],
) -> Any:
    """Runs all, one after another, each in a folder of its own within the session's.

    Args:
      whole: the config of all.
      runs: for each the folder's name, the config and its data set, None to load that.
      session: of all.
      one: runs one.
      called: what run i is called.
      finish: makes the result of those of all, while the folder is still held.

    Raises:
      Interrupted: after Ctrl-C, where there is a folder to go on from.
    """
    found, folder = [], session.folder
    with contextlib.ExitStack() as held:

        def begin(identity: str) -> None:
            """Makes the folder of all, once the first is found to run."""
            assert folder is not None
            if session.before is not None:
                session.before(identity)
            create(folder, whole, identity)
            held.enter_context(locked(folder))

        if folder is not None:
            if session.resumed:
                held.enter_context(locked(folder))
            else:
                check_vacant(folder, whole)
        for i, (name, config, dataset) in enumerate(runs):
            session.say(called(i))
            own = None if folder is None else folder / name
            there = own is not None and (own / CONFIG).is_file()
            if own is not None and there:
                check_config(own, config)
            first = folder is not None and not session.resumed and i == 0
            inner = session._replace(
                folder=own, dataset=dataset, resumed=there, before=begin if first else None
            )
            try:
                found.append(one(config, inner))
                if session.interrupted.is_set() and i + 1 < len(runs):
                    raise KeyboardInterrupt
            except KeyboardInterrupt:  # in the middle of one, between two, or while one loads
                if folder is None or not (folder / CONFIG).is_file():
                    raise
                raise Interrupted(
                    f"interrupted in {called(i)}; what was finished is saved: go on with "
                    f"--resume {folder}"
                ) from None
        return finish(found)


def with_split(table: pd.DataFrame, split: int) -> pd.DataFrame:
    """The table with a column split beside seed."""
    table = table.copy()
    table.insert(list(table.columns).index("seed") + 1, "split", np.int32(split))
    return table
