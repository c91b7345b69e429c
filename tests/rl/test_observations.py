"""What an agent sees, against NumPy and SciPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist
from scipy.special import softmax

from jal.rl.observations import (
    Batches,
    batch_candidates,
    draw_candidates,
    largest_batch,
    observe_batches,
    observe_points,
    point_candidates,
    point_features,
    sorted_scores,
    with_clock,
)
from jal.types import Labels, Outputs, Round

RNG = np.random.default_rng(0)
LOGITS = {k: RNG.normal(scale=2, size=(37, k)).astype(np.float32) for k in (2, 3, 6)}


@functools.cache
def state_of(score, size=None):
    return jax.jit(sorted_scores(score, size))


def by_numpy(score, logits):
    p = softmax(np.asarray(logits, np.float64), axis=1)
    top = np.sort(p, axis=1)
    if score == "margin":
        return np.sort(top[:, -1] - top[:, -2])
    return np.sort(p[:, 1] if p.shape[1] == 2 else top[:, -1])


@pytest.mark.parametrize("score", ["margin", "probability"])
@pytest.mark.parametrize("classes", LOGITS)
def test_sorted_scores(score, classes):
    state = state_of(score)(LOGITS[classes])
    np.testing.assert_allclose(state, by_numpy(score, LOGITS[classes]), atol=1e-6)
    assert (np.diff(state) >= 0).all() and state.shape == (37,)


@pytest.mark.parametrize("score", ["margin", "probability"])
def test_the_order_of_examples_and_classes_is_not_seen(score):
    logits = LOGITS[6]
    state = state_of(score)(logits)
    order = np.random.default_rng(1).permutation(37)
    np.testing.assert_array_equal(state_of(score)(logits[order]), state)
    classes = state_of(score)(logits[:, [3, 5, 0, 1, 4, 2]])
    np.testing.assert_allclose(classes, state, atol=1e-6)


def test_of_two_classes_the_probability_is_the_second_ones():
    """LAL-RL's; classes that change places give another state."""
    swapped = state_of("probability")(LOGITS[2][:, ::-1])
    wanted = np.sort(1 - by_numpy("probability", LOGITS[2]))
    np.testing.assert_allclose(swapped, wanted, atol=1e-6)
    assert np.abs(wanted - by_numpy("probability", LOGITS[2])).max() > 0.01


@pytest.mark.parametrize("size", [2, 5, 30, 37, 50])
def test_quantiles_of_the_state(size):
    state = state_of("margin", size)(LOGITS[3])
    scores = by_numpy("margin", LOGITS[3])
    assert state.shape == (size,)
    np.testing.assert_allclose(state, np.quantile(scores, np.linspace(0, 1, size)), atol=2e-6)
    if size == 37:
        np.testing.assert_allclose(state, state_of("margin")(LOGITS[3]), atol=1e-6)


