import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from jal.report import curves, pairwise, print_tables, ranking, seconds, significance, summary
from jal.report.texts import summary_text

LABELS = [10, 20, 30]
STEPS = np.arange(-2, 3)  # five seeds, the k below; of deviation S
S, T = np.sqrt(2.5), 2.7764451051977934 / np.sqrt(5)  # Student's quantile, 4 degrees of freedom
# Accuracies [seeds, rounds]. margin: a line, of one height for each seed. The others start alike
# and then lie below it by a constant of the seed.
MARGIN = np.array([[0.5, 0.7, 0.9]]) + 0.02 * STEPS[:, None]
BELOW = {"margin": 0 * STEPS, "random": 0.2 + 0.03 * STEPS, "badge": 0.16 + 0.074 * STEPS}
CURVES = {name: MARGIN - np.outer(below, [0, 1, 1]) for name, below in BELOW.items()}


def tidy(learners=("logreg",), strategies=tuple(CURVES), seeds=5, labels=LABELS) -> pd.DataFrame:
    rows = [
        ("by hand", learner, strategy, seed, round_, labels[round_], metric, value)
        for learner in learners
        for strategy in strategies
        for metric, sign in [("accuracy", 1), ("log_loss", -1)]
        for seed in range(seeds)
        for round_, value in enumerate(sign * CURVES[strategy][seed])
    ]
    names = ["experiment", "learner", "strategy", "seed", "round", "labels", "metric", "value"]
    return pd.DataFrame(rows, columns=names)


def test_curves_are_seeds_by_rounds_in_the_runs_order():
    shuffled = tidy().sort_values(["round", "seed"], ascending=False, kind="stable")
    found = curves(shuffled, "logreg")
    assert list(found) == ["margin", "random", "badge"]
    for strategy, (labels, values) in found.items():
        np.testing.assert_array_equal(labels, [LABELS] * 5)
        np.testing.assert_array_equal(values, CURVES[strategy])
    np.testing.assert_array_equal(curves(tidy(), "logreg", "log_loss")["margin"][1], -MARGIN)


def test_a_round_that_is_there_twice():
    twice = pd.concat([tidy(), tidy().iloc[[0]]])
    with pytest.raises(ValueError, match="logreg with margin has rounds of a seed twice"):
        curves(twice, "logreg")


def test_summary_by_hand():
    table = summary(tidy(learners=("logreg", "mlp")))
    names = ["labels", "aubc", "aubc_ci", "final", "final_ci", "log_loss", "log_loss_ci"]
    assert list(table.columns) == names
    expected = pd.DataFrame(
        # AUBC: margin .70 + .02 k; random .55 - .0025 k; badge .58 - .0355 k.
        np.array(
            [
                [30, 0.70, 0.02 * S * T, 0.90, 0.02 * S * T, -0.90, 0.02 * S * T],
                [30, 0.55, 0.0025 * S * T, 0.70, 0.01 * S * T, -0.70, 0.01 * S * T],
                [30, 0.58, 0.0355 * S * T, 0.74, 0.054 * S * T, -0.74, 0.054 * S * T],
            ]
        ),
        index=["margin", "random", "badge"],
        columns=table.columns,
    )
    assert table.index.names == ["learner", "strategy"]
    for learner in ("logreg", "mlp"):
        part = table.loc[learner]
        assert list(part.index) == list(expected.index)
        np.testing.assert_allclose(part, expected, atol=1e-12)


def test_summary_of_one_seed_has_no_interval():
    table = summary(tidy(seeds=1))
    np.testing.assert_allclose(table["aubc"], [0.66, 0.555, 0.651])
    assert table[["aubc_ci", "final_ci"]].isna().all(axis=None)


def test_what_a_paper_has_stands_behind_what_it_is_of():
    part = summary(tidy()).loc["logreg"]
    reported = {"random": {"aubc": 0.55, "accuracy": 0.71}, "badge": {"aubc": 0.6}}
    heads, rows = summary_text(part, reported=reported)
    assert heads[:5] == ["strategy", "AUBC", "in the paper", "final accuracy", "in the paper"]
    assert [[row[0], row[2], row[4]] for row in rows] == [
        ["margin", "", ""],
        ["badge", "0.6000", ""],
        ["random", "0.5500", "0.7100"],
    ]
    heads, _ = summary_text(part, reported={"badge": {"aubc": 0.6}})
    assert heads[:4] == ["strategy", "AUBC", "in the paper", "final accuracy"]


