"""Labels to come near the best: by hand, also of runs that never do or have not run."""

import numpy as np
import pandas as pd
import pytest

from jal.report import About, latex, page, reach, wide_summary

# From 10 to 40 labels; the best ends at 1 on average, so that .9 and .95 are the goals.
LABELS = [10, 20, 30, 40]
RUNS = {
    "best": [[0.5, 0.91, 0.96, 1.0], [0.5, 0.6, 0.92, 1.0], [0.95, 0.8, 0.9, 1.0]],
    "late": [[0.1, 0.2, 0.3, 0.9], [0.1, 0.2, 0.3, 0.5], [0.1, 0.95, 0.3, 0.6]],
    "never": [[0.1, 0.2, 0.3, 0.4]] * 3,
}


def tidy(runs: dict = RUNS, learner: str = "svm") -> pd.DataFrame:
    rows = [
        ("e", learner, strategy, seed, round_, LABELS[round_], "accuracy", value)
        for strategy, of in runs.items()
        for seed, values in enumerate(of)
        for round_, value in enumerate(values)
    ]
    names = ["experiment", "learner", "strategy", "seed", "round", "labels", "metric", "value"]
    return pd.DataFrame(rows, columns=names).astype({"value": np.float32})


def test_labels_to_come_near_the_best():
    """The first look counts; a run that never gets there has all its labels, a lower bound.

    0.9 in float32 is a little less than the goal, and reaches it.
    """
    near, nearer = reach(tidy(), "svm")
    assert (near.share, nearer.share) == (0.9, 0.95)
    np.testing.assert_allclose([near.goal, nearer.goal], [0.9, 0.95])
    assert near.labels.to_dict("list") == {
        "best": [20, 30, 10],
        "late": [40, 40, 20],
        "never": [40, 40, 40],
    }
    assert near.reached == {"best": 1.0, "late": pytest.approx(2 / 3), "never": 0.0}
    assert nearer.labels.best.tolist() == [30, 40, 10]
    # Of 20, 30 and 10: 20 +- 4.303 * 10 / sqrt(3).
    assert near.text("best", 0.95) == "20.0 ± 24.8"
    assert near.text("late", 0.95) == "≥ 33 (67 %)" and near.text("never", 0.95) == "≥ 40 (0 %)"


def test_labels_to_a_level_of_ones_own():
    """An accuracy whatever the best is; the shares of the best stand before it."""
    *_, level = reach(tidy(), "svm", levels=[0.6])
    assert (level.share, level.goal, level.name) == (None, 0.6, "accuracy 0.6")
    assert level.labels.to_dict("list") == {
        "best": [20, 20, 10],
        "late": [40, 40, 20],
        "never": [40, 40, 40],
    }
    assert level.reached["late"] == pytest.approx(2 / 3)
    about = About(levels=(0.6,))
    table = wide_summary(tidy(), about).set_index("strategy")
    assert table.loc["best", "labels_to_accuracy_0.6"] == pytest.approx(50 / 3)
    assert table.loc["late", "reached_accuracy_0.6"] == pytest.approx(2 / 3)
    assert r"& labels to 95 \% & labels to accuracy 0.6 \\" in latex(tidy(), about)
    alone = tidy({"best": RUNS["best"]})
    said = page(alone, about, {"unfinished": "1 of 2"})
    assert "labels to accuracy 0.6" in said and "labels to 90 %" not in said
    both = page(tidy(), about, {"unfinished": "1 of 2"})
    assert all("at the first look at which a run has it" in one for one in (said, both))
    assert "Labels to 90 and 95 %" in both and "Labels to 90 and 95 %" not in said


def test_not_all_is_never_shown_as_all():
    runs = {"a": [[0.0, 0.0, 0.0, 1.0]] * 299 + [[0.0, 0.0, 0.0, 0.5]]}
    assert reach(tidy(runs), "svm")[0].text("a", 0.95) == "≥ 40 (99 %)"


