"""A run's folder: its config, its checkpoints, and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from jal.experiment.config import Experiment, difference
from jal.types import InputError, PyTree

__all__ = [
    "CONFIG",
    "INFO",
    "PICKS",
    "TABLE",
    "TRAINING",
    "Checkpoints",
    "check_vacant",
    "create",
    "disk_errors",
    "open_existing",
    "read_experiment",
    "read_json",
    "replace_file",
]

CONFIG = "config.json"
INFO = "info.json"
PICKS = "labelled.npz"
TABLE = "results.parquet"
TRAINING = "training.parquet"
_METADATA_BYTES = 2**17  # what a checkpoint takes beside its arrays, and to spare


def create(folder: Path, experiment: Experiment, data_sha256: str) -> None:
    """Makes a run's folder, complete with its config, in one rename.

    Raises:
      InputError: where `folder` is there already and not empty, or cannot be written.
    """
    check_vacant(folder, experiment)
    making = folder.parent / f".{folder.name}.{os.getpid()}.tmp"
    try:
        making.mkdir(parents=True)
        config = {"experiment": experiment.to_json(), "data_sha256": data_sha256}
        (making / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
        making.rename(folder)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        raise InputError(
            f"cannot create {folder} ({error.strerror}): give --out a folder that can be written."
        ) from error


def check_vacant(folder: Path, experiment: Experiment) -> None:
    """Raises InputError where `folder` is there already and not empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if (folder / CONFIG).is_file():
            differs = difference(read_experiment(folder), experiment)
            raise InputError(
                f"{folder} holds another run"
                + (f", in which {differs}" if differs else " of this experiment")
                + ": give another --out, or go on with that run by --resume."
            )
        raise InputError(f"{folder} is not empty: give --out a new or an empty folder.")


def open_existing(folder: Path, experiment: Experiment, data_sha256: str) -> None:
    """Raises InputError unless `folder` is a run of this experiment on these data."""
    differs = difference(read_experiment(folder), experiment)
    if differs:
        raise InputError(
            f"{folder} belongs to another config: {differs}; resume it without options."
        )
    saved = str(read_json(folder / CONFIG).get("data_sha256"))
    if saved != data_sha256:
        raise InputError(
            f"{folder} was run on other data or from other weights: {experiment.data.source} has "
            f"SHA-256 {data_sha256[:12]}..., not {saved[:12]}...."
        )


def read_experiment(folder: Path) -> Experiment:
    """The config of a run; raises InputError where it is missing or broken."""
    try:
        return Experiment.from_json(read_json(folder / CONFIG)["experiment"])
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder / CONFIG} is not an experiment's config.") from error


def read_json(path: Path) -> dict[str, Any]:
    """The file's content; raises InputError where it is missing or broken."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path.parent} is not a run's folder: it has no {path.name}.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error


def replace_file(path: Path, write: Callable[[Path], Any]) -> None:
    """`write(temporary)`, then a rename onto `path`: readers see the old file or the new one."""
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    with disk_errors(path.parent):
        try:
            write(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


class Checkpoints:
    """The newest whole state of a run, in `folder/checkpoints`.

    A step is `cell * (rounds + 1) + done`: the cells before `cell` (pairs of learner and strategy,
    in the config's order) are finished and in `cell` the first `done` rounds.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        options = ocp.CheckpointManagerOptions(
            max_to_keep=1, enable_async_checkpointing=False, create=True
        )
        self._manager = ocp.CheckpointManager((folder / "checkpoints").resolve(), options=options)

    def latest(self) -> int | None:
        """The newest step; None before the first."""
        return self._manager.latest_step()

    def save(self, step: int, tree: PyTree) -> None:
        """Writes the step and drops the one before; raises InputError where the disk is full."""
        with disk_errors(self._folder):
            needed = sum(leaf.nbytes for leaf in jax.tree.leaves(tree)) + _METADATA_BYTES
            if shutil.disk_usage(self._folder).free < needed:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            # Orbax's threads print tracebacks of a write that fails; the error itself is raised.
            with contextlib.redirect_stderr(io.StringIO()):
                try:
                    self._manager.save(step, args=ocp.args.StandardSave(tree))
                except Exception:
                    time.sleep(0.5)  # the other threads' writes fail as well
                    raise

    def restore(self, step: int, like: PyTree) -> PyTree:
        """The step's tree, with the shapes, dtypes and shardings of `like`."""
        like = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        try:
            return self._manager.restore(step, args=ocp.args.StandardRestore(like))
        except Exception as error:
            raise InputError(
                f"the checkpoint in {self._folder / 'checkpoints'} is damaged: delete that folder, "
                "and --resume starts from round 0."
            ) from error

    def close(self) -> None:
        """Releases the manager's threads."""
        self._manager.close()


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turns a failed write into one sentence; what was saved before is untouched."""
    try:
        yield
    except Exception as error:  # Orbax's writers wrap the system's error in types of their own
        cause = _system_error(error)
        if cause is None:
            raise
        raise InputError(
            f"cannot write to {folder}: {cause}; what was saved before is whole, so make room and "
            f"go on with --resume {folder}."
        ) from error


def _system_error(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return os.strerror(error.errno)
        for code in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EACCES):
            if os.strerror(code) in str(error):
                return os.strerror(code)
        error = error.__cause__ or error.__context__
    return None
