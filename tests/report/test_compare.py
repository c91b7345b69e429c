"""Runs beside each other: differences by hand, and what must not be compared."""

import io
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from jal.report import (
    About,
    Run,
    compare,
    comparison_headline,
    comparison_page,
    differing,
    over_data_sets,
    print_comparison,
)

SEEDS = 6
NOISE = np.array([0.01, -0.02, 0.005, 0.015, -0.01, 0.0])


def tidy(heights: dict[str, list], labels=(10, 20, 30), first: int = 0) -> pd.DataFrame:
    """Of strategy -> each seed's accuracy, which is the same at these labels."""
    rows = [
        ("e", "svm", strategy, first + seed, round_, n, "accuracy", value)
        for strategy, of in heights.items()
        for seed, value in enumerate(of)
        for round_, n in enumerate(labels)
    ]
    names = ["experiment", "learner", "strategy", "seed", "round", "labels", "metric", "value"]
    return pd.DataFrame(rows, columns=names)


def run(name: str, frame: pd.DataFrame, data: Any = "d", about: About | None = None) -> Run:
    return Run(name, about or About(name), frame, {"data_sha256": data})


A = {"random": 0.5 + NOISE, "margin": 0.7 + NOISE, "only_a": 0.1 + NOISE}
B = {"margin": 0.75 + NOISE[::-1], "random": 0.5 + 2 * NOISE, "only_b": 0.1 + NOISE}


def test_differences_are_paired_by_seed():
    table = compare([run("a", tidy(A)), run("b", tidy(B))])
    cells = [("svm", s, name) for s in ("random", "margin") for name in ("a", "b")]
    assert list(table.index) == cells
    p = {}
    for strategy in ("margin", "random"):
        of = table.loc["svm"].loc[strategy]
        test = stats.ttest_rel(B[strategy], A[strategy])
        low, high = test.confidence_interval(0.95)
        p[strategy] = test.pvalue
        for name in ("aubc", "final"):
            np.testing.assert_allclose(
                of.loc["b", [f"{name}_less", f"{name}_less_ci"]].astype(float),
                [(low + high) / 2, (high - low) / 2],
                atol=1e-12,
            )
            np.testing.assert_allclose(
                of[name], [A[strategy].mean(), B[strategy].mean()], atol=1e-12
            )
        assert np.isnan(of.loc["a", "aubc_less"]) and of.loc["b", "pairs"] == SEEDS
    # Holm's of two.
    np.testing.assert_allclose(table.loc["svm", "margin", "b"].p, 2 * p["margin"])
    np.testing.assert_allclose(table.loc["svm", "random", "b"].p, p["random"])


def test_of_seeds_and_labels_in_common():
    """Seeds 2 to 5 are in both; from 20 to 30 labels a line from .5 to .6."""
    late = run("b", tidy(B, (20, 30, 40), first=2))
    table = compare([run("a", tidy(A)), late])
    row = table.loc["svm", "margin", "b"]
    assert row.pairs == 4 and np.isnan(row.p)  # too few for a test
    np.testing.assert_allclose(row.aubc_less, (B["margin"][:4] - A["margin"][2:]).mean())
    rising = tidy({"margin": [0.0] * SEEDS}, (10, 20, 30))
    rising["value"] = rising["labels"] / 100
    area = compare([run("a", rising), late]).loc["svm", "margin", "a"].aubc
    np.testing.assert_allclose(area, 0.25)
    apart = compare([run("a", tidy(A)), run("b", tidy(B, (40, 50, 60)))])
    assert apart.aubc.isna().all() and apart.aubc_less.isna().all() and apart.p.isna().all()
    np.testing.assert_allclose(apart.loc["svm", "margin", "b"].final_less, 0.05)


OTHER_DATA = run("b", tidy(B), "other")
OTHER_UNITS = run("b", tidy(B), about=About("b", unit="trainings", units=2))


