"""Fits that did not converge or learned nothing are told at the end of a run, and on its page."""

import io

import numpy as np
import pandas as pd
from rich.console import Console

from jal.data import from_arrays
from jal.experiment import (
    MLP,
    Execution,
    Experiment,
    LinearSVC,
    LogisticRegression,
    Protocol,
    run,
)
from jal.report import notes, print_tables


def table(metric: str, values, learner="a", strategy="margin") -> pd.DataFrame:
    """Of `values [S, R + 1]`."""
    values = np.asarray(values, float)
    seeds, rounds = values.shape
    return pd.DataFrame(
        {
            "experiment": "e",
            "learner": learner,
            "strategy": strategy,
            "seed": np.repeat(np.arange(seeds), rounds),
            "round": np.tile(np.arange(rounds), seeds),
            "labels": np.tile(10 + np.arange(rounds), seeds),
            "metric": metric,
            "value": values.ravel(),
        }
    )


def test_which_learner_which_strategies_how_many():
    frame = pd.concat(
        [
            *[table("accuracy", np.ones((2, 3)), name) for name in "ab"],
            table("converged", np.ones((2, 3)), "a", "random"),
            table("converged", [[1, 0, 1], [0, 0, 1]], "a"),
            table("converged", [[1, 1, 1], [1, 0, 1]], "a", "badge"),
            table("converged", np.ones((2, 3)), "b"),
        ]
    )
    assert notes(frame) == [
        "a stopped before it reached its tolerance in 4 of 18 fits (margin 3 of 6, badge 1 of 6): "
        "scale the inputs, lower C or raise max_steps"
    ]


def test_a_training_loss_at_chance_in_the_last_round():
    chance = [[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]]  # the third seed has labels of one class
    frame = pd.concat(
        [
            table("train_loss", [[1.0, 1.95], [1.0, 1.5], [0.0, 0.0]]),
            table("chance_loss", chance),
        ]
    )
    assert notes(frame) == [
        "a learned nothing in 1 of 3 last fits (margin 1 of 3), where its training loss is that of "
        "chance (2.00): change its learning_rate, train for more epochs or scale the inputs"
    ]
    assert notes(table("train_loss", [[1.0, 1.95]])) == []  # of an older run


def test_all_end_with_the_whole_pool():
    """12 labels in the last round; of two splits, seeds 0 and 2 are of the first."""
    two = pd.concat(
        [table("accuracy", np.ones((4, 3)), strategy=of) for of in ("margin", "random")]
    )
    says = [
        "all strategies of a end with the whole pool labelled, so that what they end with compares "
        "nothing"
    ]
    assert notes(two, 12) == notes(two, [12, 11]) == says
    assert notes(two, 13) == notes(two, [12, 13]) == notes(two) == []
    assert notes(two[two.strategy == "margin"], 12) == []
    short = two[(two.strategy == "random") | (two.seed != 3) | (two["round"] < 2)]
    assert notes(short, 12) == []


def test_a_run_says_so():
    """Raw inputs, few steps and a large C; a network without a scale; and one that learns."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)) * [1, 1e3, 1e-2, 1e2]
    y = (x[:, 0] + x[:, 2] * 100 > 0).astype(int)
    experiment = Experiment(
        learners={
            "linear": LinearSVC(C=1000.0, max_steps=2),
            "logistic": LogisticRegression(max_steps=2),
            "raw": MLP(hidden=(4,), epochs=1, learning_rate=1e-9, normalise="none"),
            "mlp": MLP(hidden=(16,), epochs=30),
        },
        queries=("random",),
        protocol=Protocol(seeds=2, rounds=1),
        execution=Execution(devices=1),
    )
    results = run(experiment, dataset=from_arrays(x, y, x, y), progress=False)
    said = results.notes()
    assert [note.split()[0] for note in said] == ["linear", "logistic", "raw"]
    assert "in 4 of 4 fits (random 4 of 4)" in said[0]
    assert "in 2 of 2 last fits (random 2 of 2)" in said[2]
    shown = io.StringIO()
    print_tables(results.frame, Console(file=shown, width=200))
    assert all(note in shown.getvalue() for note in said)
