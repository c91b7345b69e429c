"""Minibatch SGD: what an epoch is, and that it descends as optax would."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from modules import Noisy
from scipy.stats import chisquare

from jal.learners import adam, registry, sgd
from jal.learners.schedules import Schedule, cosine
from jal.learners.sgd import _permutation, _shuffled
from jal.metrics import accuracy
from jal.networks import from_module, mlp
from jal.types import Labels, NetworkVariables, Pool


def run(learner, key, pool, labels):
    data = learner.prepare(pool.x)
    return learner.fit(key, learner.init(key, data), data, pool.y, labels, learner.hyper)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 20])
def test_an_epoch_holds_every_labelled_point_once(n):
    order = jnp.asarray(np.random.default_rng(0).permutation(50), jnp.int32)
    points = _shuffled(jax.random.key(0), Labels(order, jnp.int32(n)), 20, 8)
    assert points.shape == (24,)
    assert sorted(points[:n].tolist()) == sorted(order[:n].tolist())
    assert set(points.tolist()) == set(order[:n].tolist())  # BatchNorm sees labelled points only


@pytest.mark.parametrize("n", [1, 255, 256, 257, 300])
def test_few_labels_of_many_are_an_epoch_too(n):
    order = jnp.asarray(np.random.default_rng(0).permutation(400), jnp.int32)
    points = _shuffled(jax.random.key(0), Labels(order, jnp.int32(n)), 300, 32)
    assert points.shape == (320,)
    assert sorted(points[:n].tolist()) == sorted(order[:n].tolist())
    minibatches = -(-n // 32) * 32
    assert set(points[:minibatches].tolist()) == set(order[:n].tolist())


@pytest.mark.parametrize("size", [4, 1 << 14, 1 + (1 << 14)])  # sorted one way, then another
def test_all_orders_are_as_likely(size):
    draw = jax.jit(lambda key: _permutation(key, jnp.int32(4), size)[:4])
    drawn = jax.lax.map(draw, jax.random.split(jax.random.key(0), 1200 if size == 4 else 240))
    _, counts = np.unique(np.asarray(drawn), axis=0, return_counts=True)
    assert len(counts) == 24
    assert chisquare(counts).pvalue > 1e-3


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
    run(learner, key, pool, labels)
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
    fitted, info = run(learner, key, Pool(x, y), labels)

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
        fitted, _ = run(learner, key, pool, labels)
        moved = jax.tree.map(lambda a, b: a - b, fitted.params, start.params)
        for leaf in jax.tree.leaves(moved):
            np.testing.assert_allclose(leaf, steps, atol=1e-5)


@pytest.mark.parametrize("warm", [True, False])
def test_warm_start(digits, warm):
    pool, _ = digits
    learner = sgd(mlp((64,), 10, hidden=(8,)), epochs=0, warm_start=warm)
    data = learner.prepare(pool.x)
    before = learner.init(jax.random.key(1), data)
    labels = Labels(jnp.arange(1000, dtype=jnp.int32), jnp.int32(50))
    after, _ = learner.fit(jax.random.key(0), before, data, pool.y, labels, learner.hyper)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), before.params, after.params)
    kernels = [same["hidden"][0]["kernel"], same["last"]["kernel"]]
    assert kernels == [warm, warm]


def two_classes(counts):
    """Points of one number each, so that gradients can be written down."""
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.random.default_rng(0).normal(size=(len(y), 3)).astype(np.float32)
    return Pool(jnp.asarray(x), jnp.asarray(y)), Labels(
        jnp.arange(len(y), dtype=jnp.int32), jnp.int32(len(y))
    )


def test_class_weights_are_pytorchs():
    """One full batch: the gradient of sum(w l) / sum(w), w = n / (K n_c)."""
    pool, labels = two_classes((9, 3))
    network = mlp((3,), 2, hidden=())
    options = {"epochs": 1, "batch_size": 12, "weight_decay": 0.0, "learning_rate": 1.0}
    learner = sgd(
        network, **options, class_weight="balanced", optimizer=lambda h: optax.sgd(h.learning_rate)
    )
    key = jax.random.key(0)
    fitted, info = run(learner, key, pool, labels)
    start = network.init(jax.random.split(key)[0]).params

    def loss(params):
        logits = pool.x @ params["last"]["kernel"] + params["last"]["bias"]
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, pool.y)
        return 0.5 * (losses[:9].mean() + losses[9:].mean())

    expected = jax.tree.map(lambda p, g: p - g, start, jax.grad(loss)(start))
    for found, wanted in zip(
        jax.tree.leaves(fitted.params), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_allclose(info["train_loss"], loss(start), rtol=1e-5)
    np.testing.assert_allclose(info["chance_loss"], np.log(2), rtol=1e-6)
    _, info = run(sgd(network, **options), key, pool, labels)
    np.testing.assert_allclose(info["chance_loss"], -np.log([0.75, 0.25]) @ [0.75, 0.25], rtol=1e-6)


def test_adam_is_optaxs():
    pool, labels = two_classes((8, 8))
    network = mlp((3,), 2, hidden=(4,))
    learner = sgd(
        network, epochs=5, batch_size=16, optimizer=adam, learning_rate=0.1, weight_decay=0.01
    )
    key = jax.random.key(0)
    fitted, _ = run(learner, key, pool, labels)
    start = network.init(jax.random.split(key)[0])
    params, rule = start.params, optax.adam(0.1)
    state = rule.init(params)

    def loss(params):
        logits = network.apply(start._replace(params=params), pool.x, True)[0].logits
        penalty = sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(params))
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, pool.y)
        return losses.mean() + 0.005 * penalty

    for _ in range(5):
        updates, state = rule.update(jax.grad(loss)(params), state)
        params = optax.apply_updates(params, updates)
    for found, wanted in zip(jax.tree.leaves(fitted.params), jax.tree.leaves(params), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_schedule_scales_every_step():
    """With gradients replaced by ones, parameters fall by the sum of the learning rates."""
    batch, epochs = 8, 4
    ones = optax.stateless(lambda g, _: jax.tree.map(jnp.ones_like, g))
    learner = sgd(
        mlp((3,), 2, hidden=()),
        epochs=epochs,
        batch_size=batch,
        learning_rate=0.5,
        schedule=cosine(),
        optimizer=lambda h: optax.chain(ones, optax.scale(-1.0 * h.learning_rate)),
    )
    pool, labels = two_classes((10, 10))
    key = jax.random.key(0)
    fitted, _ = run(learner, key, pool, labels)
    start = mlp((3,), 2, hidden=()).init(jax.random.split(key)[0]).params
    progress = np.arange(epochs * 3) / (epochs * 3)
    fallen = 0.5 * np.sum(0.5 * (1 + np.cos(np.pi * progress)))
    moved = start["last"]["kernel"] - fitted.params["last"]["kernel"]
    np.testing.assert_allclose(moved, fallen, rtol=1e-4)


def test_the_plateau_hears_of_every_epoch():
    heard = []

    def after_epoch(state, loss):
        jax.debug.callback(lambda *both: heard.append(both), state, loss, ordered=True)
        return state + 1

    schedule = Schedule(lambda: jnp.int32(0), lambda state, progress: 0.0, after_epoch)
    pool, labels = two_classes((10, 11))
    learner = sgd(mlp((3,), 2, hidden=()), epochs=3, batch_size=8, schedule=schedule)
    key = jax.random.key(0)
    fitted, info = run(learner, key, pool, labels)
    jax.effects_barrier()
    assert [int(state) for state, _ in heard] == [0, 1, 2]
    # Nothing moves at a rate of 0: each epoch has the mean loss over all points.
    logits = learner.predict(fitted, pool.x).logits
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, pool.y).mean()
    np.testing.assert_allclose([loss for _, loss in heard], loss, rtol=1e-5)
    np.testing.assert_allclose(info["train_loss"], loss, rtol=1e-5)


def test_augmentation_in_training_only():
    """Every example in every step has noise of its own; predictions have none."""
    seen = []

    def augment(key, x):
        noise = jax.random.uniform(key)
        jax.debug.callback(seen.append, noise)
        return x + 100.0 * noise

    pool, labels = two_classes((10, 6))
    network = mlp((3,), 2, hidden=())
    learner = sgd(network, epochs=3, batch_size=8, augment=augment, learning_rate=0.0)
    key = jax.random.key(0)
    fitted, info = run(learner, key, pool, labels)
    jax.effects_barrier()
    assert len({float(noise) for noise in seen}) == len(seen) == 3 * 16
    expected, _ = network.apply(fitted, pool.x, False)
    np.testing.assert_array_equal(learner.predict(fitted, pool.x).logits, expected.logits)
    losses = optax.softmax_cross_entropy_with_integer_labels(expected.logits, pool.y)
    assert info["train_loss"] > 2 * losses.mean()  # the noise was seen in training


@pytest.mark.parametrize("warm", [True, False])
def test_starts_from_pretrained_weights(warm):
    """What the file holds is loaded at each start, what it lacks is drawn anew for each seed."""
    network = mlp((3,), 2, hidden=(4,))
    params = network.init(jax.random.key(9)).params
    nothing = jax.tree.map(lambda leaf: None, params["last"])
    loaded = NetworkVariables({**params, "last": nothing}, {})
    learner = sgd(network, epochs=0, warm_start=warm, pretrained=loaded)
    pool, labels = two_classes((4, 4))
    data = learner.prepare(pool.x)
    before = learner.init(jax.random.key(0), data)
    after, _ = learner.fit(jax.random.key(1), before, data, pool.y, labels, learner.hyper)
    for variables in (before, after):
        np.testing.assert_array_equal(
            variables.params["hidden"][0]["kernel"], params["hidden"][0]["kernel"]
        )
    same = before.params["last"]["kernel"] == after.params["last"]["kernel"]
    assert same.all() == warm
    other = learner.init(jax.random.key(2), data).params["last"]["kernel"]
    assert (other != before.params["last"]["kernel"]).any()


def test_the_networks_state_is_carried_from_step_to_step():
    """BatchNorm's mean runs over the minibatches; dropout draws in each, predictions do not."""
    learner = sgd(from_module(Noisy), epochs=3, batch_size=8, learning_rate=0.0)
    pool, labels = two_classes((10, 6))
    key = jax.random.key(0)
    fitted, _ = run(learner, key, pool, labels)
    key_epochs = jax.random.split(key)[1]
    mean = np.zeros(3)
    for number in range(3):
        key_order, _ = jax.random.split(jax.random.fold_in(key_epochs, number))
        points = _shuffled(key_order, labels, 16, 8)
        for batch in np.asarray(points).reshape(-1, 8):
            mean = 0.5 * mean + 0.5 * np.asarray(pool.x)[batch].mean(axis=0)
    np.testing.assert_allclose(fitted.state["norm"]["mean"], mean, atol=1e-5)
    assert fitted.state["dropout"]["rngs"]["count"] == 3 * 2
    first, again = (learner.predict(fitted, pool.x) for _ in range(2))
    np.testing.assert_array_equal(first.logits, again.logits)
    var = fitted.state["norm"]["var"]
    normed = (pool.x - fitted.state["norm"]["mean"]) / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(first.features, normed, atol=1e-4)


