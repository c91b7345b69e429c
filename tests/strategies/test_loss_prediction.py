"""LossPrediction: the ranking loss, what it trains, and that its head learns to forecast."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.episode import look
from jal.labels import labelled_mask, revealed
from jal.learners import sgd
from jal.networks import mlp
from jal.strategies.loss_prediction import loss_prediction, ranking_loss
from jal.types import InputError, Labels, Minibatch, Outputs, Pool, Round

ranked = jax.jit(ranking_loss)


def reference(predicted, losses, weight, margin):
    """Over the real points alone, pair by pair: the first with the last."""
    keep = [i for i in range(len(weight)) if weight[i] > 0]
    pairs = [(keep[i], keep[len(keep) - 1 - i]) for i in range(len(keep) // 2)]
    hinges = [
        max(0.0, margin - (1 if losses[i] > losses[j] else -1) * (predicted[i] - predicted[j]))
        for i, j in pairs
    ]
    return np.mean(hinges) if hinges else 0.0


@pytest.mark.parametrize("real", [0, 1, 2, 5, 8, 9])
@pytest.mark.parametrize("size", [9, 10])
def test_ranking_loss_is_the_papers(real, size):
    rng = np.random.default_rng(real)
    predicted, losses = rng.normal(size=(2, size)).astype(np.float32)
    losses[0] = losses[1]
    weight = (np.arange(size) < real) * 0.3
    for order in (np.arange(size), rng.permutation(size)):  # padding need not come last
        found = ranked(predicted, losses, jnp.asarray(weight[order]), 0.7)
        expected = reference(predicted, losses, weight[order], 0.7)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def outputs_of(stages):
    one = stages[0]
    return Outputs(jnp.zeros((one.shape[0], 3)), one, tuple(stages))


def minibatch_of(stages, losses, epoch=0):
    weight = jnp.ones(losses.shape[0])
    return Minibatch(outputs_of(stages), losses, weight, None, jnp.int32(epoch))


def test_the_head_trains_the_network_until_detached():
    auxiliary, count = loss_prediction(detach_epoch=3).auxiliary, 3
    keys = jax.random.split(jax.random.key(0), count + 1)
    stages = [jax.random.normal(key, (8, 4 + i)) for i, key in enumerate(keys[1:])]
    params = auxiliary.init(keys[0], outputs_of(stages))
    assert [layer["kernel"].shape for layer in params["stages"]] == [
        (4 + i, 128) for i in range(count)
    ]
    assert params["last"]["kernel"].shape == (128 * count, 1)

    @jax.jit
    def gradients(epoch):
        def loss(params, stages):
            return auxiliary.loss(keys[0], params, minibatch_of(stages, jnp.arange(8.0), epoch))

        return jax.grad(loss, (0, 1))(params, stages)

    for epoch, joint in ((0, True), (2, True), (3, False), (40, False)):
        of_head, of_stages = gradients(epoch)
        assert all((leaf != 0).any() for leaf in jax.tree.leaves(of_stages)) == joint
        assert all((leaf != 0).any() for leaf in jax.tree.leaves(of_head["stages"]))


def test_noisy_labels_are_predicted_to_cost_more():
    """Within the learner: where labels are a coin's, the loss is larger, and so is its forecast."""
    key_x, key_y = jax.random.split(jax.random.key(0))
    x = jax.random.uniform(key_x, (600, 2), minval=-1.0)
    noisy = x[:, 0] > 0.0
    coin = jax.random.bernoulli(key_y, 0.5, (600,))
    y = jnp.where(noisy, coin, x[:, 1] > 0).astype(jnp.int32)
    pool, labels = Pool(x, y), Labels(jnp.arange(600, dtype=jnp.int32), jnp.int32(300))
    strategy = loss_prediction(detach_epoch=20)
    learner = sgd(mlp((2,), 2, hidden=(32, 16)), epochs=40).extend(strategy.auxiliary)

    @jax.jit
    def run(key):
        data = learner.prepare(pool.x)
        variables = learner.init(key, data)
        variables, _ = learner.fit(key, variables, data, pool.y, labels, learner.hyper)
        seen = look(
            learner, variables, pool.x, data, revealed(pool.y, labels), labels, learner.hyper
        )
        return strategy.select(key, (), seen, 60)[0], seen.auxiliary

    picks, predicted = run(jax.random.key(0))
    assert noisy[picks].mean() > 0.9  # of half
    assert predicted[300:][noisy[300:]].mean() > predicted[300:][~noisy[300:]].mean()


def test_a_network_without_stages_is_refused():
    learner = sgd(mlp((4,), 3, hidden=())).extend(loss_prediction().auxiliary)
    data = learner.prepare(jnp.ones((5, 4)))
    with pytest.raises(InputError, match="loss_prediction reads the stages"):
        jax.jit(learner.init)(jax.random.key(0), data)


def test_picks_the_highest_forecasts():
    order = jnp.asarray(np.random.default_rng(0).permutation(40), jnp.int32)
    labels = Labels(order, jnp.int32(10))
    mask = labelled_mask(labels)
    x = jnp.ones((40, 2))
    score = jax.random.normal(jax.random.key(0), (40,))
    round_ = Round(x, jnp.where(mask, 0, -1), labels, mask, (), x, x, auxiliary=score)
    strategy, key = loss_prediction(), jax.random.key(1)
    picks, _ = strategy.select(key, strategy.init(key, x), round_, 12)
    expected = np.argsort(np.where(mask, np.inf, -score), kind="stable")[:12]
    np.testing.assert_array_equal(picks, expected)
    with pytest.raises(ValueError, match="extended"):
        strategy.select(key, (), round_._replace(auxiliary=None), 12)


def test_looks_at_a_random_subset():
    """Of 30 unlabelled points 15, in which all picks are the best; of fewer than picks, as many."""
    labels = Labels(jnp.arange(40, dtype=jnp.int32), jnp.int32(10))
    mask = labelled_mask(labels)
    x, score = jnp.ones((40, 2)), jnp.arange(40.0)
    round_ = Round(x, jnp.where(mask, 0, -1), labels, mask, (), x, x, auxiliary=score)

    def picks(subset, k):
        strategy = loss_prediction(subset=subset)
        run = jax.jit(jax.vmap(lambda key: strategy.select(key, (), round_, k)[0]))
        return np.asarray(run(jax.random.split(jax.random.key(0), 400)))

    seen = picks(15, 15)
    assert (seen >= 10).all() and (np.diff(seen, axis=1) < 0).all()
    counts = np.bincount(seen.ravel(), minlength=40)[10:]
    assert np.abs(counts - 200).max() < 5 * 10  # each in half of the draws
    best = picks(15, 3)
    assert 0.3 < (best == 39).any(axis=1).mean() < 0.7
    assert (np.sort(picks(3, 30), axis=1) == np.arange(10, 40)).all()
    np.testing.assert_array_equal(picks(40, 3), picks(None, 3))
    with pytest.raises(InputError, match="a positive subset, got 0"):
        loss_prediction(subset=0)
