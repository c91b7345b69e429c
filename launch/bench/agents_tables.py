"""The tables of training agents."""

from __future__ import annotations

from collections.abc import Callable

from bench.agents import KINDS
from bench.markdown import Goal, Table, goal_rows, memory, natural, number, reasons, rows_of
from bench.measure import ended
from bench.timing import Result

WANTED = {"mlp": 20.0, "logistic_regression": 8.0}  # x one process, at the most seeds
TRAINING_NOTE = """ABAS-RAL as published (128 warm episodes, 50 epochs of 5 episodes, 100 gradient
steps) on scikit-learn's digits: 100 points each for the state set and the warm start, 600 for
training, 797 held out. jal trains all seeds in one program, spread over the cores; peers are plain
loops in NumPy and PyTorch, with a PyTorch network or scikit-learn's logistic regression, one
training in each of so many processes at the same time. Both logistic regressions stop at 1e-4. "x
one process" is trainings an hour, without compilation, against the loop with the same classifier at
its fastest number of threads; "x two" against two such processes at the same time. A step fits the
classifier once; how many steps a training has depends on what its warm start finds. Budget (share
labelled at the end) and success are means over the last tenth of the epochs. "over ... s": the
process was stopped."""
PARTS_NOTE = """Microseconds on one device, in a compiled loop. A fit goes on from one with a
quarter fewer labels; a gradient step takes 32 transitions with 100 numbers in a state, double
Q-learning over all batch sizes. The peers' are their means over a whole training, in one process
with one thread, with whatever labels it came to and 58 batch sizes at most; sampling and updating
their buffer are apart."""
REPLAY_NOTE = """Microseconds for each seed, seeds vmapped; a full buffer of 50,000 items of 100
numbers, the exponent 3. Adding is of an episode of 200 steps, the others are of 32 items; "both" is
drawing and then updating what was drawn, as a gradient step does."""


COUNTS_NOTE = """ABAS-RAL as published on scikit-learn's digits: so many trainings in one
program on one device, the classifier's fits and the agent's updates vmapped over them. Compilation
is not in "trainings/h"; program MiB is what XLA plans for. Budget (share labelled at the end) and
success are means over the last tenth of the epochs."""


def tables(part: Result) -> list[Table]:
    """Whole trainings beside their peers', parts, and the targets."""
    results: dict[str, Result] = part["results"]
    trainings = [_training_row(label, results) for label in results if _kind(label) == "training"]
    parts = [
        {"part": label, "us": number(row["us"])}
        for label, row in results.items()
        if _kind(label) == "part" and ended(row)
    ]
    parts += [row for learner in KINDS for row in _peer_parts(learner, results)]
    replays = [
        _replay_row(label, results)
        for label, row in results.items()
        if _kind(label) == "replay" and ended(row)
    ]
    return [
        Table("Training an agent", trainings, TRAINING_NOTE, reasons(results)),
        Table("Parts of a training", parts, PARTS_NOTE),
        Table("Replay buffers", replays, REPLAY_NOTE),
        Table("Targets of training agents", goal_rows(_targets(results))),
    ]


def count_tables(part: Result) -> list[Table]:
    """Trainings an hour on an accelerator."""
    columns: dict[str, Callable[[Result], str]] = {
        "compile s": lambda row: number(row["compile_s"]),
        "steady s": lambda row: number(row["steady_s"]),
        "steps/s": lambda row: number(row["steps_per_s"]),
        "trainings/h": lambda row: number(3600 * row["seeds_per_s"]),
        "program MiB": lambda row: f"{row['program_mib']:,.0f}",
        "budget": lambda row: f"{row['budget']:.3f}",
        "success": lambda row: f"{row['success']:.2f}",
    }
    results = {label: part["results"][label] for label in sorted(part["results"], key=natural)}
    rows = rows_of(results, columns, "classifier, trainings")
    return [Table("Training agents", rows, COUNTS_NOTE, reasons(part["results"]))]


def _targets(results: dict[str, Result]) -> list[Goal]:
    """(what, sign, wanted, measured) of the most seeds of each classifier."""
    found = []
    for learner, wanted in WANTED.items():
        counts = [
            row["seeds"]
            for label, row in results.items()
            if f"{learner}, jal, " in label and ended(row)
        ]
        peer = _fastest_peer(learner, results, 1)
        if counts and peer:
            rate = results[f"{learner}, jal, {max(counts)} seeds"]["seeds_per_s"]
            what = f"{learner}, {max(counts)} seeds: x one process"
            found.append((what, ">", wanted, rate / peer))
    return found


def _fastest_peer(learner: str, results: dict[str, Result], processes: int) -> float:
    """Trainings a second of so many processes at their fastest threads; 0 where none ended."""
    rates = [
        row["seeds_per_s"]
        for label, row in results.items()
        if f"{learner}, peer, {processes} x" in label and ended(row)
    ]
    return max(rates, default=0.0)


def _kind(label: str) -> str:
    first = label.split(", ")[0]
    if first == "replay":
        return first
    return "training" if first in KINDS else "part" if first in ("fit", "update") else ""


def _training_row(label: str, results: dict[str, Result]) -> dict[str, str]:
    row = results[label]
    learner, tool, how = label.split(", ")
    one, two = (_fastest_peer(learner, results, processes) for processes in (1, 2))
    done = ended(row)
    taken = f"over {row['over_s']:.0f}" if "over_s" in row else "failed"
    return {
        "classifier": learner,
        "tool": tool if tool == "jal" else f"{KINDS[learner]}, {how}",
        "seeds": str(row["seeds"]) if done else "",
        "compile s": number(row["compile_s"]) if "compile_s" in row else "",
        "steady s": number(row["steady_s"]) if done else taken,
        "steps/s": number(row["steps_per_s"]) if done else "",
        "steps of a training": number(row["steps_per_s"] / row["seeds_per_s"]) if done else "",
        "trainings/h": number(3600 * row["seeds_per_s"]) if done else "",
        "x one process": number(row["seeds_per_s"] / one) if done and one else "",
        "x two": number(row["seeds_per_s"] / two) if done and two else "",
        "peak MiB": memory(row) if done else "",
        "budget": f"{row['budget']:.3f}" if done else "",
        "success": f"{row['success']:.2f}" if done else "",
    }


def _peer_parts(learner: str, results: dict[str, Result]) -> list[dict[str, str]]:
    row = results.get(f"{learner}, peer, 1 x 1 threads", {})
    names = {"fit_us": "fit", "update_us": "gradient step", "replay_us": "replay"}
    return [
        {"part": f"{KINDS[learner]}: {what}", "us": number(row[name])}
        for name, what in names.items()
        if name in row
    ]


def _replay_row(label: str, results: dict[str, Result]) -> dict[str, str]:
    row = results[label]
    names = {"add": "add", "sample": "sample", "update": "update", "step": "both"}
    return {
        "buffer": label.split(", ")[1],
        "seeds": str(row["seeds"]),
        **{f"{what} us": number(row[f"{name}_us"]) for name, what in names.items()},
        "MiB a seed": number(row["replay_mib"]),
    }
