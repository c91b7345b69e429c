"""SGD with an auxiliary: what it sees, what it trains, and that it disturbs nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from modules import Noisy

from jal import metrics, strategies
from jal.episode import episode
from jal.learners import adam, nesterov, registry, sgd, thresholded
from jal.networks import from_module, mlp
from jal.strategies.loss_prediction import loss_prediction
from jal.strategies.vaal import vaal
from jal.strategies.waal import waal
from jal.types import Auxiliary, Labels, NetworkVariables, Pool

N, LABELLED, BATCH = 30, 13, 4
ORDER = jnp.asarray(np.random.default_rng(0).permutation(N), jnp.int32)
LABELS = Labels(ORDER, jnp.int32(LABELLED))
KEY = jax.random.key(0)


def pool_of(features=3):
    x = jax.random.normal(jax.random.key(1), (N, features))
    return Pool(x, (x[:, 0] > 0).astype(jnp.int32))


def linear(loss=lambda key, params, seen: jnp.float32(0), unlabelled=False):
    """Scores by a linear function `w` of the features."""
    return Auxiliary(
        init=lambda key, one: {"w": jax.random.normal(key, one.features.shape[1:])},
        loss=loss,
        score=lambda params, outputs: outputs.features @ params["w"],
        unlabelled=unlabelled,
    )


def trained(learner, pool=None, labels=LABELS, key=KEY):
    pool = pool_of() if pool is None else pool

    @jax.jit
    def run(key):
        data = learner.prepare(pool.x)
        return learner.fit(key, learner.init(key, data), data, pool.y, labels, learner.hyper)[0]

    return run(key)


def assert_equal(found, wanted):
    """Bit for bit, keys too."""

    def bits(leaf):
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    jax.tree.map(lambda a, b: np.testing.assert_array_equal(bits(a), bits(b)), found, wanted)


def assert_close(found, wanted):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found, wanted)


NETWORKS = {"mlp": mlp((3,), 2, hidden=(8,)), "noisy": from_module(Noisy)}


@pytest.mark.parametrize(
    ("name", "optimizer", "unlabelled"), [("mlp", nesterov, True), ("noisy", adam, False)]
)
def test_with_a_loss_of_zero_the_network_is_the_plain_learners(name, optimizer, unlabelled):
    """Bit for bit, batch statistics and dropout's keys too."""
    learner = sgd(NETWORKS[name], epochs=5, batch_size=BATCH, optimizer=optimizer)
    plain = trained(learner)
    extended = trained(learner.extend(linear(unlabelled=unlabelled)))
    found = NetworkVariables(extended.params.network, extended.state)
    assert_equal(found, plain)


def test_gradients_reach_what_stop_gradient_lets_through():
    """One step of plain descent on everything, with each half of the product held in turn."""
    held = jax.lax.stop_gradient
    network, pool = NETWORKS["mlp"], pool_of()
    own = {
        "network": lambda key, params, seen: seen.labelled.features.sum(axis=0) @ held(params["w"]),
        "auxiliary": lambda key, params, seen: (
            held(seen.labelled.features).sum(axis=0) @ params["w"]
        ),
    }
    real = ORDER[:LABELLED]

    @jax.jit
    def wanted(params, w, of_network):
        def objective(params):
            outputs, _ = network.apply(NetworkVariables(params, {}), pool.x[real], True)
            losses = optax.softmax_cross_entropy_with_integer_labels(outputs.logits, pool.y[real])
            total = outputs.features.sum(axis=0)
            return losses.mean() + of_network * total @ w, total

        gradient, total = jax.grad(objective, has_aux=True)(params)
        moved = jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient)
        return moved, w - 0.1 * (1.0 - of_network) * total

    for name, loss in own.items():
        learner = sgd(
            network, epochs=1, batch_size=LABELLED, optimizer=lambda h: optax.sgd(0.1)
        ).extend(linear(loss))
        start = learner.init(jax.random.split(KEY)[0], learner.prepare(pool.x)).params
        end = trained(learner).params
        expected = wanted(start.network, start.auxiliary["w"], float(name == "network"))
        assert_close((end.network, end.auxiliary["w"]), expected)


def spied(labels, epochs=3, **options):
    """What the auxiliary saw in each step; each point's feature is its index."""
    seen = []

    def loss(key, params, minibatch):
        jax.debug.callback(
            lambda *all: seen.append(jax.tree.map(np.asarray, all)),
            minibatch.labelled,
            minibatch.losses,
            minibatch.weight,
            minibatch.unlabelled,
            minibatch.epoch,
            jax.random.key_data(key),
            ordered=True,
        )
        return jnp.float32(0)

    pool = Pool(jnp.arange(float(N))[:, None], pool_of().y)
    network = mlp((1,), 2, hidden=())
    learner = sgd(network, epochs=epochs, batch_size=BATCH, learning_rate=0.0, **options)
    fitted = trained(learner.extend(linear(loss, unlabelled=True)), pool, labels)
    jax.effects_barrier()
    return seen, fitted, pool


