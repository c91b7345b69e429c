"""Results: one tidy table, and everything that is shown of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jal import files, report
from jal.experiment.about import about
from jal.experiment.cells import Cell, unpack
from jal.experiment.checkpoints import run_checkpoints
from jal.experiment.config import Experiment
from jal.experiment.folder import (
    CONFIG,
    INFO,
    LABELLED,
    PICKS,
    TABLE,
    TRAINING,
    disk_errors,
    read_experiment,
    read_json,
    replace_file,
    run_sha256,
)
from jal.experiment.picks import read_picks, write_picks
from jal.types import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

__all__ = ["Results", "is_finished", "load", "load_so_far", "tidy"]

PICTURE, VECTOR, PAGE = "curves.png", "curves.svg", "report.html"
ROWS, SUMMARY, LATEX = "results.csv", "summary.csv", "summary.tex"
SHOWN = (PICTURE, VECTOR, SUMMARY, LATEX, PAGE)
SO_FAR = "unfinished.png", "unfinished.html"


@dataclasses.dataclass(frozen=True)
class Results:
    """What an experiment measured.

    Attributes:
      experiment: the resolved config.
      frame: the tidy table: experiment, learner, strategy, seed, round, labels, metric, value.
      info: how it was run: versions, device, seconds; `cell_seconds`: "learner/strategy" -> wall
        seconds of its rounds, without compilation, summed over all sessions of a resumed run.
      labelled: "learner/strategy" -> `[S, n]` int32 pool indices in order of labelling; -1 follows
        where a seed labelled fewer than n. Where each seed has a pool of its own, indices are of
        all that the source holds.
      picks: the same as a table that traces each to the data's source, see `jal.experiment.picks`.
      training: the agents' histories: experiment, learner, strategy, seed, epoch, metric, value;
        epoch -1 has what warm start found and the targets. None without agents.
    """

    experiment: Experiment
    frame: pd.DataFrame
    info: dict[str, Any]
    labelled: dict[str, np.ndarray]
    picks: pd.DataFrame
    training: pd.DataFrame | None = None

    def units(self) -> int:
        """Of how many independent units, splits or else trainings, intervals and tests are; 1: of
        seeds. Seed i, counted from the run's first, is of unit i modulo their number."""
        protocol = self.experiment.protocol
        if protocol.split is None and protocol.splits > 1:
            return protocol.splits
        return 1 if self.training is None else max(1, self.training.seed.nunique())

    def rows(self) -> pd.DataFrame:
        """The tidy table of what is independent: the means of each split or training."""
        return report.by_training(self.frame, self.units())

    def table(self) -> pd.DataFrame:
        """AUBC and final accuracy of each learner and strategy, with their intervals."""
        return report.summary(self.frame, self.experiment.shown.confidence, self.units())

    def significance(self, learner: str) -> pd.DataFrame:
        """AUBC of row less column, in points; * where a paired t-test finds it (Holm, 5 %)."""
        return report.significance(self.frame, learner, self.units())

    def stops(self) -> pd.DataFrame | None:
        """Where each run reaches its target (`jal.report.to_target`); None without targets."""
        return report.targets(self.frame, self.about(), self.info, self.training)

    def about(self) -> report.About:
        """What the report is told of the experiment."""
        return about(self.experiment, self.info, self.units())

    def notes(self) -> list[str]:
        """A sentence on each learner with fits that did not converge, or learned nothing, or whose
        strategies all end with the whole pool."""
        return report.notes(self.frame, self.info.get("pool"))

    def plot(self, metric: str = "accuracy", share: bool = False) -> Figure:
        """Learning curves: the mean over the seeds, with its band; shows inline.

        Args:
          metric: which.
          share: labels as a share of the pool, in %.

        Raises:
          InputError: for a share of pools that differ between splits.
        """
        level = self.experiment.shown.confidence
        if not share:
            return report.learning_curves(self.rows(), metric, level)
        pools = {int(one) for one in np.atleast_1d(self.info.get("pool", []))}
        if len(pools) != 1:
            sizes = ", ".join(map(str, sorted(pools))) or "unknown"
            raise InputError(f"labels are no one share of pools of {sizes} points: plot labels.")
        return report.learning_curves(self.rows(), metric, level, pools.pop())

    def seconds(self) -> pd.DataFrame | None:
        """Wall seconds for a query of one seed; None of runs that did not measure them."""
        return report.seconds(self.frame, self.info)

    def print(self, console: Console) -> None:
        """The tables and notes, in a terminal."""
        report.print_tables(self.frame, console, self.info, self.about(), self.training)

    def render(self, folder: Path) -> Path:
        """Writes curves, summary and report.html into a run's folder; returns the page's path.

        Of a run that is not finished unfinished.png and unfinished.html, which are no part of it:
        it may be finishing meanwhile.
        """
        unfinished, about = "unfinished" in self.info, self.about()
        picture, shown = SO_FAR if unfinished else (PICTURE, PAGE)
        replace_file(folder / picture, lambda path: report.save(self.plot(), path))
        page = report.page(self.frame, about, self.info, self.training)
        replace_file(folder / shown, lambda path: path.write_text(page, encoding="utf-8"))
        if unfinished:
            return folder / shown
        replace_file(folder / VECTOR, lambda path: report.save(self.plot(), path))
        table, latex = report.wide_summary(self.frame, about), report.latex(self.frame, about)
        replace_file(folder / SUMMARY, lambda path: table.to_csv(path, index=False))
        replace_file(folder / LATEX, lambda path: path.write_text(latex, encoding="utf-8"))
        if (folder / files.MANIFEST).is_file():
            self._seal(folder, [*SHOWN])
        return folder / shown

    def save(self, folder: Path) -> None:
        """Writes everything into a run's folder, each file whole or not at all."""
        arrays: dict[str, Any] = self.labelled
        replace_file(folder / PICKS, lambda path: np.savez_compressed(path, **arrays))
        replace_file(folder / LABELLED, lambda path: write_picks(self.picks, path))
        info = json.dumps(self.info, indent=2)
        replace_file(folder / INFO, lambda path: path.write_text(info + "\n"))
        training = self.training
        if training is not None:
            replace_file(folder / TRAINING, lambda path: training.to_parquet(path, index=False))
        replace_file(folder / TABLE, lambda path: self.frame.to_parquet(path, index=False))
        replace_file(folder / ROWS, lambda path: self.frame.to_csv(path, index=False))
        self.render(folder)
        # Last: where the manifest is, the run is finished and the rest is there.
        self._seal(folder, [*_files(self.experiment), ROWS, *SHOWN])
        for name in SO_FAR:
            (folder / name).unlink(missing_ok=True)

    def _seal(self, folder: Path, names: list[str]) -> None:
        with disk_errors(folder):
            files.seal(folder, names, run_sha256(folder))


