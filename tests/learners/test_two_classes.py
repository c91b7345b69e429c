"""Two classes, where conventions differ: every convex learner beside scikit-learn's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fitting import fit_and_predict, fit_on, labels_of
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC

from jal import metrics
from jal.episode import episode
from jal.labels import start_from
from jal.learners import linear_svc, logistic_regression, svc
from jal.strategies import registry
from jal.types import Pool


def table(name: str, scaled: bool = True) -> Pool:
    """One of scikit-learn's tables; the digits' threes and sevens alone."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    if name == "digits":
        chosen = np.isin(y, (3, 7))
        x, y = x[chosen], (y[chosen] == 7).astype(int)
    if scaled:
        x = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1.0)
    return Pool(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32))


def optimum(x, y, C=1.0) -> LogisticRegression:
    model = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    return model.fit(np.asarray(x, np.float64), np.asarray(y))


@pytest.mark.parametrize("scaled", [True, False], ids=["scaled", "raw"])
@pytest.mark.parametrize("name", ["breast_cancer", "wine", "iris", "digits"])
def test_c_means_what_it_means_in_scikit_learn(name, scaled):
    pool = table(name, scaled)
    classes, index = int(pool.y.max()) + 1, np.arange(len(pool.y))
    for C in (0.01, 1.0, 100.0):
        *_, logits = fit_and_predict(
            logistic_regression, pool, index, pool.x, C, num_classes=classes
        )
        p = optimum(pool.x, pool.y, C).predict_proba(np.asarray(pool.x, np.float64))
        np.testing.assert_allclose(jax.nn.softmax(logits), p, atol=1e-4)


def test_the_vector_of_scikit_learn_is_the_difference():
    pool = table("breast_cancer")
    _, fitted, _ = fit_on(logistic_regression, pool, np.arange(569), num_classes=2)
    model = optimum(pool.x, pool.y)
    np.testing.assert_allclose(np.diff(fitted.weights)[:, 0], model.coef_[0], atol=1e-4)
    np.testing.assert_allclose(np.diff(fitted.bias), model.intercept_, atol=1e-4)


def test_how_many_classes_are_labelled_may_differ_between_seeds(digits):
    """Lanes of one vmapped fit: two, three, all of the ten classes, and one alone."""
    pool, test = digits
    y = np.asarray(pool.y)
    chosen = [(4, 9), (0, 4, 9), range(10), (4,)]
    index = [np.flatnonzero(np.isin(y, classes))[:40] for classes in chosen]
    learner = logistic_regression((64,), 10, max_labels=40)
    data = learner.prepare(pool.x)
    labels = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[labels_of(pool, i) for i in index])

    def one(labels):
        start = learner.init(jax.random.key(0), data)
        fitted, _ = learner.fit(jax.random.key(0), start, data, pool.y, labels, learner.hyper)
        return jax.nn.softmax(learner.predict(fitted, test.x).logits)

    for classes, rows, p in zip(chosen, index, jax.jit(jax.vmap(one))(labels), strict=True):
        wanted = np.zeros_like(p)
        wanted[:, list(classes)] = (
            optimum(pool.x[rows], y[rows]).predict_proba(np.asarray(test.x, np.float64))
            if len(classes) > 1
            else 1.0
        )
        np.testing.assert_allclose(p, wanted, atol=1e-4)


def test_margin_picks_what_a_loop_with_scikit_learn_picks():
    """20 seeds from 2 labels to 30, the same two points in every round."""
    pool = table("breast_cancer")
    x, y = np.asarray(pool.x, np.float64), np.asarray(pool.y)
    rng = np.random.default_rng(0)
    starts = np.stack([rng.choice(np.flatnonzero(y == k), 20, replace=False) for k in (0, 1)], 1)
    learner = logistic_regression(x.shape[1:], 2, max_labels=30)
    data = learner.prepare(pool.x)
    made = episode(learner, registry["margin"](), metrics.evaluator(["accuracy"]), 14, 2)

    def one(chosen):
        order = start_from(chosen, len(y))
        state = made.init(jax.random.key(0), order, jnp.int32(2), pool, data)
        return made.run(
            state, 0, 15, pool, data, pool, learner.hyper, 2 + 2 * jnp.arange(15, dtype=jnp.int32)
        )

    state = jax.jit(lambda starts: jax.lax.map(one, starts))(jnp.asarray(starts, jnp.int32))
    for seed, start in enumerate(starts):
        labelled, curve = list(start), []
        while True:
            model = optimum(x[labelled], y[labelled])
            curve.append(model.score(x, y))
            if len(labelled) == 30:
                break
            gap = np.abs(np.diff(model.predict_proba(x), axis=1))[:, 0]
            gap[labelled] = np.inf
            labelled += np.argsort(gap)[:2].tolist()
        np.testing.assert_array_equal(
            state.labels.order[seed, :30].reshape(-1, 2).sort(1),
            np.sort(np.reshape(labelled, (-1, 2)), 1),
        )
        np.testing.assert_allclose(state.metrics["accuracy"][seed], curve, atol=1e-6)


@pytest.mark.parametrize(
    ("factory", "theirs", "weight"),
    [(linear_svc, LinearSVC, None), (linear_svc, LinearSVC, "balanced"), (svc, SVC, "balanced")],
)
def test_machines_have_one_decision_value(factory, theirs, weight):
    pool = table("breast_cancer")
    index = np.r_[np.flatnonzero(pool.y == 0)[:40], np.flatnonzero(pool.y == 1)[:20]]
    x, y = np.asarray(pool.x, np.float64), np.asarray(pool.y)
    more = {"dual": False, "max_iter": 100_000} if theirs is LinearSVC else {}
    for C in (0.1, 1.0, 10.0):
        *_, logits = fit_and_predict(
            factory, pool, index, x, C, num_classes=2, class_weight=weight, max_labels=60
        )
        model = theirs(C=C, class_weight=weight, tol=1e-10, **more).fit(x[index], y[index])
        d = model.decision_function(x)
        np.testing.assert_allclose(logits, np.stack([-d, d], 1), atol=2e-3, rtol=1e-3)
