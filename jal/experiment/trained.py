"""What a training leaves: a policy for each seed, and its history; in memory and in a folder."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pandas as pd

from jal import files
from jal.experiment.folder import (
    INFO,
    TRAINING,
    another_kind,
    config_code,
    disk_errors,
    read_config,
    replace_file,
    run_sha256,
)
from jal.experiment.history import History, kept_files, load_history
from jal.experiment.splits import split_folder, with_split
from jal.experiment.training_config import Training, build_agent
from jal.rl.agent import Agent, Policy
from jal.rl.policy import load_policy, save_policy
from jal.types import PyTree

__all__ = ["Trained", "load_trained", "merged_trainings"]


@dataclasses.dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
      training: the config.
      agent: it, with its options.
      policy: what it has learned; leaves have a leading axis `[T]`. Of several splits the first's.
      history: the tidy table experiment, learner, strategy, seed, epoch, metric, value; in epoch -1
        are what warm start found, the targets, and `seconds`: wall time of all seeds, in all
        sessions and without compilation, over their number.
      info: how it was run: versions, device, seconds.
      splits: of a training on several data splits that of each; else none.
      folder: where it is kept; None if nowhere.
    """

    training: Training
    agent: Agent
    policy: Policy
    history: pd.DataFrame
    info: dict[str, Any]
    splits: tuple[Trained, ...] = ()
    folder: Path | None = None

    def classifier(self, like: PyTree) -> PyTree:
        """The variables that the last episodes ended with, in the shapes of `like`."""
        if self.folder is None:
            return self.policy.classifier
        return load_policy(self.folder / "policy", like, agent=self.agent)[1].classifier

    def save(self, folder: Path) -> None:
        """Writes everything into the training's folder, each file whole or not at all."""
        info = json.dumps(self.info, indent=2)
        replace_file(folder / INFO, lambda path: path.write_text(info + "\n"))
        replace_file(folder / TRAINING, lambda path: self.history.to_parquet(path, index=False))
        with disk_errors(folder):
            if not self.splits:
                save_policy(folder / "policy", self.agent, self.policy)
            files.seal(folder, kept_files(self.training), run_sha256(folder))
        self.shown().render(folder)  # last: without it, it is trained all the same

    def shown(self) -> History:
        """What its curves, tables and page are made of."""
        return History(self.training, self.history, self.info)


def load_trained(
    folder: str | Path, allow_code: bool = False, agent: Agent | None = None
) -> Trained:
    """The finished training in a folder, verified by its checksums.

    Args:
      folder: the training's.
      allow_code: whether code may be run that the folder names, where its agent is not jal's.
      agent: the one that was trained, where it is there already.

    Raises:
      InputError: where it holds none, or a damaged one, or one of an agent whose code may not be
        imported.
    """
    folder = Path(folder)
    training = read_config(folder)
    if not isinstance(training, Training):
        raise another_kind(folder, training, Training, "give Learned")
    _, history, info = load_history(folder, training)
    if training.splits > 1 and training.split is None:
        own = [split_folder(folder, split) for split in range(training.splits)]
        parts = tuple(load_trained(one, allow_code, agent) for one in own)
        first = parts[0]
        return Trained(training, first.agent, first.policy, history, info, parts, folder)
    if agent is None:
        with config_code(folder, allow_code):
            agent = build_agent(training.agent, allow_code)
    agent, policy = load_policy(folder / "policy", agent=agent)
    return Trained(training, agent, policy, history, info, (), folder)


def merged_trainings(training: Training, found: list[Trained], resumed: bool) -> Trained:
    """The trainings of all splits as one: histories one after another, seconds added, what differs
    listed."""
    first = found[0]
    histories = [with_split(one.history, split) for split, one in enumerate(found)]
    info = dict(found[-1].info)
    for name in ("seconds", "compile_seconds"):
        info[name] = round(sum(one.info[name] for one in found), 2)
    info["resumed"] = resumed or any(one.info["resumed"] for one in found)
    info["notes"] = list(dict.fromkeys(note for one in found for note in one.info["notes"]))
    info["data_sha256"] = [one.info["data_sha256"] for one in found]
    history = pd.concat(histories, ignore_index=True)
    return Trained(training, first.agent, first.policy, history, info, tuple(found))