def test_runs_of_one_training_are_averaged():
    """Seeds 0 and 2 are of the first of two trainings, seed 1 of the second."""
    near = reach(tidy(), "svm", [0.9], trainings=2)[0]
    assert near.labels.best.tolist() == [15, 30] and near.labels.late.tolist() == [30, 40]
    assert near.reached["late"] == pytest.approx(2 / 3)  # of runs


def test_rounds_and_seeds_to_come():
    frame = tidy()
    so_far = frame[~((frame.strategy == "never") & (frame["round"] > 1))]
    near = reach(so_far, "svm", [0.9])[0]
    assert near.labels.never.tolist() == [20, 20, 20] and near.text("never", 0.95) == "≥ 20 (0 %)"
    one = frame[~((frame.strategy == "late") & (frame.seed < 2))]
    near = reach(one, "svm", [0.9])[0]
    np.testing.assert_array_equal(near.labels.late, [np.nan, np.nan, 20])
    assert near.reached["late"] == 1 and near.text("late", 0.95) == "20.0"


def test_the_best_is_a_mean():
    """Of .6 and 1, not the 1; and a seed that stopped early has its own last labels."""
    frame = tidy({"a": [[0.1, 0.2, 0.3, 0.6], [0.1, 0.2, 0.3, 1.0]], "b": [[0.1] * 4] * 2})
    assert reach(frame, "svm", [0.5])[0].goal == pytest.approx(0.4)
    frame = frame[(frame.strategy == "a") | (frame.seed == 0) | (frame["round"] < 2)]
    assert reach(frame, "svm", [0.5])[0].labels.b.tolist() == [40, 20]


def test_the_table_for_spreadsheets():
    table = wide_summary(tidy(), About()).set_index(["learner", "strategy"])
    row = table.loc["svm", "best"]
    assert (row.labels_to_90, row.reached_90, row.labels_to_95) == (20, 1, pytest.approx(80 / 3))
    assert row.labels_to_90_ci == pytest.approx(4.302653 * 10 / np.sqrt(3), rel=1e-6)
    assert (row.labels, row.final) == (40, 1)
    late = table.loc["svm", "late"]
    assert np.isnan(late.labels_to_90_ci) and late.reached_90 == pytest.approx(2 / 3)


def test_the_table_for_papers():
    r"""What LaTeX reads as its own is escaped, and \\ ends each row."""
    name = "a_b & 100% #1 {x} \\ ~ ^ $"
    frame = pd.concat([tidy({name: RUNS["best"], "low": RUNS["never"]}), tidy(learner="m\nlp")])
    found = latex(frame, About(confidence=0.9, unit="splits")).splitlines()
    assert found[0] == r"% \usepackage{booktabs}"
    assert "% svm: mean and 90 % interval over the splits" in found
    assert "% m lp: mean and 90 % interval over the splits" in found  # a comment is one line
    head = found[found.index(r"\toprule") + 1]
    cells = ["strategy", "AUBC", "final accuracy", r"labels to 90 \%", r"labels to 95 \%"]
    assert head == " & ".join(cells) + r" \\"
    assert found.count(r"\begin{tabular}{lrrrr}") == found.count(r"\end{tabular}") == 2
    row = found[found.index(r"\midrule") + 1]
    shown = r"a\_b \& 100\% \#1 \{x\} \textbackslash{} \textasciitilde{} \textasciicircum{} \$"
    assert row.startswith(rf"{shown} & 0.8") and row.count(" & ") == 4
    assert r" & 1.0000 $\pm$ 0.0000 & 20.0 $\pm$ 16.9 & " in row and row.endswith(r" \\")
    assert found[found.index(r"\midrule") + 2].endswith(r"& $\ge$ 40 (0 \%) & $\ge$ 40 (0 \%) \\")


def test_bold_is_level_with_the_best():
    rng = np.random.default_rng(0)
    noise = 0.01 * rng.normal(size=(3, 6, 1)) * np.ones(4)
    runs = {"high": 0.8 + noise[0], "near": 0.8 + noise[1], "low": 0.2 + noise[2]}
    found = latex(tidy({name: of.tolist() for name, of in runs.items()}), About())
    assert r"\textbf{high} &" in found and r"\textbf{near} &" in found
    assert "\nlow &" in found
