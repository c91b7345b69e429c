"""Convex learners say whether they came to the optimum, as far as float32 allows."""

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