@pytest.mark.parametrize("other", [OTHER_DATA, OTHER_UNITS, run("b", tidy(B))._replace(info={})])
def test_runs_that_cannot_be_compared_stand_beside_each_other(other):
    runs = [run("a", tidy(A)), other]
    table = compare(runs)
    assert table[["aubc_less", "final_less", "p"]].isna().all(axis=None)
    np.testing.assert_allclose(table.loc["svm", "margin", "b"].aubc, B["margin"].mean())
    said = comparison_headline(runs, table)
    assert said == (
        "B cannot be compared with a, which is on other data or averages over other units."
    ) or said.startswith("B cannot be compared with a, which is on other data")
    page = comparison_page(runs)
    assert "Note: b is on other data than a or averages over other units" in page


def test_data_that_nobody_knows_are_not_the_same():
    runs = [run(name, tidy(of))._replace(info={}) for name, of in (("a", A), ("b", B))]
    assert compare(runs).aubc_less.isna().all()


def test_units_are_those_of_the_runs():
    """Two trainings each, of three seeds."""
    runs = [
        run(name, tidy(of), about=About(name, unit="trainings", units=2))
        for name, of in (("a", A), ("b", B))
    ]
    row = compare(runs).loc["svm", "margin", "b"]
    means = [[of["margin"][t::2].mean() for t in (0, 1)] for of in (A, B)]
    low, high = stats.ttest_rel(means[1], means[0]).confidence_interval(0.95)
    assert row.pairs == 2 and np.isnan(row.p)
    np.testing.assert_allclose(row.aubc_less_ci, (high - low) / 2)


def test_the_sentence():
    runs = [run("a", tidy(A)), run("b", tidy(B))]
    said = comparison_headline(runs, compare(runs))
    assert said == (
        "The AUBC of b is significantly above a's with 1 of 2 pairs of learner and strategy and "
        "below with 0; the largest difference, +5.0 ± 1.1 points, is margin's with svm."
    )
    few = [run("a", tidy(A)), run("b", tidy(B, first=3))]
    assert "not tested against a's, of too few pairs" in comparison_headline(few, compare(few))
    turned = comparison_headline(runs[::-1], compare(runs[::-1]))
    assert "above b's with 0 of 2" in turned and "below with 1;" in turned and "-5.0" in turned


def test_a_third_run_and_one_that_shares_nothing_with_the_first():
    third = run("c", tidy({"only_b": 0.2 + NOISE}))
    runs = [run("a", tidy(A)), run("b", tidy(B)), third]
    table = compare(runs)
    assert table.loc["svm"].loc["only_b"].aubc_less.isna().all()  # which the first does not have
    said = comparison_headline(runs, table)
    assert said.endswith("c cannot be compared with a, which has no strategy in common with it.")


def test_what_was_set_otherwise():
    one = About("a", settings={"batch": "5", "seeds": "6", "learners.svm.C": "1.0"})
    other = About("b", settings={"batch": "10", "seeds": "6"})
    runs = [run("a", tidy(A), about=one), run("<b>", tidy(B), about=other)]
    assert differing(runs) == {"batch": ["5", "10"], "learners.svm.C": ["1.0", ""]}
    page = comparison_page(runs)
    assert "<tr><td>batch</td><td>5</td><td>10</td></tr>" in page
    assert "<b>" not in page and "&lt;b&gt;" in page
    assert '<td class="up">+5.00 ± 1.15*</td>' in page
    assert page.count('<svg class="chart"') == 2
    same = [run("a", tidy(A), about=one), run("b", tidy(B), about=one)]
    assert "The configs are the same" in comparison_page(same)


def printed(runs: list[Run], width: int) -> str:
    out = io.StringIO()
    print_comparison(runs, Console(file=out, width=width))
    return out.getvalue()


