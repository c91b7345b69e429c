"""The command `jal`: its verbs, and how it ends."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from jal.types import InputError

__all__ = ["command", "guarded", "main"]

# Verb -> module and function, imported when it is used; and what it does.
_VERBS = {
    "run": ("jal.cli.run", "run_command", "runs a config: trains, compares, reports"),
    "train": ("jal.cli.run", "train_command", "runs the trainings of a config alone"),
    "pretrain": ("jal.cli.pretrain", "pretrain_command", "fits a network, and saves its weights"),
    "sweep": ("jal.cli.sweep", "sweep_command", "runs a config over values of its fields"),
    "report": ("jal.cli.report", "report_command", "makes the page of a run anew"),
    "compare": ("jal.cli.report", "compare_command", "shows two or more runs beside each other"),
    "rank": ("jal.cli.report", "rank_command", "ranks strategies over runs on many data sets"),
    "configs": ("jal.cli.configs", "configs_command", "lists the configs that come with jal"),
    "data": ("jal.cli.data", "data_command", "lists the tables that keel:NAME reads"),
    "bench": ("jal.cli.bench", "bench_command", "times jal beside other libraries, in a clone"),
    "convert-weights": (
        "jal.cli.convert",
        "convert_command",
        "turns weights of PyTorch's into safetensors",
    ),
    "prepare-data": ("jal.cli.prepare", "prepare_command", "prepares a data set for tfds:NAME"),
}


def main() -> None:
    """The console command."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: jal VERB ...; jal VERB --help explains it\n")
        for verb, (_, _, does) in _VERBS.items():
            print(f"  {verb:15} {does}")
        return
    if arguments[0] not in _VERBS:
        print(f"error: unknown verb {arguments[0]!r}: give {', '.join(_VERBS)}.", file=sys.stderr)
        sys.exit(2)
    guarded(lambda: command(arguments[0])(arguments[1:]))


def command(verb: str) -> Callable[[Sequence[str]], None]:
    """The function of a verb."""
    module, name, _ = _VERBS[verb]
    return getattr(importlib.import_module(module), name)


def guarded(act: Callable[[], None]) -> None:
    """Acts; what cannot be done is one sentence and exit status 2, Ctrl-C is 130."""
    for library in ("absl", "asyncio"):  # Orbax logs tracebacks of what is one sentence here
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        act()
        sys.stdout.flush()
    except BrokenPipeError:  # of a reader such as head, which has seen enough
        os._exit(0)
    except (InputError, OSError) as error:
        _stop(f"error: {_one_line(str(error))}", 2)
    except KeyboardInterrupt as stopped:  # Interrupted says how to go on
        says = str(stopped) or "stopped at once; what was saved can be gone on with by --resume"
        _stop(says, 130)


def _one_line(text: str, width: int = 1000) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 4]} ..."


def _stop(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(code)  # at once: Orbax's threads may still be failing
