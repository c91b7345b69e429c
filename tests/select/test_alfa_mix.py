import importlib
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

module = importlib.import_module("jal.select.alfa_mix")
alfa_mix = module.alfa_mix

N, K, D = 40, 3, 5
KEY = jax.random.key(0)


def a_pool(seed: int, labelled: int = 12, scale: float = 3.0):
    """Features, an affine head, classes of the labelled points; class 2 has none."""
    rng = np.random.default_rng(seed)
    features = (2 + rng.normal(size=(N, D))).astype(np.float32)  # 0 is far, and no anchor
    weights = (scale * rng.normal(size=(D, K))).astype(np.float32)
    bias = rng.normal(size=K).astype(np.float32) - 2 * weights.sum(axis=0)
    mask = rng.permutation(np.arange(N) < labelled)
    y = np.where(mask, rng.integers(0, K - 1, N), -1).astype(np.int32)
    return features, weights, bias, y, mask


def run(key, features, weights, bias, y, mask, k, **options):
    logits = features @ weights + bias
    return alfa_mix(key, logits, features, y, mask, k, lambda z: z @ weights + bias, **options)


jitted = jax.jit(run, static_argnums=6, static_argnames=("optimise", "chunk", "steps"))


def candidates(features, weights, bias, y, mask, cap) -> np.ndarray:
    """As the paper states it: a mixture of each point with each anchor, alpha by coordinate."""
    z, w = np.float64(features), np.float64(weights)
    logits = z @ w + bias
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    predicted = logits.argmax(axis=1)
    others = p * (np.arange(K) != predicted[:, None])  # 1 - p has lost its digits, even in float64
    g = (others - others.sum(axis=1, keepdims=True) * np.eye(K)[predicted]) @ w.T
    flips = np.zeros(N, bool)
    for c in np.unique(y[mask]):
        apart = z[mask & (y == c)].mean(axis=0) - z
        norm = np.linalg.norm(apart, axis=1) / np.linalg.norm(g, axis=1)
        alpha = (cap / np.sqrt(D) * norm)[:, None] * g / (apart + 1e-8)  # as the published code
        mixed = (1 - alpha) * z + alpha * (z + apart)
        flips |= (mixed @ w + bias).argmax(axis=1) != predicted
    return flips & ~mask


def first_enough(pool, k):
    """The candidates at the first cap that has more than k of them."""
    for cap in [0.2, 0.4, 0.6, 0.8, 1.0]:
        found = candidates(*pool, cap)
        if found.sum() > k:
            break
    return found


def test_candidates_are_the_papers(monkeypatch):
    monkeypatch.setattr(module, "_spread", lambda *given: given[3])
    found_of = jax.jit(lambda *pool: run(KEY, *pool, 4))
    counts = []
    for seed, scale in itertools.product(range(5), [1.0, 3.0, 10.0]):
        pool = a_pool(seed, scale=scale)
        expected = first_enough(pool, 4)
        np.testing.assert_array_equal(found_of(*pool), expected)
        counts.append(expected.sum())
    assert 0 < min(counts) < max(counts)


def test_what_is_0_in_point_and_anchor_does_not_move(monkeypatch):
    """Features behind a ReLU: one is 0 for all of class 0, others here and there."""
    monkeypatch.setattr(module, "_spread", lambda *given: given[3])
    found_of = jax.jit(lambda *pool: run(KEY, *pool, 4))
    matters = 0
    for seed in range(6):
        features, weights, bias, y, mask = a_pool(seed)
        features, bias = np.maximum(features - 2, 0), bias + 2 * weights.sum(axis=0)
        features[:, 0] *= y != 0
        expected = first_enough((features, weights, bias, y, mask), 4)
        np.testing.assert_array_equal(found_of(features, weights, bias, y, mask), expected)
        apart = features + 1e-5 * np.random.default_rng(seed).random((N, D))
        matters += (first_enough((apart, weights, bias, y, mask), 4) != expected).any()
    assert matters > 0


def test_few_candidates_come_first_and_random_points_after():
    pool, k = a_pool(6, labelled=N - 10), 8
    expected = candidates(*pool, 1.0)
    count = expected.sum()
    assert 0 < count < k
    picks = [np.asarray(jitted(jax.random.key(seed), *pool, k)) for seed in range(8)]
    for found in picks:
        assert set(found[:count]) == set(np.flatnonzero(expected))
        assert len(set(found)) == k and not pool[4][found].any()
    assert len({tuple(found[:count]) for found in picks}) > 1
    assert len({tuple(found[count:]) for found in picks}) > 1