def test_the_minibatch_is_what_the_step_sees():
    seen, fitted, pool = spied(LABELS, epochs=30)
    steps = -(-LABELLED // BATCH)
    assert [int(step[4]) for step in seen] == np.repeat(np.arange(30), steps).tolist()
    assert len({tuple(step[5].tolist()) for step in seen}) == len(seen)  # a key for each
    network = mlp((1,), 2, hidden=())
    logits = network.apply(NetworkVariables(fitted.params.network, {}), pool.x, False)[0].logits
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, pool.y)
    drawn = []
    for i, (labelled, own, weight, unlabelled, *_) in enumerate(seen):
        points = labelled.features[:, 0].astype(int)
        assert set(points) <= set(ORDER[:LABELLED].tolist())
        assert weight.tolist() == [1.0] * BATCH if i % steps < steps - 1 else [1.0, 0, 0, 0]
        np.testing.assert_allclose(own, losses[points], rtol=1e-5)
        assert unlabelled.logits.shape == labelled.logits.shape
        drawn.append(unlabelled.features[:, 0].astype(int))
    counts = np.bincount(np.ravel(drawn), minlength=N)
    assert (counts[ORDER[:LABELLED]] == 0).all()
    expected = len(seen) * BATCH / (N - LABELLED)
    assert ((counts[ORDER[LABELLED:]] - expected) ** 2 / expected).sum() < 40  # 16 degrees
    assert len({tuple(step) for step in drawn}) > len(drawn) - 5  # drawn anew in each


def test_unlabelled_points_are_augmented_too():
    def augment(key, x):
        return x + 1000.0 + jax.random.uniform(key, minval=0.1, maxval=0.4)

    seen, _, _ = spied(LABELS, augment=augment)
    noise = []
    for labelled, _, _, unlabelled, *_ in seen:
        for outputs, points in ((labelled, ORDER[:LABELLED]), (unlabelled, ORDER[LABELLED:])):
            found = outputs.features[:, 0] - 1000.0
            assert set(np.floor(found).astype(int)) <= set(points.tolist())
            noise += (found % 1).tolist()
    assert len(set(noise)) > 0.9 * len(noise)


def test_with_everything_labelled_a_labelled_point_stands_in():
    seen, _, _ = spied(Labels(ORDER, jnp.int32(N)))
    for *_, unlabelled, _, _ in seen:
        assert (unlabelled.features == ORDER[-1]).all()


@pytest.mark.parametrize("warm", [True, False])
def test_warm_start_and_pretrained_weights(warm):
    """Both parts go on, or start anew: the network then from the file, the auxiliary afresh."""
    network, pool = NETWORKS["mlp"], pool_of()
    loaded = network.init(jax.random.key(9))
    learner = sgd(network, epochs=0, warm_start=warm, pretrained=loaded).extend(linear())
    data = learner.prepare(pool.x)
    before = learner.init(KEY, data)
    assert_equal(before.params.network, loaded.params)
    moved = jax.tree.map(lambda leaf: leaf + 1.0, before)
    after, _ = learner.fit(jax.random.key(1), moved, data, pool.y, LABELS, learner.hyper)
    if warm:
        assert_equal(after, moved)
    else:
        assert_equal(after.params.network, loaded.params)
        own = [variables.params.auxiliary["w"] for variables in (before, moved, after)]
        assert (own[2] != own[0]).all() and (own[2] != own[1]).all()


def descend(key, params, seen):
    """Some loss of both kinds of points, all parameters and the key."""
    both = seen.labelled.features.mean(axis=0) - seen.unlabelled.features.mean(axis=0)
    return 0.1 * jnp.sum(jnp.sin(both * params["w"] + jax.random.uniform(key)))


def test_heads_samples_and_scores_of_an_extended_learner():
    pool = pool_of()
    learner = sgd(mlp((3,), 2, hidden=(8,), dropout=0.3), epochs=2, predict_batch=7)
    extended = learner.extend(linear(descend, unlabelled=True))
    fitted = trained(extended)
    plain = NetworkVariables(fitted.params.network, fitted.state)
    outputs, wanted = extended.predict(fitted, pool.x), learner.predict(plain, pool.x)
    np.testing.assert_array_equal(outputs.logits, wanted.logits)
    np.testing.assert_array_equal(outputs.features, wanted.features)
    score = outputs.features @ fitted.params.auxiliary["w"]
    np.testing.assert_allclose(outputs.auxiliary, score, atol=1e-6)  # of any chunks
    assert wanted.auxiliary is None and outputs.stages == ()
    np.testing.assert_allclose(extended.head(fitted, outputs.features), outputs.logits, atol=1e-6)
    drawn = extended.sample(KEY, fitted, pool.x)
    np.testing.assert_array_equal(drawn.logits, learner.sample(KEY, plain, pool.x).logits)


