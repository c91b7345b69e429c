"""Times jal beside libraries that do the same: python launch/bench.py.

--only strategies times a query of every registered strategy, which takes hours. Needs
`pip install -e ".[bench]"`. Every measurement runs in a process of its own, one after another and
turn by turn, so that memory and compilation are its own and a slow minute hits every tool.
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
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import tyro
from bench_peers import PEERS
from bench_strategies import LIMIT_S, LONG_S, count_common_picks
from bench_strategies import plan as strategy_plan
from bench_tables import SELECTORS, Scale, pages, targets
from bench_workers import Result
from rich.console import Console
from rich.markdown import Markdown

from jal.experiment.folder import replace_file
from jal.strategies import registry
from jal.types import InputError

QUICK = Scale(1, (64,), 4, 2_000, (1, 16), (500,))
NETWORKS = ("cnn", "resnet18")
PACKAGES = (
    *("jal", "jax", "numpy", "scikit-learn", "modAL-python", "scikit-activeml"),
    *("baal", "small-text", "torch"),
)
SCRIPTS = {  # of workers that are not in bench_workers.py
    "jal_train": "bench_training.py",
    "torch_train": "bench_training.py",
    "strategy_pool": "bench_strategies.py",
    "jal_strategy": "bench_strategies.py",
    "peer_strategy": "bench_peers.py",
}
Step = tuple[str, Result, int]  # a worker, its options, how many of it at the same time
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclasses.dataclass(frozen=True)
class Options:
    """What to time, and where the numbers go."""

    quick: bool = False
    """Fewer seeds, points and turns: a smoke test, not a measurement."""
    only: Literal["seeds", "select", "train", "strategies"] | None = None
    """Only the seeds of an experiment, only the selectors, or only training networks; without it
    all three. Strategies are timed only where it says so, beside what is in --out already."""
    strategies: tuple[str, ...] = ()
    """With --only strategies: these alone, those of others staying as they are in --out."""
    turns: int | None = None
    """How often everything is timed, in turn; 3 if not given, 1 with --quick."""
    bfloat16: bool = False
    """Train networks in bfloat16 too: for accelerators."""
    out: Path = Path("runs/bench.json")
    """JSON file for the numbers; the tables go beside it as Markdown."""


def plan(scale: Scale, options: Options) -> dict[str, Step]:
    """What one turn runs, by label."""
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


def turns_of(
    steps: dict[str, Step], count: int, console: Console, limit: float | None = None
) -> Iterator[dict[str, list[Result]]]:
    """Label -> results so far, after each step; with a limit, long steps are measured once."""
    found: dict[str, list[Result]] = {label: [] for label in steps}
    for turn in range(count):
        for label, step in steps.items():
            rows = found[label]
            if limit is not None and rows and rows[0].get("steady_s", limit) > LONG_S:
                continue
            with console.status(f"turn {turn + 1} of {count}: {label}"):
                rows.append(measure(label, *step, limit))
            yield {label: rows for label, rows in found.items() if rows}


def measure(
    label: str, worker: str, options: Result, copies: int, limit: float | None = None
) -> Result:
    """One result; of several copies, rates and memory add up.

    With a limit in seconds, a worker that takes longer or fails has a result that says so.
    """
    path = str(Path(__file__).with_name(SCRIPTS.get(worker, "bench_workers.py")))
    command = [sys.executable, path, worker, json.dumps(options)]
    environment = os.environ | (ONE_THREAD if worker.endswith("_loop") else {})
    pipes: Any = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = [subprocess.Popen(command, env=environment, **pipes) for _ in range(copies)]
    results = []
    for process in running:
        try:
            out, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return {"over_s": limit}
        if process.returncode:
            last = errors.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
            if limit is not None:
                return {"failed": last[0]}
            raise InputError(f"{label} failed: {last[0]}.")
        results.append(json.loads(out.splitlines()[-1]))
    added = {"seeds", "seeds_per_s", "steps_per_s", "peak_mib"} & results[0].keys()
    return results[0] | {name: sum(result[name] for result in results) for name in added}


def middle(turns: list[Result]) -> Result:
    """Medians over the turns, but the largest of memory; of turns that ended like the first."""
    turns = [turn for turn in turns if turn.keys() == turns[0].keys()]
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


def experiments(options: Options, versions: Result, console: Console) -> Iterator[Result]:
    """The report, once; strategies stay as they are in --out."""
    scale = _scale(options)
    before = {name: part for name, part in _read(options.out).items() if name == "strategies"}
    *_, turns = turns_of(plan(scale, options), scale.turns, console)
    results = {label: middle(rows) for label, rows in turns.items()}
    yield _report(options, versions, scale, results, turns) | before


def strategies(options: Options, versions: Result, console: Console) -> Iterator[Result]:
    """The report after each step; all that is no strategy asked for stays as it is in --out."""
    scale = _scale(options)
    unknown = [name for name in options.strategies if name not in registry]
    if unknown:
        raise InputError(f"there is no strategy {unknown[0]}; known are {', '.join(registry)}.")
    before = _read(options.out)
    names = options.strategies or tuple(registry)
    with tempfile.TemporaryDirectory() as folder:
        for points in scale.pools:
            made = {"points": points, "folder": folder}
            measure(f"the pool of {points} points", "strategy_pool", made, 1)
        steps: dict[str, Step] = {
            label: ("peer_strategy" if step["tool"] in PEERS else "jal_strategy", step, 1)
            for label, step in strategy_plan(scale.pools, names, folder).items()
        }
        for turns in turns_of(steps, scale.turns, console, LIMIT_S):
            results = {label: middle(rows) for label, rows in turns.items()}
            for label, row in results.items():
                row |= {key: steps[label][1][key] for key in ("name", "points", "tool")}
            count_common_picks(results)
            kept = {
                label: [{key: row[key] for key in row if key != "picks"} for row in rows]
                for label, rows in turns.items()
            }
            report = _report(options, versions, scale, results, kept)
            others = before.get("strategies", {})
            if options.strategies and others.get("quick") == options.quick:
                for part in ("results", "turns"):
                    report[part] = others[part] | report[part]
            yield before | {"strategies": report}


def _scale(options: Options) -> Scale:
    scale = QUICK if options.quick else Scale()
    return scale if options.turns is None else scale._replace(turns=options.turns)


def _report(options: Options, versions: Result, scale: Scale, results: Result, turns: Result):
    return {
        "machine": machine(results),
        "versions": versions,
        "quick": options.quick,
        "scale": scale._asdict(),
        "targets": targets(results),
        "results": results,
        "turns": turns,
    }


def _read(path: Path) -> Result:
    return json.loads(path.read_text()) if path.is_file() else {}


def main(arguments: list[str]) -> None:
    """Parses, runs every step in every turn, prints, writes."""
    options = tyro.cli(Options, args=arguments, prog="launch/bench.py", description=__doc__)
    if options.out.suffix != ".json":
        raise InputError(f"--out takes a file that ends in .json, got {options.out}.")
    if options.turns is not None and options.turns < 1:
        raise InputError(f"--turns must be at least 1, got {options.turns}.")
    if options.strategies and options.only != "strategies":
        raise InputError("--strategies goes with --only strategies.")
    try:
        versions = {name: importlib.metadata.version(name) for name in PACKAGES}
        importlib.metadata.version("threadpoolctl")
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(f'{error.name} is missing: pip install -e ".[bench]" first.') from None
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {options.out.parent}: {error.strerror}.") from error

    console = Console(width=None if sys.stdout.isatty() else 150)
    beside = options.out.with_suffix(".md")
    key = "strategies" if options.only == "strategies" else "results"
    timed = strategies if key == "strategies" else experiments
    written: dict[str, str] = {}
    for report in timed(options, versions, console):  # so far, so that what ends early loses little
        written = pages(report)
        for path, text in {
            options.out: json.dumps(report, indent=1) + "\n",
            beside: "\n".join(written.values()),
        }.items():
            replace_file(path, lambda path, text=text: path.write_text(text))
    console.print(Markdown(written[key]))
    console.print(f"Wrote {options.out} and {beside}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
