"""Times jal beside scikit-learn, modAL and scikit-activeml: python launch/bench.py [--quick].

Needs `pip install -e ".[bench]"`. Every measurement runs in a process of its own, one after another
and turn by turn, so that memory and compilation are its own and a slow minute hits every tool.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, NamedTuple

import tyro
from bench_workers import BATCH, ROUNDS, Result
from rich.console import Console
from rich.markdown import Markdown

from jal.experiment.folder import replace_file
from jal.types import InputError

SELECTORS = ("k_center", "badge")
PACKAGES = ("jal", "jax", "numpy", "scikit-learn", "modAL-python", "scikit-activeml")
WORKERS = str(Path(__file__).with_name("bench_workers.py"))
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
SEEDS_NOTE = """Margin sampling, logistic regression, digits, 20 rounds of 10 labels; all tools
from the same starts. The loops run seed after seed with one BLAS thread a process; for other
numbers of seeds their time is scaled in proportion. They stop at a gradient of 1e-4, scikit-learn's
default; jal goes on to 1e-6, so that it does more work."""
SELECT_NOTE = """N = {points:,}, D = 512, K = 10, b = 100, 500 labelled, float32, all cores. Peak
memory is the whole process's, with its imports. BADGE draws its picks at random."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What to time, and where the numbers go."""

    quick: bool = False
    """Fewer seeds, points and turns: a smoke test, not a measurement."""
    only: Literal["seeds", "select"] | None = None
    """Only the seeds of an experiment, or only the selectors."""
    out: Path = Path("runs/bench.json")
    """JSON file for the numbers; the tables go beside it as Markdown."""


class Scale(NamedTuple):
    """How much to run."""

    turns: int = 3
    counts: tuple[int, ...] = (1, 4, 16, 64, 256)
    loop_seeds: int = 16
    points: int = 50_000


def plan(scale: Scale, only: str | None) -> dict[str, tuple[str, Result, int]]:
    """Label -> worker, its options, how many of it at the same time; what one turn runs."""
    loop = {"seeds": scale.loop_seeds}
    seeds = {f"jal, {n} seeds": ("jal_seeds", {"seeds": n}, 1) for n in scale.counts} | {
        "jal, seeds_at_once=8": ("jal_seeds", {"seeds": 64, "at_once": 8}, 1),
        "scikit-learn": ("sklearn_loop", loop, 1),
        "scikit-learn, two processes": ("sklearn_loop", loop, 2),
        "modAL": ("modal_loop", loop, 1),
    }
    selectors = {
        f"{name}, {tool}": (f"{worker}_select", {"name": name, "points": scale.points}, 1)
        for name in SELECTORS
        for tool, worker in (("jal", "jal"), ("scikit-activeml", "skactiveml"))
    }
    return (seeds if only != "select" else {}) | (selectors if only != "seeds" else {})


def measure(label: str, worker: str, options: Result, copies: int) -> Result:
    """One result; of several copies, rates and memory add up."""
    command = [sys.executable, WORKERS, worker, json.dumps(options)]
    environment = os.environ | (ONE_THREAD if worker.endswith("_loop") else {})
    pipes: Any = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = [subprocess.Popen(command, env=environment, **pipes) for _ in range(copies)]
    results = []
    for process in running:
        out, errors = process.communicate()
        if process.returncode:
            last = errors.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
            raise InputError(f"{label} failed: {last[0]}.")
        results.append(json.loads(out.splitlines()[-1]))
    added = {"seeds", "seeds_per_s", "peak_mib"} & results[0].keys()
    return results[0] | {name: sum(result[name] for result in results) for name in added}


def middle(turns: list[Result]) -> Result:
    """Medians over the turns, but the largest of memory."""
    return {
        name: (max if name.endswith("mib") else statistics.median)(turn[name] for turn in turns)
        if isinstance(value, float)
        else value
        for name, value in turns[0].items()
    }


