"""Selectors, jitted alone, beside scikit-activeml's and beside passes over memory."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.markdown import Goal, Table, brief, goal_rows, memory, number, reasons, rows_of
from bench.measure import Step, ended
from bench.timing import Result, compiled, device, peak_mib, steady, without_cache
from bench.worker import Measurements

WIDTH, CLASSES, LABELLED, PICKS = 512, 10, 500, 100  # of the pool
NAMES = ("k_center", "badge")  # beside scikit-activeml's
ONE_PASS = "one pass over the features"
NOTE = """D = 512, K = 10, b = 100, 500 labelled, float32, all cores. Peak memory is the whole
process's, with its imports. BADGE draws its picks at random."""
PASSES_NOTE = """D = {width:,}, K = 10, b = {picks}, float32. One pass is the sum of all features,
read once; "passes" is a selector's time divided by that of one pass over as many points, "passes a
pick" that by b. Program MiB is what XLA plans for, inputs among it."""


def plan(points: int) -> dict[str, Step]:
    """Label -> step: jal and scikit-activeml in turn."""
    return {
        f"{name}, {tool}": Step(
            f"bench.selections:{worker}_select", {"name": name, "points": points}
        )
        for name in NAMES
        for tool, worker in (("jal", "jal"), ("scikit-activeml", "skactiveml"))
    }


def jal_select(name: str, points: int) -> Result:
    """jal's selector."""
    import jax
    import jax.numpy as jnp

    from jal import select

    without_cache()
    x, logits, labelled = (jnp.asarray(array) for array in _pool(points))
    inputs = (x, labelled) if name == "k_center" else (jax.random.key(0), logits, x, labelled)
    jax.block_until_ready(inputs)
    program, found = compiled(functools.partial(getattr(select, name), k=PICKS), *inputs)
    steady_s = steady(lambda: jax.block_until_ready(program(*inputs)))
    picks = program(*inputs).tolist()
    arrays = x, logits, labelled
    return _selected(found["compile_s"], steady_s, picks, *arrays) | device()


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


def passes(points: int, width: int, picks: int, names: Sequence[str]) -> Measurements:
    """One pass over the features, then selectors; "margin" is the score and the k largest of it."""
    import jax

    from jal import scores, select
    from jal.types import Array

    without_cache()
    given = _pool_on_device(points, width)

    def margin(logits: Array, labelled: Array, k: int) -> Array:
        return select.top_k(-jax.vmap(scores.margin)(logits), labelled, k)

    def one_pass(features: Array) -> Array:
        return features.sum()

    label = f"{points:,} x {width}"
    yield f"{label}, {ONE_PASS}", lambda: _timed(one_pass, given)
    for name in names:
        selector = margin if name == "margin" else getattr(select, name)
        named = functools.partial(_timed, functools.partial(selector, k=picks), given)
        yield f"{label}, {name}", lambda named=named: named() | {"picks": picks}


def _timed(f: Callable[..., Any], given: dict[str, Any]) -> Result:
    import jax

    needed = inspect.signature(f).parameters
    inputs = {
        name: array
        for name, array in given.items()
        if name in needed and needed[name].default is inspect.Parameter.empty
    }
    program, found = compiled(lambda arrays: f(**arrays), inputs)
    seconds = steady(lambda: jax.block_until_ready(program(inputs)), budget=1.0)
    size = given["features"].shape
    return found | {"steady_s": seconds, "points": size[0], "width": size[1]}


