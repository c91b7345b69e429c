"""Random calls, with a seed and a count: python launch/fuzz.py selectors --calls 3000 --seed 0.

What is right must give what is promised, what is wrong an error of one sentence. Prints each call
that did neither, below the name of its function, and a table; the exit status is 1 if there was
any. Call i depends on the seed, on i and on the functions: a longer run begins with a shorter one.

damages, experiments and commands do the same with --count damaged folders of runs, experiments with
odd values and odd command lines: each must end well or in one sentence.
"""

from __future__ import annotations

import collections
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import tyro
from fuzz_commands import fuzz_commands
from fuzz_damages import Tried, fuzz_damages, small_run
from fuzz_experiments import fuzz_experiments
from fuzz_selectors import NAMES, fuzz, table_of
from rich.console import Console


@dataclasses.dataclass(frozen=True)
class Selectors:
    """Calls of all functions of jal.select and jal.scores."""

    calls: int = 3000
    """How many, as many of each function."""
    seed: int = 0
    """Of the random choices."""
    only: tuple[str, ...] = tuple(NAMES)
    """These functions alone."""

    def run(self) -> int:
        """Makes the calls, prints what came of them, and returns the exit status."""
        if self.calls < 1:
            print(f"--calls must be at least 1, got {self.calls}.", file=sys.stderr)
            return 2
        if unknown := [name for name in self.only if name not in NAMES]:
            print(f"there is no {unknown[0]} in jal.select or jal.scores.", file=sys.stderr)
            return 2
        began = time.perf_counter()
        verdicts, bad = [], 0
        for verdict in fuzz(self.calls, self.seed, self.only):
            if not verdicts or verdict.name != verdicts[-1].name:
                print(verdict.name, file=sys.stderr, flush=True)
            verdicts.append(verdict)
            if verdict.what not in ("right", "refused"):
                bad += 1
                print(f"{verdict.kind}: {verdict.what}: {verdict.detail}", flush=True)
        Console().print(table_of(verdicts))
        seconds = time.perf_counter() - began
        print(f"{len(verdicts)} calls with seed {self.seed}, {bad} bad, in {seconds:.0f} s.")
        return 1 if bad else 0


@dataclasses.dataclass(frozen=True)
class Damages:
    """Copies of a run's folder, finished or not, of which a file or two are damaged; then resumed
    and loaded. Good: what comes of it is equal, or it is refused."""

    count: int = 200
    """How many."""
    seed: int = 0
    """Of the random choices."""

    def run(self) -> int:
        """Makes them, prints what came of them, and returns the exit status."""
        return _tried(self.count, self.seed, fuzz_damages)


@dataclasses.dataclass(frozen=True)
class Experiments:
    """Experiments and trainings with odd values in a few fields, few of which are computed."""

    count: int = 300
    """How many."""
    seed: int = 0
    """Of the random choices."""

    def run(self) -> int:
        """Makes them, prints what came of them, and returns the exit status."""
        return _tried(self.count, self.seed, fuzz_experiments)


@dataclasses.dataclass(frozen=True)
class Commands:
    """Odd command lines of `jal run`, `train` and `sweep`; nothing is computed."""

    count: int = 300
    """How many."""
    seed: int = 0
    """Of the random choices."""

    def run(self) -> int:
        """Makes them, prints what came of them, and returns the exit status."""
        return _tried(self.count, self.seed, fuzz_commands)


def _tried(count: int, seed: int, fuzz_in: Callable[[int, int, Path], Sequence[Tried]]) -> int:
    if count < 1:
        print(f"--count must be at least 1, got {count}.", file=sys.stderr)
        return 2
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        small_run(Path(place))
        tried = fuzz_in(count, seed, Path(place))
    bad = [one for one in tried if one.what in ("traceback", "wrong")]
    for one in bad:
        print(f"{one.given}: {one.what}: {one.detail}")
    counts = collections.Counter(one.what for one in tried)
    print("; ".join(f"{number} {what}" for what, number in counts.most_common()))
    seconds = time.perf_counter() - began
    print(f"{len(tried)} with seed {seed}, {len(bad)} bad, in {seconds:.0f} s.")
    return 1 if bad else 0


COMMANDS = {
    "selectors": Selectors,
    "damages": Damages,
    "experiments": Experiments,
    "commands": Commands,
}


def main(arguments: list[str] | None = None) -> int:
    """Runs the command that is named; returns the exit status."""
    command = tyro.extras.subcommand_cli_from_dict(
        COMMANDS, description=__doc__, args=arguments, config=(tyro.conf.OmitArgPrefixes,)
    )
    return command.run()


if __name__ == "__main__":
    sys.exit(main())