def machine(results: dict[str, Result]) -> str:
    """The processor's model, its cores, and the accelerator if jal ran on one."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    devices = sorted({result["device"] for result in results.values() if "device" in result})
    return ", ".join([model, f"{os.cpu_count()} cores", *devices])


# What is shown: tables, each a title, rows of text by column, and a note.

Table = tuple[str, list[dict[str, str]], str]


def tables(results: dict[str, Result], scale: Scale) -> list[Table]:
    """All tables of what was run."""
    experiments = [_seeds_row(label, results) for label in results if "seeds" in results[label]]
    selectors = [_select_row(label, results) for label in results if "picks" in results[label]]
    goals = [
        {
            "on two CPU cores": what,
            "wanted": f"{sign} {_number(wanted)}",
            "measured": _number(value),
            "met": "yes" if (value < wanted if sign == "<" else value > wanted) else "no",
        }
        for what, sign, wanted, value in targets(results)
    ]
    shown = [
        ("Experiments", experiments, " ".join(SEEDS_NOTE.split())),
        ("Selectors", selectors, " ".join(SELECT_NOTE.format(points=scale.points).split())),
        ("Targets", goals, ""),
    ]
    return [table for table in shown if table[1]]


def _seeds_row(label: str, results: dict[str, Result]) -> dict[str, str]:
    row, peers = results[label], [results[name] for name in ("scikit-learn", "modAL")]
    steady = row["seeds"] / row["seeds_per_s"]
    plain, modal = (row["seeds"] / peer["seeds_per_s"] for peer in peers)
    return {
        "tool": label.removesuffix(f", {row['seeds']} seeds"),
        "seeds": str(row["seeds"]),
        "compile s": _number(row["compile_s"]),
        "steady s": _number(steady),
        "scikit-learn s": _number(plain),
        "modAL s": _number(modal),
        "labels/s": _number(row["seeds_per_s"] * ROUNDS * BATCH),
        "x scikit-learn": _number(plain / steady),
        "x with compilation": _number(plain / (row["compile_s"] + steady)),
        "peak MiB": _memory(row),
        "accuracy": f"{row['accuracy']:.4f}",
    }


def _select_row(label: str, results: dict[str, Result]) -> dict[str, str]:
    row, peer = results[label], results[f"{label.split(', ')[0]}, scikit-activeml"]
    return {
        "selector": label,
        "compile s": _number(row["compile_s"]),
        "steady s": _number(row["steady_s"]),
        "x scikit-activeml": _number(peer["steady_s"] / row["steady_s"]),
        "x with compilation": _number(peer["steady_s"] / (row["compile_s"] + row["steady_s"])),
        "peak MiB": _memory(row),
        "inputs MiB": _number(row["inputs_mib"]),
        "picks in common": str(len({*row["picks"]} & {*peer["picks"]})),
    }


def targets(results: dict[str, Result]) -> list[tuple[str, str, float, float]]:
    """(what, sign, wanted, measured) of all that was run."""
    found = []
    if "modAL" in results:
        jal, loop = results["jal, 64 seeds"], results["scikit-learn"]["seeds_per_s"]
        steady, two = jal["seeds_per_s"], results["scikit-learn, two processes"]["seeds_per_s"]
        whole = 64 / (jal["compile_s"] + jal["steady_s"])
        found += [
            ("64 seeds, steady: x scikit-learn", ">", 30.0, steady / loop),
            ("64 seeds, steady: x scikit-learn in two processes", ">", 15.0, steady / two),
            ("64 seeds, with compilation: x scikit-learn", ">", 4.0, whole / loop),
        ]
    for name in SELECTORS if "badge, jal" in results else ():
        jal, peer = results[f"{name}, jal"], results[f"{name}, scikit-activeml"]
        gigabytes = jal.get("device_mib", jal["peak_mib"]) * 2**20 / 1e9
        found += [
            (f"{name}: x scikit-activeml", ">", 1.0, peer["steady_s"] / jal["steady_s"]),
            (f"{name}: peak memory in GB", "<", 1.0, gigabytes),
        ]
    return found


def _memory(row: Result) -> str:
    device = f" + {row['device_mib']:.0f} on the device" if "device_mib" in row else ""
    return f"{row['peak_mib']:.0f}{device}"


def _number(value: float) -> str:
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def markdown(title: str, shown: list[Table]) -> str:
    """The tables as a page."""
    parts = [title]
    for name, rows, note in shown:
        rule = ["---"] + ["---:"] * (len(rows[0]) - 1)
        lines = [[*rows[0]], rule, *([*row.values()] for row in rows)]
        parts += [f"**{name}**", "\n".join(f"| {' | '.join(line)} |" for line in lines), note]
    return "\n\n".join(filter(None, parts)) + "\n"


def main(arguments: list[str]) -> None:
    """Parses, runs every step in every turn, prints, writes."""
    options = tyro.cli(Options, args=arguments, prog="launch/bench.py", description=__doc__)
    if options.out.suffix != ".json":
        raise InputError(f"--out takes a file that ends in .json, got {options.out}.")
    try:
        versions = {name: importlib.metadata.version(name) for name in PACKAGES}
        importlib.metadata.version("threadpoolctl")
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(f'{error.name} is missing: pip install -e ".[bench]" first.') from None
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {options.out.parent}: {error.strerror}.") from error

    scale = Scale(1, (64,), 4, 2_000) if options.quick else Scale()
    console = Console(width=None if sys.stdout.isatty() else 150)
    turns: dict[str, list[Result]] = {}
    with console.status("") as status:
        for turn in range(scale.turns):
            for label, step in plan(scale, options.only).items():
                status.update(f"turn {turn + 1} of {scale.turns}: {label}")
                turns.setdefault(label, []).append(measure(label, *step))
    results = {label: middle(rows) for label, rows in turns.items()}

    shown = tables(results, scale)
    title = f"{machine(results)}; {', '.join(f'{name} {v}' for name, v in versions.items())}"
    title += "; --quick: a smoke test, not a measurement" if options.quick else ""
    page = markdown(title, shown)
    console.print(Markdown(page))
    report = {
        "machine": machine(results),
        "versions": versions,
        "scale": scale._asdict(),
        "targets": targets(results),
        "results": results,
        "turns": turns,
    }
    beside = options.out.with_suffix(".md")
    replace_file(options.out, lambda path: path.write_text(json.dumps(report, indent=1) + "\n"))
    replace_file(beside, lambda path: path.write_text(page))
    console.print(f"Wrote {options.out} and {beside}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