def _pool_on_device(points: int, width: int) -> dict[str, Any]:
    """As `_pool`, but drawn by JAX: gigabytes need not travel."""
    import jax

    def draw() -> dict[str, Any]:
        keys = jax.random.split(jax.random.key(0), 4)
        y = jax.random.randint(keys[0], (points,), 0, CLASSES)
        x = jax.random.normal(keys[1], (points, width))
        x += jax.random.normal(keys[2], (CLASSES, width))[y]
        head = jax.random.normal(keys[3], (width, CLASSES)) / width**0.5
        labelled = jax.numpy.arange(points) < min(LABELLED, points // 4)
        return {"features": x, "logits": x @ head, "labelled": labelled}

    return jax.block_until_ready(jax.jit(draw)()) | {"key": jax.random.key(1)}


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


def _selected(compile_s: float, steady_s: float, picks: list[int], *arrays: Any) -> Result:
    return {
        "points": len(arrays[0]),
        "compile_s": compile_s,
        "steady_s": steady_s,
        "picks": picks,
        "peak_mib": peak_mib(),
        "inputs_mib": sum(array.nbytes for array in arrays) / 2**20,
    }


def tables(part: Result) -> list[Table]:
    """jal beside scikit-activeml, and the targets."""
    results = {label: row for label, row in part["results"].items() if ended(row)}
    rows = [_row(label, results) for label in results]
    goals = Table("Targets of selectors", goal_rows(_targets(results)))
    sizes = sorted({row["points"] for row in results.values()})
    note = f"N = {', '.join(f'{n:,}' for n in sizes)}, {NOTE}"
    return [Table("Selectors", rows, note, reasons(part["results"])), goals]


def _row(label: str, results: dict[str, Result]) -> dict[str, str]:
    row, peer = results[label], results.get(f"{label.split(', ')[0]}, scikit-activeml")
    whole = row["compile_s"] + row["steady_s"]
    return {
        "selector": label,
        "compile s": number(row["compile_s"]),
        "steady s": number(row["steady_s"]),
        "x scikit-activeml": number(peer["steady_s"] / row["steady_s"]) if peer else "",
        "x with compilation": number(peer["steady_s"] / whole) if peer else "",
        "peak MiB": memory(row),
        "inputs MiB": number(row["inputs_mib"]),
        "picks in common": str(len({*row["picks"]} & {*peer["picks"]})) if peer else "",
    }


def _targets(results: dict[str, Result]) -> list[Goal]:
    found: list[Goal] = []
    for name in NAMES:
        jal, peer = results.get(f"{name}, jal"), results.get(f"{name}, scikit-activeml")
        if jal and peer:
            gigabytes = jal.get("device_mib", jal["peak_mib"]) * 2**20 / 1e9
            found += [
                (f"{name}: x scikit-activeml", ">", 1.0, peer["steady_s"] / jal["steady_s"]),
                (f"{name}: peak memory in GB", "<", 1.0, gigabytes),
            ]
    return found


def pass_tables(part: Result) -> list[Table]:
    """Selectors in passes over the features."""
    results = part["results"]
    ended_ones = [row for row in results.values() if ended(row)]
    once = {
        row["points"]: row["steady_s"]
        for label, row in results.items()
        if label.endswith(ONE_PASS) and ended(row)
    }

    def in_passes(row: Result) -> float | None:
        one = once.get(row["points"])
        return row["steady_s"] / one if one else None

    def a_pick(row: Result) -> str:
        count = in_passes(row)
        return brief(count / row["picks"]) if count and "picks" in row else ""

    columns: dict[str, Callable[[Result], str]] = {
        "steady ms": lambda row: brief(1e3 * row["steady_s"]),
        "GB/s of features": lambda row: number(
            row["points"] * row["width"] * 4 / row["steady_s"] / 1e9
        ),
        "passes": lambda row: brief(in_passes(row) or 0.0) if in_passes(row) else "",
        "passes a pick": a_pick,
        "compile s": lambda row: number(row["compile_s"]),
        "program MiB": lambda row: f"{row['program_mib']:,.0f}" if "program_mib" in row else "",
    }
    width = max((row["width"] for row in ended_ones), default=WIDTH)
    picks = max((row.get("picks", 0) for row in ended_ones), default=PICKS)
    note = PASSES_NOTE.format(width=width, picks=picks)
    rows = rows_of(results, columns, "selector")
    return [Table("Selectors in passes over memory", rows, note, reasons(results))]
