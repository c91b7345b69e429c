"""A run's checkpoints: each written whole or not at all, verified before it is gone on from."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from jal import files
from jal.experiment.config import Experiment
from jal.experiment.folder import disk_errors, run_sha256
from jal.types import InputError, PyTree

__all__ = ["Checkpoints", "run_checkpoints"]

_ARRAYS, _STATE = "arrays.npz", "state"
_METADATA_BYTES = 2**17  # what a checkpoint takes beside its arrays, and to spare


class Checkpoints:
    """The two newest whole states of a run or a training, in `folder/checkpoints`.

    A step has arrays, to be read by anyone, and a state that Orbax writes, with a manifest of all
    its files. The step before the newest is kept for the case that the newest is damaged.
    """

    def __init__(self, folder: Path, of: str, name: Callable[[int], str]):
        """Touches nothing yet.

        Args:
          folder: of the run or the training.
          of: what its files are known by, so that another's are found out.
          name: what a step is called in sentences.
        """
        self._folder, self._of, self._name = folder, of, name
        self._path = (folder / "checkpoints").resolve()
        self._before: int | None = None

    def latest(self, say: Callable[[str], None]) -> int | None:
        """The newest step that is whole; None before the first.

        Args:
          say: is told of a newer one that is damaged.

        Raises:
          InputError: where there are steps and none is whole.
        """
        lost = []
        for step in sorted(self._steps(), reverse=True):
            if files.damaged(self._path / str(step), of=self._of_step(step)) is None:
                if lost:
                    what = " and of ".join(map(self._name, lost))
                    say(
                        f"the checkpoint of {what} is damaged; going on from that of "
                        f"{self._name(step)}"
                    )
                self._before = step
                return step
            lost.append(step)
        if lost:
            raise InputError(
                f"the checkpoints in {self._folder / 'checkpoints'} are damaged, that of "
                f"{' and that of '.join(map(self._name, lost))}: delete that folder, and --resume "
                "starts anew."
            )
        return None

    def save(self, step: int, arrays: Mapping[str, np.ndarray], state: PyTree = None) -> None:
        """Writes the step, and drops all but the one before; raises InputError where the disk is
        full.
        """
        made, making = self._path / str(step), self._path / f".{step}.tmp"
        with disk_errors(self._folder):
            self._path.mkdir(parents=True, exist_ok=True)
            leaves = [*arrays.values(), *jax.tree.leaves(state)]
            needed = sum(leaf.nbytes for leaf in leaves) + _METADATA_BYTES
            if shutil.disk_usage(self._path).free < needed:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            given: dict[str, Any] = dict(arrays)
            np.savez(making / _ARRAYS, **given)
            if state is not None:
                # Orbax's threads print tracebacks of a write that fails; the error is raised.
                with contextlib.redirect_stderr(io.StringIO()), _checkpointer() as checkpointer:
                    try:
                        checkpointer.save(making / _STATE, args=ocp.args.StandardSave(state))
                    except Exception:
                        time.sleep(0.5)  # the other threads' writes fail as well
                        raise
            files.seal(making, of=self._of_step(step))
            shutil.rmtree(made, ignore_errors=True)  # a damaged one
            making.rename(made)
            files.sync(self._path)
            for entry in self._path.iterdir():
                if entry.name not in (str(step), str(self._before)):
                    shutil.rmtree(entry, ignore_errors=True)  # tried again after the next step
        self._before = step

    def arrays(self, step: int) -> dict[str, np.ndarray]:
        """The step's arrays, once `latest` has found it whole."""
        with np.load(self._path / str(step) / _ARRAYS) as archive:
            return dict(archive)

    def state(self, step: int, like: PyTree) -> PyTree:
        """The step's state, with the shapes, dtypes and shardings of `like`."""
        like = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        try:
            with _checkpointer() as checkpointer:
                path = self._path / str(step) / _STATE
                return checkpointer.restore(path, args=ocp.args.StandardRestore(like))
        except (OSError, MemoryError, jax.errors.JaxRuntimeError) as error:
            raise InputError(
                f"the checkpoint of {self._name(step)} is whole, but cannot be read now: "
                f"{str(error).partition(chr(10))[0]}."
            ) from error
        except Exception as error:  # Orbax raises errors of many types
            raise InputError(
                f"the checkpoint of {self._name(step)} is whole, but not one that this version of "
                f"jal can go on from: delete {self._folder / 'checkpoints'}, and --resume starts "
                "anew."
            ) from error

    @staticmethod
    def drop(folder: Path) -> None:
        """Removes a folder's checkpoints, once they are needed no more."""
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)

    def _steps(self) -> list[int]:
        if not self._path.is_dir():
            return []
        return [int(entry.name) for entry in self._path.iterdir() if entry.name.isdecimal()]

    def _of_step(self, step: int) -> str:
        return f"{self._of}, step {step}"


def run_checkpoints(folder: Path, experiment: Experiment) -> Checkpoints:
    """Of an experiment's run: a step is `block * (rounds + 1) + done`.

    The blocks before `block` are finished, and of `block` the first `done` rounds.
    """
    blocks, last = experiment.blocks(), experiment.protocol.rounds + 1

    def name(step: int) -> str:
        block, done = divmod(step - 1, last)
        learners, query = blocks[min(block, len(blocks) - 1)]
        return f"round {done} of {', '.join(learners)} · {query.name}"

    return Checkpoints(folder, run_sha256(folder), name)


def _checkpointer() -> ocp.Checkpointer:
    return ocp.Checkpointer(ocp.StandardCheckpointHandler())