def test_each_seed_and_each_fresh_start_drops_out_on_its_own():
    learner = sgd(from_module(Noisy), epochs=0)
    pool, labels = two_classes((4, 4))
    data = learner.prepare(pool.x)
    keys = jax.random.split(jax.random.key(0), 4)
    starts = [learner.init(keys[i], data) for i in range(2)]
    starts += [
        learner.fit(keys[i], starts[0], data, pool.y, labels, learner.hyper)[0] for i in (2, 3)
    ]
    drawn = {tuple(jax.random.key_data(s.state["dropout"]["rngs"]["key"]).tolist()) for s in starts}
    assert len(drawn) == 4


@pytest.mark.parametrize("name", ["mlp", pytest.param("cnn", marks=pytest.mark.slow)])
def test_bfloat16_of_bytes(name, digits):
    """All products are bfloat16, what comes out and what is trained float32; and it learns."""
    pool, test = (
        Pool(jnp.round(part.x * 255).astype(jnp.uint8).reshape(-1, 8, 8, 1), part.y)
        for part in digits
    )
    labels = Labels(jnp.arange(1000, dtype=jnp.int32), jnp.int32(500))
    options = {"epochs": 10, "mean": 0.3, "std": 0.4, "max_labels": 500}
    if name == "cnn":
        options |= {"channels": (8, 16), "hidden": (32, 16)}
    logits, models = [], []
    for dtype in (jnp.float32, jnp.bfloat16):
        learner = registry[name]((8, 8, 1), 10, dtype=dtype, **options)

        @jax.jit
        def train(key, pool, learner=learner):
            return run(learner, key, pool, labels)[0]

        fitted = train(jax.random.key(0), pool)
        models.append((learner, fitted))
        assert {leaf.dtype for leaf in jax.tree.leaves(fitted.params)} == {jnp.dtype(jnp.float32)}
        logits.append(learner.predict(fitted, test.x).logits)
        program = jax.jit(learner.predict).lower(fitted, test.x[:7]).as_text()
        products = re.findall(r"(?:dot_general|convolution).*-> tensor<\S*x(\w+)>", program)
        assert set(products) == {"f32" if dtype == jnp.float32 else "bf16"}
    assert all(one.dtype == jnp.float32 for one in logits)
    accuracies = [float(accuracy(one, test.y)) for one in logits]
    assert min(accuracies) > 0.85 and abs(accuracies[0] - accuracies[1]) < 0.03
    rounded = models[1][0].predict(models[0][1], test.x).logits  # of the same weights
    assert 1e-4 < np.abs(rounded - logits[0]).max() < 0.03 * np.abs(logits[0]).max()


@pytest.mark.parametrize("size", [64, 100, 797, 1000])
def test_predictions_in_chunks(digits, size):
    _, test = digits
    learner = sgd(mlp((64,), 10), predict_batch=size)
    variables = mlp((64,), 10).init(jax.random.key(0))
    outputs = jax.jit(learner.predict)(variables, test.x)
    expected, _ = mlp((64,), 10).apply(variables, test.x, False)
    np.testing.assert_allclose(outputs.logits, expected.logits, atol=1e-5)
    np.testing.assert_allclose(outputs.features, expected.features, atol=1e-5)