def load(folder: str | Path) -> Results:
    """The Results in a run's folder, verified by their checksums.

    Raises:
      InputError: where the folder holds no finished run, or a file of it is damaged.
    """
    folder = Path(folder)
    experiment = read_experiment(folder)
    if not (folder / files.MANIFEST).is_file():
        raise InputError(f"{folder} holds a run that is not finished: resume it first.")
    flaw = files.damaged(folder, _files(experiment), run_sha256(folder))
    if flaw:
        raise InputError(
            f"{flaw} in {folder} is damaged: --resume {folder} writes the results anew."
        )
    with np.load(folder / PICKS) as archive:
        labelled = dict(archive)
    frame = pd.read_parquet(folder / TABLE)
    training = pd.read_parquet(folder / TRAINING) if experiment.learned() else None
    picks = read_picks(folder / LABELLED)
    return Results(experiment, frame, read_json(folder / INFO), labelled, picks, training)


def load_so_far(folder: str | Path) -> Results:
    """As `load`; of a run that is not finished, what its newest checkpoint has.

    That is without imbalance ratios and picks, which take the data, and without the agents'
    histories; `info` has nothing but "unfinished", which says how much there is.

    Raises:
      InputError: as `load`, and where no round is saved.
    """
    folder = Path(folder)
    experiment = read_experiment(folder)
    if (folder / files.MANIFEST).is_file():
        return load(folder)
    if experiment.protocol.splits > 1 and experiment.protocol.split is None:
        raise InputError(
            f"{folder} holds a run over {experiment.protocol.splits} splits that is not finished: "
            f"look at one, such as {folder / 'split_0'}, or go on by --resume {folder}."
        )
    checkpoints, said = run_checkpoints(folder, experiment), []
    step = checkpoints.latest(said.append)
    if step is None:
        raise InputError(
            f"{folder} holds a run that is not finished, and no round of it is saved yet: resume "
            f"it by --resume {folder}."
        )
    rounds, blocks = experiment.protocol.rounds, experiment.blocks()
    finished, done = divmod(step, rounds + 1)
    ran = [[(learner, query.name) for learner in names] for names, query in blocks]
    names = [name for block in ran[: finished + bool(done)] for name in block]
    cells = dict(zip(names, unpack(checkpoints.arrays(step)), strict=True))
    whole = len(cells)
    if done:
        whole -= len(ran[finished])
        for name in ran[finished]:
            metrics = {name: values[:, :done] for name, values in cells[name]["metrics"].items()}
            cells[name] = cells[name] | {"metrics": metrics}
    what = f"{whole} of {len(experiment.cells())} learners and strategies finished"
    if done:
        what += f", round {done - 1} of {rounds} of {' · '.join(ran[finished][0])}"
    labelled = {"/".join(name): cell["labelled"] for name, cell in cells.items()}
    info = {"unfinished": "; ".join([what, *said])}
    return Results(experiment, tidy(experiment, cells), info, labelled, pd.DataFrame())


