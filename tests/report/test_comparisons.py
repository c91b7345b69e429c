"""Stars, bold and areas: what is compared with what, and what is not."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from report_info import INFO
from rich.console import Console
from scipy import stats

from jal.report import (
    About,
    aubc_differences,
    aubcs,
    headline,
    label_range,
    learning_curves,
    level_with_best,
    paired_differences,
    pairwise,
    print_tables,
    ranking,
    significance,
    summary,
    untested,
)
from jal.report.charts import small_charts
from jal.report.comparisons import FEWEST, adjusted, with_best
from jal.report.page import page

Run = tuple[list[float], list[float]]  # labels and accuracies


def tidy(runs: dict[str, list[Run]], metric: str = "accuracy") -> pd.DataFrame:
    """Of strategy -> a run for each seed, from seed 3 on."""
    rows = [
        ("toy", "logreg", strategy, 3 + seed, round_, labels[round_], metric, value)
        for strategy, of in runs.items()
        for seed, (labels, values) in enumerate(of)
        for round_, value in enumerate(values)
    ]
    names = ["experiment", "learner", "strategy", "seed", "round", "labels", "metric", "value"]
    return pd.DataFrame(rows, columns=names).astype({"value": np.float32})


def flat(heights: dict[str, list[float]]) -> pd.DataFrame:
    """Curves of one height from 10 to 20 labels: their AUBC."""
    return tidy({name: [([10, 20], [h, h]) for h in of] for name, of in heights.items()})


def shown(frame: pd.DataFrame) -> tuple[str, str]:
    """The page, and the terminal's tables, as one line of words."""
    out = io.StringIO()
    print_tables(frame, Console(file=out, width=200), INFO)
    return page(frame, About("toy"), INFO), " ".join(out.getvalue().split())


def test_two_seeds_whose_differences_coincide_have_no_star():
    """36 strategies: 630 pairs, of which a p-value of 0 would survive Holm's correction."""
    heights = {f"s{i}": [0.5 + 0.01 * i, 0.6 + 0.01 * i] for i in range(36)}
    matrix = significance(flat(heights), "logreg")
    assert not matrix.map(lambda text: "*" in text).any(axis=None)
    assert matrix.loc["s1", "s0"] == "+1.0"


NOISE = np.array([0.01, -0.02, 0.005, 0.015, -0.01, 0.0, 0.012])


@pytest.mark.parametrize("seeds", range(1, 8))
def test_stars_from_five_seeds_on(seeds):
    frame = flat({"low": [0.5] * seeds, "high": list(0.7 + NOISE[:seeds])})
    starred = seeds >= FEWEST
    assert FEWEST == 5
    assert significance(frame, "logreg").loc["high", "low"].endswith("*") == starred
    found = pairwise(frame, "logreg")
    assert found is not None and found.wins.loc["high"].tolist() == [found.budgets, 0]
    assert (found.shares.loc["high", "low"] == 1) == starred
    assert found.shares.isna().all(axis=None) == (not starred)
    assert ("Pairwise penalty matrix" in shown(frame)[0]) == starred
    assert level_with_best(aubcs(frame, "logreg")) == (["high"] if starred else [])
    note = f"no stars: {'1 seed is' if seeds == 1 else f'{seeds} seeds are'} fewer than 5"
    for text in shown(frame):
        assert (note in text) == (not starred)
    assert untested(aubcs(frame, "logreg")) == ("" if starred else note)
    number = "1 seed," if seeds == 1 else f"{seeds} seeds,"
    assert all(f" {number}" in text for text in shown(frame))


@pytest.mark.parametrize("gap", [0.1, 1e-9, 0.0])
def test_no_star_without_variance(gap):
    """Of ten seeds, whose differences are alike but for the rounding of float32."""
    base = 0.6 + 0.1 * np.random.default_rng(0).normal(size=10)
    frame = flat({"a": list(base), "b": list(base + gap)})
    assert "*" not in "".join(significance(frame, "logreg").to_numpy().ravel())
    equal = (flat({"a": list(base + gap)}).value == flat({"a": list(base)}).value).all()
    assert untested(aubcs(frame, "logreg")) == (
        ""
        if equal
        else "no test of this pair, whose differences do not vary or are of fewer than 5 seeds"
    )
    # Equal ones are not worse than each other; of the others nothing is known.
    assert level_with_best(aubcs(frame, "logreg")) == (["a", "b"] if equal else ["b"])
    row = paired_differences(aubcs(frame, "logreg"), "a")["b"]
    assert np.isnan(row["half"]) == np.isnan(row["p"]) == (not equal) and np.isnan(row["effect"])