def test_significance_by_hand():
    # p is .0007 for margin and random, .0377 for margin and badge, which Holm doubles, and .2679
    # for badge and random.
    found = significance(tidy(), "logreg")
    expected = [["", "+15.0*", "+12.0"], ["-15.0*", "", "-3.0"], ["-12.0", "+3.0", ""]]
    assert found.to_numpy().tolist() == expected
    assert list(found.index) == list(found.columns) == ["margin", "random", "badge"]


def test_one_pair_needs_no_correction():
    found = significance(tidy(strategies=("badge", "margin")), "logreg")
    assert found.to_numpy().tolist() == [["", "-12.0*"], ["+12.0*", ""]]


def test_one_seed_is_never_significant():
    found = significance(tidy(seeds=1), "logreg")
    assert found.to_numpy().tolist() == [
        ["", "+10.5", "+0.9"],
        ["-10.5", "", "-9.6"],
        ["-0.9", "+9.6", ""],
    ]


def test_one_strategy_is_compared_with_none():
    assert significance(tidy(strategies=("margin",)), "logreg").to_numpy().tolist() == [[""]]


def test_penalties_by_hand():
    # All start alike; after that margin beats both at each of two budgets, at 5 % uncorrected.
    found = pairwise(tidy(), "logreg")
    assert found is not None
    np.testing.assert_allclose(found.shares, [[0, 2 / 3, 2 / 3], [0, 0, 0], [0, 0, 0]])
    for table in (found.shares, found.wins):
        assert list(table.index) == list(table.columns) == ["margin", "random", "badge"]
    assert found.budgets == 3 and found.wins.loc["margin"].tolist() == [0, 2, 2]
    # Of the others' means one is higher, too, by what no test can tell.
    assert found.wins.loc["badge"].tolist() == [0, 2, 0]


def test_penalties_of_the_rounds_that_all_have_run():
    """Of a run that is not finished: the start and one budget."""
    frame = tidy(strategies=("margin", "random"))
    frame = frame[(frame.strategy == "margin") | (frame["round"] < 2)]
    found = pairwise(frame, "logreg")
    np.testing.assert_allclose(found.shares, [[0, 1 / 2], [0, 0]])
    assert found.budgets == 2 and found.wins.to_numpy().tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize("other", [[10, 20, 31], [10, 21]])
def test_no_penalties_where_budgets_differ(other):
    frame = tidy(strategies=("margin", "random"))
    frame = frame[(frame.strategy == "margin") | (frame["round"] < len(other))]
    random = frame.strategy == "random"
    frame.loc[random, "labels"] = np.array(other)[frame.loc[random, "round"]]
    assert pairwise(frame, "logreg") is None


def test_ranking_by_aubc():
    frame = tidy(learners=("logreg", "mlp"))
    assert ranking(frame, "logreg") == ranking(frame) == ["margin", "badge", "random"]
    # With mlp badge comes first, margin last: their places are 0 + 2, 1 + 0, 2 + 1.
    turned = frame.copy()
    mlp = turned.learner == "mlp"
    for strategy, change in (("margin", -0.5), ("badge", 0.5), ("random", 0.2)):
        turned.loc[mlp & (turned.strategy == strategy), "value"] += change
    assert ranking(turned, "mlp") == ["badge", "random", "margin"]
    assert ranking(turned) == ["badge", "margin", "random"]


def test_seconds_by_hand():
    """5 seeds and 2 queries."""
    cells = {"logreg/margin": 5.0, "logreg/random": 1.0, "logreg/badge": 0.5}
    table = seconds(tidy(), {"cell_seconds": cells})
    assert list(table.columns) == ["per_query", "less_random"]
    np.testing.assert_allclose(table.per_query, [0.5, 0.1, 0.05])
    np.testing.assert_allclose(table.less_random, [0.4, 0.0, -0.05])
    assert table.index.names == ["learner", "strategy"]
    assert seconds(tidy(), {}) is None
    alone = seconds(tidy(strategies=("margin",)), {"cell_seconds": {"logreg/margin": 3.0}})
    assert alone.less_random.isna().all()