def is_finished(folder: Path) -> bool:
    """Whether all that a finished run has is in its folder, as it was written."""
    names = [*_files(read_experiment(folder)), ROWS, *SHOWN]
    return files.damaged(folder, names, run_sha256(folder)) is None


def _files(experiment: Experiment) -> list[str]:
    """The files from which Results are read."""
    return [CONFIG, PICKS, LABELLED, INFO, *[TRAINING] * bool(experiment.learned()), TABLE]


def tidy(
    experiment: Experiment,
    cells: dict[tuple[str, str], Cell],
    y: np.ndarray | None = None,
    classes: int = 0,
    first_round: int = 0,
) -> pd.DataFrame:
    """The tidy table of `(learner, strategy) -> Cell`.

    Beside what was measured it has `imbalance_ratio`: the standard deviation over the mean of the
    labelled points' class counts; absent classes count 0.

    Args:
      experiment: the config.
      cells: what was measured, with "labels", and what was labelled.
      y: `[N]` the pool's classes; no imbalance ratio if None.
      classes: their number.
      first_round: of what was measured.
    """
    seeds = np.array(experiment.seed_numbers())
    parts = []
    for (learner, strategy), cell in cells.items():
        measured = {name: np.asarray(values) for name, values in cell["metrics"].items()}
        measured.pop("finite")
        labels = measured.pop("labels").astype(np.int32)
        rounds = first_round + np.arange(labels.shape[1])
        measured = _scalars(measured, rounds == experiment.protocol.rounds)
        # A class without test examples has no recall, and no rows.
        measured = {name: v for name, v in measured.items() if not np.isnan(v).all()}
        if y is not None:
            picks = np.asarray(cell["labelled"])
            measured["imbalance_ratio"] = _imbalance(labels, picks, y, classes)
        for metric, values in measured.items():
            there = slice(len(rounds) - values.shape[1], None)  # of a confusion the last round
            parts.append(
                pd.DataFrame(
                    {
                        "experiment": experiment.name,
                        "learner": learner,
                        "strategy": strategy,
                        "seed": np.repeat(seeds, values.shape[1]).astype(np.int32),
                        "round": np.tile(rounds[there], len(seeds)).astype(np.int32),
                        "labels": labels[:, there].ravel(),
                        "metric": metric,
                        "value": values.ravel().astype(np.float32),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def _scalars(measured: dict[str, np.ndarray], is_last: np.ndarray) -> dict[str, np.ndarray]:
    """Matrices `[S, R, K, K]` entry by entry, confusion_0_1 and so on, in the last round alone:
    K x K rows for each would be most of a table."""
    found = {}
    for name, values in measured.items():
        if values.ndim == 2:
            found[name] = values
            continue
        for i, j in np.ndindex(values.shape[2:]):
            found[f"{name}_{i}_{j}"] = values[:, is_last, i, j]
    return found


def _imbalance(labels: np.ndarray, labelled: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """`[S, R + 1]`; `jal.metrics.imbalance_ratio` of each seed's first `labels [S, R + 1]`."""
    counts = [
        [np.bincount(y[order[:n]], minlength=classes) for n in row]
        for row, order in zip(labels, labelled, strict=True)
    ]
    return np.std(counts, axis=-1) / np.mean(counts, axis=-1)
