"""Dividing by the labelled classes' shares."""

import jax
import jax.numpy as jnp
import numpy as np

from jal.learners import logistic_regression, thresholded
from jal.types import Labels, Learner, Outputs, Pool

P = np.array([0.2, 0.2, 0.6])


def fixed(logits) -> Learner:
    return Learner(
        prepare=lambda x: x,
        init=lambda key, data: (),
        fit=lambda key, variables, data, y, labels, hyper: ((), {"one": jnp.float32(1)}),
        predict=lambda variables, x: Outputs(jnp.tile(logits, (len(x), 1)), x),
        hyper=(),
    )


def fit(learner, y, n):
    pool = Pool(jnp.zeros((len(y), 2)), jnp.asarray(y))
    labels = Labels(jnp.arange(len(y), dtype=jnp.int32), jnp.int32(n))
    data = learner.prepare(pool.x)
    key = jax.random.key(0)
    variables, info = learner.fit(key, learner.init(key, data), data, pool.y, labels, learner.hyper)
    assert set(info) == {"one"}
    return learner.predict(variables, pool.x[:1]).logits[0]


def test_the_example_of_buda():
    """p = [.2, .2, .6] and priors [.1, .4, .5] give [2, .5, 1.2]: class 0."""
    y = [0] + 4 * [1] + 5 * [2] + [0] * 7  # ten are labelled
    logits = fit(thresholded(fixed(jnp.log(P)), 3), y, 10)
    np.testing.assert_allclose(np.exp(logits), [2, 0.5, 1.2], rtol=1e-5)


def test_an_absent_class_is_left_alone():
    logits = fit(thresholded(fixed(jnp.log(P)), 3), [0, 2, 1], 2)
    np.testing.assert_allclose(np.exp(logits), [0.4, 0.2, 1.2], rtol=1e-5)


def test_balances_a_classifier_of_imbalanced_labels():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [950, 50])
    x = rng.normal(0, 1, (1000, 2)) + y[:, None]
    pool = Pool(jnp.asarray(x, jnp.float32), jnp.asarray(y))
    labels = Labels(jnp.arange(1000, dtype=jnp.int32), jnp.int32(1000))
    plain = logistic_regression((2,), 2)
    recalls = []
    for learner in (plain, thresholded(plain, 2)):
        data = learner.prepare(pool.x)
        key = jax.random.key(0)
        variables, _ = learner.fit(
            key, learner.init(key, data), data, pool.y, labels, learner.hyper
        )
        predicted = np.argmax(learner.predict(variables, pool.x).logits, axis=1)
        recalls.append(np.mean(predicted[y == 1] == 1))
    assert recalls[0] < 0.3 and recalls[1] > 0.6
