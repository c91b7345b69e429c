import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import oracles
from scipy import stats

from jal import metrics
from jal.types import Outputs

M, K = 20, 4
OF_PREDICTIONS = [
    "accuracy",
    "precision",
    "recall",
    "f1",
    "log_loss",
    "macro_f1",
    "balanced_accuracy",
    "class_recall",
    "confusion",
    "train_error",
]
fast = settings(max_examples=25, deadline=None, derandomize=True)
jitted = {name: jax.jit(metrics.registry[name]) for name in OF_PREDICTIONS}
classes = st.lists(st.integers(0, K - 1), min_size=M, max_size=M).map(np.array)
# Of few classes, so that some are absent.
few_classes = st.lists(st.sampled_from([0, 2]), min_size=M, max_size=M).map(np.array)


def logits_that_predict(predicted: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).random((M, K))
    return (2 * np.eye(K)[predicted] + noise).astype(np.float32)


def sklearns(name: str, y: np.ndarray, predicted: np.ndarray, logits: np.ndarray) -> Any:
    if name == "accuracy":
        return sklearn.metrics.accuracy_score(y, predicted)
    if name == "train_error":
        return sklearn.metrics.zero_one_loss(y, predicted)
    if name == "log_loss":
        return sklearn.metrics.log_loss(y, oracles.softmax(logits), labels=range(K))
    if name == "macro_f1":  # of the classes in either, as is its default
        return sklearn.metrics.f1_score(y, predicted, average="macro", zero_division=0)
    if name == "balanced_accuracy":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of predicted classes that y does not have
            return sklearn.metrics.balanced_accuracy_score(y, predicted)
    if name == "class_recall":
        return sklearn.metrics.recall_score(
            y, predicted, labels=range(K), average=None, zero_division=np.nan
        )
    if name == "confusion":
        counts = sklearn.metrics.confusion_matrix(y, predicted, labels=range(K))
        with np.errstate(invalid="ignore"):
            return counts / counts.sum(axis=1, keepdims=True)
    score = getattr(sklearn.metrics, f"{name}_score")
    return score(y, predicted, average="weighted", zero_division=0)


@pytest.mark.parametrize("name", OF_PREDICTIONS)
@fast
@given(y=classes | few_classes, predicted=classes | few_classes)
def test_agrees_with_scikit_learn(name, y, predicted):
    logits = logits_that_predict(predicted)
    expected = sklearns(name, y, predicted, logits)
    np.testing.assert_allclose(jitted[name](logits, y), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "expected"),
    # Class 0 has 3 points and 2 of its 3 predictions right; class 1 has 1 and is never predicted;
    # class 2 has 1, and 1 of its 2 predictions is right.
    [
        ("accuracy", 3 / 5),
        ("recall", 3 / 5),
        ("precision", (3 * 2 / 3 + 0 + 1 * 1 / 2) / 5),
        ("f1", (3 * 2 / 3 + 0 + 1 * 2 / 3) / 5),
        ("log_loss", np.log(np.e**2 + 2) - 2 * 3 / 5),
        ("macro_f1", (2 / 3 + 0 + 2 / 3) / 3),
        ("balanced_accuracy", (2 / 3 + 0 + 1) / 3),
        ("class_recall", [2 / 3, 0, 1]),
        ("train_error", 2 / 5),
        ("confusion", [[2 / 3, 0, 1 / 3], [1, 0, 0], [0, 0, 1]]),
    ],
)
def test_metrics_by_hand(name, expected):
    y, predicted = jnp.array([0, 0, 0, 1, 2]), jnp.array([0, 0, 2, 0, 2])
    logits = 2 * jax.nn.one_hot(predicted, 3)
    np.testing.assert_allclose(metrics.registry[name](logits, y), expected, rtol=1e-6)


@fast
@given(y=classes | few_classes, predicted=classes)
def test_recall_is_accuracy(y, predicted):
    logits = logits_that_predict(predicted)
    np.testing.assert_allclose(jitted["recall"](logits, y), jitted["accuracy"](logits, y), 1e-6)


