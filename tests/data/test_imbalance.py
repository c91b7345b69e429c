import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from jal.data import from_arrays
from jal.data.imbalance import (
    imbalanced,
    long_tail_counts,
    ratio_counts,
    step_counts,
    with_counts,
)
from jal.types import InputError

# 10, 20, 15 of the classes 0, 1, 2.
Y = np.random.default_rng(0).permutation(np.repeat(np.arange(3), [10, 20, 15])).astype(np.int32)


def ratio_of(counts) -> float:
    return np.std(counts) / np.mean(counts)


def test_steps_of_cifar10_imb():
    np.testing.assert_array_equal(step_counts(5000, 10), 500 * np.arange(1, 11))
    np.testing.assert_array_equal(step_counts(10, 4), [2, 5, 8, 10])  # of 2.5, 5, 7.5 and 10


@pytest.mark.parametrize(
    ("largest", "factor", "classes", "total", "rarest"),
    [
        (5000, 10, 10, 20431, 500),
        (5000, 20, 10, 17023, 250),
        (5000, 50, 10, 13996, 100),
        (500, 10, 100, 19573, 50),
        (500, 20, 100, 15907, 25),
        (500, 50, 100, 12608, 10),
    ],
)
def test_long_tails_of_the_published_sets(largest, factor, classes, total, rarest):
    counts = long_tail_counts(largest, factor, classes)
    assert (counts.sum(), counts[0], counts[-1]) == (total, largest, rarest)
    published = [int(largest * (1 / factor) ** (c / (classes - 1))) for c in range(classes)]
    np.testing.assert_array_equal(counts, published)


def test_a_long_tail_may_be_flat_or_end_at_one():
    np.testing.assert_array_equal(long_tail_counts(7, 1, 3), [7, 7, 7])
    np.testing.assert_array_equal(long_tail_counts(100, 100, 3), [100, 10, 1])


@pytest.mark.parametrize("factor", [0.1, 101, float("nan")])
def test_a_long_tail_that_cannot_be(factor):
    with pytest.raises(InputError, match=f"between 1 and the largest count, 100, got {factor}"):
        long_tail_counts(100, factor, 3)


def test_steps_that_leave_a_class_empty():
    with pytest.raises(InputError, match=r"10 steps take at least 10 points .* got 9"):
        step_counts(9, 10)


# The authors' totals and ratios (Table 2) are 17,168 and 0.740, 22,956 and 0.793.
@pytest.mark.parametrize(
    ("largest", "rho", "classes", "total", "ratio"),
    [(491, 14.56, 100, 17169, 0.740), (693, 18.15, 101, 22956, 0.793)],
)
def test_ratios_of_alamp(largest, rho, classes, total, ratio):
    profile = largest * rho ** (-np.arange(classes) / (classes - 1))
    counts = ratio_counts(largest, ratio_of(profile), classes)
    np.testing.assert_array_equal(counts, np.rint(profile))
    assert counts.sum() == total
    wanted = ratio_counts(largest, ratio, classes)
    assert ratio_of(wanted) == pytest.approx(ratio, abs=1e-4)
    assert wanted.sum() == pytest.approx(total, rel=2e-3)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(ratio=st.floats(0, 1.2), classes=st.integers(10, 40))
def test_any_ratio_is_hit(ratio, classes):
    counts = ratio_counts(5000, ratio, classes)
    assert ratio_of(counts) == pytest.approx(ratio, abs=2e-3)
    steps = np.log(counts / 5000) / np.arange(classes).clip(1)
    np.testing.assert_allclose(steps[1:], steps[1], atol=0.03)  # exponential


@pytest.mark.parametrize("ratio", [-0.1, 1.3, 3.0, float("nan")])
def test_a_ratio_that_no_profile_has(ratio):
    with pytest.raises(InputError, match=r"5 classes of at most 100 points .* from 0 to 1\.2"):
        ratio_counts(100, ratio, 5)


def test_the_most_imbalanced_profile_has_one_point_in_its_rarest_class():
    with pytest.raises(InputError) as error:
        ratio_counts(100, 9.0, 5)
    limit = float(str(error.value).split(" to ")[1].split(",")[0])
    counts = ratio_counts(100, limit - 1e-3, 5)
    assert (counts[0], counts[-1]) == (100, 1)


def test_a_subset_has_the_counts():
    chosen = with_counts(Y, np.array([10, 3, 0]), seed=0)
    np.testing.assert_array_equal(np.bincount(Y[chosen], minlength=3), [10, 3, 0])
    assert (np.diff(chosen) > 0).all()


def test_members_are_drawn_uniformly_by_seed():
    drawn = [with_counts(Y, np.array([2, 5, 1]), seed) for seed in range(1500)]
    counts = np.bincount(np.concatenate(drawn), minlength=len(Y))
    for members in np.split(counts[np.argsort(Y)], [10, 30]):
        assert stats.chisquare(members).pvalue > 1e-3
    np.testing.assert_array_equal(drawn[7], with_counts(Y, np.array([2, 5, 1]), seed=7))


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([10, 21, 0], "class 1 has 20 points, not the 21 that are wanted of it"),
        ([10, 20, 15, 1], "class 3 has 0 points, not the 1"),
        ([10, 20], "counts must be given for all 3 classes, got 2"),
    ],
)
def test_counts_that_cannot_be_drawn(counts, message):
    with pytest.raises(InputError, match=message):
        with_counts(Y, np.array(counts), seed=0)


def test_only_the_training_set_is_thinned():
    x = np.arange(90, dtype=np.float32).reshape(45, 2)
    dataset = from_arrays(x, Y, x[:5], Y[:5])
    found = imbalanced(dataset, step_counts(9, 3), seed=2)
    np.testing.assert_array_equal(np.bincount(found.train.y), [3, 6, 9])
    np.testing.assert_array_equal(found.train.y, Y[found.train.x[:, 0].astype(int) // 2])
    assert (found.test, found.num_classes) == (dataset.test, 3)
