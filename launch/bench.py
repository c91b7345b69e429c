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
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

# Each tool is imported by the worker that times it alone, so that none pays for another's memory.

ROUNDS, BATCH = 20, 10  # of the protocol
WIDTH, CLASSES, LABELLED, PICKS = 512, 10, 500, 100  # of the selectors' pool
SELECTORS = ("k_center", "badge")
PACKAGES = ("jal", "jax", "numpy", "scikit-learn", "modAL-python", "scikit-activeml")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
SEEDS_NOTE = """Margin sampling, logistic regression, digits, 20 rounds of 10 labels; all tools
from the same starts. The loops run seed after seed with one BLAS thread a process; for other
numbers of seeds their time is scaled in proportion. They stop at a gradient of 1e-4, scikit-learn's
default; jal goes on to 1e-6, so that it does more work."""
SELECT_NOTE = """N = {points:,}, D = 512, K = 10, b = 100, 500 labelled, float32, all cores. Peak
memory is the whole process's, with its imports. BADGE draws its picks at random."""

Result = dict[str, Any]

# Workers: each runs alone in a fresh process, and prints its result as one line of JSON.


def jal_seeds(seeds: int, at_once: int | None = None) -> Result:
    """One compiled program for all seeds, by the machinery and settings of launch/run.py."""
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_backend_optimization_level" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_backend_optimization_level=1"
    import jax
    import numpy as np

    if "xla_force_host_platform_device_count" not in flags:
        jax.config.update("jax_num_cpu_devices", os.cpu_count())
    jax.config.update("jax_enable_compilation_cache", False)
    from jal.data import load
    from jal.experiment import Experiment, LogisticRegression
    from jal.experiment.program import Program
    from jal.strategies import registry

    data = load("sklearn:digits")
    experiment = Experiment(
        learners={"logistic_regression": LogisticRegression()},
        strategies=("margin",),
        seeds=seeds,
        rounds=ROUNDS,
        batch=BATCH,
        initial_indices=tuple(tuple(_start(data.train.y, seed)) for seed in range(seeds)),
        seeds_at_once=at_once,
    )
    program = Program(experiment, data, registry)
    program.compile(0)

    def run() -> np.ndarray:
        state = program.advance(0, program.start(0), 0, ROUNDS + 1)
        return np.asarray(state.metrics["accuracy"])

    steady = _steady(run)
    return _rates(seeds, program.compile_seconds, steady, run()[:, -1]) | _device()


def sklearn_loop(seeds: int) -> Result:
    """The plain loop: fit, measure, label the smallest margins."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    x, x_test, y, y_test = _digits()

    def episode(seed: int) -> float:
        labelled = np.array(_start(y, seed))
        for t in range(ROUNDS + 1):
            model = LogisticRegression(C=1.0, max_iter=300).fit(x[labelled], y[labelled])
            accuracy = model.score(x_test, y_test)
            if t < ROUNDS:
                free = np.setdiff1d(np.arange(len(y)), labelled)
                top = np.sort(model.predict_proba(x[free]), axis=1)
                picks = np.argsort(top[:, -1] - top[:, -2])[:BATCH]
                labelled = np.concatenate([labelled, free[picks]])
        return float(accuracy)

    return _loop(episode, seeds)


def modal_loop(seeds: int) -> Result:
    """The same by modAL's ActiveLearner, which refits on all labels whenever it is taught."""
    import numpy as np
    from modAL.models import ActiveLearner  # pyright: ignore[reportMissingImports]
    from modAL.uncertainty import margin_sampling  # pyright: ignore[reportMissingImports]
    from sklearn.linear_model import LogisticRegression

    x, x_test, y, y_test = _digits()

    def episode(seed: int) -> float:
        picks = _start(y, seed)
        model = LogisticRegression(C=1.0, max_iter=300)
        learner = ActiveLearner(model, margin_sampling, x[picks], y[picks])
        free_x, free_y = np.delete(x, picks, axis=0), np.delete(y, picks)
        for _ in range(ROUNDS):
            learner.score(x_test, y_test)
            picks, _ = learner.query(free_x, n_instances=BATCH)
            learner.teach(free_x[picks], free_y[picks])
            free_x, free_y = np.delete(free_x, picks, axis=0), np.delete(free_y, picks)
        return float(learner.score(x_test, y_test))

    return _loop(episode, seeds)


def jal_select(name: str, points: int) -> Result:
    """jal's selector, jitted alone, as in anyone's JAX program."""
    import functools

    import jax
    import jax.numpy as jnp

    from jal import select

    jax.config.update("jax_enable_compilation_cache", False)
    x, logits, labelled = (jnp.asarray(array) for array in _pool(points))
    inputs = (x, labelled) if name == "k_center" else (jax.random.key(0), logits, x, labelled)
    jax.block_until_ready(inputs)
    began = time.perf_counter()
    selector = jax.jit(functools.partial(getattr(select, name), k=PICKS))
    compiled = selector.lower(*inputs).compile()
    compile_s = time.perf_counter() - began
    steady_s = _steady(lambda: jax.block_until_ready(compiled(*inputs)))
    picks = compiled(*inputs).tolist()
    return _selected(compile_s, steady_s, picks, x, logits, labelled) | _device()