@pytest.mark.parametrize("name", OF_PREDICTIONS)
def test_jit_vmap_and_single_agree(name):
    rng = np.random.default_rng(0)
    logits = jnp.asarray(rng.normal(size=(3, M, K)), jnp.float32)
    y = jnp.asarray(rng.integers(0, K, (3, M)))
    single = [jitted[name](*each) for each in zip(logits, y, strict=True)]
    np.testing.assert_allclose(jax.vmap(jitted[name])(logits, y), single, rtol=1e-6)
    alone = metrics.registry[name](logits[0], y[0])
    np.testing.assert_allclose(alone, single[0], rtol=1e-6)
    assert alone.shape == {"class_recall": (K,), "confusion": (K, K)}.get(name, ())


def test_evaluator():
    logits, y = jnp.array([[2.0, 0.0], [0.0, 3.0], [1.0, 0.0]]), jnp.array([0, 1, 1])
    outputs = Outputs(logits, features=jnp.zeros((3, 5)))
    found = metrics.evaluator(["recall", "log_loss"])(outputs, y)
    assert list(found) == ["recall", "log_loss"]
    np.testing.assert_allclose(found["recall"], 2 / 3, rtol=1e-6)
    expected = np.mean(np.log1p(np.exp([-2.0, -3.0, 1.0])))
    np.testing.assert_allclose(found["log_loss"], expected, rtol=1e-6)


def test_a_metric_of_each_class_is_as_many_scalars():
    """The third class has no test example: its recall is not 0, but not known."""
    logits, y = jnp.eye(3)[jnp.array([0, 1, 2, 2])], jnp.array([0, 1, 1, 1])
    outputs = Outputs(logits, features=jnp.zeros((4, 5)))
    found = jax.jit(metrics.evaluator(["class_recall", "accuracy"]))(outputs, y)
    names = ["class_recall_0", "class_recall_1", "class_recall_2", "accuracy"]
    assert sorted(found) == sorted(names) and all(value.shape == () for value in found.values())
    np.testing.assert_allclose([found[name] for name in names], [1, 1 / 3, np.nan, 0.5])
    np.testing.assert_allclose(metrics.balanced_accuracy(logits, y), 2 / 3)
    # sklearn's mean is over three classes: the third was predicted.
    np.testing.assert_allclose(metrics.macro_f1(logits, y), (1 + 0.5 + 0) / 3)
    assert [name for name in names if metrics.may_be_undefined(name)] == names[:3]
    assert not metrics.may_be_undefined("log_loss") and metrics.bounds(names[2]) == (0, 1)


def test_confusion_is_one_matrix():
    """Rows are the true classes: of class 1 one is taken for 0, and two for 2."""
    logits, y = jnp.eye(3)[jnp.array([0, 0, 2, 2])], jnp.array([0, 1, 1, 1])
    outputs = Outputs(logits, features=jnp.zeros((4, 5)))
    found = metrics.evaluator(["confusion"])(outputs, y)
    expected = [[1, 0, 0], [1 / 3, 0, 2 / 3], [np.nan] * 3]
    np.testing.assert_allclose(found["confusion"], expected, rtol=1e-6)
    assert metrics.may_be_undefined("confusion") and metrics.may_be_undefined("confusion_2_0")
    assert metrics.bounds("confusion_12_0") == (0, 1)


def test_train_error_is_of_the_labelled_alone():
    """Two of three are wrong; the fourth and the fifth are not labelled."""
    logits = jnp.eye(3)[jnp.array([0, 1, 2, 0, 1])]
    y = jnp.array([0, 2, 1, -1, -1])
    np.testing.assert_allclose(metrics.train_error(logits, y), 2 / 3, rtol=1e-6)
    assert metrics.train_error(logits, jnp.full(5, -1)) == 0
    known = {"accuracy": metrics.accuracy, "train_error": metrics.train_error}
    tested, trained = metrics.of_labelled(known)
    assert (list(tested), list(trained)) == (["accuracy"], ["train_error"])


