"""Times jal beside libraries that do the same: python launch/bench.py.

--only strategies times a query of every registered strategy, which takes hours, and --only rl the
training of an agent, some 40 minutes a turn. Needs `pip install -e ".[bench]"`. Every measurement
runs in a process of its own, one after another and turn by turn, so that memory and compilation are
its own and a slow minute hits every tool.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import tyro
from bench_peers import PEERS
from bench_rl import plan as rl_plan
from bench_strategies import LIMIT_S, LONG_S, count_common_picks
from bench_strategies import plan as strategy_plan
from bench_tables import SELECTORS, Scale, pages, targets
from bench_turns import Step, machine, measure, middle, turns_of
from bench_workers import Result
from rich.console import Console
from rich.markdown import Markdown

from jal.experiment.folder import replace_file
from jal.strategies import registry
from jal.types import InputError

QUICK = Scale(1, (64,), 4, 2_000, (1, 16), (500,), (2,))
NETWORKS = ("cnn", "resnet18")
PACKAGES = (
    *("jal", "jax", "numpy", "scikit-learn", "modAL-python", "scikit-activeml"),
    *("baal", "small-text", "torch", "flashbax", "rlax"),
)
PARTS = ("strategies", "rl")  # beside the results of all else in --out


@dataclasses.dataclass(frozen=True)
class Options:
    """What to time, and where the numbers go."""

    quick: bool = False
    """Fewer seeds, points and turns: a smoke test, not a measurement."""
    only: Literal["seeds", "select", "train", "strategies", "rl"] | None = None
    """Only the seeds of an experiment, only the selectors, or only training networks; without it
    all three. Strategies and the training of agents (rl) are timed only where it says so, beside
    what is in --out already."""
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
    seeds = {f"jal, {n} seeds": Step("jal_seeds", {"seeds": n}) for n in scale.counts} | {
        "jal, seeds_at_once=8": Step("jal_seeds", {"seeds": 64, "at_once": 8}),
        "scikit-learn": Step("sklearn_loop", loop),
        "scikit-learn, two processes": Step("sklearn_loop", loop, copies=2),
        "modAL": Step("modal_loop", loop),
    }
    selectors = {
        f"{name}, {tool}": Step(f"{worker}_select", {"name": name, "points": scale.points})
        for name in SELECTORS
        for tool, worker in (("jal", "jal"), ("scikit-activeml", "skactiveml"))
    }
    training = {}
    for name in NETWORKS:
        training |= {
            f"{name}, jal{kind}, {how}, {n} seeds": Step(
                "jal_train",
                {
                    "network": name,
                    "seeds": n,
                    "at_once": 1 if how == "map" else None,
                    "precision": kind.strip() or "float32",
                },
            )
            for kind in (("", " bfloat16") if options.bfloat16 else ("",))
            for n in scale.trained
            for how in (("map", "vmap") if n > 1 else ("map",))
        }
        training |= {
            f"{name}, PyTorch, {copies} x {threads} threads": Step(
                "torch_train", {"network": name, "threads": threads}, copies
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


def experiments(options: Options, versions: Result, console: Console) -> Iterator[Result]:
    """The report, once; the other parts stay as they are in --out."""
    scale = _scale(options)
    before = {name: part for name, part in _read(options.out).items() if name in PARTS}
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
            measure(f"the pool of {points} points", Step("strategy_pool", made))
        steps: dict[str, Step] = {
            label: Step(
                "peer_strategy" if step["tool"] in PEERS else "jal_strategy", step, limit=LIMIT_S
            )
            for label, step in strategy_plan(scale.pools, names, folder).items()
        }
        for turns in turns_of(steps, scale.turns, console, LONG_S):
            results = {label: middle(rows) for label, rows in turns.items()}
            for label, row in results.items():
                row |= {key: steps[label].options[key] for key in ("name", "points", "tool")}
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


def rl(options: Options, versions: Result, console: Console) -> Iterator[Result]:
    """The report after each step; all else stays as it is in --out."""
    scale = _scale(options)
    before = _read(options.out)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "data.npz")
        measure("the data of the agents", Step("rl_data", {"path": path}))
        steps = rl_plan(scale.trainings, path, options.quick)
        for turns in turns_of(steps, scale.turns, console):
            results = {label: middle(rows) for label, rows in turns.items()}
            yield before | {"rl": _report(options, versions, scale, results, turns)}


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
    key = options.only if options.only in PARTS else "results"
    timed = {"strategies": strategies, "rl": rl, "results": experiments}[key]
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
