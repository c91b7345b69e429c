"""`jal run` and `jal train`: runs a config, with options that override its fields."""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from jal.cli.configs import find_config
from jal.cli.options import parse_options
from jal.experiment import Experiment, Results, Sweep, Swept, Training, resume, run
from jal.experiment.config_file import load_config
from jal.experiment.folder import import_code, read_config
from jal.experiment.swept import TABLE
from jal.types import InputError

__all__ = ["run_command", "run_config", "show", "train_command", "use_all_cores"]

_ABOUT = """Runs a config: a Python file with get_config(), which returns an Experiment, a Training,
a list of them or a Sweep, or the name of one that `jal configs` lists. Every field can be
overridden; of a list, behind the step's name. A query is NAME or NAME:OPTION=VALUE,..., such as
bald:passes=50, and so is a learner: mlp:hidden=[64]. --help-all explains all options."""


_TRAIN = """Trains the agents of a config: a Python file with get_config(), which returns a Training
or a list, of whose steps only these are run. Every field can be overridden; of several, behind the
step's name. A learner is NAME or NAME:OPTION=VALUE,..., such as mlp:hidden=[64]. --help-all
explains all options."""


@dataclasses.dataclass(frozen=True)
class _Extra:
    out: Path | None = None
    """A new folder for the results; runs/NAME-TIME if not given."""
    resume: Path | None = None
    """The folder of an interrupted run, to go on with: its config is the default of all options,
    and those may be given that change where it runs, how often it is saved and what is shown."""
    allow_code: bool = False
    """Whether code may be run that a folder names, and that is not jal's."""


def run_command(arguments: Sequence[str], prog: str = "jal run") -> None:
    """Parses, runs, prints."""
    run_config(arguments, prog, _ABOUT, Experiment, lambda config: config)


def train_command(arguments: Sequence[str], prog: str = "jal train") -> None:
    """As `run_command`, of a config's trainings alone."""
    run_config(arguments, prog, _TRAIN, _training, _trainings)


def run_config(
    given: Sequence[str],
    prog: str,
    about: str,
    default: Callable[[], Any],
    narrow: Callable[[Any], Any],
) -> None:
    """Runs what the arguments name, or goes on with it.

    Args:
      given: arguments of the command line.
      prog: the command, in help and errors.
      about: what it does, in help.
      default: makes the config whose options help explains without one.
      narrow: makes of the config what the command runs.
    """
    use_all_cores()
    arguments = list(given)
    named = arguments.pop(0) if arguments and not arguments[0].startswith("-") else None
    before, allow_code = _resumed(arguments)
    if named is not None:
        config: Any = load_config(find_config(named))
    elif before is not None:
        import_code(before, allow_code)
        config = read_config(before)
    else:
        config = default()
    config = narrow(config)
    sweep = config if isinstance(config, Sweep) else None
    inner: Any = config if sweep is None else sweep.experiment
    inner, extra = parse_options(inner, _Extra, arguments, f"{prog} {named or 'CONFIG'}", about)
    config = inner if sweep is None else dataclasses.replace(sweep, experiment=inner)
    if extra.out is not None and extra.resume is not None:
        raise InputError(f"give --out {extra.out} or --resume {extra.resume}, not both.")
    if named is None and extra.resume is None:
        raise InputError("give a config first, such as quickstart.")
    if sweep is not None and not sweep.over:
        raise InputError("give --over FIELD VALUE ..., such as --over protocol.batch 5 20.")
    began = time.perf_counter()
    if extra.resume is not None:
        folder = extra.resume
        found = resume(folder, config, allow_code=extra.allow_code, own=named is not None)
    else:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        folder = extra.out or Path("runs") / f"{_name(config, named)}-{stamp}"
        found = run(config, out=folder, allow_code=extra.allow_code)
    console = Console()
    if isinstance(found, Swept):
        found.print(console)
        _say(console, f"One table of all: {folder / TABLE}")
        return
    for one in found if isinstance(found, list) else [found]:
        path = folder / (one.experiment if isinstance(one, Results) else one.training).name
        show(one, path if isinstance(found, list) else folder, console)
    if isinstance(found, list):
        seconds = time.perf_counter() - began
        _say(console, f"{seconds:.0f} s in all, in {folder}")


def _training() -> Training:
    from jal.rl import AbasRal  # with rlax and all that it needs

    return Training(AbasRal())


def _trainings(config: Any) -> Any:
    if isinstance(config, Training):
        return config
    if isinstance(config, Sweep):
        raise InputError("the config is a Sweep, which has no Training: jal run runs it.")
    steps = config if isinstance(config, tuple) else (config,)
    kept = tuple(step for step in steps if isinstance(step, Training))
    if not kept:
        raise InputError("the config has no Training: jal run runs it.")
    return kept


def _name(config: Any, named: str | None) -> str:
    if isinstance(config, tuple):
        return Path(named or "run").stem
    if isinstance(config, Sweep):
        return f"{config.name}-sweep"
    return config.name


def show(found: Any, folder: Path, console: Console) -> None:
    """Prints what came out, and where it lies."""
    resumed = ", since it was resumed" if found.info.get("resumed") else ""
    where = f"Open {folder / 'report.html'}"
    if isinstance(found, Results):
        found.print(console)
    else:
        found.shown().print(console)
        where += f". As a query it is Learned({str(folder)!r})"
    _say(
        console,
        f"{found.info['seconds']:.0f} s, of which compilation "
        f"{found.info['compile_seconds']:.0f} s{resumed}. {where}",
    )


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _resumed(arguments: list[str]) -> tuple[Path | None, bool]:
    """The folder of --resume, whose config is the default of all other options."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--resume", nargs="?", type=Path)
    parser.add_argument("--allow-code", action="store_true")
    flags = []
    for one in arguments:
        name, equals, value = one.partition("=")
        flags.append(name.replace("_", "-") + equals + value if one.startswith("--") else one)
    found = parser.parse_known_args(flags)[0]
    return found.resume, found.allow_code


def use_all_cores() -> None:
    """Has JAX see a CPU's cores as devices, over which seeds are spread, unless told how many."""
    told = jax.config.jax_num_cpu_devices >= 0  # pyright: ignore[reportAttributeAccessIssue]
    if not told and "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        affinity = hasattr(os, "sched_getaffinity")
        cores = len(os.sched_getaffinity(0)) if affinity else os.cpu_count()
        jax.config.update("jax_num_cpu_devices", cores)