def test_stars_are_scipys_with_holm():
    """Of six strategies, near each other: all 15 pairs, of which bold is what its row says."""
    rng = np.random.default_rng(3)
    heights = 0.6 + 0.02 * rng.normal(size=(9, 6)) + 0.012 * np.arange(6)
    scores = pd.DataFrame(heights.astype(np.float32).astype(float), columns=list("abcdef"))
    frame = flat({name: list(scores[name]) for name in scores})
    pairs = [(i, j) for i in range(6) for j in range(i)]
    wanted = stepwise([stats.ttest_rel(heights[:, i], heights[:, j]).pvalue for i, j in pairs])
    matrix = significance(frame, "logreg").to_numpy()
    found = [matrix[i, j].endswith("*") for i, j in pairs]
    assert found == wanted == [matrix[j, i].endswith("*") for i, j in pairs]
    assert 0 < sum(found) < 15
    best = heights.mean(axis=0).argmax()
    level = {name for name, entry in zip("abcdef", matrix[best], strict=True) if "*" not in entry}
    assert set(level_with_best(aubcs(frame, "logreg"))) == level
    assert 1 < len(level) < 6
    written = page(frame, About("toy"), INFO)
    assert written.count('<tr class="best">') == len(level)
    assert "Bold: AUBC not significantly below the highest." in written


def test_bold_and_stars_are_of_one_family():
    """a less b is 0, 1, 1, 1 and 2 points: t = sqrt(10), p = .034. Of the three tests against a it
    would be the last, .034; of all six only c less d is larger, and twice .034 is above .05."""
    b = 0.6 + np.array([0.0, 0.02, 0.01, 0.03, 0.04])
    a = b + np.array([0.0, 0.01, 0.01, 0.01, 0.02])
    c = b - 0.2 - np.array([0.001, 0.0, 0.002, 0.001, 0.0])
    d = c + np.array([0.001, -0.001, 0.0, 0.002, -0.001])
    frame = flat({"a": list(a), "b": list(b), "c": list(c), "d": list(d)})
    alone = adjusted(aubcs(frame, "logreg"), [("a", "b"), ("a", "c"), ("a", "d")])
    np.testing.assert_allclose(alone["a", "b"], 0.0341, atol=1e-4)
    matrix = significance(frame, "logreg")
    assert matrix.loc["a"].tolist() == ["", "+1.0", "+21.1*", "+21.1*"]
    assert matrix.loc["d", "c"] == "+0.0" and matrix.loc["b", "c"] == "+20.1*"
    assert level_with_best(aubcs(frame, "logreg")) == ["a", "b"]
    found = with_best(aubcs(frame, "logreg"))
    assert (found.level, found.below, found.untested) == (["b"], ["c", "d"], [])
    assert "level with b and significantly above 2 others" in headline(frame, About())
    written = page(frame, About("toy"), INFO)
    assert written.count('<tr class="best">') == 2
    assert written.count("with Holm's correction over all pairs") == 2


def test_who_is_above_the_best_on_their_common_seeds_is_not_below_it():
    """a has the higher mean by two easy seeds that b lacks."""
    b = 0.6 + np.append(NOISE, [0.0, 0.0])
    a = b - 0.01 + np.append(0.1 * NOISE[::-1], [0.4, 0.4])
    frame = flat({"a": list(a), "b": list(b)})
    frame = frame[(frame.strategy == "a") | (frame.seed < 3 + 7)]
    assert significance(frame, "logreg").loc["b", "a"] == "+1.0*"
    found = with_best(aubcs(frame, "logreg"))
    assert (found.best, found.level, found.below) == ("a", ["b"], [])