def test_a_thresholded_learner_passes_the_auxiliary_on():
    learner = sgd(NETWORKS["mlp"], epochs=2, batch_size=BATCH)
    own, pool = linear(descend, unlabelled=True), pool_of()
    plain, wrapped = learner.extend(own), thresholded(learner, 2).extend(own)
    fitted, wanted = trained(wrapped), trained(plain)
    assert_equal(fitted.learner, wanted)
    found, expected = wrapped.predict(fitted, pool.x), plain.predict(wanted, pool.x)
    np.testing.assert_array_equal(found.auxiliary, expected.auxiliary)
    np.testing.assert_array_equal(found.logits, expected.logits - fitted.log_prior)
    assert (fitted.log_prior != 0).all()


class Normed(nnx.Module):
    def __init__(self, rngs):
        self.norm = nnx.BatchNorm(3, momentum=0.5, rngs=rngs)
        self.last = nnx.Linear(3, 2, rngs=rngs)

    def __call__(self, x):
        x = self.norm(x)
        return self.last(x), x


def test_batch_statistics_see_the_labelled_then_the_unlabelled_minibatch():
    pool = pool_of()
    labels = Labels(ORDER, jnp.int32(N - 1))  # one unlabelled point is left
    learner = sgd(from_module(Normed), epochs=1, batch_size=N - 1)
    fitted = trained(learner.extend(linear(unlabelled=True)), pool, labels)
    mean = 0.5 * (0.5 * pool.x[ORDER[:-1]].mean(axis=0)) + 0.5 * pool.x[ORDER[-1]]
    np.testing.assert_allclose(fitted.state["norm"]["mean"], mean, atol=1e-6)


def test_vmap_over_seeds_equals_single():
    pool = pool_of()
    learner = sgd(NETWORKS["mlp"], epochs=3, batch_size=BATCH)
    learner = learner.extend(linear(descend, unlabelled=True))

    def run(key, n):
        data = learner.prepare(pool.x)
        variables = learner.init(key, data)
        variables, _ = learner.fit(key, variables, data, pool.y, Labels(ORDER, n), learner.hyper)
        return learner.predict(variables, pool.x)

    keys, n = jax.random.split(KEY, 2), jnp.array([5, 20], jnp.int32)
    together, single = jax.jit(jax.vmap(run))(keys, n), jax.jit(run)
    for i in range(2):
        assert_close(jax.tree.map(lambda leaf, i=i: leaf[i], together), single(keys[i], n[i]))


SMALL_VAE = {"steps": 3, "hidden": (8,), "discriminator": (8,), "latent": 2, "batch_size": 8}
OWN = {
    "loss_prediction": lambda: loss_prediction(width=8, detach_epoch=1),
    "waal": lambda: waal(width=8),
    "vaal": lambda: vaal(**SMALL_VAE),
}


@pytest.mark.parametrize("name", OWN)
def test_an_episode_with_each(name):
    """Vmapped over two seeds; three rounds, labels as the schedule says, each point once."""
    pool = pool_of()
    strategy, learner = OWN[name](), sgd(NETWORKS["mlp"], epochs=2, batch_size=BATCH)
    made = episode(learner, strategy, metrics.evaluator(["accuracy"]), 2, 5)
    schedule = jnp.array([6, 11, 15], jnp.int32)

    @jax.jit
    def run(key):
        data = learner.prepare(pool.x)
        state = made.init(key, ORDER, jnp.int32(6), pool, data)
        return made.run(state, 0, 3, pool, data, pool, learner.hyper, schedule)

    keys = jax.random.split(KEY, 2)
    states = jax.vmap(run)(keys)
    assert np.isfinite(states.metrics["accuracy"]).all()
    assert np.isfinite(states.metrics["train_loss"]).all()
    assert states.metrics["labels"].tolist() == [[6, 11, 15]] * 2
    for order in states.labels.order:
        assert sorted(order.tolist()) == list(range(N))
        assert order[:6].tolist() == ORDER[:6].tolist()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(states.variables.params))


def test_who_cannot_train_an_auxiliary_says_so():
    shallow = registry["logistic_regression"]((3,), 2)
    evaluate = metrics.evaluator(["accuracy"])
    with pytest.raises(ValueError, match="auxiliary"):
        episode(shallow, waal(), evaluate, 2, 5)
    episode(shallow, vaal(), evaluate, 2, 5)
    with pytest.raises(ValueError, match="auxiliary"):
        strategies.one_of([waal(), loss_prediction()], jnp.int32(0))
