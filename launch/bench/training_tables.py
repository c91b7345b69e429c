"""What is timed of training networks on CPUs, and the tables of that and of a GPU's ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.markdown import Goal, Table, goal_rows, memory, natural, number, reasons, rows_of
from bench.measure import Step, ended
from bench.timing import Result
from bench.training_data import BATCH

NETWORKS = ("cnn", "resnet18")
NOTE = """28x28 images, minibatches of 64, float32, Nesterov momentum. Steps of all seeds
together; map trains seeds one after another on each core's device, vmap all at once. PyTorch's loop
is eager. "x PyTorch" is against the faster of its two ways: one process with two threads, two
processes with one thread each. The peak is that of one large matrix product."""
WAYS_NOTE = """28x28 images, minibatches of {minibatch}, Nesterov momentum; steps of all seeds
together, on one device. Map trains seeds one after another in one program; the others are
vmapped, with convolutions as XLA's grouped ones (what jal does on accelerators), one seed's after
another's (what it does on CPUs), or as batched matrix products of all windows' pixels. PyTorch
trains one seed after another, eagerly, float32 by TF32 and bfloat16 by autocast, images in
channels_last; "x PyTorch" is steps a second against its loop in the same type. The peak is that
of one large matrix product in the type, measured in the same process; operations are three times
those of the forward pass's convolutions and products, without padding. Program MiB is what XLA
plans for."""


def plan(counts: Sequence[int], bfloat16: bool) -> dict[str, Step]:
    """Label -> step: jal in its two ways with so many seeds, and PyTorch in two."""
    steps = {}
    for name in NETWORKS:
        steps |= {
            f"{name}, jal{kind}, {how}, {n} seeds": Step(
                "bench.training:jal_train",
                {
                    "network": name,
                    "seeds": n,
                    "at_once": 1 if how == "map" else None,
                    "precision": kind.strip() or "float32",
                },
            )
            for kind in (("", " bfloat16") if bfloat16 else ("",))
            for n in counts
            for how in (("map", "vmap") if n > 1 else ("map",))
        }
        steps |= {
            f"{name}, PyTorch, {copies} x {threads} threads": Step(
                "bench.training_torch:torch_train", {"network": name, "threads": threads}, copies
            )
            for copies, threads in ((1, 2), (2, 1))
        }
    return steps


def tables(part: Result) -> list[Table]:
    """Steps a second beside PyTorch's, and the target."""
    results = {label: row for label, row in part["results"].items() if ended(row)}
    columns: dict[str, Callable[[Result], str]] = {
        "compile s": lambda row: number(row["compile_s"]),
        "steps/s": lambda row: number(row["steps_per_s"]),
        "images/s": lambda row: number(row["steps_per_s"] * BATCH),
        "x PyTorch": lambda row: _times(row, _torch_rate(row["network"], results)),
        "share of peak": _share,
        "peak MiB": memory,
    }
    rows = rows_of(part["results"], columns, "network")
    goals = Table("Targets of training", goal_rows(_targets(results)))
    return [Table("Training", rows, NOTE, reasons(part["results"])), goals]


def way_tables(part: Result) -> list[Table]:
    """A GPU's ways beside PyTorch's one seed after another."""
    results = part["results"]
    torch = {
        (row["network"], row["precision"]): row["steps_per_s"]
        for row in results.values()
        if row.get("way") == "PyTorch"
    }
    columns: dict[str, Callable[[Result], str]] = {
        "compile s": lambda row: number(row["compile_s"]),
        "steps/s": lambda row: number(row["steps_per_s"]),
        "images/s": lambda row: number(row["steps_per_s"] * row["minibatch"]),
        "x PyTorch": lambda row: _times(row, torch.get((row["network"], row["precision"]))),
        "share of peak": _share,
        "program MiB": lambda row: f"{row['program_mib']:,.0f}" if "program_mib" in row else "",
    }
    rows = rows_of(
        {label: results[label] for label in sorted(results, key=natural)}, columns, "network"
    )
    minibatch = max((row.get("minibatch", 0) for row in results.values()), default=0)
    note = WAYS_NOTE.format(minibatch=minibatch)
    return [Table("Ways to train networks", rows, note, reasons(results))]


def _share(row: Result) -> str:
    return f"{row['peak_share']:.2f}" if "peak_share" in row else ""


def _times(row: Result, rate: float | None) -> str:
    return number(row["steps_per_s"] / rate) if rate else ""


def _torch_rate(network: str, results: dict[str, Result]) -> float | None:
    """Steps a second of PyTorch's faster way; None where it was not measured."""
    rates = [row["steps_per_s"] for label, row in results.items() if f"{network}, PyTorch" in label]
    return max(rates, default=None)


def _targets(results: dict[str, Result]) -> list[Goal]:
    row, rate = results.get("cnn, jal, map, 16 seeds"), _torch_rate("cnn", results)
    return (
        [("CNN, 16 seeds: x PyTorch", ">", 1.0, row["steps_per_s"] / rate)] if row and rate else []
    )
