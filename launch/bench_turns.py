"""Runs the workers of launch/bench.py, each in a process of its own, turn by turn."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench_workers import Result
from rich.console import Console

from jal.types import InputError

SCRIPTS = {  # of workers that are not in bench_workers.py
    "jal_train": "bench_training.py",
    "torch_train": "bench_training.py",
    "strategy_pool": "bench_strategies.py",
    "jal_strategy": "bench_strategies.py",
    "peer_strategy": "bench_peers.py",
    "rl_data": "bench_rl.py",
    "jal_rl": "bench_rl.py",
    "peer_training": "bench_rl_peers.py",
    "rl_fit": "bench_rl_parts.py",
    "rl_update": "bench_rl_parts.py",
    "rl_replay": "bench_rl_parts.py",
}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Step(NamedTuple):
    """A worker and its options.

    Attributes:
      worker: its name.
      options: its arguments.
      copies: how many of it run at the same time.
      limit: in seconds; one that takes longer or fails has a result that says so.
    """

    worker: str
    options: Result
    copies: int = 1
    limit: float | None = None


def turns_of(
    steps: dict[str, Step], count: int, console: Console, long_s: float = math.inf
) -> Iterator[dict[str, list[Result]]]:
    """Label -> results so far, after each step.

    What takes at least `long_s`, or does not end within its limit, is measured once.
    """
    found: dict[str, list[Result]] = {label: [] for label in steps}
    for turn in range(count):
        for label, step in steps.items():
            rows = found[label]
            unknown = 0.0 if step.limit is None else math.inf
            if rows and rows[0].get("steady_s", unknown) >= long_s:
                continue
            with console.status(f"turn {turn + 1} of {count}: {label}"):
                rows.append(measure(label, step))
            yield {label: rows for label, rows in found.items() if rows}


def measure(label: str, step: Step) -> Result:
    """One result; of several copies, rates and memory add up."""
    path = str(Path(__file__).with_name(SCRIPTS.get(step.worker, "bench_workers.py")))
    command = [sys.executable, path, step.worker, json.dumps(step.options)]
    environment = os.environ | (ONE_THREAD if step.worker.endswith("_loop") else {})
    pipes: Any = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = [subprocess.Popen(command, env=environment, **pipes) for _ in range(step.copies)]
    results = []
    try:
        for process in running:
            out, errors = process.communicate(timeout=step.limit)
            if process.returncode:
                last = errors.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
                if step.limit is not None:
                    return {"failed": last[0]}
                raise InputError(f"{label} failed: {last[0]}.")
            results.append(json.loads(out.splitlines()[-1]))
    except subprocess.TimeoutExpired:
        return {"over_s": step.limit}
    finally:
        for process in running:
            with process:  # closes its pipes and waits for it
                process.kill()
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
