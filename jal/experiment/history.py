"""What can be said of a finished training without its agent: its history, shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from jal import files, report
from jal.experiment.about import about_training
from jal.experiment.folder import (
    CONFIG,
    INFO,
    TRAINING,
    disk_errors,
    read_json,
    replace_file,
    run_sha256,
)
from jal.experiment.training_config import Training
from jal.types import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

__all__ = ["History", "is_trained", "kept_files", "load_history"]

PICTURE, PAGE = "curves.png", "report.html"
_POLICY = f"policy/{files.MANIFEST}"  # and what the policy's own manifest lists


class History(NamedTuple):
    """What a training's page is made of: all of it but the policy.

    Attributes:
      training: the config.
      table: the tidy table, as `Trained.history`.
      info: how it was run.
    """

    training: Training
    table: pd.DataFrame
    info: dict[str, Any]

    def about(self) -> report.About:
        """What the report is told of the training."""
        return about_training(self.training, self.info)

    def plot(self) -> Figure:
        """Curves of the epochs, with their bands; shows inline."""
        learner, about = str(self.table.learner.iloc[0]), self.about()
        name = self.training.name
        return report.training_curves(self.table, learner, name, about.confidence, about.splits)

    def print(self, console: Console) -> None:
        """The sentence and the table, in a terminal."""
        report.print_training(self.table, console, self.about())

    def render(self, folder: Path) -> Path:
        """Writes curves.png and report.html into a training's folder; returns the page's path."""
        replace_file(folder / PICTURE, lambda path: report.save(self.plot(), path))
        page = report.training_page(self.table, self.about(), self.info)
        replace_file(folder / PAGE, lambda path: path.write_text(page, encoding="utf-8"))
        with disk_errors(folder):
            files.seal(folder, [PICTURE, PAGE], run_sha256(folder))
        return folder / PAGE


def kept_files(training: Training) -> list[str]:
    """The files from which a training is read; its page is made of them."""
    whole = training.splits > 1 and training.split is None
    return [CONFIG, INFO, TRAINING, *([] if whole else [_POLICY])]


def is_trained(folder: Path, training: Training) -> bool:
    """Whether a folder holds all that a training leaves; InputError where that is damaged."""
    if not (folder / files.MANIFEST).is_file():
        return False
    flaw = files.damaged(folder, kept_files(training), run_sha256(folder))
    if flaw is None and _POLICY in kept_files(training):
        inside = files.damaged(folder / "policy")
        flaw = f"policy/{inside}" if inside else None
    if flaw:
        raise InputError(
            f"{flaw} in {folder} is damaged: delete {files.MANIFEST} there, and --resume trains "
            "the agent again."
        )
    return True


def load_history(folder: Path, training: Training) -> History:
    """The history of the finished training in a folder, verified by its checksums.

    Args:
      folder: the training's.
      training: its config.

    Raises:
      InputError: where it is not finished, or damaged.
    """
    if not is_trained(folder, training):
        raise InputError(f"{folder} holds a training that is not finished: resume it first.")
    return History(training, pd.read_parquet(folder / TRAINING), read_json(folder / INFO))
