"""Minibatch SGD: what an epoch is, and that it descends as optax would."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jal.learners import sgd
from jal.learners.sgd import _shuffled
from jal.networks import mlp
from jal.types import Labels, Pool


@pytest.mark.parametrize("n", [1, 7, 8, 9, 20])
def test_an_epoch_holds_every_labelled_point_once(n):
    order = jnp.asarray(np.random.default_rng(0).permutation(50), jnp.int32)
    points = _shuffled(jax.random.key(0), Labels(order, jnp.int32(n)), 20, 8)
    assert points.shape == (24,)
    assert sorted(points[:n].tolist()) == sorted(order[:n].tolist())


def test_epochs_are_shuffled_anew():
    """With one-hot inputs the gradient's rows tell which points each step holds."""
    n, batch, epochs = 20, 5, 3
    seen = []

    def recording(hyper):
        del hyper

        def update(gradient, state, params):
            used = jnp.abs(gradient["last"]["kernel"]).sum(axis=1) > 0
            jax.debug.callback(seen.append, used, ordered=True)
            return jax.tree.map(jnp.zeros_like, gradient), state

        return optax.GradientTransformation(lambda params: (), update)

    network = mlp((n,), 2, hidden=())
    learner = sgd(network, epochs=epochs, batch_size=batch, optimizer=recording)
    pool = Pool(jnp.eye(n), jnp.zeros(n, jnp.int32))
    labels = Labels(jnp.arange(n, dtype=jnp.int32), jnp.int32(n))
    key = jax.random.key(0)
    learner.fit(key, learner.init(key), pool, labels, learner.hyper)
    jax.effects_barrier()
    by_epoch = np.stack(seen).reshape(epochs, n // batch, n)
    assert (by_epoch.sum(axis=1) == 1).all()  # every point once in every epoch
    assert (by_epoch[0] != by_epoch[1]).any() and (by_epoch[1] != by_epoch[2]).any()


def test_full_batch_training_equals_a_plain_optax_loop():
    x = jax.random.normal(jax.random.key(1), (12, 3))
    y = jnp.arange(12) % 3
    network = mlp((3,), 3, hidden=(5,))
    learner = sgd(network, epochs=4, batch_size=16, learning_rate=0.1, weight_decay=0.01)
    labels = Labels(jnp.arange(12, dtype=jnp.int32), jnp.int32(9))
    key = jax.random.key(0)
    fitted, info = learner.fit(key, learner.init(key), Pool(x, y), labels, learner.hyper)

    start = network.init(jax.random.split(key)[0])
    params = start.params
    momentum = jax.tree.map(jnp.zeros_like, params)

    def loss(params):
        logits = network.apply(start._replace(params=params), x[:9], True)[0].logits
        return optax.softmax_cross_entropy_with_integer_labels(logits, y[:9]).mean()

    for _ in range(4):  # Nesterov momentum and L2, written out
        last = loss(params)
        gradient = jax.tree.map(lambda g, p: g + 0.01 * p, jax.grad(loss)(params), params)
        momentum = jax.tree.map(lambda m, g: 0.9 * m + g, momentum, gradient)
        params = jax.tree.map(lambda p, g, m: p - 0.1 * (g + 0.9 * m), params, gradient, momentum)
    for found, expected in zip(
        jax.tree.leaves(fitted.params), jax.tree.leaves(params), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(info["train_loss"], last, rtol=1e-5)


def test_steps_follow_n():
    """With a learning rate of 0 but a counting optimizer: ceil(n / batch) steps an epoch."""

    def counting(hyper):
        del hyper
        return optax.GradientTransformation(
            lambda params: jnp.int32(0),
            lambda g, count, params: (jax.tree.map(jnp.ones_like, g), count + 1),
        )

    network = mlp((2,), 2, hidden=())
    learner = sgd(network, epochs=3, batch_size=4, optimizer=counting)
    pool = Pool(jnp.ones((20, 2)), jnp.zeros(20, jnp.int32))
    for n, steps in ((1, 3), (4, 3), (5, 6), (20, 15)):
        labels = Labels(jnp.arange(20, dtype=jnp.int32), jnp.int32(n))
        key = jax.random.key(0)
        start = network.init(jax.random.split(key)[0])
        fitted, _ = learner.fit(key, start, pool, labels, learner.hyper)
        moved = jax.tree.map(lambda a, b: a - b, fitted.params, start.params)
        for leaf in jax.tree.leaves(moved):
            np.testing.assert_allclose(leaf, steps, atol=1e-5)


@pytest.mark.parametrize("warm", [True, False])
def test_warm_start(digits, warm):
    pool, _ = digits
    learner = sgd(mlp((64,), 10, hidden=(8,)), epochs=0, warm_start=warm)
    before = learner.init(jax.random.key(1))
    labels = Labels(jnp.arange(1000, dtype=jnp.int32), jnp.int32(50))
    after, _ = learner.fit(jax.random.key(0), before, pool, labels, learner.hyper)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), before.params, after.params)
    kernels = [same["hidden"][0]["kernel"], same["last"]["kernel"]]
    assert kernels == [warm, warm]
