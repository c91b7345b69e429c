"""The mean curve does not depend on the order in which the pool stands."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jal import learners, metrics, strategies
from jal.episode import episode
from jal.labels import random_start
from jal.types import Pool

ROUNDS, SEEDS, ORDERS = 8, 32, 4
X = np.repeat([-1.0, 1.0], 50).astype(np.float32)


def areas(name: str) -> np.ndarray:
    """The area under the accuracy `[ORDERS, SEEDS]`, the first order being by class."""
    learner = learners.registry["logistic_regression"]((1,), 2, max_labels=ROUNDS + 1)
    evaluate = metrics.evaluator(["accuracy"])
    made = episode(learner, strategies.registry[name](), evaluate, ROUNDS, 1)
    schedule = 1 + jnp.arange(ROUNDS + 1, dtype=jnp.int32)

    @jax.jit
    @jax.vmap
    def run(order, key):
        x = jnp.asarray(X)[order][:, None]
        pool = Pool(x, (x[:, 0] > 0).astype(jnp.int32))
        key_start, key = jax.random.split(key)
        data = learner.prepare(pool.x)
        state = made.init(key, random_start(key_start, 100, 1), jnp.int32(1), pool, data)
        state = made.run(state, 0, ROUNDS + 1, pool, data, pool, learner.hyper, schedule)
        return state.metrics["accuracy"]

    rng = np.random.default_rng(0)
    orders = np.stack([np.arange(100), *(rng.permutation(100) for _ in range(ORDERS - 1))])
    keys = jax.random.split(jax.random.key(0), ORDERS * SEEDS)
    accuracy = np.asarray(run(np.repeat(orders, SEEDS, axis=0), keys))
    return metrics.aubc(np.asarray(schedule), accuracy).reshape(ORDERS, SEEDS)


@pytest.mark.parametrize("name", ["margin"])
def test_a_pool_in_order_of_its_classes(name):
    """Two points fifty times: with one label of fifty, everything ties until the other is found."""
    found = areas(name)
    assert found.std(axis=1).min() > 0  # seeds are not alike
    # The orders' means differ as the seeds' deviations say: by chance once in a thousand.
    assert stats.f_oneway(*found).pvalue > 1e-3
    print(found.mean(axis=1), found.std(axis=1))
