"""The tables of launch/bench.py --only rl."""

from __future__ import annotations

from bench_markdown import Goal, Table, goal_rows, memory, number
from bench_rl import KINDS
from bench_workers import Result

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


def rl_tables(results: dict[str, Result]) -> list[Table]:
    """Whole trainings beside their peers', and parts."""
    trainings = [_training_row(label, results) for label in results if _kind(label) == "training"]
    parts = [
        {"part": label, "us": number(row["us"])}
        for label, row in results.items()
        if _kind(label) == "part"
    ]
    parts += [row for learner in KINDS for row in _peer_parts(learner, results)]
    replays = [_replay_row(label, results) for label in results if _kind(label) == "replay"]
    shown = [
        ("Training an agent", trainings, " ".join(TRAINING_NOTE.split())),
        ("Parts of a training", parts, " ".join(PARTS_NOTE.split())),
        ("Replay buffers", replays, " ".join(REPLAY_NOTE.split())),
        ("Targets", goal_rows(rl_targets(results)), ""),
    ]
    return [table for table in shown if table[1]]


def rl_targets(results: dict[str, Result]) -> list[Goal]:
    """(what, sign, wanted, measured) of the most seeds of each classifier."""
    found = []
    for learner, wanted in WANTED.items():
        counts = [row["seeds"] for label, row in results.items() if f"{learner}, jal, " in label]
        peer = _fastest_peer(learner, results, 1)
        if counts and peer:
            rate = results[f"{learner}, jal, {max(counts)} seeds"]["seeds_per_s"]
            what = f"{learner}, {max(counts)} seeds: x one process"
            found.append((what, ">", wanted, rate / peer))
    return found


def _fastest_peer(learner: str, results: dict[str, Result], processes: int) -> float:
    """Trainings a second of so many processes at their fastest threads; 0 where none ended."""
    ended = [
        row["seeds_per_s"]
        for label, row in results.items()
        if f"{learner}, peer, {processes} x" in label and "seeds_per_s" in row
    ]
    return max(ended, default=0.0)


def _kind(label: str) -> str:
    first = label.split(", ")[0]
    if first == "replay":
        return first
    return "training" if first in KINDS else "part" if first in ("fit", "update") else ""


def _training_row(label: str, results: dict[str, Result]) -> dict[str, str]:
    row = results[label]
    learner, tool, how = label.split(", ")
    one, two = (_fastest_peer(learner, results, processes) for processes in (1, 2))
    ended = "seeds_per_s" in row
    taken = f"over {row['over_s']:.0f}" if "over_s" in row else "failed"
    return {
        "classifier": learner,
        "tool": tool if tool == "jal" else f"{KINDS[learner]}, {how}",
        "seeds": str(row["seeds"]) if ended else "",
        "compile s": number(row["compile_s"]) if "compile_s" in row else "",
        "steady s": number(row["steady_s"]) if ended else taken,
        "steps/s": number(row["steps_per_s"]) if ended else "",
        "steps of a training": number(row["steps_per_s"] / row["seeds_per_s"]) if ended else "",
        "trainings/h": number(3600 * row["seeds_per_s"]) if ended else "",
        "x one process": number(row["seeds_per_s"] / one) if ended and one else "",
        "x two": number(row["seeds_per_s"] / two) if ended and two else "",
        "peak MiB": memory(row) if ended else "",
        "budget": f"{row['budget']:.3f}" if ended else "",
        "success": f"{row['success']:.2f}" if ended else "",
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
