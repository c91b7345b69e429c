"""The sentence that a page opens with, of tables whose results are known."""

import numpy as np
import pandas as pd
import pytest

from jal.report import About, headline

NOISE = np.array([0.01, -0.02, 0.005, 0.015, -0.01, 0.0, 0.012])


def tidy(heights: dict[str, list], learner: str = "svm", labels=(10, 20, 30)) -> pd.DataFrame:
    """Of strategy -> each seed's accuracies at these labels, or the one of all."""
    rows = [
        ("e", learner, strategy, seed, round_, labels[round_], "accuracy", value)
        for strategy, of in heights.items()
        for seed, values in enumerate(of)
        for round_, value in enumerate(np.broadcast_to(values, len(labels)))
    ]
    names = ["experiment", "learner", "strategy", "seed", "round", "labels", "metric", "value"]
    return pd.DataFrame(rows, columns=names).astype({"value": np.float32})


def curve(last: float, early: float, seeds: int = 7, seed: int = 0) -> list[list[float]]:
    noise = np.random.default_rng(seed).permutation(NOISE)[:seeds]
    return [[0.2, early + e, last + e] for e in noise]


def test_one_that_is_above_all_others():
    """AUBC (.2 + 2 early + last) / 4: .7, and .5 of random; 95 % of .8 is .76."""
    frame = tidy(
        {"random": curve(0.6, 0.6, seed=1), "margin": curve(0.8, 0.9), "a": curve(0.4, 0, seed=2)}
    )
    said = headline(frame, About())
    assert said.startswith("Over 7 seeds, margin has the highest AUBC with svm (0.70")
    assert (
        "), 20.0 points above random, significantly above 2 others, and needs 20 labels for" in said
    )
    assert said.endswith("95 % of the best final accuracy where random needs more than 30.")


def test_two_strategies():
    low, high = curve(0.6, 0.6), curve(0.8, 0.9, seed=1)
    said = headline(tidy({"random": low, "margin": high}), About())
    assert "20.0 points above random, significantly, and needs 20 labels" in said
    same = curve(0.6, 0.6005, seed=1)
    said = headline(tidy({"random": low, "margin": same}), About())
    assert "points above random, not significantly, and needs" in said
    said = headline(tidy({"random": high, "margin": low}), About())
    assert said.endswith("significantly above margin.") and "points above" not in said
    shifted = [[v + 0.1 for v in run] for run in low]
    said = headline(tidy({"random": low, "margin": shifted}), About())
    assert "10.0 points above random, not tested" in said


def test_the_best_that_stays_below_the_goal_has_no_labels_to_it():
    """Early and flat: the highest AUBC, and less than 95 % of random's end."""
    flat = [[0.5, 0.7 + e, 0.7 + e] for e in NOISE]
    frame = tidy({"flat": flat, "random": curve(0.9, 0.2, seed=1)})
    said = headline(frame, About())
    assert said.startswith("Over 7 seeds, flat has the highest AUBC") and "needs" not in said


def test_who_is_level():
    frame = tidy({name: curve(0.8, 0.9, seed=i) for i, name in enumerate("abcd")})
    said = headline(frame, About())
    best = said.split(", ")[1][0]
    others = [name for name in "abcd" if name != best]
    assert f"level with {others[0]}, {others[1]} and {others[2]}" in said
    assert "random" not in said and "labels" not in said
    more = pd.concat([frame, tidy({"e": curve(0.8, 0.9, seed=9), "low": curve(0.1, 0.1, seed=8)})])
    assert "level with 4 others and significantly above low" in headline(more, About())


@pytest.mark.parametrize(
    ("seeds", "over", "untested"),
    [(1, "In one seed, ", "one seed"), (3, "Over 3 seeds, ", "3 seeds")],
)
def test_too_few_for_a_test(seeds, over, untested):
    said = headline(
        tidy({"random": curve(0.6, 0.6, seeds), "margin": curve(0.8, 0.9, seeds)}), About()
    )
    assert said.startswith(over) and f"points above random, which {untested} cannot put to" in said
    assert "significant" not in said and "nan" not in said
    assert ("±" in said) == (seeds > 1)


