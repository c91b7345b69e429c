"""Every learner learns the digits from all 1,000 labels."""

import jax
import jax.numpy as jnp
import pytest

from jal import learners, metrics
from jal.types import Labels

LEAST = {
    "logistic_regression": ((64,), {}, 0.95),
    "linear_svc": ((64,), {}, 0.94),
    "svc": ((64,), {}, 0.98),
    "mlp": ((64,), {}, 0.96),
    "cnn": ((8, 8, 1), {"epochs": 20, "channels": (16, 32)}, 0.97),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name == "cnn" else name for name in LEAST],
)
def test_accuracy_with_all_labels(name, digits):
    shape, options, least = LEAST[name]
    pool, test = (part._replace(x=part.x.reshape(-1, *shape)) for part in digits)
    learner = learners.registry[name](shape, 10, **options)

    @jax.jit
    def run(key, pool, x):
        data = learner.prepare(pool.x)
        labels = Labels(jnp.arange(1000, dtype=jnp.int32), jnp.int32(1000))
        variables, _ = learner.fit(
            key, learner.init(key, data), data, pool.y, labels, learner.hyper
        )
        return learner.predict(variables, x).logits

    assert metrics.accuracy(run(jax.random.key(0), pool, test.x), test.y) >= least


@pytest.mark.parametrize("name", ["logistic_regression", "linear_svc", "svc", "mlp"])
def test_bytes_are_scaled(name, digits):
    """Images of bytes give what the same numbers in [0, 1] give."""
    pool, test = digits
    options = {"svc": {"gamma": 0.1}, "mlp": {"epochs": 2}}.get(name, {})
    learner = learners.registry[name]((64,), 10, max_labels=100, **options)
    labels = Labels(jnp.arange(1000, dtype=jnp.int32), jnp.int32(100))
    found = []
    for bytes_ in (True, False):
        x, test_x = (jnp.round(part.x * 255).astype(jnp.uint8) for part in (pool, test))
        if not bytes_:
            x, test_x = x / 255.0, test_x / 255.0
        data = learner.prepare(x)
        key = jax.random.key(0)
        variables, _ = learner.fit(
            key, learner.init(key, data), data, pool.y, labels, learner.hyper
        )
        found.append(learner.predict(variables, test_x).logits)
    assert jnp.abs(found[0]).max() > 0.1
    assert jnp.abs(found[0] - found[1]).max() < 1e-3