def stepwise(p: list[float]) -> list[bool]:
    """Holm's procedure as printed: whether each is rejected at .05."""
    rejected = [False] * len(p)
    for i, place in enumerate(np.argsort(p)):
        if p[place] >= 0.05 / (len(p) - i):
            break
        rejected[place] = True
    return rejected


def test_runs_are_paired_by_seed():
    """Where seeds are missing, the others of the same number are compared: SciPy's of these."""
    rng = np.random.default_rng(4)
    a, b = 0.6 + 0.05 * rng.normal(size=(2, 8)).astype(np.float32).astype(float)
    frame = flat({"a": list(a), "b": list(b)})
    frame = frame[~((frame.strategy == "a") & frame.seed.isin([3, 6]))]
    frame = frame[~((frame.strategy == "b") & (frame.seed == 10))]
    both = [1, 2, 4, 5, 6]
    row = paired_differences(aubcs(frame, "logreg"), "a")["b"]
    test = stats.ttest_rel(b[both], a[both])
    low, high = test.confidence_interval(0.95)
    np.testing.assert_allclose(
        [row["difference"], row["p"], row["half"], row["effect"]],
        [(low + high) / 2, test.pvalue, (high - low) / 2, test.statistic / np.sqrt(5)],
        rtol=1e-5,
    )
    assert significance(frame, "logreg").loc["b", "a"] == f"{100 * (b - a)[both].mean():+.1f}"
    own = summary(frame).loc[("logreg", "a")]
    np.testing.assert_allclose(own.aubc, a[[1, 2, 4, 5, 6, 7]].mean(), rtol=1e-5)
    assert "nan" not in "".join(shown(frame))
    fewer = frame[frame.seed != 4]
    assert untested(aubcs(fewer, "logreg")).startswith("no test of this pair")


# Each in its own steps: from 10 to 40 labels along a line from .5 to .8, one by tens, one by sizes
# of its own; the third is .1 higher and ends with 20, 25 or 30 labels.
BY_TEN = [10, 20, 30, 40]
SIZED = [[10, 11, 13, 40], [10, 35, 38, 40], [10, 12, 20, 40]]
SHORT = [[10, 15, 18, 20], [10, 17, 20, 25], [10, 11, 29, 30]]


def line(labels: list[int], above: float = 0.0) -> Run:
    return labels, [0.4 + 0.01 * n + above for n in labels]


def sizes(repeats: int = 2) -> pd.DataFrame:
    return tidy(
        {
            "tens": [line(BY_TEN, 0.0012 * i) for i in range(3 * repeats)],
            "sized": [line(labels) for labels in SIZED * repeats],
            "short": [line(labels, 0.1) for labels in SHORT * repeats],
        }
    )


def test_areas_are_over_the_labels_that_all_have():
    """From 10 to 20 labels: lines of mean height .55 and .65; to their own ends others."""
    frame = sizes()
    assert tuple(label_range(frame, "logreg")) == (10, 20, False)
    found = aubcs(frame, "logreg")
    np.testing.assert_allclose(found["tens"], 0.55 + 0.0012 * np.arange(6), rtol=1e-6)
    np.testing.assert_allclose(found["sized"], 0.55, rtol=1e-6)
    np.testing.assert_allclose(found["short"], 0.65, rtol=1e-6)
    assert ranking(frame) == ["short", "tens", "sized"]
    np.testing.assert_allclose(summary(frame).loc["logreg"].aubc, [0.553, 0.55, 0.65], rtol=1e-6)
    assert significance(frame, "logreg").loc["short", "tens"] == "+9.7*"
    assert pairwise(frame, "logreg") is None
    written, printed = shown(frame)
    for text in (written, printed):
        assert "AUBC over 10 to 20 labels, which all runs have" in text
    assert "No penalty matrix: the strategies' budgets differ." in written
    assert "What is final is with the labels of its row." in written