def printed(width: int = 120, info: dict | None = None, **options) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_tables(tidy(**options), console, info)
    return console.file.getvalue()


@pytest.mark.parametrize("strategies", [("margin", "random", "badge"), ("margin",)])
def test_print_tables(strategies):
    shown = printed(strategies=strategies)
    assert "logreg: 5 seeds, 30 labels, 95 % intervals" in shown
    assert "margin 0.7000 ± 0.0393 0.9000 ± 0.0393" in " ".join(shown.split())
    assert ("+15.0*" in shown) == (len(strategies) > 1)
    if len(strategies) > 1:
        for head in (" ", ") "):  # of the summary, of the matrix: the best first
            tables = shown[shown.index("logreg: 5 seeds") :]  # behind the sentence
            rows = [tables.index(f"{head}{name} ") for name in ("margin", "badge", "random")]
            assert rows == sorted(rows)


def test_print_labels_where_they_differ():
    frame = tidy(strategies=("margin", "random"))
    frame.loc[frame.strategy == "random", "labels"] += 3
    console = Console(file=io.StringIO(), width=120)
    print_tables(frame, console)
    shown = " ".join(console.file.getvalue().split())
    # From 13 to 30: margin's mean is .63 up to 20, then .80; random's .50 up to 23, then .57.
    assert "5 seeds, 95 % intervals; AUBC over 13 to 30 labels, which all runs have" in shown
    assert "margin 30 0.7300" in shown and "random 33 0.5288" in shown


def test_a_narrow_terminal_shows_accuracy_alone():
    wide, narrow = printed(), printed(width=60)
    assert "final log loss" in wide and "final accuracy" in wide
    assert "log loss" not in narrow and "labels to" not in narrow and "final accuracy" in narrow
    assert "…" not in narrow.split("AUBC of row")[0]


def test_print_seconds():
    cells = {"logreg/margin": 5.0, "logreg/random": 1.0}
    shown = " ".join(printed(strategies=("margin", "random"), info={"cell_seconds": cells}).split())
    assert "ms/query less random's" in shown
    # .81 and .855 of margin's .9: all of its runs reach them with 30 labels, none of random's.
    assert "labels to 90 % labels to 95 % ms/query less random's" in shown
    assert "30.0 ± 0.0 30.0 ± 0.0 500.00 +400.00" in shown and "≥ 30 (0 %) 100.00" in shown
    slow = {"logreg/margin": 100.0}
    shown = " ".join(printed(strategies=("margin",), info={"cell_seconds": slow}).split())
    assert "s/query" in shown and "± 0.0393 10.00" in shown and "ms/query" not in shown


def test_a_matrix_too_wide_is_counted():
    """No name or number is cut; the columns of the best and of random stay."""
    names = [f"strategy_number_{i:02}" for i in range(20)]
    parts = [tidy()]
    for i, name in enumerate(names):
        part = tidy(strategies=("random",)).assign(strategy=name)
        part["value"] += 0.001 * i * (part.metric == "accuracy")
        parts.append(part)
    console = Console(file=io.StringIO(), width=80)
    print_tables(pd.concat(parts), console)
    shown = console.file.getvalue()
    assert "…" not in shown and all(len(line) <= 80 for line in shown.splitlines())
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.split()}
    matrix = significance(pd.concat(parts), "logreg")
    for name in (*names, "badge"):
        stars = [text for text in matrix.loc[name] if text.endswith("*")]
        beats = sum(text.startswith("+") for text in stars)
        assert rows[name][:2] == [str(beats), str(len(stars) - beats)]
        assert rows[name][2:] == [matrix.loc[name, "margin"], matrix.loc[name, "random"]]
    assert "less margin" in shown and "less random" in shown and "(1)" not in shown
