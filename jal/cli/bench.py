"""`jal bench`: the benchmarks, which a clone has and an installed package has not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import jal
from jal.types import InputError

__all__ = ["bench_command"]


def bench_command(arguments: Sequence[str], root: Path | None = None) -> None:
    """Runs launch/bench.py of the clone, in a process of its own: it sets JAX up as it needs it.

    Args:
      arguments: its own.
      root: the clone; the one that jal is imported from if None.

    Raises:
      InputError: where jal is imported from no clone.
    """
    script = (root or Path(jal.__file__).parents[1]) / "launch" / "bench.py"
    if not script.is_file():
        raise InputError(
            "the benchmarks are in launch/ of jal's repository, and this jal is installed without "
            "it: run python launch/bench.py in a clone."
        )
    status = subprocess.run([sys.executable, str(script), *arguments], check=False).returncode
    if status:
        sys.exit(status)
