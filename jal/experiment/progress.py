"""Live progress of a run, in a terminal, a notebook or a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType

import numpy as np
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from jal import metrics

__all__ = ["Interrupted", "RunProgress"]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after the segment in flight was saved; the message says how to go on."""


class _BelowStatus(Progress):
    """A progress bar with a line of its own for what is going on."""

    status = "starting"

    def get_renderables(self) -> Iterator[RenderableType]:
        yield Text(self.status, no_wrap=True, overflow="ellipsis")
        yield self.make_tasks_table(self.tasks)


class RunProgress:
    """One bar over all rounds of all blocks, and a line for each finished cell."""

    def __init__(self, rounds: int, blocks: int, seeds: int, show: bool):
        self._rounds, self._seeds = rounds, seeds
        self._console = Console(quiet=not show)
        self._bar = _BelowStatus(
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=blocks * (rounds + 1))

    def __enter__(self) -> RunProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def compiling(self, learners: Sequence[str]) -> None:
        """A program is being compiled."""
        self._bar.status = f"{_brief(learners)}: compiling"
        self._bar.refresh()

    def training(self, agent: str, learner: str, status: str, done: int, epochs: int) -> None:
        """`done` of an agent's epochs of training are made."""
        self._bar.status = f"training {agent} · {learner}, epoch {done}/{epochs}: {status}"
        self._bar.refresh()
        if done == epochs:
            self.note(f"trained {agent} · {learner}, {epochs} epochs: {status}")

    def advance(
        self,
        block: int,
        learners: Sequence[str],
        strategy: str,
        done: int,
        values: Sequence[dict[str, np.ndarray]],
    ) -> None:
        """`done` of the block's rounds + 1 measurements are made: of each learner `[S, R + 1]`."""
        accuracy = [each["accuracy"][:, done - 1] for each in values]
        labels = np.mean([each["labels"][:, done - 1] for each in values])
        self._bar.status = (
            f"round {done - 1}/{self._rounds}, {self._seeds} seeds, {labels:.0f} labels, "
            f"accuracy {np.mean(accuracy):.3f}: {_brief(learners)} · {strategy}"
        )
        self._bar.update(self._task, completed=block * (self._rounds + 1) + done)
        if done == self._rounds + 1:
            for learner, found in zip(learners, accuracy, strict=True):
                mean, half = metrics.mean_interval(found)
                spread = "" if np.isnan(half) else f" ± {half:.4f}"
                self._console.print(
                    f"{learner} · {strategy}: accuracy {mean:.4f}{spread} with {labels:.0f} labels",
                    highlight=False,
                    markup=False,
                    soft_wrap=True,
                )

    def note(self, message: str) -> None:
        """One line above the bar."""
        self._console.print(message, highlight=False, markup=False)


def _brief(learners: Sequence[str]) -> str:
    """One learner, or how many."""
    return learners[0] if len(learners) == 1 else f"{len(learners)} learners like {learners[0]}"
