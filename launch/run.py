"""Runs one experiment: python launch/run.py CONFIG [--FIELD VALUE ...] [--out DIR | --resume DIR].

CONFIG is a Python file with get_config() -> Experiment. Every field can be overridden; --help after
CONFIG explains each. --resume DIR goes on with an interrupted run and needs no CONFIG: its fields
are DIR's own, of which those may be overridden that change where it runs, how often it is saved and
what its report shows.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import runpy
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import jax

if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    jax.config.update("jax_num_cpu_devices", cores)  # seeds spread over them

import tyro
from rich.console import Console

from jal import report
from jal.experiment import Experiment, Interrupted, resume, run
from jal.experiment.folder import read_experiment
from jal.types import InputError


@dataclasses.dataclass(frozen=True)
class Options:
    """What to run, and where its results go."""

    experiment: Annotated[Experiment, tyro.conf.arg(name="")]
    out: Path | None = None
    """A new folder for the results; runs/NAME-TIME if not given."""
    resume: Path | None = None
    """The folder of an interrupted run, to go on with."""


def main(arguments: list[str]) -> None:
    """Parses, runs, prints."""
    config = arguments.pop(0) if arguments and not arguments[0].startswith("-") else None
    before = _resumed(arguments)
    if config is not None:
        default = Options(_load_config(Path(config)))
    else:
        default = Options(Experiment() if before is None else read_experiment(before))
    options = tyro.cli(
        Options,
        default=default,
        args=arguments,
        prog=f"launch/run.py {config or 'CONFIG'}",
        description=__doc__,
        config=(tyro.conf.AvoidSubcommands, tyro.conf.SuppressFixed),
    )
    if options.out is not None and options.resume is not None:
        raise InputError(f"give --out {options.out} or --resume {options.resume}, not both.")
    if config is None and options.resume is None:
        raise InputError("give a config first, such as configs/quickstart.py.")
    if options.resume is not None:
        folder = options.resume
        results = resume(folder, options.experiment)
    else:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        folder = options.out or Path("runs") / f"{options.experiment.name}-{stamp}"
        results = run(options.experiment, out=folder)
    console = Console()
    resumed = ", since it was resumed" if results.info["resumed"] else ""
    report.print_tables(results.frame, console, results.info, results.about(), results.training)
    console.print(
        f"{results.info['seconds']:.0f} s, of which compilation "
        f"{results.info['compile_seconds']:.0f} s{resumed}. Open {folder / 'report.html'}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _resumed(arguments: list[str]) -> Path | None:
    """The folder of --resume, whose config is the default of all other options."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--resume", nargs="?", type=Path)
    return parser.parse_known_args(arguments)[0].resume


def _load_config(path: Path) -> Experiment:
    try:
        is_file = path.is_file()
    except (OSError, ValueError) as error:  # ValueError: of a name with a null byte
        why = getattr(error, "strerror", None) or error
        raise InputError(f"config file {one_line(str(path), 80)} cannot be read: {why}.") from error
    if not is_file:
        raise InputError(f"config file {path} does not exist.")
    try:
        get_config = runpy.run_path(str(path)).get("get_config")
        experiment = get_config() if callable(get_config) else None
    except InputError as error:
        raise InputError(one_line(str(error))) from error
    except (Exception, SystemExit) as error:
        says = one_line(f"config file {path} fails: {type(error).__name__}: {error}")
        raise InputError(f"{says.rstrip('.')}.") from error
    if type(experiment) is not Experiment:
        what = "None" if experiment is None else f"a {type(experiment).__name__}"
        raise InputError(
            f"config file {path} must have a get_config() that returns an Experiment, and no "
            f"subclass of it: it gives {what}."
        )
    return Experiment.checked(experiment)  # whose fields can be shown as options


def one_line(text: str, width: int = 300) -> str:
    """The text without its line breaks, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 4]} ..."


def _stop(message: object, code: int) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    os._exit(code)  # at once: Orbax's threads may still be failing


if __name__ == "__main__":
    for library in ("absl", "asyncio"):  # Orbax logs tracebacks of what is one sentence here
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        main(sys.argv[1:])
    except (InputError, OSError) as error:
        _stop(f"error: {one_line(str(error), 1000)}", 2)
    except Interrupted as stopped:
        _stop(stopped, 130)
    except KeyboardInterrupt:
        _stop("stopped at once; what was saved can be gone on with by --resume", 130)
