import importlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from reference import oracles
from scipy.optimize import linear_sum_assignment
from sklearn.datasets import load_breast_cancer, load_digits

module = importlib.import_module("jal.select.active_ft")
active_ft, fit_centroids = module.active_ft, module.fit_centroids

N, D, PICKS = 40, 5, 6
# Not the iterations: one program serves many tests.
static = ("k", "minibatch", "chunk", "objective")
jitted = jax.jit(active_ft, static_argnames=static)
fitted = jax.jit(fit_centroids, static_argnames=static)
key = jax.random.key(0)


def a_pool(seed: int, labelled: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(N, D)).astype(np.float32)
    return features, rng.permutation(np.arange(N) < labelled)


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def published(centroids, points, temperature, diversity):
    """The loss of Xie et al.'s code, in JAX."""
    c = centroids / jnp.linalg.norm(centroids, axis=1, keepdims=True)
    similar = jnp.exp(points @ c.T / temperature)
    near, which = similar.max(axis=1), similar.argmax(axis=1)
    others = jnp.exp(jax.lax.stop_gradient(c) @ c.T / temperature).sum(axis=0)
    return -jnp.mean(jnp.log(near / (near + diversity * others[which])))


def as_printed(centroids, points, temperature, diversity):
    """Eq. 7: near to the points, apart from each other."""
    c = centroids / jnp.linalg.norm(centroids, axis=1, keepdims=True)
    near = (points @ c.T).max(axis=1).mean() / temperature
    similar = c @ c.T / temperature - 1e9 * jnp.eye(len(c))
    return diversity * jax.nn.logsumexp(similar, axis=1).mean() - near


losses = {"published": published, "as_printed": as_printed}


@pytest.mark.parametrize("objective", losses)
@pytest.mark.parametrize(("temperature", "diversity"), [(0.07, 1.0), (0.5, 0.3)])
def test_steps_are_adam_on_the_loss(objective, temperature, diversity):
    features, labelled = a_pool(0)
    points = unit(features)
    options = {"temperature": temperature, "diversity": diversity, "objective": objective}
    options |= {"learning_rate": 0.01, "chunk": 16}
    centroids, _ = fitted(key, points, labelled, PICKS, iterations=0, **options)
    adam = optax.adam(0.01)
    state = adam.init(centroids)
    loss = losses[objective]
    gradient = jax.jit(jax.grad(lambda c: loss(c, points[~labelled], temperature, diversity)))
    for _ in range(10):
        updates, state = adam.update(gradient(centroids), state)
        centroids = optax.apply_updates(centroids, updates)
    found, share = fitted(key, points, labelled, PICKS, iterations=10, **options)
    np.testing.assert_allclose(found, unit(np.asarray(centroids)), atol=2e-5)
    nearest = np.argmax(points[~labelled] @ np.asarray(found).T, axis=1)
    np.testing.assert_allclose(share, np.bincount(nearest, minlength=PICKS), rtol=1e-6)


def a_real_pool(name: str, size: int) -> np.ndarray:
    """`[size, 64]` of unit length, zeros behind the features that there are."""
    rng = np.random.default_rng(0)
    if name == "digits":
        x = load_digits().data
    elif name == "breast cancer":
        x = load_breast_cancer().data
        x = (x - x.mean(axis=0)) / x.std(axis=0)
    else:
        x = 3 * rng.normal(size=(12, 16))[rng.integers(12, size=size)] + rng.normal(size=(size, 16))
    points = unit(rng.permutation(x)[:size]).astype(np.float32)
    return np.pad(points, ((0, 0), (0, 64 - points.shape[1])))


