import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracles

module = importlib.import_module("jal.select.bait")
bait = module.bait

N, K, D, PICKS = 24, 3, 4, 4
jitted = jax.jit(
    bait, static_argnums=3, static_argnames=("oversample", "weights", "max_features", "max_classes")
)


def a_pool(seed: int, labelled: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = (2 * rng.normal(size=(N, K))).astype(np.float32)
    features = rng.normal(size=(N, D)).astype(np.float32)
    return logits, features, rng.permutation(np.arange(N) < labelled)


def information(logits, features) -> np.ndarray:
    """Each point's Fisher block, `[N, K D, K D]`."""
    p = oracles.softmax(logits)
    outer = lambda a: np.einsum("ni,nj->nij", a, a)  # noqa: E731
    covariance = np.einsum("ni,ij->nij", p, np.eye(p.shape[1])) - outer(p)
    blocks = np.einsum("nij,nab->niajb", covariance, outer(np.float64(features)))
    return blocks.reshape(len(p), p.shape[1] * features.shape[1], -1)


def direct(logits, features, labelled, k, ridge=1.0, oversample=2, weights="equal"):
    """By direct inverses: the picks before pruning, and those after."""
    each = information(logits, features)
    fisher, free = each.mean(axis=0), np.flatnonzero(~labelled)
    if weights == "published":
        each = each * np.where(labelled, 1, k)[:, None, None] / (labelled.sum() + k)
    known = ridge * np.eye(each.shape[1]) + each[labelled].sum(axis=0)

    def trace(picks):
        return np.trace(np.linalg.solve(known + each[picks].sum(axis=0), fisher))

    picks: list[int] = []
    for _ in range(min(oversample * k, len(free))):
        picks.append(min((i for i in free if i not in picks), key=lambda i: trace([*picks, i])))
    grown = list(picks)
    while len(picks) > k:
        picks.remove(min(picks, key=lambda i: trace([j for j in picks if j != i])))
    return grown, picks


@pytest.mark.parametrize("ridge", [1.0, 0.01])
@pytest.mark.parametrize("labelled", [0, 6, 18])
def test_equals_direct_inverses(labelled, ridge):
    pruned = 0
    for seed in range(3):
        pool = a_pool(seed, labelled)
        grown, expected = direct(*pool, PICKS, ridge)
        assert np.asarray(jitted(*pool, PICKS, ridge=ridge)).tolist() == expected
        pruned += expected != grown[:PICKS]
    assert pruned > 0 or labelled > 0  # it is not merely the first picks that stay


def test_the_published_codes_weights():
    differ = 0
    for seed in range(3):
        pool = a_pool(seed)
        _, expected = direct(*pool, PICKS, 0.1, weights="published")
        assert np.asarray(jitted(*pool, PICKS, ridge=0.1, weights="published")).tolist() == expected
        differ += expected != direct(*pool, PICKS, 0.1)[1]
    assert differ > 0


def test_blocks_of_points_change_nothing(monkeypatch):
    monkeypatch.setattr(module, "_ROWS", 5)
    pool = a_pool(3)
    blocks = jax.jit(lambda *pool: bait(*pool, PICKS, chunk=7))
    assert np.asarray(blocks(*pool)).tolist() == direct(*pool, PICKS)[1]


@jax.jit
def some_steps(logits, features):
    """All information; M^-1, blocks and changes after steps, and M^-1 and blocks computed anew."""
    h, factors = module._compressed(logits, features, 128, 16)
    order = jnp.arange(N)
    whole = module._information(h, factors, order, N)
    fisher = whole / N
    ridge = jnp.eye(fisher.shape[0])
    inverse = jnp.linalg.inv(module._information(h, factors, order, 5) + ridge)
    points = module._points(h, factors, fisher, inverse, 5)
    for i, sign in [(9, 1.0), (20, 1.0), (11, 1.0), (20, -1.0)]:
        inverse, u, w = module._step(inverse, fisher, h[i], factors[:, :, i], True, sign)
        points = module._updated(points, u, w, sign)
    kept = jnp.zeros(N, int).at[:7].set(jnp.array([0, 1, 2, 3, 4, 9, 11]))
    expected = jnp.linalg.inv(module._information(h, factors, kept, 7) + ridge)
    anew = module._points(h, factors, fisher, expected, 5)
    v = jnp.einsum("cjn,na->ncaj", factors, h).reshape(N, ridge.shape[0], -1)
    return whole, (inverse, expected), (points, anew), module._changes(points, 1.0), v


def test_steps_equal_the_inverses_themselves():
    """Woodbury's identity, for M^-1 and for the blocks of all points, added and removed."""
    whole, (inverse, expected), (points, anew), changes, v = some_steps(*a_pool(3)[:2])
    np.testing.assert_allclose(inverse, expected, atol=2e-5)
    np.testing.assert_allclose(points.a, anew.a, atol=2e-5)
    np.testing.assert_allclose(points.b, anew.b, atol=2e-5)
    # What adding changes, against the traces of direct inverses.
    expected, fisher, v = np.float64(expected), np.float64(whole) / N, np.float64(v)
    trace = [
        np.trace((expected - np.linalg.inv(np.linalg.inv(expected) + b @ b.T)) @ fisher) for b in v
    ]
    np.testing.assert_allclose(changes.reshape(-1)[:N], trace, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("certainty", [0, 23])
def test_information_is_that_of_the_last_layer(certainty):
    """Without the direction common to all classes; its eigenvalues are the others."""
    logits, features, _ = a_pool(4)
    logits += certainty * np.eye(K, dtype=np.float32)[np.arange(N) % K]

    found = np.linalg.eigvalsh(np.float64(some_steps(logits, features)[0]))
    expected = np.linalg.eigvalsh(information(logits, features).sum(axis=0))
    np.testing.assert_allclose(expected[:D], 0, atol=1e-10)
    np.testing.assert_allclose(found, expected[D:], rtol=1e-4, atol=1e-4 * expected[-1])


def test_what_is_of_low_rank_is_compressed_without_loss():
    """Features in a subspace, and classes that are hardly ever predicted; nothing to prune."""
    logits, features, labelled = a_pool(1, 0)
    grown, pruned = direct(logits, features, labelled, PICKS)
    assert grown[:PICKS] != pruned
    wide = features @ np.linalg.qr(np.random.default_rng(0).normal(size=(20, D)))[0].T
    more = np.concatenate([logits, np.full((N, 2), -30, np.float32)], axis=1)
    limits = {"max_features": D, "max_classes": K - 1}
    found = jitted(more, np.float32(wide), labelled, PICKS, oversample=1.0, **limits)
    assert np.asarray(found).tolist() == grown[:PICKS]


def test_degenerate_pools():
    logits, features, labelled = a_pool(7, N - PICKS)
    copies = np.arange(N) % 3
    broken = np.where(np.arange(N)[:, None] == 9, np.float32(np.nan), features)
    cases = {
        "all equal": (np.zeros_like(logits), np.ones_like(features)),
        "certain": (1000 * np.eye(K, dtype=np.float32)[np.arange(N) % K], features),
        "no features": (logits, np.zeros_like(features)),
        "huge": (logits, 1e4 * features),
        "copies": (logits[copies], features[copies]),
        "not a number": (logits, broken),
    }
    for case, pool in cases.items():
        picks = np.asarray(jitted(*pool, labelled, PICKS))
        np.testing.assert_array_equal(np.sort(picks), np.flatnonzero(~labelled), err_msg=case)


def test_memory_is_linear_in_the_pool():
    n, d = 6000, 20
    arrays = jnp.zeros((n, K)), jnp.zeros((n, d)), jnp.arange(n) < 50
    program = jax.make_jaxpr(lambda *pool: bait(*pool, 10))(*arrays)
    assert oracles.largest_array(program) <= 2 * n * d


def test_errors():
    logits, features, labelled = map(jnp.asarray, a_pool(0, N - 2))
    with pytest.raises(ValueError, match="bait cannot pick k = 3 of 2 unlabelled"):
        bait(logits, features, labelled, 3)
    with pytest.raises(ValueError, match="bait takes"):
        bait(logits[:5], features, labelled, 1)
    with pytest.raises(ValueError, match='weights as "equal" or "published", got \'paper\''):
        bait(logits, features, labelled, 1, weights="paper")
