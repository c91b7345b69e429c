"""`jal prepare-data`: prepares a data set for tfds:NAME."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import tyro

from jal.data.prepare import prepare

__all__ = ["prepare_command"]

_ABOUT = """Prepares a data set for tfds:NAME. fashion_mnist is made from the files of Debian's
package dataset-fashion-mnist, without a network and without TensorFlow. Other names are those of
tensorflow-datasets: they are downloaded, and its own need TensorFlow to be made: pip install -e
".[prepare]"."""


def prepare_command(arguments: Sequence[str], prog: str = "jal prepare-data") -> None:
    """Prepares the set, and says how to use it."""
    sys.unraisablehook = _interrupt_again
    try:
        tyro.cli(_prepare, args=list(arguments), prog=prog, description=_ABOUT)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; nothing was prepared") from None


def _prepare(
    name: tyro.conf.Positional[str], source_dir: Path | None = None, data_dir: Path | None = None
) -> None:
    """Prepares the set, and says how to use it.

    Args:
      name: NAME[/CONFIG][:VERSION] of tensorflow-datasets.
      source_dir: of Fashion-MNIST's four .gz files, if not where Debian puts them.
      data_dir: where prepared sets lie; TFDS_DATA_DIR or ~/tensorflow_datasets if not given.
    """
    done = prepare(name, source_dir, data_dir)
    counts = ", ".join(f"{count:,} {split}" for split, count in done.counts.items())
    setting = f" with TFDS_DATA_DIR={data_dir}" if data_dir else ""
    print(f"{counts} in {done.folder}; use it as {done.source}{setting}")


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """For `sys.unraisablehook`: Python ignores a Ctrl-C that lands in a destructor."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(unraisable)