def test_trainings_are_averaged_after_their_areas():
    """Whose runs labelled other numbers: the mean curve at mean labels is neither's."""
    steps = [([10, 12, 40], [0.5, 0.9, 0.9]), ([10, 38, 40], [0.5, 0.9, 0.9])]
    frame = tidy({"agent": steps * 5, "random": [line(BY_TEN)] * 10})
    found = aubcs(frame, "logreg", trainings=5)
    assert found.index.tolist() == list(range(5))
    areas = [(2 * 0.7 + 28 * 0.9) / 30, (28 * 0.7 + 2 * 0.9) / 30]  # seed i is of training i mod 5
    np.testing.assert_allclose(found["agent"], np.mean(areas), rtol=1e-6)
    table = summary(frame, trainings=5).loc[("logreg", "agent")]
    np.testing.assert_allclose([table.aubc, table.final, table.labels], [np.mean(areas), 0.9, 40])
    row = aubc_differences(frame, "logreg", ["agent"], trainings=5).iloc[0]
    np.testing.assert_allclose(row.difference, np.mean(areas) - 0.65, rtol=1e-5)
    assert np.isnan(row.p)  # all trainings alike


@pytest.mark.parametrize("other", [[40, 50, 60], [50, 60, 70], [20, 20, 20]])
def test_without_a_common_range_there_is_no_area(other):
    frame = tidy({"a": [line(BY_TEN)] * 5, "b": [line(other)] * 5})
    assert aubcs(frame, "logreg").isna().all(axis=None)
    table = summary(frame).loc["logreg"]
    assert table[["aubc", "aubc_ci"]].isna().all(axis=None)
    np.testing.assert_allclose(table.final, [0.8, 0.4 + 0.01 * other[-1]], rtol=1e-6)
    assert ranking(frame) == ["a", "b"]
    for text in shown(frame):
        assert "AUBC is withheld: no range of labels is common to all runs" in text
        assert "nan" not in text and "Holm" not in text


def test_one_range_needs_no_words():
    """Of other looks over the same labels: each line's mean height is .65."""
    frame = tidy({"tens": [line(BY_TEN)] * 6, "sized": [line(labels) for labels in SIZED * 2]})
    assert label_range(frame, "logreg").whole
    np.testing.assert_allclose(aubcs(frame, "logreg"), 0.65, rtol=1e-6)
    for text in shown(frame):
        assert "AUBC over" not in text


def band(panel) -> np.ndarray:
    return panel.collections[-1].get_paths()[0].vertices[:, 1]


def test_bands_end_where_the_metric_does():
    """Of values near 1 and 0, whose intervals reach beyond; of others they stay whole."""
    near = [([10, 20], [0.98, 0.02]), ([10, 20], [1.0, 0.0]), ([10, 20], [0.9, 0.1])]
    runs = {"a": near}
    (panel,) = learning_curves(tidy(runs)).axes
    mean, half = np.mean([0.98, 1, 0.9]), stats.t.ppf(0.975, 2) * stats.sem([0.98, 1, 0.9])
    assert mean + half > 1 and (band(panel).min(), band(panel).max()) == (0, 1)
    assert np.isclose(band(panel), mean - half).any()
    both = pd.concat([tidy(runs), tidy(runs, "log_loss"), tidy(runs, "reward")])
    (panel,) = learning_curves(both, "log_loss").axes
    assert band(panel).min() == 0 and np.isclose(band(panel).max(), mean + half)
    (panel,) = learning_curves(both, "reward").axes
    np.testing.assert_allclose(band(panel).min(), 1 - mean - half, atol=1e-6)
    # Less random's, differences go down to -1.
    random = [([10, 20], [1.0, 1.0])] * 3
    ((drawn,), _) = small_charts(tidy({"random": random, "a": near}), "logreg")
    corners = re.search(r'class="band c0" d="M([^"]*)Z', drawn)[1].split("L")
    least, zero = (float(y) for y in re.findall(r'class="(?:mark|grid)" d="M0 ([0-9.]+)H', drawn))
    heights = (np.array([float(one.split()[1]) for one in corners]) - zero) / (zero - least)
    np.testing.assert_allclose([heights.min(), heights.max()], [-1, mean + half - 1], atol=0.01)
