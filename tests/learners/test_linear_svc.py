"""The linear machine against scikit-learn's LinearSVC."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fitting import fit_and_predict
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.svm import LinearSVC

from jal.learners.cross_validation import stratified_folds
from jal.learners.linear_svc import linear_svc
from jal.types import InputError, Pool


def fit(pool: Pool, index, x, C=1.0, **options):
    options = {"class_weight": None, "max_labels": None, **options}
    return fit_and_predict(linear_svc, pool, index, x, C, **options)


def sklearn_optimum(pool: Pool, index, **options) -> LinearSVC:
    x, y = np.asarray(pool.x, np.float64)[index], np.asarray(pool.y)[index]
    return LinearSVC(dual=False, tol=1e-12, max_iter=100_000, **options).fit(x, y)


@pytest.mark.parametrize("n", [100, 500, 1000])
@pytest.mark.parametrize("C", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("weight", [None, "balanced"])
def test_matches_scikit_learn(digits, n, C, weight):
    pool, test = digits
    variables, info, logits = fit(pool, np.arange(n), test.x, C, class_weight=weight)
    model = sklearn_optimum(pool, np.arange(n), C=C, class_weight=weight)
    x, atol = np.asarray(test.x, np.float64), 1e-4 * max(1.0, C / 2)
    assert info["gradient_norm"] <= 1e-7
    np.testing.assert_allclose(variables.weights.T, model.coef_, atol=atol)
    np.testing.assert_allclose(variables.bias, model.intercept_, atol=atol)
    np.testing.assert_allclose(logits, model.decision_function(x), atol=atol)
    assert np.mean(logits.argmax(1) == model.predict(x)) >= 0.995


def test_warm_start_changes_only_the_time(digits):
    pool, test = digits
    before, _, _ = fit(pool, np.arange(90), test.x)
    _, cold_info, cold = fit(pool, np.arange(100), test.x)
    _, warm_info, warm = fit(pool, np.arange(100), test.x, start=before)
    assert warm_info["newton_steps"] < cold_info["newton_steps"]
    np.testing.assert_allclose(warm, cold, atol=2e-5)


def test_a_start_far_off_is_led_back(digits):
    pool, test = digits
    near, _, expected = fit(pool, np.arange(100), test.x)
    far = near._replace(weights=-30.0 * near.weights, bias=near.bias + 100.0)
    _, info, logits = fit(pool, np.arange(100), test.x, start=far)
    assert info["gradient_norm"] <= 1e-7
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_max_labels_does_not_change_the_optimum(digits):
    pool, test = digits
    found = [fit(pool, np.arange(60), test.x, max_labels=n)[2] for n in (60, None)]
    np.testing.assert_allclose(*found, atol=2e-5)


@pytest.mark.parametrize("weight", [None, "balanced"])
@pytest.mark.parametrize("present", [(1, 3, 4, 8), (2, 7)])
def test_absent_classes_come_last(digits, present, weight):
    pool, test = digits
    index = np.flatnonzero(np.isin(pool.y, present))[:90]
    _, _, logits = fit(pool, index, test.x, class_weight=weight)
    theirs = sklearn_optimum(pool, index, class_weight=weight).decision_function(
        np.asarray(test.x, np.float64)
    )
    theirs = np.stack([-theirs, theirs], axis=1) if theirs.ndim == 1 else theirs
    ours = logits[:, list(present)]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    absent = np.delete(logits, present, axis=1)
    np.testing.assert_allclose(
        absent, np.repeat(ours.min(1, keepdims=True) - 1, absent.shape[1], 1)
    )


def test_a_class_that_is_alone_is_predicted(digits):
    pool, test = digits
    index = np.flatnonzero(np.asarray(pool.y) == 6)[:12]
    _, _, logits = fit(pool, index, test.x)
    assert np.isfinite(logits).all() and np.all(logits.argmax(1) == 6)


def test_inputs_far_from_zero_and_of_unequal_scale():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    x = (rng.normal(size=(200, 5)) + np.eye(3, 5)[y] * 2) * [1, 10, 0.1, 1, 5] + [10, -50, 3, 0, 20]
    pool = Pool(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32))
    _, info, logits = fit(pool, np.arange(200), pool.x, num_classes=3)
    model = sklearn_optimum(pool, np.arange(200))
    assert info["newton_steps"] < 100
    theirs = model.decision_function(np.asarray(pool.x, np.float64))
    np.testing.assert_allclose(logits, theirs, atol=2e-3)


@pytest.mark.parametrize("weight", [None, "balanced"])
def test_cross_validation_is_scikit_learns(digits, weight):
    pool, test = digits
    grid, index = (10.0, 0.003, 0.3, 0.03), np.arange(150)
    _, info, _ = fit(pool, index, test.x, 2.0, C_grid=grid, class_weight=weight, max_labels=160)
    folds = stratified_folds(jax.random.key(0), pool.y[:160].at[150:].set(-1), 5)[:150]
    search = GridSearchCV(
        LinearSVC(dual=False, tol=1e-10, max_iter=100_000, class_weight=weight),
        {"C": [2.0 * C for C in sorted(grid)]},
        scoring="balanced_accuracy" if weight else "accuracy",
        cv=PredefinedSplit(np.asarray(folds)),
        refit=False,
    ).fit(np.asarray(pool.x, np.float64)[index], np.asarray(pool.y)[index])
    assert len(np.unique(search.cv_results_["mean_test_score"])) > 1
    assert info["C"] == pytest.approx(search.best_params_["C"])
    assert info["cv_accuracy"] == pytest.approx(search.best_score_, abs=1e-6)


def test_options_out_of_range():
    with pytest.raises(InputError, match="positive numbers, got inf"):
        linear_svc((64,), 10, C=float("inf"))
