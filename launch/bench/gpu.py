"""What launch/bench.py --gpu measures within 25 minutes, in an order of falling value.

Each step is a process with a limit of its own; all that it has measured is saved at once. This
module imports nothing that is not on a machine with JAX alone.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from bench import (
    agents,
    agents_tables,
    experiments_tables,
    peak,
    saving,
    selections,
    training_tables,
)
from bench.markdown import Table
from bench.measure import Progress, Step
from bench.timing import Result

__all__ = ["PACKAGES", "TABLES", "Timed", "bring", "missing", "plan", "progress_of", "record"]

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "scikit-learn", "torch", "rlax")

# Module -> what its wheel is called: what the parts import beside jax, flax, optax, orbax, pandas
# and torch and what these need. A test compares it with what is really imported.
WHEELS = {
    "sklearn": "scikit-learn",
    "joblib": "joblib",
    "narwhals": "narwhals",
    "threadpoolctl": "threadpoolctl",
    "pyarrow": "pyarrow",
    "matplotlib": "matplotlib",
    "contourpy": "contourpy",
    "cycler": "cycler",
    "fontTools": "fonttools",
    "kiwisolver": "kiwisolver",
    "pyparsing": "pyparsing",
    "packaging": "packaging",
    "PIL": "pillow",
    "filelock": "filelock",
    "tyro": "tyro",
    "docstring_parser": "docstring-parser",
    "typeguard": "typeguard",
    "rlax": "rlax",
    "chex": "chex",
    "toolz": "toolz",
    "distrax": "distrax",
    "tensorflow_probability": "tfp-nightly",  # as distrax asks for
    "decorator": "decorator",
    "cloudpickle": "cloudpickle",
    "gast": "gast",
    "six": "six",
    "tree": "dm-tree",
    "wrapt": "wrapt",
    "attr": "attrs",
    "dm_env": "dm-env",
}


class Timed(NamedTuple):
    """A step, and the part of the report that it is in."""

    part: str
    step: Step


class Size(NamedTuple):
    """How much each step measures; the limits, in seconds, add up to more than there is."""

    product: int = 8192
    mib: int = 2048
    seeds: tuple[int, ...] = (1, 64, 1024, 4096, 256, 16, 4)
    experiment: Mapping[str, Any] = MappingProxyType({})  # other fields of quickstart's config
    loop_seeds: int = 4
    loop_rounds: int = 20  # as quickstart's
    counts: tuple[int, ...] = (1, 16, 64, 4)  # of the CNN in float32
    other_counts: tuple[int, ...] = (1, 16, 64, 4)  # of other networks
    minibatch: int = 64
    steps: int = 20
    agents: tuple[int, ...] = (1, 64, 1024, 256, 16, 4)
    classifiers: tuple[str, ...] = ("mlp", "logistic_regression")
    agent: Mapping[str, Any] = MappingProxyType({})
    points: tuple[int, ...] = (50_000, 1_000_000)
    width: int = 512
    picks: int = 100
    selectors: tuple[str, ...] = ("margin", "k_center", "badge", "kmeans", "typi_clust", "bait")
    images: int | None = None
    rounds: Mapping[str, Any] = MappingProxyType({})  # other fields of the config for Fashion-MNIST
    learner: Mapping[str, Any] = MappingProxyType({})  # other fields of its learner


QUICK = Size(
    product=256,
    mib=16,
    seeds=(2,),
    experiment={"rounds": 2, "queries": ("random", "margin")},
    loop_seeds=1,
    loop_rounds=2,
    counts=(1, 2),
    other_counts=(1,),
    minibatch=2,
    steps=1,
    agents=(2,),
    classifiers=("mlp",),
    agent=agents.SHORT,
    points=(500,),
    width=16,
    picks=5,
    selectors=("margin", "k_center", "badge"),
    images=50,
    rounds={"seeds": 1, "rounds": 1, "batch": 10, "initial": 20},
    learner={"epochs": 1, "batch_size": 8},
)


def plan(quick: bool) -> dict[str, Timed]:
    """Label -> step, the most valuable first."""
    size = QUICK if quick else Size()
    training = {"minibatch": size.minibatch, "steps": size.steps}

    def ways(network: str, precision: str, limit: float) -> Timed:
        vmapped = ("grouped", "map", "products", "in turn")
        counts = size.counts if (network, precision) == ("cnn", "float32") else size.other_counts
        options = training | {
            "network": network,
            "precision": precision,
            "runs": [(way, n) for n in counts for way in (vmapped if n > 1 else ("map",))],
            "peak_size": size.product,
        }
        return Timed("networks", Step("bench.training:jal_ways", options, limit=limit))

    def torch(precision: str) -> Timed:
        options = training | {"networks": ("cnn", "resnet18"), "precision": precision}
        return Timed("networks", Step("bench.training_torch:torch_ways", options, limit=60))

    def loop(learner: str) -> Timed:
        options = {"seeds": size.loop_seeds, "learner": learner, "rounds": size.loop_rounds}
        return Timed("seeds", Step("bench.seeds:sklearn_loop", options, limit=60))

    def passes(points: int) -> Timed:
        options = {"points": points, "width": size.width, "picks": size.picks}
        step = Step("bench.selections:passes", options | {"names": size.selectors}, limit=110)
        return Timed("select", step)

    peaks = {"size": size.product, "mib": size.mib}
    quickstart = {"counts": size.seeds, "change": dict(size.experiment)}
    trainings = {
        "counts": size.agents,
        "learners": size.classifiers,
        "settings": dict(size.agent),
    }
    fashion_mnist = {
        "strategies": ("random", "margin"),
        "change": dict(size.rounds),
        "learner": dict(size.learner),
        "points": size.images,
    }
    return {
        "the device's peaks": Timed("peak", Step("bench.peak:peaks", peaks, limit=60)),
        "quickstart": Timed("seeds", Step("bench.experiments:quickstart", quickstart, limit=330)),
        "scikit-learn, margin, logistic_regression": loop("logistic_regression"),
        "scikit-learn, margin, mlp": loop("mlp"),
        "cnn, float32": ways("cnn", "float32", 110),
        "PyTorch, float32": torch("float32"),
        "PyTorch, bfloat16": torch("bfloat16"),
        # On CPUs it takes a minute to compile.
        **({} if quick else {"resnet18, bfloat16": ways("resnet18", "bfloat16", 150)}),
        "resnet18, float32": ways("resnet18", "float32", 150),
        "cnn, bfloat16": ways("cnn", "bfloat16", 90),
        "ABAS-RAL": Timed("rl", Step("bench.agents:jal_counts", trainings, limit=270)),
        **{f"selectors, N = {points:,}": passes(points) for points in size.points},
        "Fashion-MNIST": Timed(
            "fashion_mnist", Step("bench.experiments:fashion_mnist", fashion_mnist, limit=600)
        ),
    }


def missing() -> list[str]:
    """What is not installed here, by the names of the wheels to bring."""
    return [wheel for module, wheel in WHEELS.items() if importlib.util.find_spec(module) is None]


def bring(names: list[str]) -> str:
    """How to bring wheels to a machine like this one that reaches no package index."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        f"Not installed here: {', '.join(names)}. Where there is a package index:\n"
        "  python -m pip download --no-deps --only-binary=:all: "
        f"--python-version {version} --platform manylinux_2_28_{platform.machine()} "
        f"--platform manylinux2014_{platform.machine()} -d wheels {' '.join(names)}\n"
        "and here, before this command, with --no-deps so that nothing replaces JAX:\n"
        "  python -m pip install --no-index --no-deps --target site wheels/*.whl && "
        "export PYTHONPATH=$PWD/site\n"
        "Without them this goes on, and what needs them is skipped."
    )


