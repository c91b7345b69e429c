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
        alpha = (cap / np.sqrt(D) * norm)[:, None] * g / apart
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


def test_few_candidates_come_first_and_random_points_after():
    pool = a_pool(1, scale=10.0)
    k = N - 12
    expected = candidates(*pool, 1.0)
    count = expected.sum()
    assert 0 < count < k
    picks = [np.asarray(jitted(jax.random.key(seed), *pool, k)) for seed in range(3)]
    for found in picks:
        assert set(found[:count]) == set(np.flatnonzero(expected))
        assert sorted(found) == np.flatnonzero(~pool[4]).tolist()
    assert (picks[0][count:] != picks[1][count:]).any()


def test_many_candidates_are_spread():
    """Three directions near the border between the classes, a pick from each; one far from it."""
    rng = np.random.default_rng(0)
    place = np.repeat(np.eye(4, D), 10, axis=0)
    features = place * rng.uniform(1, 5, (N, 1)) + 0.01 * rng.normal(size=(N, D))
    features[30:] += 100 * np.eye(4, D)[3]
    weights = np.zeros((D, K))
    weights[3:] = rng.normal(size=(2, K))
    mask = (np.arange(N) % 5 == 0) & (np.arange(N) < 30)
    y = np.where(mask, np.arange(N) // 5 % 2, -1).astype(np.int32)
    pool = np.float32(features), np.float32(weights), np.zeros(K, np.float32), y, mask
    expected = candidates(*pool, 0.2)
    assert expected[:30].sum() > 15 and not expected[30:].any()
    picks = np.asarray(jitted(KEY, *pool, 3))
    assert len({int(place[i].argmax()) for i in picks}) == 3 and expected[picks].all()


@pytest.mark.parametrize("optimise", [False, True])
@pytest.mark.parametrize("case", ["nothing labelled", "no candidate", "all equal", "no features"])
def test_degenerate_pools(case, optimise):
    features, weights, bias, y, mask = a_pool(2)
    if case == "nothing labelled":
        y, mask = np.full(N, -1, np.int32), np.zeros(N, bool)
    elif case == "no candidate":
        bias = np.array([1e6, 0, 0], np.float32)
    elif case == "all equal":
        features, weights = np.ones_like(features), np.zeros_like(weights)
    else:
        features = np.zeros_like(features)
    pool = features, weights, bias, y, mask
    picks = [
        np.asarray(jitted(jax.random.key(seed), *pool, 8, optimise=optimise)) for seed in range(2)
    ]
    for found in picks:
        assert len(set(found)) == 8 and not mask[found].any()
    if case != "all equal":
        assert (picks[0] != picks[1]).any()  # nothing to go by


def test_learnt_mixtures_by_hand():
    features, weights, bias, y, mask = a_pool(3)
    logits = features @ weights + bias
    predicted = logits.argmax(axis=1)
    anchors = np.stack([features[mask & (y == c)].mean(axis=0) for c in range(K - 1)] * 2)[:K]
    present, cap, steps = np.array([True, True, False]), 0.4, 5
    head = lambda z: z @ weights + bias  # noqa: E731
    found = module._learnt(
        KEY, features, predicted, anchors, jnp.asarray(present), cap, head, steps, 0.1, 0.01
    )
    expected = np.zeros(N, bool)
    for key, anchor, there in zip(jax.random.split(KEY, K), anchors, present, strict=True):
        alpha = np.float64(cap / 2 * (1 + jax.random.normal(key, features.shape)))
        alpha = np.clip(alpha, 1e-8, cap)
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


def test_learnt_mixtures_in_chunks():
    pool = a_pool(1, scale=10.0)
    picks = np.asarray(jitted(KEY, *pool, N - 12, optimise=True, chunk=7))
    assert sorted(picks) == np.flatnonzero(~pool[4]).tolist()


@pytest.mark.parametrize("optimise", [False, True])
def test_vmap_and_single_agree(optimise):
    pools = [a_pool(seed, scale=10.0 ** (seed - 1)) for seed in range(3)]  # other caps in each
    keys = jax.random.split(KEY, 3)
    together = jax.vmap(lambda key, *pool: jitted(key, *pool, 8, optimise=optimise))(
        keys, *map(np.stack, zip(*pools, strict=True))
    )
    for found, key, pool in zip(together, keys, pools, strict=True):
        np.testing.assert_array_equal(found, jitted(key, *pool, 8, optimise=optimise))


def test_errors():
    pool = [jnp.asarray(each) for each in a_pool(0, N - 2)]
    with pytest.raises(ValueError, match="alfa_mix cannot pick k = 3 of 2 unlabelled"):
        run(KEY, *pool, 3)