def test_log_loss_of_certain_and_wrong_is_finite():
    loss = metrics.log_loss(jnp.array([[0.0, 1e4], [0.0, 1e4]]), jnp.array([0, 1]))
    np.testing.assert_allclose(loss, 5e3)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([5, 5, 5], 0.0), ([0, 2], 1.0), ([1, 3], 0.5), ([0, 0, 0, 4], np.sqrt(3))],
)
def test_imbalance_ratio(counts, expected):
    found = jax.jit(metrics.imbalance_ratio)(jnp.array(counts))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("labels", "accuracies", "expected"),
    [
        ([10, 20, 30], [0.7, 0.7, 0.7], 0.7),
        ([10, 17, 90], [0.7, 0.7, 0.7], 0.7),
        ([10, 20, 30], [0.2, 0.4, 0.6], 0.4),
        ([10, 13, 30], [0.2, 0.26, 0.6], 0.4),  # a line again: the steps do not matter
        ([0, 10, 40], [0.0, 1.0, 1.0], 0.875),  # (10 / 2 + 30) / 40
    ],
)
def test_aubc(labels, accuracies, expected):
    np.testing.assert_allclose(metrics.aubc(np.array(labels), np.array(accuracies)), expected)


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ((10, 40), (10 * 0.3 + 20 * 0.7) / 30),
        ((10, 30), (10 * 0.3 + 10 * 0.6) / 20),  # .6 is the mean height from 20 to 30
        ((15, 20), 0.4),
        ((25, 35), 0.7),
        ((5, 30), np.nan),  # it begins later
        ((10, 41), np.nan),  # it ends earlier
        ((20, 20), np.nan),
        ((30, 20), np.nan),
    ],
)
def test_aubc_between(between, expected):
    """Lines from .1 to .5 and on to .9, whose points are at 10, 20 and 40."""
    labels, accuracies = np.array([[10, 20, 40]]), np.array([[0.1, 0.5, 0.9]])
    np.testing.assert_allclose(metrics.aubc(labels, accuracies, between), [expected])


def test_aubc_is_of_the_curve_and_not_of_its_points():
    """A line's looks do not matter, nor rounds in which nothing was bought, nor a missing point."""
    often, seldom = np.arange(10, 41), np.array([10, 13, 34, 40])
    for labels in (often, seldom, np.array([10, 13, 13, 40, 40, 40])):
        np.testing.assert_allclose(metrics.aubc(labels, labels / 100, (12, 35)), 0.235)
    values = np.array([0.1, np.nan, 0.3, np.nan])
    np.testing.assert_allclose(metrics.aubc(np.array([10, 20, 30, 40]), values), 0.2)


@pytest.mark.parametrize("between", [None, (10, 20)])
def test_rounds_in_which_nothing_was_bought_have_no_area(between):
    """At a curve's end and at its start, with another accuracy of the same labels."""
    after = metrics.aubc(np.array([10, 20, 20]), np.array([0.0, 1.0, 0.5]), between)
    before = metrics.aubc(np.array([10, 10, 20]), np.array([0.0, 1.0, 1.0]), between)
    np.testing.assert_allclose([after, before], [0.5, 1.0])


def test_no_labels_bought_is_no_area():
    assert np.isnan(metrics.aubc(np.array([10, 10]), np.array([0.5, 0.6])))
    assert np.isnan(metrics.aubc(np.full(2, np.nan), np.full(2, np.nan)))


def test_every_metric_stays_within_its_bounds():
    """Of the worst and the best predictions; what is not known has none."""
    y = np.arange(M) % K
    assert set(jitted) == set(metrics.registry)
    for name, metric in jitted.items():
        low, high = metrics.bounds(name)
        found = (metric(logits_that_predict((y + off) % K), y) for off in (0, 1))
        found = (jnp.diag(value) if value.ndim == 2 else value for value in found)
        worst, best = sorted(float(value.mean()) for value in found)
        assert low <= worst < best <= high
    assert metrics.bounds("log_loss")[1] == np.inf == -metrics.bounds("reward")[0]
    assert metrics.bounds("imbalance_ratio") == (0, np.inf)


def test_aubc_and_final_accuracy_of_many_seeds():
    labels = np.array([[10, 20, 30], [0, 10, 40]])
    accuracies = np.array([[0.2, 0.4, 0.6], [0.0, 1.0, 1.0]])
    np.testing.assert_allclose(metrics.aubc(labels, accuracies), [0.4, 0.875])
    np.testing.assert_array_equal(metrics.final_accuracy(accuracies), [0.6, 1.0])