def skactiveml_select(name: str, points: int) -> Result:
    """scikit-activeml's query, given features and probabilities: no model takes any time."""
    import numpy as np
    from scipy.special import softmax
    from skactiveml.base import SkactivemlClassifier  # pyright: ignore[reportMissingImports]
    from skactiveml.pool import Badge, CoreSet  # pyright: ignore[reportMissingImports]

    x, logits, labelled = _pool(points)
    probabilities = softmax(logits, axis=1)[~labelled]
    y = np.where(labelled, 0.0, np.nan)

    class Fitted(SkactivemlClassifier):
        def fit(self, X, y, sample_weight=None):
            return self

        def predict_proba(self, X):  # asked for the unlabelled rows only
            return probabilities

    began = time.perf_counter()
    if name == "k_center":
        picks = CoreSet(random_state=0).query(x, y, batch_size=PICKS)
    else:
        picks = Badge(random_state=0).query(x, y, Fitted(), fit_clf=False, batch_size=PICKS)
    steady_s = time.perf_counter() - began
    return _selected(0.0, steady_s, np.array(picks).tolist(), x, logits, labelled)


WORKERS: dict[str, Callable[..., Result]] = {
    worker.__name__: worker
    for worker in (jal_seeds, sklearn_loop, modal_loop, jal_select, skactiveml_select)
}


def _start(y: Any, seed: int) -> list[int]:
    """One random pool index of each class, the same for all tools."""
    import numpy as np

    random = np.random.default_rng(seed)
    return [int(random.choice(np.flatnonzero(y == label))) for label in range(10)]


def _digits() -> list[Any]:
    """The protocol's x, x_test, y, y_test, in float64."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits: Any = load_digits()
    x, y = digits.data / 16.0, digits.target
    return train_test_split(x, y, test_size=797, random_state=0, stratify=y)


def _pool(points: int) -> list[Any]:
    """Clustered features `[N, D]`, logits `[N, K]` of a random linear head, labelled `[N]`."""
    import numpy as np

    random = np.random.default_rng(0)
    centers = random.standard_normal((CLASSES, WIDTH), dtype=np.float32)
    y = random.integers(CLASSES, size=points)
    x = random.standard_normal((points, WIDTH), dtype=np.float32)
    for label in range(CLASSES):
        x[y == label] += centers[label]
    head = random.standard_normal((WIDTH, CLASSES), dtype=np.float32) / np.float32(WIDTH**0.5)
    labelled = np.zeros(points, bool)
    labelled[random.choice(points, LABELLED, replace=False)] = True
    return [x, x @ head, labelled]


def _loop(episode: Callable[[int], float], seeds: int) -> Result:
    """Seeds one by one, with the one BLAS thread that is fastest; fails where there are more."""
    import numpy as np
    from threadpoolctl import threadpool_info

    if any(pool["num_threads"] > 1 for pool in threadpool_info()):
        raise RuntimeError("BLAS took more than one thread")
    episode(0)
    began = time.perf_counter()
    final = [episode(seed) for seed in range(seeds)]
    return _rates(seeds, 0.0, time.perf_counter() - began, np.array(final))


def _rates(seeds: int, compile_s: float, steady_s: float, final: Any) -> Result:
    return {
        "seeds": seeds,
        "compile_s": compile_s,
        "steady_s": steady_s,
        "seeds_per_s": seeds / steady_s,
        "peak_mib": _peak_mib(),
        "accuracy": float(final.mean()),
    }


def _selected(compile_s: float, steady_s: float, picks: list[int], *arrays: Any) -> Result:
    return {
        "compile_s": compile_s,
        "steady_s": steady_s,
        "picks": picks,
        "peak_mib": _peak_mib(),
        "inputs_mib": sum(array.nbytes for array in arrays) / 2**20,
    }


def _steady(run: Callable[[], Any], budget: float = 4.0) -> float:
    """Median seconds of warm runs: at least three, at most twenty, for about `budget` seconds."""
    run()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < budget and len(times) < 20):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _peak_mib() -> float:
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage counts the parent's memory at the fork too
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _device() -> Result:
    """An accelerator's name and peak memory; nothing on CPUs."""
    import jax

    device = jax.devices()[0]
    peak = (device.memory_stats() or {}).get("peak_bytes_in_use", 0)
    found = {"device": device.device_kind, "device_mib": peak / 2**20}
    return {} if device.platform == "cpu" else found


# The driver: what to run, turn by turn.


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
    from jal.types import InputError

    command = [sys.executable, __file__, "--worker", worker, json.dumps(options)]
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
    import tyro
    from rich.console import Console
    from rich.markdown import Markdown

    from jal.experiment.folder import replace_file
    from jal.types import InputError

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
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(WORKERS[sys.argv[2]](**json.loads(sys.argv[3]))))
        sys.exit()
    from jal.types import InputError

    try:
        main(sys.argv[1:])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
