"""Random calls, with a seed and a count: python launch/fuzz.py selectors --calls 3000 --seed 0.

What is right must give what is promised, what is wrong an error of one sentence. Prints each call
that did neither, below the name of its function, and a table; the exit status is 1 if there was
any. Call i depends on the seed, on i and on the functions: a longer run begins with a shorter one.
"""

from __future__ import annotations

import dataclasses
import sys
import time

import tyro
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


COMMANDS = {"selectors": Selectors}


def main(arguments: list[str] | None = None) -> int:
    """Runs the command that is named; returns the exit status."""
    command = tyro.extras.subcommand_cli_from_dict(
        COMMANDS, description=__doc__, args=arguments, config=(tyro.conf.OmitArgPrefixes,)
    )
    return command.run()


if __name__ == "__main__":
    sys.exit(main())