def test_labels_to_reach():
    labels = np.array([[10, 20, 30, 40]] * 4)
    accuracies = np.array(
        [
            [0.1, 0.5, 0.4, 0.9],  # the first time counts, also where it falls again
            [0.5, 0.6, 0.7, 0.8],
            [0.1, 0.2, 0.3, 0.5],
            [0.1, 0.2, 0.3, 0.4],
        ]
    )
    found = metrics.labels_to_reach(labels, accuracies, 0.5)
    np.testing.assert_array_equal(found, [20, 10, 40, np.nan])


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_mean_interval_agrees_with_scipy(level):
    values = np.random.default_rng(0).normal(size=(6, 3, 2))
    mean, half = metrics.mean_interval(values, level)
    low, high = stats.t.interval(level, df=5, loc=values.mean(axis=0), scale=stats.sem(values))
    np.testing.assert_allclose(mean - half, low)
    np.testing.assert_allclose(mean + half, high)


def test_mean_interval_holds_the_mean_as_often_as_it_says():
    samples = np.random.default_rng(0).normal(3.0, 2.0, size=(4, 20_000))
    mean, half = metrics.mean_interval(samples)
    share = np.mean(np.abs(mean - 3.0) <= half)
    assert abs(share - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 20_000)


def test_one_seed_has_no_interval_and_no_test():
    values = np.array([[0.5, 0.6]])
    mean, half = metrics.mean_interval(values)
    np.testing.assert_array_equal(mean, [0.5, 0.6])
    np.testing.assert_array_equal(half, [np.nan, np.nan])
    np.testing.assert_array_equal(metrics.paired_p_value(values, values + 1), [np.nan, np.nan])


def test_paired_p_value_agrees_with_scipy():
    a, b = np.random.default_rng(0).normal(size=(2, 8, 5)) + np.array([[[0.0]], [[0.7]]])
    expected = stats.ttest_rel(a, b).pvalue
    np.testing.assert_allclose(metrics.paired_p_value(a, b), expected)
    np.testing.assert_allclose(metrics.paired_p_value(b, a), expected)


