"""An experiment's seeds: jal's one program beside scikit-learn's and modAL's loops.

Margin sampling and logistic regression on scikit-learn's digits; jal's part is in experiments.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from bench.markdown import Goal, Table, goal_rows, memory, number, reasons
from bench.measure import Step, ended
from bench.timing import Result, peak_mib

Learner = Literal["logistic_regression", "mlp"]
ROUNDS, BATCH = 20, 10  # of the protocol
SEEDS_NOTE = """Margin sampling, logistic regression, digits, 20 rounds of 10 labels; all tools
from the same starts. The loops run seed after seed with one BLAS thread a process; for other
numbers of seeds their time is scaled in proportion. They stop at a gradient of 1e-4, scikit-learn's
default; jal goes on to 1e-6, so that it does more work."""


def plan(counts: Sequence[int], loop_seeds: int) -> dict[str, Step]:
    """Label -> step: jal with so many seeds, and the loops with `loop_seeds`."""
    jal, loop = "bench.experiments:jal_seeds", {"seeds": loop_seeds}
    return {f"jal, {n} seeds": Step(jal, {"seeds": n}) for n in counts} | {
        "jal, seeds_at_once=8": Step(jal, {"seeds": 64, "at_once": 8}),
        "scikit-learn": Step("bench.seeds:sklearn_loop", loop),
        "scikit-learn, two processes": Step("bench.seeds:sklearn_loop", loop, copies=2),
        "modAL": Step("bench.seeds:modal_loop", loop),
    }


def sklearn_loop(
    seeds: int, learner: Learner = "logistic_regression", rounds: int = ROUNDS
) -> Result:
    """The plain loop: fit, measure, label the smallest margins."""
    import numpy as np

    x, x_test, y, y_test = _digits()

    def episode(seed: int) -> float:
        labelled = np.array(first_labels(y, seed))
        for t in range(rounds + 1):
            model = _model(learner).fit(x[labelled], y[labelled])
            accuracy = model.score(x_test, y_test)
            if t < rounds:
                free = np.setdiff1d(np.arange(len(y)), labelled)
                top = np.sort(model.predict_proba(x[free]), axis=1)
                picks = np.argsort(top[:, -1] - top[:, -2])[:BATCH]
                labelled = np.concatenate([labelled, free[picks]])
        return float(accuracy)

    return _loop(episode, seeds)


def _model(learner: Learner) -> Any:
    """Of quickstart's learners, what scikit-learn calls them; its MLP takes as many steps."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    if learner == "logistic_regression":
        return LogisticRegression(C=1.0, max_iter=300)
    as_quickstart: Any = {"alpha": 1e-4, "batch_size": 32, "learning_rate_init": 0.05}
    return MLPClassifier((128,), solver="sgd", max_iter=50, n_iter_no_change=51, **as_quickstart)


def modal_loop(seeds: int) -> Result:
    """The same by modAL's ActiveLearner, which refits on all labels whenever it is taught."""
    import numpy as np
    from modAL.models import ActiveLearner  # pyright: ignore[reportMissingImports]
    from modAL.uncertainty import margin_sampling  # pyright: ignore[reportMissingImports]
    from sklearn.linear_model import LogisticRegression

    x, x_test, y, y_test = _digits()

    def episode(seed: int) -> float:
        picks = first_labels(y, seed)
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


def first_labels(y: Any, seed: int) -> list[int]:
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


def _loop(episode: Callable[[int], float], seeds: int) -> Result:
    """Seeds one by one, with the one BLAS thread that is fastest; fails where there are more."""
    import numpy as np
    from threadpoolctl import threadpool_info

    if any(pool["num_threads"] > 1 for pool in threadpool_info()):
        raise RuntimeError("BLAS took more than one thread")
    episode(0)
    began = time.perf_counter()
    final = [episode(seed) for seed in range(seeds)]
    return rates(seeds, 0.0, time.perf_counter() - began, np.array(final))


def rates(seeds: int, compile_s: float, steady_s: float, final: Any) -> Result:
    """Of an experiment's seeds, whose last accuracies are `final`."""
    return {
        "seeds": seeds,
        "compile_s": compile_s,
        "steady_s": steady_s,
        "seeds_per_s": seeds / steady_s,
        "peak_mib": peak_mib(),
        "accuracy": float(final.mean()),
    }


def tables(part: Result) -> list[Table]:
    """Seeds a second, and the targets."""
    results = {label: row for label, row in part["results"].items() if ended(row)}
    rows = [_row(label, results) for label in results]
    goals = Table("Targets of experiments", goal_rows(_targets(results)))
    return [Table("Experiments", rows, SEEDS_NOTE, reasons(part["results"])), goals]


def _row(label: str, results: dict[str, Result]) -> dict[str, str]:
    row = results[label]
    steady = row["seeds"] / row["seeds_per_s"]
    plain, modal = (
        row["seeds"] / results[name]["seeds_per_s"] if name in results else None
        for name in ("scikit-learn", "modAL")
    )
    return {
        "tool": label.removesuffix(f", {row['seeds']} seeds"),
        "seeds": str(row["seeds"]),
        "compile s": number(row["compile_s"]),
        "steady s": number(steady),
        "scikit-learn s": number(plain) if plain else "",
        "modAL s": number(modal) if modal else "",
        "labels/s": number(row["seeds_per_s"] * ROUNDS * BATCH),
        "x scikit-learn": number(plain / steady) if plain else "",
        "x with compilation": number(plain / (row["compile_s"] + steady)) if plain else "",
        "peak MiB": memory(row),
        "accuracy": f"{row['accuracy']:.4f}",
    }


def _targets(results: dict[str, Result]) -> list[Goal]:
    wanted = ("jal, 64 seeds", "scikit-learn", "scikit-learn, two processes")
    if not results.keys() >= {*wanted}:
        return []
    jal, one, two = (results[label]["seeds_per_s"] for label in wanted)
    whole = 64 / (results[wanted[0]]["compile_s"] + 64 / jal)
    return [
        ("64 seeds, steady: x scikit-learn", ">", 30.0, jal / one),
        ("64 seeds, steady: x scikit-learn in two processes", ">", 15.0, jal / two),
        ("64 seeds, with compilation: x scikit-learn", ">", 4.0, whole / one),
    ]