def test_units_are_those_of_the_report():
    """Of seven runs of two trainings."""
    frame = tidy({"random": curve(0.6, 0.6), "agent": curve(0.8, 0.9, seed=1)})
    said = headline(frame, About(unit="trainings", units=2))
    assert said.startswith("Over 2 trainings, agent") and "2 trainings cannot put to" in said
    assert headline(frame, About(), unfinished=True).startswith("So far, over 7 seeds, agent has")


def test_one_strategy_and_no_common_range():
    said = headline(tidy({"margin": curve(0.8, 0.9)}), About())
    assert said.startswith("Over 7 seeds, margin reaches an accuracy of 0.80")
    assert said.endswith(" with svm and 30 labels.")
    apart = pd.concat([tidy({"a": [0.5] * 5}), tidy({"b": [0.6] * 5}, labels=(40, 50, 60))])
    said = headline(apart, About())
    assert "no AUBC can be compared with svm" in said and "b ends highest, at 0.6000" in said


def test_several_learners():
    each = {"random": curve(0.6, 0.6), "margin": curve(0.8, 0.9, seed=1)}
    turned = {"random": curve(0.8, 0.9, seed=1), "margin": curve(0.6, 0.6)}
    two = [tidy(each, "a"), tidy(turned, "b")]
    said = headline(pd.concat(two), About())
    assert "margin has the highest AUBC with a (" in said and "; random has the highest AUB" in said
    assert "needs 20 labels" in said
    three = headline(pd.concat([*two, tidy(each, "c")]), About())
    assert three.count("has the highest") == 3 and "needs" not in three  # too long to be read
    four = pd.concat([*two, tidy(each, "c"), tidy(each, "d")])
    assert headline(four, About()) == (
        "Over 7 seeds, margin has the highest AUBC with 3 of 4 learners, random with 1."
    )


def stops(budgets: dict[str, list[float]], reached: dict[str, list[bool]]) -> pd.DataFrame:
    rows = [
        ("svm", name, seed, 0, 0, 0.8, reached[name][seed], 3, 0.8, budget, budget)
        for name, of in budgets.items()
        for seed, budget in enumerate(of)
    ]
    names = "learner strategy seed split training target reached round precision budget crossing"
    return pd.DataFrame(rows, columns=names.split())


def test_runs_to_a_target():
    frame = tidy({name: [0.5] * 2 for name in ("agent", "random", "early")})
    budgets = {"agent": [0.10, 0.12], "random": [0.30, 0.34], "early": [0.01, 0.02]}
    reached = {"agent": [True] * 2, "random": [True] * 2, "early": [True, False]}
    said = headline(frame, About(), stops(budgets, reached), ["agent"])
    assert said == (
        "Over 2 seeds, agent reaches the target with svm with the fewest labels, 11.00 % of the "
        "pool, of the 2 of 3 strategies that reach it in all runs."
    )
    budgets["random"] = [0.05, 0.09]
    said = headline(frame, About(), stops(budgets, reached), ["agent"])
    assert ", 7.00 % of the pool, " in said and said.endswith("±" + said.split("±")[1])
    assert "4.00 ± 12.71 points less than agent" in said  # of .05 and .03
    never = {name: [True, False] for name in budgets} | {"early": [False, False]}
    said = headline(frame, About(), stops(budgets, never), ["agent"])
    assert (
        "no strategy reaches the target in all runs with svm, and agent does in most, 50 %" in said
    )
    said = headline(frame, About(), stops(budgets, dict.fromkeys(budgets, [False] * 2)), ["agent"])
    assert said == "Over 2 seeds, no strategy reaches the target in any run with svm."
