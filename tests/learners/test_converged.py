"""Convex learners say whether they came to the optimum, as far as float32 allows."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest
from fitting import fit_on

from jal.learners import linear_svc, logistic_regression, svc
from jal.types import Pool

RNG = np.random.default_rng(0)
Y = jnp.asarray(RNG.integers(0, 3, 30), jnp.int32)
X = RNG.normal(size=(30, 4)) + np.eye(3, 4)[np.asarray(Y)]


NEAR, SHORT = (1.0, {}, True), (1.0, {"max_steps": 1}, False)
FAR = (1e3, {"tol": 0.0}, True)  # no such gradient in float32; it is at the optimum all the same


@pytest.mark.parametrize(
    ("factory", "scale", "options", "converged"),
    [
        *[
            (factory, *case)
            for factory in (logistic_regression, linear_svc, svc)
            for case in (NEAR, SHORT)
        ],
        (logistic_regression, *FAR),
        (linear_svc, *FAR),
    ],
)
def test_converged(factory, scale, options, converged):
    pool = Pool(jnp.asarray(scale * X, jnp.float32), Y)
    _, _, info = fit_on(factory, pool, np.arange(30), num_classes=3, max_labels=30, **options)
    assert info["converged"] == converged


@pytest.mark.parametrize(
    ("violation", "tol", "converged"),
    [(1.4e-3, 1e-3, True), (2.5e-3, 1.1e-3, False), (9e-4, 1e-5, True), (1.1e-3, 2e-5, False)],
)
def test_what_rounding_adds_at_the_end_is_no_failure(violation, tol, converged, monkeypatch):
    """The steps end at tol; the violation, computed afresh, may be a little more.

    Each tol is another, since `fit_on` keeps what it compiled.
    """

    def fit_pairs(*args, **options):
        machines, effort = real(*args, **options)
        return machines, effort._replace(violation=jnp.float32(violation))

    module = sys.modules[svc.__module__]
    real = module.fit_pairs
    monkeypatch.setattr(module, "fit_pairs", fit_pairs)
    pool = Pool(jnp.asarray(X, jnp.float32), Y)
    _, _, info = fit_on(svc, pool, np.arange(30), num_classes=3, max_labels=30, tol=tol)
    assert info["converged"] == converged
