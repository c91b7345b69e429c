"""`jal sweep`: runs a config over values of its fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from jal.cli.run import run_config
from jal.cli.words import start_of, value_of_word
from jal.experiment import Experiment, Sweep
from jal.types import InputError

__all__ = ["sweep_command"]

_ABOUT = """Runs a config over all combinations of values: --over FIELD VALUE ..., several times, as
in --over learners.mlp.learning_rate 0.01 0.1 --over protocol.batch 5 20. All other options are
those of `jal run`. The folder's sweep.parquet is one table with a column for each field."""


def sweep_command(arguments: Sequence[str], prog: str = "jal sweep") -> None:
    """Parses, runs, prints one table."""
    over, rest = _over(list(arguments))

    def narrow(config: Any) -> Sweep:
        if isinstance(config, Experiment):
            return Sweep(config, over)
        if not isinstance(config, Sweep):
            raise InputError("jal sweep takes a config of one Experiment.")
        return dataclasses.replace(config, over=over or config.over)

    run_config(rest, prog, _ABOUT, Experiment, narrow)


def _over(arguments: list[str]) -> tuple[dict[str, list[Any]], list[str]]:
    """Takes each `--over FIELD VALUE ...` out."""
    over: dict[str, list[Any]] = {}
    rest = []
    while arguments:
        word = arguments.pop(0)
        if word != "--over":
            rest.append(word)
            continue
        words = []
        while arguments and not arguments[0].startswith("--"):
            words.append(arguments.pop(0))
        if len(words) < 2:
            raise InputError("--over takes a field and one or more values.")
        field, *values = _field(words[0]), *words[1:]
        if field in over:
            raise InputError(f"--over {field} is given twice.")
        start = field == "protocol.start"
        over[field] = [start_of(value) if start else value_of_word(value) for value in values]
    return over, rest


def _field(word: str) -> str:
    """As in Python: --over batch is protocol.batch, as --batch is."""
    owner, dot, last = word.rpartition(".")
    last = last.replace("-", "_")
    for name in () if dot else ("protocol", "execution", "shown"):
        if last in {field.name for field in dataclasses.fields(getattr(Experiment(), name))}:
            return f"{name}.{last}"
    return f"{owner}{dot}{last}"
