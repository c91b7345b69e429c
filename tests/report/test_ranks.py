"""Ranks over data sets, against Demsar's own example (2006, Table 6)."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jal.report import critical_difference, ranks, wins_ties_losses
from jal.report.plots import png
from jal.types import InputError

NAMES = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")
TABLE_6 = """
    .763 .768 .771 .798  .599 .591 .590 .569  .954 .971 .968 .967  .628 .661 .654 .657
    .882 .888 .886 .898  .936 .931 .916 .931  .661 .668 .609 .685  .583 .583 .563 .625
    .775 .838 .866 .875  1.00 1.00 1.00 1.00  .940 .962 .965 .962  .619 .666 .614 .669
    .972 .981 .97501 .975  .957 .978 .946 .970
"""  # .975 twice as printed, of which the paper ranks the first higher
VALUES = pd.DataFrame(np.array(TABLE_6.split(), float).reshape(14, 4), columns=list(NAMES))


def test_demsars_example():
    found = ranks(VALUES)
    assert found.data_sets == 14
    assert list(found.means.index) == ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]
    np.testing.assert_allclose(found.means, [1.964, 2.000, 2.893, 3.143], atol=6e-4)
    assert found.p == pytest.approx(stats.f.sf(3.69, 3, 39), rel=0.02)  # the paper's F
    assert found.difference == pytest.approx(1.25, abs=0.005)
    # "At p = 0.10 ... CD is 1.12": C4.5 differs from the two best by 1.14 and more.
    at_ten = ranks(VALUES, level=0.1)
    assert at_ten.difference == pytest.approx(1.12, abs=0.005)
    assert at_ten.groups == [["C4.5+m+cf", "C4.5+m", "C4.5+cf"], ["C4.5+cf", "C4.5"]]
    assert found.groups == [["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]]


def test_without_ties_it_is_friedmans_test():
    values = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 5)) + np.arange(5) * 0.3)
    chi2 = stats.friedmanchisquare(*values.to_numpy().T).statistic
    f = 19 * chi2 / (20 * 4 - chi2)
    assert ranks(values).p == pytest.approx(stats.f.sf(f, 4, 76))


def test_of_the_same_order_everywhere_p_is_0():
    found = ranks(pd.DataFrame([[1.0, 2.0, 3.0]] * 4, columns=list("abc")))
    assert found.p == 0.0
    assert found.means.to_dict() == {"c": 1.0, "b": 2.0, "a": 3.0}


def test_of_all_equal_nothing_differs():
    found = ranks(pd.DataFrame(np.ones((3, 3)), columns=list("abc")))
    assert found.p == 1.0 and found.groups == [["a", "b", "c"]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (VALUES.iloc[:1], "two strategies or more on two data sets or more, got 4 on 1"),
        (VALUES.iloc[:, :1], "got 1 on 14"),
        (VALUES.mask(VALUES == 0.954), r"C4\.5 has none on 2"),
    ],
)
def test_what_cannot_be_ranked(values, said):
    with pytest.raises(InputError, match=said):
        ranks(values)


def seeds(*differences: float) -> pd.DataFrame:
    """Six seeds of random, and of one strategy for each difference."""
    base, noise = np.linspace(0.5, 0.6, 6), np.array([1, -1, 1, -1, 1, -1]) * 0.001
    own = {f"s{i}": base + by + noise for i, by in enumerate(differences)}
    return pd.DataFrame({"random": base, **own})


def test_wins_ties_and_losses():
    found = wins_ties_losses({"one": seeds(0.02, 0.0), "two": seeds(0.03, -0.04)})
    assert found.loc["s0"].to_dict() == pytest.approx(
        {"win": 2, "tie": 0, "loss": 0, "mean": 0.025}
    )
    assert found.loc["s1"].to_dict() == pytest.approx(
        {"win": 0, "tie": 1, "loss": 1, "mean": -0.02}
    )


def test_holm_is_over_all_data_sets_and_strategies():
    """One difference at p = .03 is a win alone, and none among many that show nothing."""
    alone = np.array([0.6, 2.0, 1.6, -0.4, 2.0, 1.0])
    assert 0.02 < stats.ttest_1samp(alone, 0.0).pvalue < 0.04
    table = pd.DataFrame({"random": np.zeros(6), "s0": alone})
    assert wins_ties_losses({"one": table}).loc["s0", "win"] == 1
    nothing = pd.DataFrame({"random": np.zeros(6), "s0": [1, -1, 1, -1, 1, -1.0]})
    assert wins_ties_losses({"one": table, "two": nothing}).loc["s0", "win"] == 0


def test_data_sets_have_the_same_strategies_and_enough_seeds():
    with pytest.raises(InputError, match="two has no s1"):
        wins_ties_losses({"one": seeds(0.1, 0.2), "two": seeds(0.1)})
    with pytest.raises(InputError, match="one has 4 seeds"):
        wins_ties_losses({"one": seeds(0.1).iloc[:4]})


def test_the_picture_names_all_and_joins_those_that_do_not_differ():
    found = ranks(VALUES, level=0.1)
    figure = critical_difference(found)
    texts = [text.get_text() for text in figure.axes[0].texts]
    for name in NAMES:
        assert any(name in text.split() for text in texts)
    bars = [line for line in figure.axes[0].lines if line.get_linewidth() == 3.2]
    spans = [tuple(np.round(bar.get_xdata(), 2).tolist()) for bar in bars]
    assert spans == [(1.93, 2.92), (2.86, 3.17)]
    assert len(png(figure)) > 1000