def test_the_largest_batch_is_a_tenth():
    unlabelled = np.arange(5001)
    wanted = np.maximum(unlabelled // 10, 1)
    found = largest_batch(jnp.asarray(unlabelled, jnp.int32))
    assert found.dtype == jnp.int32
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("percent", [1, 5, 25, 53, 78, 100])
def test_the_largest_batch_of_other_shares(percent):
    unlabelled = np.arange(1001)
    wanted = np.maximum(unlabelled * percent // 100, 1)
    found = largest_batch(jnp.asarray(unlabelled, jnp.int32), percent / 100)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("size", "steps"), [(1000, 59), (5000, 74), (10_000, 81), (30_000, 91)])
def test_least_number_of_steps_that_exhausts_a_pool(size, steps):
    def step(carry):
        left, count = carry
        return left - largest_batch(left), count + 1

    run = jax.jit(lambda left: jax.lax.while_loop(lambda c: c[0] > 0, step, (left, 0)))
    assert run(jnp.int32(size)) == (0, steps)


@pytest.mark.parametrize("scale", ["pool", "cap", "count"])
@pytest.mark.parametrize("share", [0.1, 0.25])
def test_batch_candidates(scale, share):
    candidates = jax.jit(batch_candidates(30, share, scale=scale))
    state = jnp.arange(4.0)
    for begun, left in ((100, 100), (100, 59), (100, 9), (120, 1)):
        seen = candidates(Batches(state, jnp.int32(left), jnp.int32(begun)))
        np.testing.assert_array_equal(seen.state, state)
        k = np.arange(1, 31)
        np.testing.assert_array_equal(seen.mask, k <= max(1, int(left * round(100 * share)) // 100))
        over = {"pool": begun, "cap": begun * share, "count": 1}[scale]
        assert seen.actions.shape == (30, 1)
        np.testing.assert_allclose(seen.actions[:, 0], k / over, rtol=1e-6)


@pytest.mark.parametrize(("left", "share"), [(80, 0.0), (60, 0.25), (0, 1.0)])
def test_progress_is_the_share_labelled_since_the_start(left, share):
    seen = Batches(jnp.arange(4.0), jnp.int32(left), jnp.int32(80))
    state = batch_candidates(8, progress=True)(seen).state
    np.testing.assert_allclose(state, [0, 1, 2, 3, share], rtol=1e-6)


def test_candidates_are_drawn_from_the_unlabelled_alike():
    labelled = np.isin(np.arange(12), [2, 7])
    keys = jax.random.split(jax.random.key(0), 6000)
    drawn = np.asarray(jax.vmap(lambda key: draw_candidates(key, labelled, 3))(keys))
    assert all(len(set(row)) == 3 for row in drawn)
    counts = np.bincount(drawn.ravel(), minlength=12)
    assert counts[labelled].sum() == 0
    assert stats.chisquare(counts[~labelled]).pvalue > 0.001
    more = np.asarray(draw_candidates(keys[0], labelled, 11))  # of ten unlabelled: one is masked
    assert labelled[more[10]] and not labelled[more[:10]].any()
    np.testing.assert_array_equal(draw_candidates(keys[0], labelled, None), np.arange(12))


def test_the_clock_is_what_is_left_of_the_budget():
    state = jnp.array([0.1, 0.4])
    for bought, left in ((0, 1.0), (5, 0.75), (20, 0.0), (30, 0.0)):
        seen = with_clock(state, jnp.int32(bought), 20)
        np.testing.assert_allclose(seen, [0.1, 0.4, left], rtol=1e-6)
    assert with_clock(state, jnp.int32(3), None) is state


def round_of(labelled, logits, x, features):
    """What a strategy would see."""
    labelled = np.asarray(labelled, bool)
    order = np.argsort(~labelled, kind="stable").astype(np.int32)
    labels = Labels(jnp.asarray(order), jnp.int32(labelled.sum()))
    y = jnp.full(len(labelled), -1)
    arrays = (jnp.asarray(a) for a in (labelled, logits, features))
    labelled, logits, features = arrays
    return Round(jnp.asarray(x), y, labels, labelled, (), logits, features)


N = 40
FEATURES = RNG.normal(size=(N, 5)).astype(np.float32)
BYTES = RNG.integers(0, 256, (N, 2, 3), dtype=np.uint8)
POOL_LOGITS = RNG.normal(size=(N, 4)).astype(np.float32)
LABELLED = np.isin(np.arange(N), [0, 3, 4, 17, 30, 31])


def test_observation_of_batches():
    observe = observe_batches(sorted_scores("margin", 5))
    round = round_of(LABELLED, POOL_LOGITS, FEATURES, FEATURES)
    outputs = Outputs(jnp.asarray(LOGITS[3]), jnp.zeros((37, 1)))
    seen, offered = observe(jax.random.key(0), round, outputs, jnp.int32(2))
    np.testing.assert_allclose(seen.state, state_of("margin", 5)(LOGITS[3]), atol=1e-6)
    assert (seen.unlabelled, seen.begun, offered) == (34, 38, ())


def distances_by_scipy(place, points, labelled, distance, reduce):
    """`[A, 2]`, to labelled and unlabelled points; the nearest is not the point itself."""
    away = cdist(place[points], place, distance)
    if reduce == "min":
        away[np.arange(len(points)), points] = np.inf
        away = np.stack([away[:, m].min(axis=1) for m in (labelled, ~labelled)], axis=1)
        return np.where(np.isinf(away), 0, away)
    return np.stack([away[:, m].mean(axis=1) for m in (labelled, ~labelled)], axis=1)


@functools.cache
def features_of(distance, reduce):
    return jax.jit(lambda *args: point_features(*args, distance, reduce))


CASES = pytest.mark.parametrize(
    ("distance", "reduce"),
    [("euclidean", "mean"), ("euclidean", "min"), ("cosine", "mean"), ("cosine", "min")],
)


@CASES
@pytest.mark.parametrize("kind", ["far from zero", "bytes"])
def test_point_features(distance, reduce, kind):
    place = BYTES.reshape(N, -1) if kind == "bytes" else 3 * FEATURES + 5
    exact = place.astype(float) / (255 if kind == "bytes" else 1)
    score = np.random.default_rng(1).normal(size=N).astype(np.float32)
    points = np.array([5, 0, 39, 17, 5, 2, 8, 11], np.int32)  # labelled ones too, and one twice
    found = features_of(distance, reduce)(score, place, LABELLED, points)
    wanted = distances_by_scipy(exact, points, LABELLED, distance, reduce)
    np.testing.assert_array_equal(found[:, 0], score[points])
    np.testing.assert_allclose(found[:, 1:], wanted, rtol=1e-4, atol=1e-5)


@CASES
def test_the_last_unlabelled_point_is_no_distance_from_the_unlabelled(distance, reduce):
    labelled = np.arange(N) != 7
    points = np.array([7, 7, 7, 7, 7, 7, 7, 3], np.int32)
    found = features_of(distance, reduce)(np.zeros(N, np.float32), FEATURES, labelled, points)
    wanted = distances_by_scipy(FEATURES.astype(float), points, labelled, distance, reduce)
    np.testing.assert_allclose(found[:, 1:], wanted, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found[:7, 2], 0, atol=1e-3)


@functools.cache
def observer(candidates, score="probability", distance="euclidean", space="features"):
    observe = observe_points(
        sorted_scores(score), score, distance, space, "mean", candidates=candidates
    )
    outputs = Outputs(jnp.asarray(LOGITS[3]), jnp.zeros((37, 1)))
    return jax.jit(lambda key, round: observe(key, round, outputs, jnp.int32(0)))


ROUND = round_of(LABELLED, POOL_LOGITS, BYTES, FEATURES)


@pytest.mark.parametrize(
    ("score", "distance", "space"),
    [("probability", "cosine", "inputs"), ("margin", "euclidean", "features")],
)
def test_observation_of_points(score, distance, space):
    """LAL-RL's, whose distances are of inputs, and Slade and Branson's, of features."""
    seen, points = observer(None, score, distance, space)(jax.random.key(0), ROUND)
    np.testing.assert_array_equal(points, np.arange(N))
    np.testing.assert_array_equal(seen.mask, ~LABELLED)
    np.testing.assert_allclose(seen.state, by_numpy(score, LOGITS[3]), atol=1e-6)
    place = BYTES.reshape(N, -1) / 255 if space == "inputs" else FEATURES.astype(float)
    wanted = distances_by_scipy(place, np.arange(N), LABELLED, distance, "mean")
    np.testing.assert_allclose(seen.features[:, 1:], wanted, rtol=1e-4, atol=1e-5)
    scores = np.sort(seen.features[:, 0])
    np.testing.assert_allclose(scores, by_numpy(score, POOL_LOGITS), atol=1e-6)
    assert point_candidates(seen) == tuple(seen)


@pytest.mark.parametrize("labelled", [6, 30, 39])
def test_candidates_are_unlabelled_and_distinct(labelled):
    """With fewer unlabelled points than candidates the mask says which are."""
    here = np.arange(N) < labelled
    round = ROUND._replace(labelled=jnp.asarray(here))
    drawn = set()
    whole, _ = observer(None)(jax.random.key(0), round)
    for seed in range(20):
        seen, points = observer(12)(jax.random.key(seed), round)
        points = np.asarray(points)
        assert len(set(points)) == 12
        np.testing.assert_array_equal(seen.mask, ~here[points])
        assert seen.mask.sum() == min(12, N - labelled)
        np.testing.assert_allclose(seen.features, whole.features[points], rtol=1e-4, atol=1e-5)
        drawn |= set(points[np.asarray(seen.mask)])
    assert drawn == set(range(labelled, N))  # all of them, sooner or later


def test_candidates_are_drawn_uniformly():
    keys = jax.random.split(jax.random.key(1), 2000)
    points = jax.vmap(lambda key: observer(12)(key, ROUND)[1])(keys)
    counts = np.bincount(np.asarray(points).ravel(), minlength=N)[~LABELLED]
    # Without repetition counts vary less than binomial ones: 12 of 34, 2,000 times.
    assert counts.sum() == 12 * 2000
    spread = np.sqrt(2000 * (12 / 34) * (1 - 12 / 34))
    assert np.abs(counts - 2000 * 12 / 34).max() < 4.5 * spread


def test_as_many_candidates_as_points_are_the_pool():
    for candidates in (N, N + 5):
        seen, points = observer(candidates)(jax.random.key(0), ROUND)
        np.testing.assert_array_equal(points, np.arange(N))
        np.testing.assert_array_equal(seen.mask, ~LABELLED)
