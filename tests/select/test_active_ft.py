import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from reference import oracles
from scipy.special import logsumexp

from jal.select.active_ft import active_ft, fit_centroids
from jal.select.gradients import unit_rows

N, D, PICKS = 40, 3, 6
key = jax.random.key(0)
DEFAULTS = {"temperature": 0.07, "iterations": 300, "learning_rate": 1e-3, "diversity": 1.0}


@functools.partial(jax.jit, static_argnames=("k", "minibatch"))
def compiled(key, features, labelled, k, minibatch, options):
    """Picks, centroids and their shares; one program serves many tests."""
    options = {**options, "minibatch": minibatch, "chunk": 16}  # which does not divide N
    picks = active_ft(key, features, labelled, k, **options)
    return picks, *fit_centroids(key, unit_rows(features), labelled, k, **options)


def run(features, labelled, k=PICKS, minibatch=None, key=key, **options):
    return compiled(key, features, labelled, k, minibatch, DEFAULTS | options)


def a_pool(seed: int, labelled: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(N, D)).astype(np.float32)
    return features, rng.permutation(np.arange(N) < labelled)


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def loss(centroids, points, temperature: float, np_=np, logsumexp_=logsumexp):
    """Xie et al., 2023, eq. 7: near to the points, apart from each other."""
    c = centroids / np_.linalg.norm(centroids, axis=1, keepdims=True)
    near = (points @ c.T).max(axis=1).mean() / temperature
    similar = c @ c.T / temperature
    apart = logsumexp_(similar - 1e9 * np_.eye(len(c)), axis=1).mean()
    return apart - near


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_steps_are_adam_on_the_loss(temperature):
    features, labelled = a_pool(0)
    points = unit(features)[~labelled]
    options = {"temperature": temperature, "learning_rate": 0.01}
    _, centroids, _ = run(features, labelled, iterations=0, **options)
    adam = optax.adam(0.01)

    @jax.jit
    def step(centroids, state):
        gradient = jax.grad(loss)(centroids, points, temperature, jnp, jax.nn.logsumexp)
        updates, state = adam.update(gradient, state)
        return optax.apply_updates(centroids, updates), state

    state = adam.init(centroids)
    for _ in range(10):
        centroids, state = step(centroids, state)
    _, found, share = run(features, labelled, iterations=10, **options)
    np.testing.assert_allclose(found, unit(np.asarray(centroids)), atol=2e-5)
    nearest = np.argmax(points @ np.asarray(found).T, axis=1)
    np.testing.assert_allclose(share, np.bincount(nearest, minlength=PICKS), rtol=1e-6)


def test_starts_from_unlabelled_points_drawn_uniformly():
    features, labelled = a_pool(1, N - 8)
    points, options = (
        jnp.asarray(unit(features)),
        {**DEFAULTS, "iterations": 0, "minibatch": None, "chunk": N},
    )
    many = jax.jit(jax.vmap(lambda key: fit_centroids(key, points, labelled, 2, **options)[0]))
    drawn = np.asarray(many(jax.random.split(key, 2000))) @ points.T
    index = drawn.argmax(axis=2)
    assert (index[:, 0] != index[:, 1]).all()
    counts = np.bincount(index.ravel(), minlength=N)
    assert counts[labelled].sum() == 0
    assert np.abs(counts[~labelled] - 500).max() < 5 * np.sqrt(500)


def test_the_loss_falls():
    features, labelled = a_pool(2)
    points = unit(np.float64(features))[~labelled]
    losses = [
        loss(np.float64(run(features, labelled, iterations=t)[1]), points, 0.07)
        for t in (0, 30, 300)
    ]
    assert losses[0] > losses[1] > losses[2]
    assert losses[0] - losses[2] > 0.1


@pytest.mark.parametrize("minibatch", [None, 32])
def test_one_of_each_cluster(minibatch):
    rng = np.random.default_rng(0)
    cluster = np.arange(N) % PICKS
    centres = np.concatenate([np.eye(3), -np.eye(3)])
    features = np.float32(centres[cluster] + 0.02 * rng.normal(size=(N, 3)))
    labelled = np.arange(N) < 4

    def clusters(key, iterations):
        options = {"iterations": iterations, "learning_rate": 0.01}
        picks, *_ = run(features, labelled, minibatch=minibatch, key=key, **options)
        return len(set(cluster[picks]))

    keys = jax.random.split(key, 10)
    assert [clusters(key, 300) for key in keys] == [PICKS] * len(keys)
    at_random = [clusters(key, 0) for key in keys]
    assert np.mean(at_random) < PICKS - 1  # it is the loss that spreads them


def test_picks_are_the_nearest_unused_largest_share_first():
    features, labelled = a_pool(3)
    picks, centroids, share = run(features, labelled, iterations=20)
    similar = np.asarray(centroids) @ unit(features).T
    taken, expected = labelled.copy(), []
    for c in np.argsort(-np.asarray(share), kind="stable"):
        expected.append(int(np.where(taken, -np.inf, similar[c]).argmax()))
        taken[expected[-1]] = True
    np.testing.assert_array_equal(picks, expected)


def test_distinct_and_finite():
    features, labelled = a_pool(4, N - PICKS)
    features[3] = 0
    for scale in (1.0, 1e-30, 1e30, 0.0, np.nan):
        for pool in (features, np.ones_like(features)):
            picks, centroids, _ = run(np.float32(scale) * pool, labelled, iterations=3)
            np.testing.assert_array_equal(np.sort(picks), np.flatnonzero(~labelled))
            assert np.isfinite(centroids).all() or np.isnan(scale)


def test_one_centroid_goes_to_the_mean_direction():
    features, labelled = a_pool(5)
    mean = unit(features)[~labelled].mean(axis=0)
    _, centroid, _ = run(features, labelled, 1, iterations=500, learning_rate=0.05)
    assert float(centroid[0] @ mean / np.linalg.norm(mean)) > 0.999


def test_memory_is_linear_in_the_pool():
    n, d, k = 6000, 64, 100
    arrays = jnp.zeros((n, d)), jnp.arange(n) < 100
    program = jax.make_jaxpr(lambda *pool: active_ft(key, *pool, k, chunk=512))(*arrays)
    assert oracles.largest_array(program) <= 1.1 * n * d < n * k < n * n


def test_errors():
    features, labelled = a_pool(0, N - 2)
    with pytest.raises(ValueError, match="active_ft cannot pick k = 3 of 2"):
        active_ft(key, features, labelled, 3)
