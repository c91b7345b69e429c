"""Logistic regression against scikit-learn, and its solver's hard cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fitting import fit_on
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from jal.learners import logistic_regression
from jal.learners.cross_validation import stratified_folds
from jal.types import InputError, Pool


def fit(pool: Pool, index, C=1.0, **options):
    options.setdefault("max_labels", len(index))
    return fit_on(logistic_regression, pool, index, C, **options)


def sklearn_optimum(x, y, C):
    # Newton with a Cholesky factor reaches the optimum itself; L-BFGS stops on the way.
    model = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-7)
    return model.fit(np.asarray(x, np.float64), np.asarray(y))


@pytest.mark.parametrize("n", [12, 32, 100, 1000])
@pytest.mark.parametrize("C", [0.01, 1.0, 30.0])
def test_matches_scikit_learn(digits, n, C):
    pool, test = digits
    index = np.r_[np.unique(pool.y, return_index=True)[1], np.arange(n)]
    index = index[np.sort(np.unique(index, return_index=True)[1])][:n]
    learner, fitted, info = fit(pool, index, C)
    model = sklearn_optimum(pool.x[index], pool.y[index], C)
    assert info["gradient_norm"] <= 1e-6
    atol = 5e-4 * max(1.0, C)  # float32 against float64; the objective flattens as C grows
    np.testing.assert_allclose(fitted.weights.T, model.coef_, atol=atol)
    bias = model.intercept_ - model.intercept_.mean()  # its sum is free
    np.testing.assert_allclose(fitted.bias - fitted.bias.mean(), bias, atol=2 * atol)
    p = jax.nn.softmax(learner.predict(fitted, test.x).logits)
    np.testing.assert_allclose(p, model.predict_proba(np.asarray(test.x)), atol=1e-4 * max(1, C))


@pytest.mark.parametrize("classes", [(0, 3, 7), (1, 2, 4, 9), (6, 8), (2,)])
def test_classes_without_a_label_have_probability_0(digits, classes):
    pool, test = digits
    index = np.flatnonzero(np.isin(pool.y, classes))[:60]
    learner, fitted, info = fit(pool, index)
    assert info["gradient_norm"] <= 1e-6
    p = jax.nn.softmax(learner.predict(fitted, test.x).logits)
    if len(classes) > 1:
        wanted = sklearn_optimum(pool.x[index], pool.y[index], 1.0).predict_proba(test.x)
    else:  # scikit-learn refuses
        wanted = np.ones((len(test.y), 1))
    np.testing.assert_allclose(p[:, jnp.array(classes)], wanted, atol=1e-4)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    # Once they have one, it is as if they always had.
    _, warm, _ = fit(pool, np.arange(200), start=fitted)
    _, cold, _ = fit(pool, np.arange(200))
    warm, cold = (jax.nn.softmax(learner.predict(v, test.x).logits) for v in (warm, cold))
    np.testing.assert_allclose(warm, cold, atol=2e-5)


def test_warm_start_changes_only_the_time(digits):
    pool, test = digits
    learner, before, _ = fit(pool, np.arange(90), max_labels=100)
    _, cold, cold_info = fit(pool, np.arange(100))
    _, warm, warm_info = fit(pool, np.arange(100), start=before)
    assert warm_info["newton_steps"] < cold_info["newton_steps"]
    cold, warm = (jax.nn.softmax(learner.predict(v, test.x).logits) for v in (cold, warm))
    np.testing.assert_allclose(cold, warm, atol=2e-5)


def test_capacity_does_not_change_the_optimum(digits):
    pool, test = digits
    found = [fit(pool, np.arange(40), max_labels=size) for size in (40, 64, 1000)]
    p = [jax.nn.softmax(learner.predict(v, test.x).logits) for learner, v, _ in found]
    np.testing.assert_allclose(p[0], p[1], atol=2e-5)
    np.testing.assert_allclose(p[0], p[2], atol=2e-5)


def test_gradient_of_the_plain_objective_vanishes(digits):
    pool, _ = digits
    _, fitted, _ = fit(pool, np.arange(150), C=2.0)

    def objective(variables):
        log_p = jax.nn.log_softmax(pool.x[:150] @ variables.weights + variables.bias)
        losses = -jnp.take_along_axis(log_p, pool.y[:150, None], axis=1)
        return 2.0 * jnp.sum(losses) + 0.5 * jnp.sum(variables.weights**2)

    gradient = jnp.concatenate([g.ravel() for g in jax.grad(objective)(fitted)])
    assert jnp.linalg.norm(gradient) / (2.0 * 150) < 2e-6


def test_inputs_far_from_zero_and_of_unequal_scale():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    x = rng.normal(size=(200, 5)) + np.eye(3, 5)[y] * 2
    x = x * [1, 10, 0.1, 1, 5] + [100, -50, 3, 0, 20]
    pool = Pool(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32))
    learner, fitted, info = fit(pool, np.arange(200), num_classes=3)
    assert info["newton_steps"] < 100
    p = jax.nn.softmax(learner.predict(fitted, pool.x).logits)
    np.testing.assert_allclose(p, sklearn_optimum(x, y, 1.0).predict_proba(x), atol=2e-3)


def test_stops_where_rounding_allows_no_more():
    rng = np.random.default_rng(0)
    pool = Pool(
        jnp.asarray(rng.normal(size=(60, 8)) * 1e3, jnp.float32),
        jnp.asarray(rng.integers(0, 4, 60), jnp.int32),
    )
    _, fitted, info = fit(pool, np.arange(60), num_classes=4, tol=0.0)
    assert info["newton_steps"] < 100  # not the limit
    assert all(np.isfinite(leaf).all() for leaf in fitted)


def test_first_step_too_long_is_halved():
    # Far out on the wrong side a full Newton step overshoots; the objective must still fall.
    pool = Pool(jnp.array([[1.0], [-1.0]]), jnp.array([0, 1]))
    learner = logistic_regression((1,), 2, C=100.0)
    far = learner.init(jax.random.key(0), learner.prepare(pool.x))._replace(
        weights=jnp.array([[-40.0, 40.0]])
    )
    _, fitted, info = fit(pool, np.arange(2), C=100.0, start=far, num_classes=2)
    model = sklearn_optimum(pool.x, pool.y, 100.0)
    gap = float(fitted.weights[0, 0] - fitted.weights[0, 1])
    assert info["gradient_norm"] <= 1e-6
    assert gap == pytest.approx(-model.coef_[0, 0], rel=1e-4)


def test_absent_class_is_never_likely(digits):
    pool, test = digits
    index = np.flatnonzero(np.asarray(pool.y) != 7)[:200]
    learner, fitted, _ = fit(pool, index)
    p = jax.nn.softmax(learner.predict(fitted, test.x).logits)
    assert p[:, 7].mean() < 0.05 and np.isfinite(p).all()


def test_cross_validation_is_scikit_learns(digits):
    """Also where a fold holds out the only example of a class, which its fit does not know."""
    pool, _ = digits
    y = np.asarray(pool.y)
    index = np.r_[np.flatnonzero(y != 9)[:149], np.flatnonzero(y == 9)[:1]]
    grid, n = (10.0, 0.001, 0.3, 0.03), len(index)
    _, fitted, info = fit(pool, index, 2.0, C_grid=grid)
    folds = stratified_folds(jax.random.key(0), pool.y[index], 5)
    search = GridSearchCV(
        LogisticRegression(solver="newton-cholesky", tol=1e-7),
        {"C": [2.0 * C for C in sorted(grid)]},
        cv=PredefinedSplit(np.asarray(folds)),
    ).fit(np.asarray(pool.x, np.float64)[index], y[index])
    assert n == 150 and len(np.unique(search.cv_results_["mean_test_score"])) > 1
    assert info["C"] == pytest.approx(search.best_params_["C"])
    assert info["cv_accuracy"] == pytest.approx(search.best_score_, abs=1e-6)
    np.testing.assert_allclose(fitted.weights.T, search.best_estimator_.coef_, atol=2e-3)


def test_cross_validation_of_one_label():
    pool = Pool(jnp.array([[1.0], [2.0]]), jnp.array([1, 0]))
    learner, fitted, info = fit(pool, [0], C_grid=(0.1, 1.0, 10.0), num_classes=2)
    assert info["C"] == 1 and info["cv_accuracy"] == 0  # nothing to go by: the middle
    assert learner.predict(fitted, pool.x).logits.argmax(1).tolist() == [1, 1]


def test_options_out_of_range():
    with pytest.raises(InputError, match="positive numbers, got -1"):
        logistic_regression((2,), 2, C_grid=(1.0, -1.0))
    with pytest.raises(InputError, match="at least 2 folds, got 1"):
        logistic_regression((2,), 2, C_grid=(1.0,), folds=1)
