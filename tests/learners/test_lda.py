"""Linear discriminant analysis against scikit-learn's LinearDiscriminantAnalysis()."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn
from packaging.version import Version
from requirements import require
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from jal.learners import lda
from jal.types import InputError, Labels

# Before, its covariance was over n - K.
require(Version(sklearn.__version__) >= Version("1.9"), "scikit-learn 1.9", "upgrade it")

N, D = 60, 6
rng = np.random.default_rng(0)
Y = np.arange(N, dtype=np.int32) % 3
X = rng.normal(size=(N, D)) @ rng.normal(size=(D, D)) + 2 * np.eye(3, D)[Y]
every = np.arange(N)


@functools.cache
def compiled(dim: int, classes: int, tol: float):
    learner = lda((dim,), classes, tol=tol)

    def run(x, y, labels):
        data = learner.prepare(x)
        start = learner.init(jax.random.key(0), data)
        variables, info = learner.fit(jax.random.key(0), start, data, y, labels, learner.hyper)
        return learner.predict(variables, x).logits, info["rank"]

    return jax.jit(run)


def logits_of(x, y, index, classes, tol=1e-4):
    order = np.r_[index, np.setdiff1d(np.arange(len(x)), index)].astype(np.int32)
    labels = Labels(jnp.asarray(order), jnp.int32(len(index)))
    x, y = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32)
    logits, rank = compiled(x.shape[1], classes, tol)(x, y, labels)
    return np.asarray(logits), int(rank)


def columns(*kept: int) -> np.ndarray:
    return X[:, list(kept)]


CASES = {
    "plain": (X, Y, every[:40], 6),
    "duplicated columns": (columns(0, 1, 2, 0, 1, 5), Y, every[:40], 4),
    "a sum of columns": (np.c_[X[:, :5], X[:, 0] - 3 * X[:, 4]], Y, every[:40], 5),
    "a constant column": (np.c_[X[:, :5], np.full(N, -0.234)], Y, every[:40], 5),
    "fewer labels than columns": (X, Y, every[:8], 5),
    "a class with one label": (X, Y, np.r_[every[Y != 1][:20], 1], 6),
    "a class without one": (X, Y, every[Y != 1], 6),
    "large numbers": (1e4 * X + 1e5, Y, every[:40], 6),
    "columns of all sizes": (X * 10.0 ** np.arange(-4, 8, 2), Y, every[:40], 6),
    "shares that differ": (X, Y, np.r_[every[Y == 0], every[Y == 1][:4], every[Y == 2][:9]], 6),
    "means on a line": (X - 2 * np.eye(3, D)[Y] + Y[:, None], Y, every, 6),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_probabilities_are_scikit_learns(name):
    x, y, index, rank = CASES[name]
    logits, found = logits_of(x, y, index, 3)
    x = np.asarray(x, np.float32).astype(np.float64)
    model = LinearDiscriminantAnalysis().fit(x[index], y[index])
    p = np.zeros((N, 3))
    p[:, model.classes_] = model.predict_proba(x)
    np.testing.assert_allclose(jax.nn.softmax(logits), p, atol=1e-3)
    np.testing.assert_array_equal(logits.argmax(1), model.predict(x))
    assert found == rank
    if len(model.classes_) == 3:
        apart = logits - logits.mean(axis=1, keepdims=True)
        decision = model.decision_function(x)
        decision -= decision.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(apart, decision, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("index", [every[:40], every[:5]])
def test_two_classes_have_scikit_learns_decision_value(index):
    y = (Y > 0).astype(np.int32)
    logits, _ = logits_of(X, y, index, 2)
    x = np.asarray(X, np.float32).astype(np.float64)
    model = LinearDiscriminantAnalysis().fit(x[index], y[index])
    np.testing.assert_allclose(np.diff(logits)[:, 0], model.decision_function(x), atol=2e-3)


def test_by_hand():
    """Means -1 and 3, variance 1, shares 2/3 and 1/3: 4 (x - 1) - log 2."""
    x, y = np.array([-2.0, 0, -2, 0, 2, 4, 1, 2])[:, None], np.array([0, 0, 0, 0, 1, 1, 0, 0])
    logits, _ = logits_of(x, y, np.arange(6), 2)
    np.testing.assert_allclose(np.diff(logits)[:, 0], 4 * (x[:, 0] - 1) - np.log(2), atol=1e-5)
    assert (logits.argmax(1) == [0, 0, 0, 0, 1, 1, 0, 1]).all()


def test_without_deviation_within_classes_only_shares_decide():
    for index, shares in (([0, 1, 2], [1 / 3] * 3), ([3], [1, 0, 0]), ([], [1 / 3] * 3)):
        logits, rank = logits_of(X, Y, np.array(index, int), 3)
        np.testing.assert_allclose(jax.nn.softmax(logits), np.tile(shares, (N, 1)), atol=1e-6)
        assert rank == 0


def test_a_column_that_varies_between_classes_alone_is_left_out():
    """Rounding of its classes' means is no deviation, by which one might divide."""
    values = np.array([0.1, 0.3, 0.7])[Y]
    with_it, rank = logits_of(np.c_[X[:, :5], values], Y, every[:40], 3)
    without, _ = logits_of(np.c_[X[:, :5], np.zeros(N)], Y, every[:40], 3)
    assert rank == 5
    np.testing.assert_allclose(with_it, without, atol=1e-3)


def test_tol_leaves_directions_out():
    scaled = X - np.array([X[c == Y].mean(axis=0) for c in range(3)])[Y]
    size = np.linalg.svd(scaled / scaled.std(axis=0) / np.sqrt(N), compute_uv=False)
    tol = (size[2] + size[3]) / 2
    logits, rank = logits_of(X, Y, every, 3, tol)
    model = LinearDiscriminantAnalysis(tol=tol).fit(X, Y)
    assert rank == 3
    np.testing.assert_allclose(jax.nn.softmax(logits), model.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("tol", [-1e-4, float("nan"), float("inf")])
def test_a_tol_that_cannot_be(tol):
    with pytest.raises(InputError, match="tol must be 0 or a positive number, got"):
        lda((D,), 3, tol=tol)
