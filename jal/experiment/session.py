"""One call of `run` or `resume`: what it was given, and what all runs within it share."""

from __future__ import annotations

import contextlib
import platform
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import pandas as pd
from jax.sharding import Mesh
from rich.console import Console

import jal
from jal.data.dataset import Dataset
from jal.experiment.data_config import Data, load_data, prepared
from jal.experiment.folder import Config, create
from jal.experiment.lock import locked

__all__ = ["Hold", "OnRows", "Session", "described"]

OnRows = Callable[[pd.DataFrame], None]

# `(folder, config, what identifies its data)`: makes a run's folder, and holds it.
Hold = Callable[[Path, Config, str], None]


class Session(NamedTuple):
    """What one run is given.

    Attributes:
      folder: of the run; None to keep nothing.
      dataset: instead of the config's; None to load that.
      trained: trainings of this process by name, for experiments after them.
      allow_names: whether modules that the config names may be imported.
      allow_code: whether those may that are named in folders of trained agents.
      progress: show it.
      resumed: whether the folder is an interrupted run's.
      interrupted: set by Ctrl-C.
      on_rows: told each segment's rows of the tidy table.
      before: told what identifies the data before the run's folder is made: of the first of
        several runs, which makes the folder of all.
    """

    folder: Path | None
    dataset: Dataset | None
    trained: Mapping[str, Any]
    allow_names: bool
    allow_code: bool
    progress: bool
    resumed: bool
    interrupted: threading.Event
    on_rows: OnRows | None = None
    before: Callable[[str], None] | None = None

    def data(self, config: Data) -> Dataset:
        """The data set of a config, or the one that was given."""
        if self.dataset is None:
            return load_data(config, self.allow_names)
        # What was loaded for a check comes as it must be.
        return prepared(self.dataset, config) if config.source == "arrays" else self.dataset

    def say(self, message: str) -> None:
        """One line, where progress is shown."""
        console = Console(quiet=not self.progress)
        console.print(message, highlight=False, markup=False, soft_wrap=True)

    @contextlib.contextmanager
    def held(self, folder: Path | None) -> Iterator[Hold]:
        """Holds the folder, if it is there already; gives what makes and holds a new one."""
        with contextlib.ExitStack() as stack:
            if folder is not None:
                stack.enter_context(locked(folder))

            def hold(made: Path, config: Config, identity: str) -> None:
                if self.before is not None:
                    self.before(identity)
                create(made, config, identity)
                stack.enter_context(locked(made))

            yield hold


def described(mesh: Mesh, seconds: float, compile_seconds: float, resumed: bool) -> dict[str, Any]:
    """How something was run."""
    return {
        "jal": jal.__version__,
        "jax": jax.__version__,
        "python": platform.python_version(),
        "device": f"{mesh.devices.size} x {mesh.devices.flat[0].device_kind}",
        "seconds": round(seconds, 2),
        "compile_seconds": round(compile_seconds, 2),
        "resumed": resumed,
    }
