"""Times jal beside scikit-learn, modAL, scikit-activeml and PyTorch: python launch/bench.py.

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
from typing import Any, Literal

import tyro
from bench_tables import SELECTORS, Scale, markdown, tables, targets
from bench_workers import Result
from rich.console import Console
from rich.markdown import Markdown

from jal.experiment.folder import replace_file
from jal.types import InputError

NETWORKS = ("cnn", "resnet18")
PACKAGES = ("jal", "jax", "numpy", "scikit-learn", "modAL-python", "scikit-activeml", "torch")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclasses.dataclass(frozen=True)
class Options:
    """What to time, and where the numbers go."""

    quick: bool = False
    """Fewer seeds, points and turns: a smoke test, not a measurement."""
    only: Literal["seeds", "select", "train"] | None = None
    """Only the seeds of an experiment, only the selectors, or only training networks."""
    bfloat16: bool = False
    """Train networks in bfloat16 too: for accelerators."""
    out: Path = Path("runs/bench.json")
    """JSON file for the numbers; the tables go beside it as Markdown."""


def plan(scale: Scale, options: Options) -> dict[str, tuple[str, Result, int]]:
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
    training = {}
    for name in NETWORKS:
        training |= {
            f"{name}, jal{kind}, {how}, {n} seeds": (
                "jal_train",
                {
                    "network": name,
                    "seeds": n,
                    "at_once": 1 if how == "map" else None,
                    "precision": kind.strip() or "float32",
                },
                1,
            )
            for kind in (("", " bfloat16") if options.bfloat16 else ("",))
            for n in scale.trained
            for how in (("map", "vmap") if n > 1 else ("map",))
        }
        training |= {
            f"{name}, PyTorch, {copies} x {threads} threads": (
                "torch_train",
                {"network": name, "threads": threads},
                copies,
            )
            for copies, threads in ((1, 2), (2, 1))
        }
    parts = {"seeds": seeds, "select": selectors, "train": training}
    return {
        label: step
        for part, steps in parts.items()
        if options.only in (None, part)
        for label, step in steps.items()
    }


def measure(label: str, worker: str, options: Result, copies: int) -> Result:
    """One result; of several copies, rates and memory add up."""
    script = "bench_training.py" if worker.endswith("_train") else "bench_workers.py"
    path = str(Path(__file__).with_name(script))
    command = [sys.executable, path, worker, json.dumps(options)]
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
    added = {"seeds", "seeds_per_s", "steps_per_s", "peak_mib"} & results[0].keys()
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

    scale = Scale(1, (64,), 4, 2_000, (1, 16)) if options.quick else Scale()
    console = Console(width=None if sys.stdout.isatty() else 150)
    turns: dict[str, list[Result]] = {}
    with console.status("") as status:
        for turn in range(scale.turns):
            for label, step in plan(scale, options).items():
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
