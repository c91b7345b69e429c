"""What each strategy saves beside random, and whether ranks carry over: by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jal.report import learners_apart, rank_correlation, verdict
from jal.types import InputError

LABELS = [10, 20, 30]
# Accuracies of three seeds. random ends at .6, .7 and .8; quick is there with 20 labels, but in the
# last seed never; slow with all labels, where random was there too.
RUNS = {
    "random": [[0.4, 0.5, 0.6], [0.5, 0.6, 0.7], [0.6, 0.7, 0.8]],
    "slow": [[0.4, 0.5, 0.6], [0.5, 0.6, 0.75], [0.6, 0.7, 0.8]],
    "quick": [[0.4, 0.6, 0.5], [0.5, 0.9, 0.9], [0.6, 0.7, 0.7]],
}


def tidy(runs: dict = RUNS) -> pd.DataFrame:
    rows = [
        ("e", "svm", strategy, seed, round_, LABELS[round_], "accuracy", value)
        for strategy, of in runs.items()
        for seed, values in enumerate(of)
        for round_, value in enumerate(values)
    ]
    names = ["experiment", "learner", "strategy", "seed", "round", "labels", "metric", "value"]
    return pd.DataFrame(rows, columns=names).astype({"value": np.float32})


def test_labels_saved_and_area_gained():
    found = verdict(tidy(), "svm")
    assert list(found.index) == ["quick", "slow"]
    quick = found.loc["quick"]
    # Areas less random's: (.05 + 0) / 2, (.15 + .25) / 2 and (0 - .05) / 2.
    gained = np.array([0.025, 0.2, -0.025])
    assert quick.aubc_less == pytest.approx(gained.mean(), abs=1e-6)
    half = stats.t.ppf(0.975, 2) * gained.std(ddof=1) / np.sqrt(3)
    assert quick.aubc_less_ci == pytest.approx(half, rel=1e-4)
    # random is there with its last labels: 10, 10 and 0 saved.
    assert quick.saved == pytest.approx(20 / 3) and quick.reached == pytest.approx(2 / 3)
    assert quick.saved_ci == pytest.approx(stats.t.ppf(0.975, 2) * (10 / np.sqrt(3)) / np.sqrt(3))
    assert (found.loc["slow", "saved"], found.loc["slow", "reached"]) == (0, 1)


def test_p_is_corrected_over_the_strategies():
    seeds = np.random.default_rng(0).normal(0.6, 0.1, (8, 1))
    level = np.linspace(0, 0.1, 3)
    noise = np.random.default_rng(1).normal(0, 0.02, (2, 8, 1))
    runs = {"random": seeds + level, "a": seeds + level + 0.03 + noise[0]}
    one = verdict(tidy(runs), "svm").loc["a", "p"]
    both = verdict(tidy(runs | {"b": seeds + level + 0.001 + noise[1]}), "svm")
    assert 0 < one < both.loc["a", "p"] == pytest.approx(2 * one)


def test_where_random_was_there_early():
    """It has its last accuracy, .5, with 20 labels; what never has it counts 30: 10 more."""
    frame = tidy({"random": np.array([[0.4, 0.5, 0.5]] * 2), "never": np.full((2, 3), 0.3)})
    row = verdict(frame, "svm").loc["never"]
    assert (row.saved, row.reached) == (-10, 0)


def test_without_random():
    with pytest.raises(InputError, match=r"svm has no random: give one of slow, quick\."):
        verdict(tidy({name: RUNS[name] for name in ("slow", "quick")}), "svm")


def test_a_learner_less_another_by_hand():
    """With 20 labels .9 and .7 less .6 and .6 of two seeds: .2 +- 12.706 * .1; what one of them has
    alone, a look and a seed, counts nothing."""
    one = tidy({"random": np.array([[0.1, 0.9, 0.5], [0.1, 0.7, 0.5], [0.0, 0.0, 0.0]])})
    other = tidy({"random": np.array([[0.2, 0.6, 0.5], [0.2, 0.6, 0.1]])})
    other = other[other.labels < 30]
    found = learners_apart(one, other)
    assert found.index.tolist() == [10, 20]
    row = found.loc[20]
    np.testing.assert_allclose(
        [row["first"], row["second"], row["less"]], [0.8, 0.6, 0.2], rtol=1e-5
    )
    assert row["less_ci"] == pytest.approx(12.7062 * 0.1, rel=1e-4)
    np.testing.assert_allclose(found.loc[10, ["less", "less_ci"]], [-0.1, 0], atol=1e-6)
    with pytest.raises(InputError, match="no seed and number of labels by margin in common"):
        learners_apart(one, other, "margin")
    later = other.assign(labels=other.labels + 5)
    with pytest.raises(InputError, match="no seed and number of labels by random in common"):
        learners_apart(one, later)


@pytest.mark.parametrize(
    ("order", "rho"), [([1, 2, 3, 4], 1.0), ([1, 2, 4, 3], 0.8), ([4, 3, 2, 1], -1.0)]
)
def test_rank_correlation_by_hand(order, rho):
    """1 - 6 sum d^2 / (n (n^2 - 1)); one row has no interval."""
    a = pd.DataFrame([[1.0, 2.0, 3.0, 4.0, 9.0]], columns=list("abcde"))
    b = pd.DataFrame([order[::-1]], columns=list("dcba"))  # by name, and without e
    assert rank_correlation(a, b) == pytest.approx((rho, np.nan, np.nan, 4), nan_ok=True)
    many = rank_correlation(pd.concat([a] * 3), pd.concat([b] * 2))
    assert many == pytest.approx((rho, rho, rho, 4))


def test_ranks_that_are_all_the_same_have_no_correlation():
    flat = pd.DataFrame([[0.1, 0.1, 0.1]] * 3)
    found = rank_correlation(flat, pd.DataFrame([[1.0, 2.0, 3.0]] * 3))
    assert np.isnan(found[:3]).all() and found.strategies == 3


def test_interval_is_over_seeds():
    """The second seed turns the order round, but less than the first: of the four equally likely
    samples one is of the second alone, and ranks the other way."""
    a = pd.DataFrame([[1.0, 2.0, 3.0], [0.6, 0.5, 0.4]], columns=list("abc"))
    b = pd.DataFrame([[1.0, 2.0, 3.0]] * 2, columns=list("abc"))
    assert rank_correlation(a, b) == (1.0, -1.0, 1.0, 3)
    assert rank_correlation(a, b, level=0.4) == (1.0, 1.0, 1.0, 3)  # quantiles .3 and .7
    assert rank_correlation(b, a)[:3] == (1.0, -1.0, 1.0)


def test_it_is_scipys_with_ties():
    a, b = np.random.default_rng(0).integers(0, 4, (2, 1, 8)).astype(float)
    found = rank_correlation(pd.DataFrame(a), pd.DataFrame(b))
    assert found.rho == pytest.approx(stats.spearmanr(a[0], b[0]).statistic)


def test_what_cannot_be_ranked():
    a, b = (pd.DataFrame([[1.0, 2.0, 3.0]], columns=list(names)) for names in ("abc", "bcd"))
    with pytest.raises(InputError, match="three strategies or more in common, got 2"):
        rank_correlation(a, b)
    with pytest.raises(InputError, match="every strategy and seed"):
        rank_correlation(a, a * np.nan)