def test_many_candidates_are_clustered_by_direction(monkeypatch):
    """And nothing else is: what k-means is given."""
    given = []
    monkeypatch.setattr(module, "kmeans", lambda *each, **rest: given.extend((*each, rest)))
    features, *_, mask = a_pool(0)
    features[5] = 0
    candidate = ~mask & (np.arange(N) % 2 == 0)
    with jax.disable_jit():
        module._spread("key", KEY, jnp.asarray(features), candidate, mask, 8, 3)
    key, directions, left_out, k, options = given
    norm = np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(directions, features / np.where(norm > 0, norm, 1), rtol=1e-6)
    np.testing.assert_array_equal(left_out, ~candidate)
    assert (key, k, options) == ("key", 8, {"iterations": 3})


def test_degenerate_pools():
    features, weights, bias, y, mask = a_pool(2)
    none = np.zeros_like(features)
    cases = {
        "nothing labelled": (features, weights, bias, np.full(N, -1, np.int32), mask & False),
        "no candidate": (features, weights, np.array([1e6, 0, 0], np.float32), y, mask),
        "all equal": (none + 1, 0 * weights, bias, y, mask),
        "no features": (none, weights, bias, y, mask),
        "not a number": (features + np.nan, weights, bias, y, mask),
    }
    for case, pool in cases.items():
        picks = [np.asarray(jitted(jax.random.key(seed), *pool, 8)) for seed in range(2)]
        for found in picks:
            assert len(set(found)) == 8 and not pool[4][found].any(), case
        if case in ("nothing labelled", "no candidate", "no features"):
            assert (picks[0] != picks[1]).any(), case  # nothing to go by


@pytest.mark.parametrize("steps", [1, 8])
def test_learnt_mixtures_by_hand(steps):
    features, weights, bias, y, mask = a_pool(3)
    logits = features @ weights + bias
    predicted = logits.argmax(axis=1)
    anchors = np.stack([features[mask & (y == c)].mean(axis=0) for c in range(K - 1)] * 2)[:K]
    present, cap = np.array([True, True, False]), 0.4
    head = lambda z: z @ weights + bias  # noqa: E731
    keys = jax.random.split(KEY, N)

    @jax.jit
    def learnt(present):
        def of_one(key, point, predicted):
            options = head, steps, 0.1, 0.01
            return module._learnt(key, point, predicted, anchors, present, cap, *options)

        return jax.vmap(of_one)(keys, features, predicted)

    @jax.jit
    @jax.vmap
    def draw(key):
        return jax.vmap(lambda key: jax.random.normal(key, (D,)))(jax.random.split(key, K))

    found = learnt(present)
    expected = np.zeros(N, bool)
    for c, there in enumerate(present):
        anchor, normal = anchors[c], np.float64(draw(keys)[:, c])
        alpha = np.clip(cap / 2 * (1 + normal), 1e-8, cap)
        for i in range(steps):
            out = head((1 - alpha) * features + alpha * anchor)
            expected |= there & (out.argmax(axis=1) != predicted)
            p = np.exp(out - out.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            up = ((p - np.eye(K)[predicted]) @ weights.T) * (anchor - features)
            gradient = -up + 0.01 * alpha / np.linalg.norm(alpha, axis=1, keepdims=True)
            rate = 0.1 if i < steps * 2 / 3 else 0.01
            alpha = np.clip(alpha - rate * gradient / (abs(gradient) + 1e-8), 1e-8, cap)
    np.testing.assert_array_equal(found, expected)
    assert 0 < expected.sum() < N
    assert not learnt(present & False).any()  # nothing labelled


def test_the_cap_rises_until_there_are_enough(monkeypatch):
    """In chunks that do not divide the pool."""
    monkeypatch.setattr(module, "_spread", lambda *given: given[3])

    def learnt(key, point, predicted, anchors, present, cap, *options):
        return point[0] < 4.0 * cap

    monkeypatch.setattr(module, "_learnt", learnt)
    pool = a_pool(1)
    changed = [(pool[0][:, 0] < 4.0 * cap) & ~pool[4] for cap in (0.2, 0.4, 0.6, 0.8, 1.0)]
    counts = [each.sum() for each in changed]
    assert counts[1] < counts[2] < counts[3]
    found = run(KEY, *pool, int(counts[2]), optimise=True, chunk=7)
    np.testing.assert_array_equal(found, changed[3])  # "enough" is more than k


def test_the_cap_ends_at_one(monkeypatch):
    monkeypatch.setattr(module, "_spread", lambda *given: given[3])
    tried = []

    def learnt(key, point, predicted, anchors, present, cap, *options):
        jax.debug.callback(lambda cap: tried.append(float(cap)), cap)
        return predicted < 0  # never

    monkeypatch.setattr(module, "_learnt", learnt)
    run(KEY, *a_pool(1), 6, optimise=True, cap_step=0.3)
    jax.effects_barrier()
    np.testing.assert_allclose(sorted(set(tried)), [0.3, 0.6, 0.9, 1.0], rtol=1e-6)


def test_errors():
    pool = [jnp.asarray(each) for each in a_pool(0, N - 2)]
    with pytest.raises(ValueError, match="alfa_mix cannot pick k = 3 of 2 unlabelled"):
        run(KEY, *pool, 3)
