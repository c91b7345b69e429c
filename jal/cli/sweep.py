"""`jal sweep`: runs a config over values of its fields."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from jal.cli.configs import find_config
from jal.cli.options import parse_options
from jal.cli.run import use_all_cores
from jal.cli.words import start_of, value_of_word
from jal.experiment import Experiment, Results, resume, run
from jal.experiment.config_file import load_config
from jal.experiment.sweep import Sweep, expand, save_sweep, swept
from jal.types import InputError

__all__ = ["sweep_command"]

_ABOUT = """Runs a config over all combinations of values: --over FIELD VALUE ..., several times, as
in --over learners.mlp.learning_rate 0.01 0.1 --over protocol.batch 5 20. All other options are
those of `jal run`. The folder's sweep.parquet is one table with a column for each field."""


@dataclasses.dataclass(frozen=True)
class _Extra:
    out: Path | None = None
    """A new folder for the results; runs/NAME-TIME if not given."""
    resume: Path | None = None
    """The folder of an interrupted sweep, to go on with: give the same config, --over and options
    again."""
    allow_code: bool = False
    """Whether code may be run that folders of trained agents name, and that is not jal's."""


def sweep_command(arguments: Sequence[str], prog: str = "jal sweep") -> None:
    """Parses, runs, prints one table."""
    use_all_cores()
    arguments = list(arguments)
    named = arguments.pop(0) if arguments and not arguments[0].startswith("-") else None
    over, arguments = _over(arguments)
    config: Any = Experiment() if named is None else load_config(find_config(named))
    if not isinstance(config, Experiment):
        raise InputError("jal sweep takes a config of one Experiment.")
    config, extra = parse_options(config, _Extra, arguments, f"{prog} {named or 'CONFIG'}", _ABOUT)
    if named is None:
        raise InputError("give a config first, such as quickstart.")
    if not over:
        raise InputError("give --over FIELD VALUE ..., such as --over protocol.batch 5 20.")
    if extra.out is not None and extra.resume is not None:
        raise InputError(f"give --out {extra.out} or --resume {extra.resume}, not both.")
    sweep = expand(config, over)
    if extra.resume is not None:
        folder, found = (
            extra.resume,
            resume(extra.resume, sweep.experiments, allow_code=extra.allow_code),
        )
    else:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        folder = extra.out or Path("runs") / f"{config.name}-sweep-{stamp}"
        found = run(sweep.experiments, out=folder, allow_code=extra.allow_code)
    path = save_sweep(folder, swept(sweep, found))
    console = Console()
    _print(sweep, found, [*over], console)
    console.print(f"One table of all: {path}", highlight=False, markup=False, soft_wrap=True)


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


def _print(sweep: Sweep, found: list[Results], fields: list[str], console: Console) -> None:
    """AUBC and the final accuracy of every combination."""
    last = [field.rpartition(".")[2] for field in fields]
    heads = last if len(set(last)) == len(last) else fields
    table = Table(*heads, "learner", "strategy", box=None)
    for head in ("AUBC", "final accuracy"):
        table.add_column(head, no_wrap=True)
    for results in found:
        rows: dict[Any, Any] = results.table().to_dict("index")
        for (learner, query), row in rows.items():
            values = sweep.columns[results.experiment.name, learner, query]
            table.add_row(
                *[str(values[field]) for field in fields],
                sweep.named.get(learner, learner),
                sweep.named.get(query, query),
                _shown(row["aubc"], row["aubc_ci"]),
                _shown(row["final"], row["final_ci"]),
            )
    console.print(table)


def _shown(mean: float, half: float) -> str:
    return f"{mean:.4f}" + ("" if half != half else f" ± {half:.4f}")  # NaN of one seed