def cells(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def test_the_terminal_has_what_the_page_has():
    """Four digits and intervals; the strategy of the highest AUBC first."""
    one = About("a", settings={"batch": "5", "seeds": "6"})
    other = About("b", settings={"batch": "10", "seeds": "6"})
    runs = [run("a", tidy(A), about=one), run("b", tidy(B), about=other)]
    text, page = printed(runs, 120), comparison_page(runs)
    assert " ".join(text.split()).startswith(comparison_headline(runs, compare(runs)))
    found = cells(text)
    assert ["field", "a", "b"] in found and ["batch", "5", "10"] in found
    assert not any(row[0] == "seeds" for row in found)
    heads = ["strategy", "run", "labels", "AUBC", "less a", "p", "final accuracy", "less a"]
    assert heads in found
    (p,) = [f"{compare(runs).loc['svm', 'margin', 'b'].p:.2g}"]
    first = ["margin", "a", "30", "0.7000 ± 0.0137", "0.7000 ± 0.0137"]
    second = ["b", "30", "0.7500 ± 0.0137", "+5.00 ± 1.15*", p, "0.7500 ± 0.0137", "+5.00 ± 1.15"]
    place = found.index(first)
    assert found[place + 1] == second and found[place + 2][:2] == ["random", "a"]
    for cell in (*first, *second):
        assert f">{cell}</td>" in page
    title = "svm: 95 % intervals over the seeds; less a in points, paired; * p < 0.05 (Holm)"
    assert title in " ".join(text.split())


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        (90, ["AUBC", "less a", "final accuracy", "less a"]),
        (70, ["AUBC", "less a", "final accuracy"]),
        (50, ["AUBC", "less a"]),
    ],
)
def test_a_narrow_terminal(width, heads):
    text = printed([run("a", tidy(A)), run("b", tidy(B))], width)
    assert ["strategy", "run", *heads] in cells(text)
    assert "+5.00 ± 1.15*" in text and "…" not in text


def test_the_terminal_says_what_cannot_be_compared():
    text = " ".join(printed([run("a", tidy(A)), OTHER_DATA], 100).split())
    assert "Note: b is on other data than a or averages over other units" in text
    assert "What was set otherwise" not in text and "nan" not in text
    assert "0.7500 ± 0.0137" in text


def test_the_highest_aubc_is_first():
    """Whatever the order of the run and of the alphabet."""
    three = {"b": 0.5 + NOISE, "a": 0.3 + NOISE, "c": 0.7 + NOISE}
    runs = [run("x", tidy(three)), run("y", tidy(three))]
    found = [row[0] for row in cells(printed(runs, 120)) if row[1:3] == ["x", "30"]]
    assert found == ["c", "b", "a"]
    drawn = comparison_page(runs)
    assert drawn.index("accuracy of c with svm") < drawn.index("accuracy of a with svm")


def test_names_are_no_markup():
    text = printed([run("[red]", tidy(A)), run("b", tidy(B))], 120)
    assert text.count("[red]") >= 5


def test_budgets_are_counted_over_data_sets():
    """Each data set's share of three budgets counts once; a run of the same data would twice."""
    third = {"margin": 0.4 + NOISE[::-1], "random": 0.5 + NOISE}
    runs = [run("a", tidy(A), "x"), run("b", tidy(B), "y"), run("c", tidy(third, (5, 9)), "z")]
    found = over_data_sets(runs, "svm")
    assert found is not None and found.budgets == 3 + 3 + 2
    assert list(found.wins) == ["random", "margin"]
    np.testing.assert_array_equal(found.wins, [[0, 2], [6, 0]])
    # Differences of the first do not vary, which tells nothing.
    np.testing.assert_array_equal(found.shares, [[0, 1], [1, 0]])
    page = comparison_page(runs)
    assert "of 8 budgets, summed over 3 data sets," in page
    assert over_data_sets([*runs, run("d", tidy(A), "x")], "svm") is None
    assert over_data_sets([runs[0], run("b", tidy({"margin": B["margin"]}), "y")], "svm") is None
    few = run("b", tidy({name: of[:4] for name, of in B.items()}), "y")
    found = over_data_sets([runs[0], few], "svm")
    assert found is not None and found.wins.loc["margin", "random"] == 6
    assert found.shares.isna().all(axis=None)
    # Of several splits there is a hash each; who says none cannot be told apart.
    for same in ("xz", "zx"):
        pair = [run("a", tidy(A), [*same[:1], "v"]), run("b", tidy(B), ["w", same[0]])]
        assert over_data_sets(pair, "svm") is None
    for unsaid in ([None, "x"], ["x", None]):
        pair = [run(str(i), tidy(A), data) for i, data in enumerate(unsaid)]
        assert over_data_sets(pair, "svm") is None