def progress_of(report: Result, steps: dict[str, Timed]) -> dict[str, Progress]:
    """What an earlier call has measured, by step."""
    found = {}
    for label, timed in steps.items():
        part = report.get(timed.part, {})
        known = part.get("steps", {}).get(label)
        if known is not None:
            rows = {name: part["results"][_key(label, name)] for name in known["measured"]}
            found[label] = Progress(rows, known["skipped"], known["finished"])
    return found


def record(part: Result, label: str, progress: Progress) -> None:
    """Puts what is known of a step into its part of the report."""
    part["results"] |= {_key(label, name): row for name, row in progress.rows.items()}
    part.setdefault("steps", {})[label] = {
        "measured": list(progress.rows),
        "skipped": progress.skipped,
        "finished": progress.finished,
    }


def _key(label: str, name: str) -> str:
    """Of a result: its own name, or its step's, which measures but one thing."""
    return name or label


def _with_skipped(show: saving.Tables) -> saving.Tables:
    """The tables, and a sentence under the first on each step that did not measure all."""

    def tables(part: Result) -> list[Table]:
        first, *rest = show(part)
        skipped = tuple(
            f"{label}: {known['skipped']}"
            for label, known in part.get("steps", {}).items()
            if known["skipped"]
        )
        return [first._replace(missing=(*first.missing, *skipped)), *rest]

    return tables


TABLES: dict[str, saving.Tables] = {
    name: _with_skipped(show)
    for name, show in {
        "peak": peak.tables,
        "seeds": experiments_tables.quickstart_tables,
        "networks": training_tables.way_tables,
        "rl": agents_tables.count_tables,
        "select": selections.pass_tables,
        "fashion_mnist": experiments_tables.fashion_mnist_tables,
    }.items()
}
