"""The tables of whole experiments on an accelerator."""

from __future__ import annotations

from collections.abc import Callable

from bench.markdown import Table, natural, number, reasons, rows_of
from bench.measure import ended
from bench.timing import Result

QUICKSTART_NOTE = """configs/quickstart.py with so many seeds, all of its strategies one after
another; labels/s are of all seeds and strategies, without compilation, which is paid once.
scikit-learn's loop on this machine's processor (one BLAS thread) labels by margin alone, so "x
scikit-learn" compares jal's margin with it, its seconds scaled to as many seeds; its MLP takes as
many steps. scikit-learn's logistic regression stops at a gradient of 1e-4, jal's goes on to 1e-6.
Accuracy is margin's."""
FASHION_MNIST_NOTE = """configs/bral_t/fashion_mnist.py for as many rounds as there was time for: a
ResNet-18 trained anew in each round, seeds together. Images are those of all epochs and seeds;
steady s are of all rounds so far, with scoring and testing."""


def quickstart_tables(part: Result) -> list[Table]:
    """Seeds of quickstart's experiment beside scikit-learn's loop."""
    results: dict[str, Result] = part["results"]
    loops = {
        label.removeprefix("scikit-learn, margin, "): row["seeds_per_s"]
        for label, row in results.items()
        if label.startswith("scikit-learn, ") and ended(row)
    }

    def margin(row: Result) -> float | None:
        return row.get("by_strategy", {}).get("margin")

    def loop(row: Result) -> float | None:
        rate = loops.get(row.get("learner", ""))
        return row["seeds"] / rate if rate else None

    def labels_a_second(row: Result) -> str:
        count = row["seeds"] * row["labels"] * len(row["by_strategy"])
        return number(count / row["steady_s"])

    def times(row: Result) -> str:
        ours, theirs = margin(row), loop(row)
        return number(theirs / ours) if ours and theirs else ""

    def accuracy(row: Result) -> str:
        final = row["accuracy"]
        return (
            f"{final.get('margin', float('nan')):.4f}"
            if isinstance(final, dict)
            else f"{final:.4f}"
        )

    columns: dict[str, Callable[[Result], str]] = {
        "compile s": lambda row: number(row["compile_s"]),
        "steady s": lambda row: number(row["steady_s"]),
        "labels/s": lambda row: labels_a_second(row) if "by_strategy" in row else "",
        "margin s": lambda row: number(margin(row) or row["steady_s"]),
        "scikit-learn's margin s": lambda row: number(loop(row) or 0) if loop(row) else "",
        "x scikit-learn": times,
        "accuracy": accuracy,
    }
    in_order = {label: results[label] for label in sorted(results, key=natural)}
    rows = rows_of(in_order, columns, "learner")
    return [Table("Quickstart's experiment", rows, QUICKSTART_NOTE, reasons(results))]


def fashion_mnist_tables(part: Result) -> list[Table]:
    """How far each strategy came."""
    columns: dict[str, Callable[[Result], str]] = {
        "rounds": lambda row: f"{row['rounds']} of {row['of_rounds']}",
        "labels": lambda row: f"{row['labels']:,}",
        "compile s": lambda row: number(row["compile_s"]),
        "steady s": lambda row: number(row["steady_s"]),
        "images/s": lambda row: number(row["images"] / row["steady_s"]),
        "accuracy": lambda row: f"{row['accuracy']:.4f}",
    }
    rows = rows_of(part["results"], columns, "learner, strategy")
    return [Table("Fashion-MNIST", rows, FASHION_MNIST_NOTE, reasons(part["results"]))]
