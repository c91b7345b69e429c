import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracles

from jal.select.prob_cover import prob_cover, pure_radius

N, K, CHUNK = 90, 12, 41  # chunks: three, the last one of 8
jitted = jax.jit(
    lambda key, features, labelled, k, delta: prob_cover(
        key, features, labelled, k, delta=delta, chunk=CHUNK
    ),
    static_argnums=3,
)
key = jax.random.key(0)


def within(features: np.ndarray, delta: float) -> np.ndarray:
    """Who covers whom `[N, N]`, as 0 and 1."""
    norm = np.linalg.norm(np.float64(features), axis=1, keepdims=True)
    x = features / np.where(norm > 0, norm, 1)
    squared = oracles.squared_distances(x, x)
    # No pair that rounding decides.
    assert (np.abs(squared - delta**2) > 1e-5).all() or delta == 0
    return squared <= delta**2 + 1e-6


def check_greedy(picks, features, labelled, delta):
    """Each pick covers as much as any other would."""
    cover = within(features, delta)
    covered, free = cover[labelled].any(axis=0) | labelled, ~labelled
    for pick in np.asarray(picks):
        gain = (cover & ~covered).sum(axis=1)
        assert free[pick]
        assert gain[pick] == gain[free].max()
        covered, free[pick] = covered | cover[pick], False
    return covered


def a_pool(seed: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(6, 4))[rng.integers(6, size=N)] + 0.3 * rng.normal(size=(N, 4))
    return features.astype(np.float32), rng.permutation(N) < labels


@pytest.mark.parametrize("delta", [0.08, 0.3, 0.701, 2.5])
@pytest.mark.parametrize("labels", [0, 3, 40])
def test_each_pick_covers_the_most(delta, labels):
    """From balls of one point to such that all is covered at once."""
    for seed in range(3):
        features, labelled = a_pool(seed, labels)
        picks = jitted(jax.random.key(seed), features, labelled, K, delta)
        assert picks.dtype == jnp.int32
        check_greedy(picks, features, labelled, delta)


def test_greedy_bound():
    """At least 1 - 1/e of the best coverage, found by trying every set."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 16)
    features = np.zeros((N, 4), np.float32)
    features[:16, :2] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    features[16:, 2:] = 1  # the labelled ones, far away
    labelled = np.arange(N) >= 16
    for delta in (0.1, 0.2, 0.4):
        cover = within(features, delta)
        picks = np.asarray(jitted(key, features, labelled, K, delta))[:3]
        gained = cover[picks, :16].any(axis=0).sum()
        sets = itertools.combinations(range(16), 3)
        best = max(cover[list(chosen), :16].any(axis=0).sum() for chosen in sets)
        assert 3 < best < 16
        assert gained >= (1 - 1 / np.e) * best


def test_norms_do_not_matter_and_zeros_are_alone():
    features, labelled = a_pool(0, 5)
    scale = np.random.default_rng(1).uniform(0.1, 10, (N, 1)).astype(np.float32)
    np.testing.assert_array_equal(
        jitted(key, features * scale, labelled, K, 0.3), jitted(key, features, labelled, K, 0.3)
    )
    features[:30] = 0  # all on one point, at 1 from all others
    labelled[:30] = False
    picks = jitted(key, features, labelled, K, 0.3)
    assert int(picks[0]) < 30 and (np.asarray(picks[1:]) >= 30).all()
    check_greedy(picks, features, labelled, 0.3)


def test_a_ball_of_radius_0_holds_its_copies():
    """512 wide, where rounding would set copies apart."""
    rng = np.random.default_rng(0)
    copies = np.repeat(np.arange(5), [40, 20, 15, 10, 5])
    features = rng.normal(size=(5, 512)).astype(np.float32)[copies]
    picks = jitted(key, features, np.zeros(N, bool), K, 0.0)[:5]
    assert copies[picks].tolist() == [0, 1, 2, 3, 4]


def test_ties_are_broken_at_random():
    """Everything is covered by a label: any other point is as good as the next."""
    features, labelled = np.ones((N, 4), np.float32), np.arange(N) == 0
    keys = jax.random.split(key, 300)
    picks = np.concatenate([jitted(key, features, labelled, K, 0.5) for key in keys])
    counts = np.bincount(picks, minlength=N)
    assert counts[0] == 0
    expected = 300 * K / (N - 1)
    # Drawn without replacement: a little less than chi-square's 88 degrees.
    assert ((counts[1:] - expected) ** 2 / expected).sum() < 140


def test_pure_radius():
    """Against the definition: the clusters are clear, the points between few."""
    rng = np.random.default_rng(1)
    cluster = rng.integers(4, size=N)
    features = np.eye(12)[cluster] + rng.uniform(0.02, 0.16, (N, 1)) * rng.normal(size=(N, 12))
    features = features.astype(np.float32)
    x = features / np.linalg.norm(features, axis=1, keepdims=True)
    apart = np.sqrt(oracles.squared_distances(x, x))
    # Balls about a sample hold points of the whole pool.
    sampled = np.asarray(jax.random.permutation(jax.random.split(key)[1], N))[:60]
    apart, other = apart[sampled], cluster[sampled][:, None] != cluster
    deltas = np.round(np.arange(0.1, 2.0, 0.05), 2).tolist()
    share = [1 - ((apart <= d) & other).any(axis=1).mean() for d in deltas]
    some, every = (
        max(d for d, pure in zip(deltas, share, strict=True) if pure >= alpha)
        for alpha in (0.3, 1.0)
    )
    assert every < some
    radius = jax.jit(
        lambda features: pure_radius(key, features, 4, deltas=deltas[::-1], alpha=0.3, sample=60)
    )
    assert radius(features) == pytest.approx(some)
    # At the ends: one cluster, so that all is pure; then nothing is.
    assert radius(np.ones((N, 12), np.float32)) == pytest.approx(deltas[-1])
    mixed = (1 + 1e-3 * rng.normal(size=(N, 12))).astype(np.float32)
    assert radius(mixed) == pytest.approx(deltas[0])
    assert pure_radius(key, features, 4, deltas=(0.0,), alpha=1.0) == 0


def test_errors():
    features, labelled = jnp.ones((4, 2)), jnp.array([True, True, False, False])
    with pytest.raises(ValueError, match="prob_cover cannot pick k = 3 of 2 unlabelled"):
        prob_cover(key, features, labelled, 3, delta=0.5)
    with pytest.raises(ValueError, match="delta as a finite number of at least 0, got -1"):
        prob_cover(key, features, labelled, 1, delta=-1.0)
    with pytest.raises(
        ValueError, match="alpha as a finite number above 0 and of at most 1, got 2"
    ):
        pure_radius(key, features, 2, deltas=(0.5,), alpha=2.0)


def test_memory_is_linear_in_the_pool():
    n, d = 5000, 64

    def both(key, x, m):
        return prob_cover(key, x, m, 20, delta=pure_radius(key, x, 10), chunk=256)

    program = jax.make_jaxpr(both)(key, jnp.zeros((n, d)), np.arange(n) < 100)
    assert n * d <= oracles.largest_array(program) <= n * 128
