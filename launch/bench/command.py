"""The command line of launch/bench.py."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import gpu, saving
from bench.measure import Step, ended, in_order, measure
from bench.timing import Result
from jal.types import InputError

PARTS = (
    "seeds",
    "select",
    "train",
    "strategies",
    "rl",
    "bral_t",
)  # as in bench.cpu, which imports more


def parser() -> argparse.ArgumentParser:
    """All options."""
    made = argparse.ArgumentParser(
        prog="launch/bench.py",
        description="Times jal beside libraries that do the same, and saves JSON and its tables. "
        "Every measurement runs in a process of its own, one after another and turn by turn, so "
        "that memory and compilation are its own and a slow minute hits every tool. Needs "
        '`pip install -e ".[bench]"`; --gpu needs JAX alone.',
    )
    made.add_argument(
        "--gpu",
        action="store_true",
        help="what is worth knowing of a GPU, the most valuable first, saved after each "
        "measurement; what is in --out already is not measured again",
    )
    made.add_argument(
        "--minutes", type=float, default=25.0, help="that --gpu takes at most (default: 25)"
    )
    made.add_argument(
        "--quick",
        action="store_true",
        help="tiny sizes and one turn: tries the command, also --gpu without one; measures nothing",
    )
    made.add_argument(
        "--only",
        nargs="+",
        metavar="PART",
        help=f"of {', '.join(PARTS)}; without it seeds, select and train: strategies take an "
        f"hour a turn, rl and bral_t half of one. With --gpu of {', '.join(gpu.TABLES)}; all "
        "without it. Other parts stay as they are in --out",
    )
    made.add_argument(
        "--strategies",
        nargs="+",
        default=[],
        metavar="NAME",
        help="with --only strategies: these alone, those of others staying as they are in --out",
    )
    made.add_argument(
        "--turns",
        type=int,
        help="how often everything is timed, in turn (default: 3; 1 with --quick); not with --gpu",
    )
    made.add_argument(
        "--bfloat16", action="store_true", help="train networks in bfloat16 too; --gpu always does"
    )
    made.add_argument(
        "--out",
        type=Path,
        help="JSON file for the numbers, the tables beside it as Markdown (default: "
        "runs/bench_cpu.json or runs/bench_gpu.json)",
    )
    return made


def main(arguments: Sequence[str]) -> None:
    """Parses, measures, saves and prints."""
    options = parser().parse_args(arguments)
    out = options.out or Path("runs") / f"bench_{'gpu' if options.gpu else 'cpu'}.json"
    if out.suffix != ".json":
        raise InputError(f"--out takes a file that ends in .json, got {out}.")
    if options.turns is not None and options.turns < 1:
        raise InputError(f"--turns must be at least 1, got {options.turns}.")
    if not options.minutes > 0:
        raise InputError(f"--minutes must be above 0, got {options.minutes:g}.")
    if options.strategies and options.only != ["strategies"]:
        raise InputError("--strategies goes with --only strategies.")
    known = tuple(gpu.TABLES) if options.gpu else PARTS
    unknown = [name for name in options.only or () if name not in known]
    if unknown:
        raise InputError(f"--only takes of {', '.join(known)}, got {unknown[0]}.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {out.parent}: {error.strerror}.") from error
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the processes that measure
    before = saving.read(out)
    if options.gpu:
        on_gpu(out, before, options.quick, options.minutes * 60, options.only)
    else:
        on_cpu(out, before, options)


def on_gpu(
    out: Path, report: Result, quick: bool, seconds: float, only: Sequence[str] | None
) -> None:
    """Measures until time is up; what is in the report already stays."""
    end = time.monotonic() + seconds
    names = gpu.missing()
    if names:
        show(gpu.bring(names))
    device = measure(Step("bench.peak:devices", {}, limit=120))
    if not ended(device):
        raise InputError(f"JAX does not start here: {device.get('failed', 'in two minutes')}")
    if device["platform"] == "cpu" and not quick:
        raise InputError("--gpu found no accelerator: --quick tries the command without one.")
    about = {
        "machine": saving.machine([device["device"]] if device["platform"] != "cpu" else ()),
        "versions": saving.versions(gpu.PACKAGES),
        "quick": quick,
    }
    for name, part in report.items():
        other = [key for key in about if part.get(key) != about[key]]
        if other:
            raise InputError(
                f"{out} was measured with another {other[0]}, {part.get(other[0])} in {name}, not "
                f"{about[other[0]]}: give --out another name."
            )
    steps = {
        label: timed for label, timed in gpu.plan(quick).items() if not only or timed.part in only
    }
    known = gpu.progress_of(report, steps)
    plain = {label: timed.step for label, timed in steps.items()}
    for label, progress in in_order(plain, known, end - time.monotonic(), show):
        part = report.setdefault(steps[label].part, about | {"results": {}})
        gpu.record(part, label, progress)
        saving.save(out, report, gpu.TABLES)
    finished(out, saving.page(report, gpu.TABLES))


def on_cpu(out: Path, report: Result, options: argparse.Namespace) -> None:
    """Every part in every turn; parts that are not asked for stay as they are."""
    from bench import cpu

    asked = options.only or cpu.DEFAULT
    needed = cpu.packages(asked)
    versions = saving.versions(needed)
    absent = [name for name in needed if name not in versions]
    if absent:
        raise InputError(f'{absent[0]} is missing: pip install -e ".[bench]" first.')
    scale = cpu.QUICK if options.quick else cpu.Scale()
    scale = scale if options.turns is None else scale._replace(turns=options.turns)
    with tempfile.TemporaryDirectory() as folder:
        parts = {
            name: cpu.part_of(
                name, scale, folder, options.quick, options.bfloat16, options.strategies
            )
            for name in asked
        }
        for name, part in parts.items():
            others = report.get(name, {}) if options.strategies else {}
            for found in cpu.run(part, scale, show):  # so far: what ends early loses little
                if others.get("quick") == options.quick:
                    found = {key: others[key] | rows for key, rows in found.items()}
                report[name] = {
                    "machine": saving.machine(
                        row["device"] for row in found["results"].values() if "device" in row
                    ),
                    "versions": versions,
                    "quick": options.quick,
                    "scale": scale._asdict(),
                    **found,
                }
                saving.save(out, report, cpu.TABLES)
    finished(out, saving.page({name: report[name] for name in asked}, cpu.TABLES))


def show(line: str) -> None:
    """What is going on, apart from the tables."""
    print(line, file=sys.stderr, flush=True)


def finished(out: Path, page: str) -> None:
    """The tables, and where they are."""
    print(page)
    print(f"Wrote {out} and {out.with_suffix('.md')}")
