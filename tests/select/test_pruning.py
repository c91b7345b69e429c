"""The numbers of docs/pages/pruning.md: `pytest -m slow -s tests/select/test_pruning.py`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal import learners
from jal.scores import el2n, super_el2n
from jal.select import trust_set
from jal.types import Labels

PRUNINGS, NETWORKS, TRAININGS, KEPT = 5, 10, 4, 300


def fit_all(learner, pool, labels, keys):
    data = learner.prepare(pool.x)

    def one(key):
        return learner.fit(key, learner.init(key, data), data, pool.y, labels, learner.hyper)[0]

    return jax.lax.map(one, keys)


@pytest.mark.slow
def test_hard_digits_teach_more_than_random_ones(digits):
    """Each pruning with networks of its own; the mean over prunings, and a t interval of it."""
    pool, test = digits
    early = learners.registry["mlp"]((64,), 10, epochs=20)
    final = learners.registry["mlp"]((64,), 10)
    everything = jnp.ones(len(pool.y), bool)

    @jax.jit
    def masks(key):
        keys = jax.random.split(key, NETWORKS + 1)
        labels = Labels(jnp.arange(len(pool.y), dtype=jnp.int32), jnp.int32(len(pool.y)))
        variables = fit_all(early, pool, labels, keys[1:])
        logits = jax.vmap(lambda one: early.predict(one, pool.x).logits, out_axes=1)(variables)
        hard, hard_super = (jax.vmap(score)(logits, pool.y) for score in (el2n, super_el2n))
        none = jnp.zeros(len(pool.y))
        return {
            "el2n": trust_set(hard, pool.y, everything, KEPT, 10),
            "super_el2n": trust_set(hard_super, pool.y, everything, KEPT, 10),
            "random": trust_set(none, pool.y, everything, KEPT, 10, key=keys[0]),
            "lowest el2n": trust_set(-hard, pool.y, everything, KEPT, 10),
        }

    @jax.jit
    def accuracy(mask, key):
        labels = Labels(jnp.argsort(~mask).astype(jnp.int32), jnp.sum(mask, dtype=jnp.int32))
        variables = fit_all(final, pool, labels, jax.random.split(key, TRAININGS))
        predicted = jax.vmap(lambda one: final.predict(one, test.x).logits.argmax(axis=1))(
            variables
        )
        return jnp.mean(predicted == test.y)

    found: dict[str, list[float]] = {}
    for seed in range(PRUNINGS):
        kept = masks(jax.random.key(seed)) | {"all": everything}
        assert all(int(mask.sum()) == KEPT for name, mask in kept.items() if name != "all")
        for name, mask in kept.items():
            found.setdefault(name, []).append(float(accuracy(mask, jax.random.key(100 + seed))))
    half = {name: 2.776 * np.std(of, ddof=1) / np.sqrt(PRUNINGS) for name, of in found.items()}
    mean = {name: np.mean(of) for name, of in found.items()}
    for name in found:
        print(f"{name:12} {mean[name]:.4f} ± {half[name]:.4f}")
    assert mean["el2n"] - half["el2n"] > mean["random"] + half["random"]
    assert mean["random"] - half["random"] > mean["lowest el2n"] + half["lowest el2n"]
    assert abs(mean["super_el2n"] - mean["el2n"]) < 0.005
