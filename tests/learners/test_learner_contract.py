"""What every registered learner must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal import learners
from jal.types import Labels, Learner, Pool

MAX = 100  # buckets of 64 and 100, or minibatches with a remainder
BRIEF = {"epochs": 3}
FAST = {
    "mlp": {"hidden": (16,), **BRIEF},
    "cnn": {"channels": (4, 8), "hidden": (16, 16), **BRIEF},
    "resnet": {"stem": "cifar", "epochs": 1, "learning_rate": 0.01},
    "vit": {"epochs": 1, "learning_rate": 0.01},
}
SHAPES = {"cnn": (8, 8, 1), "resnet": (8, 8, 1), "vit": (16, 16, 1)}
# Rounding grows over SGD's steps and where the optimum is flat.
TOLERANCE = {"resnet": 2e-2, "vit": 2e-2}
NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name in ("cnn", "resnet", "vit") else name
    for name in sorted(learners.registry)
]


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def digits(name: str, digits: tuple[Pool, Pool]) -> tuple[Pool, Pool]:
    """As images where the learner takes these."""
    shape = SHAPES.get(name, (64,))
    if name == "vit":
        digits = tuple(
            p._replace(x=jnp.kron(p.x.reshape(-1, 8, 8), jnp.ones((1, 2, 2)))) for p in digits
        )
    pool, test = (part._replace(x=part.x.reshape(-1, *shape)) for part in digits)
    return pool, test


@pytest.fixture(scope="module")
def learner(name: str) -> Learner:
    shape = SHAPES.get(name, (64,))
    return learners.registry[name](shape, 10, max_labels=MAX, **FAST.get(name, {}))


def fit_and_predict(learner: Learner):
    def run(key, order, n, pool, hyper, test_x):
        data = learner.prepare(pool.x)
        variables = learner.init(key, data)
        variables, info = learner.fit(key, variables, data, pool.y, Labels(order, n), hyper)
        return learner.predict(variables, test_x), info

    return run


@pytest.fixture(scope="module")
def run(learner: Learner):
    return jax.jit(fit_and_predict(learner))


def orders(count: int) -> jax.Array:
    keys = jax.random.split(jax.random.key(5), count)
    return jax.vmap(lambda key: jax.random.permutation(key, 1000))(keys).astype(jnp.int32)


def test_shapes_and_info(learner, run, digits):
    pool, test = digits
    outputs, info = run(
        jax.random.key(0), orders(1)[0], jnp.int32(40), pool, learner.hyper, test.x[:7]
    )
    assert outputs.logits.shape == (7, 10) and outputs.logits.dtype == jnp.float32
    assert outputs.features.ndim == 2 and outputs.features.shape[0] == 7
    assert info and all(v.shape == () and np.isfinite(v) for v in info.values())


def test_deterministic_in_the_key(learner, run, digits):
    pool, test = digits
    args = (orders(1)[0], jnp.int32(40), pool, learner.hyper, test.x)
    np.testing.assert_array_equal(
        run(jax.random.key(3), *args)[0].logits, run(jax.random.key(3), *args)[0].logits
    )


def test_reads_no_label_beyond_n(learner, run, digits):
    pool, test = digits
    order, n = orders(1)[0], jnp.int32(40)
    other = pool.y.at[order[40:]].set((pool.y[order[40:]] + 3) % 10)
    backwards = order.at[40:].set(order[40:][::-1])
    expected = run(jax.random.key(0), order, n, pool, learner.hyper, test.x)[0].logits
    for order_, y in ((order, other), (backwards, pool.y)):
        found = run(jax.random.key(0), order_, n, Pool(pool.x, y), learner.hyper, test.x)
        np.testing.assert_array_equal(found[0].logits, expected)
    seen = pool.y.at[order[:40]].set((pool.y[order[:40]] + 3) % 10)
    changed = run(jax.random.key(0), order, n, Pool(pool.x, seen), learner.hyper, test.x)
    assert np.abs(changed[0].logits - expected).max() > 0.1


@pytest.mark.parametrize("counts", [(40, 40, 40), (10, 33, 100)], ids=["same n", "different n"])
def test_vmap_over_seeds_equals_single(name, learner, run, digits, counts):
    pool, test = digits
    keys, n = jax.random.split(jax.random.key(0), 3), jnp.array(counts, jnp.int32)
    many = jax.jit(jax.vmap(fit_and_predict(learner), in_axes=(0, 0, 0, None, None, None)))
    together = many(keys, orders(3), n, pool, learner.hyper, test.x)[0].logits
    for i in range(3):
        alone = run(keys[i], orders(3)[i], n[i], pool, learner.hyper, test.x)[0].logits
        np.testing.assert_allclose(together[i], alone, atol=TOLERANCE.get(name, 2e-3))


def test_hyper_parameters_are_traced(learner, digits):
    pool, test = digits
    sweep = jax.tree.map(lambda value: jnp.array([value, 0.2 * value]), learner.hyper)
    many = jax.jit(jax.vmap(fit_and_predict(learner), in_axes=(None, None, None, None, 0, None)))
    logits = many(jax.random.key(0), orders(1)[0], jnp.int32(40), pool, sweep, test.x)[0].logits
    assert np.abs(logits[0] - logits[1]).max() > 0.1


def test_one_compilation_for_every_n(learner, run, digits):
    pool, test = digits
    sizes = set()
    for n in (10, 32, 33, 64, 100):
        run(jax.random.key(0), orders(1)[0], jnp.int32(n), pool, learner.hyper, test.x)
        sizes.add(run._cache_size())
    assert len(sizes) == 1