def test_paired_p_value_of_pairs_that_are_there():
    """NaN pairs are left out, column by column: SciPy's of the others."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 7, 4))
    a[0, 1], b[3, 1], a[:6, 2], b[:, 3] = np.nan, np.nan, np.nan, np.nan
    found = metrics.paired_p_value(a, b)
    whole = [stats.ttest_rel(a[:, 0], b[:, 0]).pvalue]
    there = [stats.ttest_rel(a[:, 1], b[:, 1], nan_policy="omit").pvalue]
    np.testing.assert_allclose(found, [*whole, *there, np.nan, np.nan])
    mean, half = metrics.mean_interval(a)
    np.testing.assert_allclose(mean, np.nanmean(a, axis=0))
    expected = stats.sem(a[:, 1], nan_policy="omit") * stats.t.ppf(0.975, 5)
    np.testing.assert_allclose(half[1], expected)
    assert np.isnan(half[2]) and np.isfinite(half[[0, 3]]).all()


A = np.array([0.25, 0.5, 0.75])


@pytest.mark.parametrize(
    ("b", "expected"),
    [
        (A, 1),
        (A - 0.125, np.nan),  # always better by the same
        ((A - 0.1).astype(np.float32), np.nan),  # ... but for rounding
        (A * (1 + 1e-7), np.nan),  # equal but for rounding
        ([*A[:2].tolist(), np.nan], 1),
    ],
)
def test_no_test_without_variance(b, expected):
    np.testing.assert_array_equal(metrics.paired_p_value(A, np.array(b)), expected)


def test_small_differences_are_tested():
    """One point of 10,000 in one of 20 rounds in one of two seeds."""
    a = np.full(2, 0.9)
    assert metrics.paired_p_value(a, a - [0, 1e-4 / 20]) == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # 0.04 * 1 may not undercut 0.03 * 2
        ([0.2, 0.9, 0.6], [0.6, 1.0, 1.0]),
        ([0.04], [0.04]),
        ([], []),
    ],
)
def test_holm(p, expected):
    np.testing.assert_allclose(metrics.holm(np.array(p)), expected)


def test_holm_keeps_nan_out_of_the_family():
    found = metrics.holm(np.array([np.nan, 0.03, np.nan, 0.01]))
    np.testing.assert_allclose(found, [np.nan, 0.03, np.nan, 0.02])


@fast
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_step_by_step(p):
    """The procedure as printed: from the least p on, as long as p <= level / (m - i)."""
    p = np.array(p)
    for level in (0.01, 0.05, 0.2):
        rejected = np.zeros(len(p), bool)
        for i, place in enumerate(np.argsort(p, kind="stable")):
            if p[place] * (len(p) - i) > level:
                break
            rejected[place] = True
        np.testing.assert_array_equal(metrics.holm(p) <= level, rejected)


@fast
@given(seed=st.integers(0, 2**32 - 1), effect=st.floats(0, 3))
def test_penalty_matrix_has_at_most_one_winner_at_each_budget(seed, effect):
    accuracies = np.random.default_rng(seed).normal(size=(3, 6, 4))
    accuracies += effect * np.arange(3)[:, None, None]
    share = metrics.penalty_matrix(accuracies)
    assert (np.diag(share) == 0).all()
    assert (share >= 0).all()
    assert (share + share.T <= 1).all()


def test_penalty_matrix_by_hand():
    seeds = np.array([[0.0], [0.1], [0.2], [0.3]])
    noise = np.array([[0.01], [-0.01], [0.01], [-0.01]])
    base = seeds + np.array([0.1, 0.2, 0.3, 0.4])
    winner = base + 0.2 + noise * np.array([1, 1, 1, 1])
    late = base + noise[[0, 2, 1, 3]] + np.array([0, 0, 0, 0.5])
    share = metrics.penalty_matrix(np.stack([base, winner, late]))
    # late ties with base at three budgets of four, loses to winner there, and beats both at last.
    np.testing.assert_array_equal(share, [[0, 0, 0], [1, 0, 0.75], [0.25, 0.25, 0]])


def test_penalty_matrix_at_a_level():
    # One difference of p = 0.0305 at a single budget.
    a = np.array([0.069, 0.1, 0.131])[None, :, None]
    pair = np.concatenate([a, 0 * a])
    np.testing.assert_array_equal(metrics.penalty_matrix(pair, 0.05), [[0, 1], [0, 0]])
    np.testing.assert_array_equal(metrics.penalty_matrix(pair, 0.01), [[0, 0], [0, 0]])


def test_penalty_matrix_is_of_the_seeds_and_budgets_that_both_have():
    base = np.zeros((6, 2))
    better = base + np.linspace(0.1, 0.2, 6)[:, None]
    better[5] = np.nan  # a seed that has not run
    better[1:, 1] = np.nan  # a budget of one seed
    share = metrics.penalty_matrix(np.stack([base, better]), fewest=5)
    np.testing.assert_array_equal(share, [[0, 0], [1, 0]])
    none = metrics.penalty_matrix(np.stack([base, better]), fewest=6)
    np.testing.assert_array_equal(none, [[0, np.nan], [np.nan, np.nan]])


def test_equal_means_are_nobodys_win_for_all_rounding():
    pair = np.array([[[0.9], [0.7]], [[0.8], [0.8]]])
    np.testing.assert_array_equal(metrics.wins(pair), np.zeros((2, 2)))


def test_wins_count_the_budgets_of_a_higher_mean():
    """Of the seeds that both have; equal means are nobody's."""
    nan = np.nan
    one = np.array([[0.5, 0.6, 0.9], [0.5, 0.8, nan], [nan, nan, nan]])
    other = np.array([[0.5, 0.7, 0.8], [0.5, 0.6, 0.1], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(metrics.wins(np.stack([one, other])), [[0, 2], [0, 0]])
    np.testing.assert_array_equal(
        metrics.wins(np.stack([other, one, one])), [[0, 0, 0], [2, 0, 0], [2, 0, 0]]
    )
