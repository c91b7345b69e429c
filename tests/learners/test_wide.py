"""Inputs of more numbers than the pool has points: the same optimum from any factor, or none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fitting import fit_on
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from jal.learners import coordinates, linear_svc, logistic_regression
from jal.types import Pool

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 40)


def pool(dim: int) -> Pool:
    """Of unequal scale, far from zero, and of less than full rank: two points are the same."""
    x = (RNG.normal(size=(40, dim)) + np.eye(3, dim)[Y] * 3) * np.linspace(0.1, 2, dim) + 1
    x[1] = x[0]
    return Pool(jnp.asarray(x, jnp.float32), jnp.asarray(Y, jnp.int32))


@pytest.mark.parametrize("factory", [logistic_regression, linear_svc])
@pytest.mark.parametrize(
    ("dim", "largest", "axes"),
    [(8, 1024, 8), (60, 1024, 40), (8, 4, None), (60, 30, None)],
    ids=["of the inputs", "of the points", "none", "none, wide"],
)
def test_the_optimum_is_scikit_learns(factory, dim, largest, axes, monkeypatch):
    monkeypatch.setattr(coordinates, "_LARGEST", largest)
    given, index = pool(dim), np.arange(25)
    constant = int(factory is linear_svc)
    found = factory((dim,), 3).prepare(given.x).axes
    assert (None if found is None else found.shape[1]) == (
        axes if axes in (None, 40) else axes + constant
    )
    _, start, _ = fit_on(factory, given, index[:12], num_classes=3, max_labels=25)
    _, fitted, info = fit_on(factory, given, index, 2.0, start, num_classes=3, max_labels=25)
    x, y = np.asarray(given.x, np.float64), np.asarray(given.y)
    logits = given.x @ fitted.weights + fitted.bias
    if factory is logistic_regression:
        model = LogisticRegression(C=2.0, solver="newton-cholesky", tol=1e-10, max_iter=1000)
        model.fit(x[index], y[index])
        found, expected = jax.nn.softmax(logits), model.predict_proba(x)
    else:
        model = LinearSVC(C=2.0, dual=False, tol=1e-10, max_iter=100_000).fit(x[index], y[index])
        found, expected = logits, model.decision_function(x)
    assert info["converged"]
    np.testing.assert_allclose(fitted.weights.T, model.coef_, atol=1e-3)
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("factory", [logistic_regression, linear_svc])
def test_without_axes_bytes_stay_bytes(factory, monkeypatch):
    monkeypatch.setattr(coordinates, "_LARGEST", 30)
    images = Pool(jnp.zeros((40, 6, 10), jnp.uint8), jnp.asarray(Y, jnp.int32))
    data = factory((6, 10), 3).prepare(images.x)
    assert data.x.dtype == jnp.uint8
    rows = data.rows(jnp.arange(7))
    assert rows.shape == (7, 60 + (factory is linear_svc))
