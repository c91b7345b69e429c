"""Prepares a data set for tfds:NAME: python launch/prepare_data.py NAME [--data-dir DIR].

fashion_mnist is made from the files of Debian's package dataset-fashion-mnist, without a network
and without TensorFlow. Other names are those of tensorflow-datasets: they are downloaded, and its
own need TensorFlow to be made: pip install -e ".[prepare]".
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import tyro

from jal.data.prepare import prepare
from jal.types import InputError


def main(
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


def interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """For `sys.unraisablehook`: Python ignores a Ctrl-C that lands in a destructor."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(unraisable)


if __name__ == "__main__":
    sys.unraisablehook = interrupt_again
    try:
        tyro.cli(main, prog="launch/prepare_data.py", description=__doc__)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; nothing was prepared", file=sys.stderr)
        sys.exit(130)