def earth_movers_distance(pool: np.ndarray, picks: np.ndarray) -> float:
    """Of the pool to the picks, each of which stands for as many points as any other."""
    cost = np.sqrt(oracles.squared_distances(pool, pool[picks]))
    cost = np.repeat(cost, len(pool) // len(picks), axis=1)
    return cost[linear_sum_assignment(cost)].mean()


@pytest.mark.parametrize("name", ["digits", "breast cancer", "mixture"])
def test_stands_for_the_pool_better_than_random_points(name):
    """But not as printed, where centroids fly apart."""
    size, picks = 360, 24
    pool, labelled = a_real_pool(name, size), np.zeros(size, bool)

    def distance(objective, iterations, seeds):
        options = {"objective": objective, "iterations": iterations, "learning_rate": 0.01}
        found = [
            jitted(jax.random.key(seed), pool, labelled, picks, **options) for seed in range(seeds)
        ]
        return np.mean([earth_movers_distance(pool, np.asarray(each)) for each in found])

    random = distance("published", 0, 16)
    assert distance("published", 300, 3) < 0.94 * random
    assert distance("as_printed", 300, 3) > 0.96 * random


def test_starts_from_unlabelled_points_drawn_uniformly():
    features, labelled = a_pool(1, N - 8)
    points = unit(features)
    many = jax.vmap(lambda key: fit_centroids(key, points, labelled, 2, iterations=0)[0])
    drawn = np.asarray(many(jax.random.split(key, 2000))) @ points.T
    index = drawn.argmax(axis=2)
    assert (index[:, 0] != index[:, 1]).all()
    counts = np.bincount(index.ravel(), minlength=N)
    assert counts[labelled].sum() == 0
    assert np.abs(counts[~labelled] - 500).max() < 5 * np.sqrt(500)


def test_the_loss_falls():
    features, labelled = a_pool(2)
    points = unit(np.float64(features))[~labelled]
    values = [
        published(fitted(key, unit(features), labelled, PICKS, iterations=t)[0], points, 0.07, 1.0)
        for t in (0, 30, 300)
    ]
    assert values[0] > values[1] > values[2]
    assert values[0] - values[2] > 0.1


@pytest.mark.parametrize(
    ("objective", "minibatch", "least"), [("published", 32, 4.9), ("as_printed", None, PICKS)]
)
def test_more_clusters_than_random_points(objective, minibatch, least):
    rng = np.random.default_rng(0)
    cluster = np.arange(N) % PICKS
    centres = np.concatenate([np.eye(3), -np.eye(3)])
    features = np.float32(centres[cluster] + 0.02 * rng.normal(size=(N, 3)))
    labelled = np.arange(N) < 4

    def pick(key, iterations):
        return active_ft(
            key, features, labelled, PICKS,
            iterations=iterations, learning_rate=0.01, objective=objective, minibatch=minibatch,
        )  # fmt: skip

    many = jax.jit(jax.vmap(pick, (0, None)))
    keys = jax.random.split(key, 10)
    found = [len(set(cluster[picks])) for picks in np.asarray(many(keys, 300))]
    assert np.mean(found) >= least
    at_random = [len(set(cluster[picks])) for picks in np.asarray(many(keys, 0))]
    assert np.mean(at_random) < least - 0.5  # it is the loss that spreads them


def test_picks_are_the_nearest_unused_largest_share_first():
    features, labelled = a_pool(3)
    key_fit = jax.random.split(key)[0]  # the other is of ties
    centroids, share = fitted(key_fit, unit(features), labelled, PICKS, iterations=20)
    similar = np.asarray(centroids) @ unit(features).T
    taken, expected = labelled.copy(), []
    for c in np.argsort(-np.asarray(share), kind="stable"):
        expected.append(int(np.where(taken, -np.inf, similar[c]).argmax()))
        taken[expected[-1]] = True
    np.testing.assert_array_equal(jitted(key, features, labelled, PICKS, iterations=20), expected)


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30, 0.0])
@pytest.mark.parametrize("same", [False, True])
def test_distinct_and_finite(scale, same):
    features, labelled = a_pool(4)
    features = np.float32(scale) * (features[:1] + 0 * features if same else features)
    features[3] = 0
    left = N - 10
    picks = np.asarray(jitted(key, features, labelled, left, iterations=3))
    np.testing.assert_array_equal(np.sort(picks), np.flatnonzero(~labelled))
    centroids, _ = fitted(key, features, labelled, left, iterations=3)
    assert np.isfinite(centroids).all()


def test_without_diversity_the_published_objective_moves_nothing():
    features, labelled = a_pool(4)
    options = {"diversity": 0.0, "objective": "published"}
    once, _ = fitted(key, features, labelled, PICKS, iterations=1, **options)
    more, _ = fitted(key, features, labelled, PICKS, iterations=3, **options)
    assert np.isfinite(more).all()
    np.testing.assert_allclose(once, more, atol=1e-6)


def test_blocks_of_centroids_change_nothing(monkeypatch):
    features, labelled = a_pool(4)
    whole = jitted(key, features, labelled, PICKS, iterations=3)
    monkeypatch.setattr(module, "_BLOCK", 4)
    blocks = jax.jit(lambda *pool: active_ft(key, *pool, PICKS, iterations=3))
    np.testing.assert_array_equal(blocks(features, labelled), whole)


def test_one_centroid_goes_to_the_mean_direction():
    features, labelled = a_pool(5)
    mean = unit(features)[~labelled].mean(axis=0)
    centroid, _ = fitted(key, unit(features), labelled, 1, iterations=500, learning_rate=0.05)
    assert float(centroid[0] @ mean / np.linalg.norm(mean)) > 0.999


def test_chunks_do_not_matter_and_vmap_agrees():
    pools = [a_pool(seed) for seed in range(3)]
    keys = jax.random.split(key, 3)
    features, labelled = map(np.stack, zip(*pools, strict=True))
    batched = jax.vmap(lambda *each: jitted(*each, PICKS, iterations=20))(keys, features, labelled)
    for i, pool in enumerate(pools):
        alone = jitted(keys[i], *pool, PICKS, iterations=20, chunk=7)
        np.testing.assert_array_equal(batched[i], alone)


def test_memory_is_linear_in_the_pool():
    n, d, k = 6000, 64, 100
    arrays = jnp.zeros((n, d)), jnp.arange(n) < 100
    program = jax.make_jaxpr(lambda *pool: active_ft(key, *pool, k, chunk=512))(*arrays)
    assert oracles.largest_array(program) <= 1.1 * n * d < n * k < n * n


def test_errors():
    features, labelled = a_pool(0, N - 2)
    with pytest.raises(ValueError, match="active_ft cannot pick k = 3 of 2"):
        active_ft(key, features, labelled, 3)
    with pytest.raises(
        ValueError, match='objective as "published" or "as_printed", got \'printed\''
    ):
        active_ft(key, features, labelled, 1, objective="printed")
