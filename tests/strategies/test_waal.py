"""WAAL: the bound, the signs of both networks' losses, and what the critic comes to prefer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jal.episode import look
from jal.labels import labelled_mask, revealed
from jal.learners import sgd
from jal.networks import mlp
from jal.strategies.waal import uncertainty_bound, waal
from jal.types import Labels, Minibatch, Outputs, Pool, Round

B, D = 16, 3


def test_uncertainty_bound_is_the_authors():
    logits = 3.0 * np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = 0.5 * np.sqrt((np.log(p) ** 2).sum(axis=1)) + 0.5 * (-np.log(p)).sum(axis=1)
    found = jax.vmap(uncertainty_bound)(logits)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    # Above the loss under any label, and least where nothing is known.
    assert (found >= (-np.log(p)).max(axis=1)).all()
    uniform = uncertainty_bound(jnp.zeros(6))
    np.testing.assert_allclose(uniform, (np.sqrt(6) + 6) * np.log(6) / 2, rtol=1e-6)
    assert (found > uniform).all()


def minibatch_of(labelled, unlabelled, weight=None):
    def outputs(features):
        return Outputs(jnp.zeros((features.shape[0], 2)), features)

    size = labelled.shape[0]
    weight = jnp.ones(size) if weight is None else weight
    return Minibatch(outputs(labelled), jnp.ones(size), weight, outputs(unlabelled), jnp.int32(0))


def features_and_params(auxiliary, gap=2.0):
    keys = jax.random.split(jax.random.key(0), 3)
    labelled = jax.random.normal(keys[0], (B, D))
    unlabelled = jax.random.normal(keys[1], (B, D)) + gap
    params = auxiliary.init(keys[2], Outputs(jnp.zeros((1, 2)), labelled[:1]))
    return labelled, unlabelled, params


def critic_of(params, x):
    for layer in params["hidden"].values():
        x = jnp.maximum(x @ layer["kernel"] + layer["bias"], 0.0)
    value = (x @ params["last"]["kernel"] + params["last"]["bias"])[:, 0]
    return 1.0 / (1.0 + jnp.exp(-value))


def test_each_network_gets_its_own_gradient():
    """Network: alpha (E D(U) - gamma E D(L)). Critic: its opposite, and the penalty ADDED."""
    options = {"alpha": 0.3, "gamma": 0.6, "penalty": 2.5, "critic_weight": 0.7}
    auxiliary = waal(width=8, **options).auxiliary
    labelled, unlabelled, params = features_and_params(auxiliary)
    weight = jnp.where(jnp.arange(B) < 11, 0.5 + jnp.arange(B), 0.0)  # class weights and padding
    key = jax.random.key(3)

    def loss(params, labelled, unlabelled):
        return auxiliary.loss(key, params, minibatch_of(labelled, unlabelled, weight))

    found = jax.jit(jax.grad(loss, (0, 1, 2)))(params, labelled, unlabelled)
    real = labelled[:11]

    def difference(params, real, unlabelled):
        return critic_of(params, unlabelled).mean() - 0.6 * critic_of(params, real).mean()

    def critic_loss(params):
        between = labelled + jax.random.uniform(key, (B,))[:, None] * (unlabelled - labelled)
        points = jnp.concatenate([between[:11], real, unlabelled])
        slope = jax.vmap(jax.grad(lambda x: critic_of(params, x[None])[0]))(points)
        norm = jnp.sqrt(jnp.square(slope).sum(axis=1) + 1e-12)
        penalty = jnp.mean((norm - 1.0) ** 2)
        return 0.7 * (2.5 * penalty - difference(params, real, unlabelled))

    wanted = jax.jit(jax.grad(critic_loss))(params)
    for one, other in zip(jax.tree.leaves(found[0]), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    wanted = jax.jit(jax.grad(difference, (1, 2)))(params, real, unlabelled)
    np.testing.assert_allclose(found[1][:11], 0.3 * wanted[0], atol=1e-6)
    np.testing.assert_array_equal(found[1][11:], 0.0)
    np.testing.assert_allclose(found[2], 0.3 * wanted[1], atol=1e-6)


def test_an_unbounded_critic_measures_the_wasserstein_distance():
    """Of points and the same points moved by 3: a slope s everywhere gives 3 s.

    Of penalty (s - 1)^2 - 3 s the least is at s = 1 + 3 / (2 penalty).
    """
    auxiliary = waal(width=64, sigmoid=False, penalty=10.0).auxiliary
    labelled, _, params = features_and_params(auxiliary)
    moved = labelled + 3.0 / np.sqrt(D)
    rule = optax.adam(3e-3)

    def step(carry, key):
        params, state = carry
        gradient = jax.grad(auxiliary.loss, 1)(key, params, minibatch_of(labelled, moved))
        update, state = rule.update(gradient, state)
        return (optax.apply_updates(params, update), state), None

    keys = jax.random.split(jax.random.key(1), 300)
    start = params, rule.init(params)
    (params, _), _ = jax.jit(lambda start: jax.lax.scan(step, start, keys))(start)

    def mean_score(features):
        return auxiliary.score(params, Outputs(jnp.zeros((B, 2)), features)).mean()

    distance = mean_score(moved) - mean_score(labelled)
    np.testing.assert_allclose(distance, 3.0 * (1.0 + 3.0 / 20.0), rtol=0.1)


def test_a_dead_critic_has_a_gradient():
    """All units are off at features of 0: the norm of a slope of 0 must not give NaN."""
    auxiliary = waal(width=8).auxiliary
    nothing = jnp.zeros((B, D))
    _, _, params = features_and_params(auxiliary)
    gradient = jax.jit(jax.grad(auxiliary.loss, 1))(
        jax.random.key(0), params, minibatch_of(nothing, nothing)
    )
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_prefers_the_blob_without_labels():
    """Within the learner, the features being trained at the same time."""
    x = jax.random.normal(jax.random.key(0), (240, 4))
    y = (x[:, 1] > 0).astype(jnp.int32)  # two classes in each of two blobs
    far = jnp.arange(240) >= 120
    pool = Pool(x.at[:, 0].add(jnp.where(far, 4.0, 0.0)), y)
    labels = Labels(jnp.arange(240, dtype=jnp.int32), jnp.int32(60))
    strategy = waal(width=64, selection=1000.0)  # D decides
    learner = sgd(mlp((4,), 2, hidden=(16,)), epochs=60).extend(strategy.auxiliary)

    @jax.jit
    def run(key):
        data = learner.prepare(pool.x)
        variables = learner.init(key, data)
        variables, _ = learner.fit(key, variables, data, pool.y, labels, learner.hyper)
        seen = look(
            learner, variables, pool.x, data, revealed(pool.y, labels), labels, learner.hyper
        )
        return strategy.select(key, (), seen, 60)[0], seen

    picks, seen = run(jax.random.key(0))
    assert far[picks].mean() > 0.85  # of two thirds
    assert seen.auxiliary[far].mean() > seen.auxiliary[~far].mean() + 0.1
    accuracy = (seen.logits.argmax(axis=1) == pool.y)[~far].mean()
    assert accuracy > 0.9


def test_picks_by_uncertainty_and_critic():
    rng = np.random.default_rng(0)
    order = jnp.asarray(rng.permutation(40), jnp.int32)
    labels = Labels(order, jnp.int32(10))
    mask = labelled_mask(labels)
    logits = jnp.asarray(rng.normal(size=(40, 3)), jnp.float32)
    critic = jnp.asarray(rng.uniform(size=40), jnp.float32)
    seen = (jnp.ones((40, 2)), jnp.where(mask, 0, -1), labels, mask, (), logits, logits)
    strategy, key = waal(selection=3.0), jax.random.key(1)
    picks, _ = strategy.select(key, (), Round(*seen, auxiliary=critic), 12)
    log_p = np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    cost = 0.5 * np.linalg.norm(log_p, axis=1) - 0.5 * log_p.sum(axis=1) - 3.0 * critic
    np.testing.assert_array_equal(picks, np.argsort(np.where(mask, np.inf, cost))[:12])
    with pytest.raises(ValueError, match="extended"):
        strategy.select(key, (), Round(*seen), 12)
