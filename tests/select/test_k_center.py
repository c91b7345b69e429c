import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference import oracles

from jal.select import k_center

N, D, PICKS = 200, 3, 8
fast = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
# Around the blocks of 64 in which distances to labelled points are computed.
counts = st.sampled_from([0, 1, 5, 63, 64, 65, 128, 150, N - PICKS])
jitted = jax.jit(k_center, static_argnums=2)


def a_pool(seed: int, labelled: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(N, D)).astype(np.float32)
    return features, rng.permutation(np.arange(N) < labelled)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@fast
@given(seed=seeds, count=counts)
def test_agrees_with_a_greedy_loop(offset, seed, count):
    features, labelled = a_pool(seed, count)
    features += np.float32(offset)
    expected, _ = oracles.k_center(features, labelled, PICKS)
    np.testing.assert_array_equal(jitted(features, labelled, PICKS), expected)


def test_picks_by_hand():
    features = jnp.array([[0.0], [1.0], [9.0], [10.0], [4.0]])
    labelled = jnp.array([True, False, False, False, False])
    # 10 is farthest from 0; then 4, at 4 from 0; then 1, at 1 from 0, before 9, at 1 from 10.
    np.testing.assert_array_equal(k_center(features, labelled, 4), [3, 4, 1, 2])


def test_nothing_labelled_starts_at_the_lowest_index():
    features, labelled = a_pool(0, 0)
    assert jitted(features, labelled, PICKS)[0] == 0


def test_ties_by_index():
    corners = jnp.array([[0, 0], [1, 1], [-1, -1], [1, -1], [-1, 1]], jnp.float32)
    labelled = jnp.array([True, False, False, False, False])
    np.testing.assert_array_equal(k_center(corners, labelled, 4), [1, 2, 3, 4])


@fast
@given(
    features=arrays(np.float32, (10, 2), elements=st.integers(-5, 5)),
    labelled=st.permutations([True, True] + [False] * 8),
)
def test_covers_within_twice_the_optimum(features, labelled):
    labelled = np.array(labelled)
    picks = jitted(features, labelled, 3)
    radius = oracles.covering_radius(features, np.r_[np.flatnonzero(labelled), picks])
    assert radius <= 2 * oracles.smallest_covering_radius(features, labelled, 3) + 1e-3


@fast
@given(seed=seeds, count=counts)
def test_distances_at_picking_never_rise(seed, count):
    features, labelled = a_pool(seed, count)
    picks = np.asarray(jitted(features, labelled, PICKS))
    centres = [*np.flatnonzero(labelled), *picks]
    radii = [
        oracles.squared_distances(features[[pick]], features[centres[: count + i]]).min(initial=99)
        for i, pick in enumerate(picks)
    ]
    assert (np.diff(radii) <= 1e-5).all(), radii


def test_duplicates():
    rng = np.random.default_rng(0)
    place = rng.permutation(np.arange(N) % 4)
    features = rng.normal(size=(4, D)).astype(np.float32)[place]
    labelled = np.arange(N) < 3
    picks = np.asarray(jitted(features, labelled, PICKS))
    assert len(set(picks)) == PICKS
    assert not labelled[picks].any()
    covered = len(set(place[labelled]))
    assert len({*place[labelled], *place[picks[: 4 - covered]]}) == 4


@fast
@given(seed=seeds, count=st.sampled_from([1, 70]))
def test_rotation_translation_and_order_do_not_matter(seed, count):
    features, labelled = a_pool(seed, count)
    rng = np.random.default_rng(seed)
    picks = np.asarray(jitted(features, labelled, PICKS))
    rotation = np.linalg.qr(rng.normal(size=(D, D)))[0]
    moved = (features @ rotation + rng.normal(size=D)).astype(np.float32)
    np.testing.assert_array_equal(jitted(moved, labelled, PICKS), picks)
    order = rng.permutation(N)
    np.testing.assert_array_equal(order[jitted(features[order], labelled[order], PICKS)], picks)


def test_vmap_and_single_agree():
    features, _ = a_pool(0, 0)
    masks = np.stack([a_pool(seed, count)[1] for seed, count in enumerate([0, 1, 64, 100])])
    batched = jax.jit(jax.vmap(lambda mask: k_center(jnp.asarray(features), mask, PICKS)))(masks)
    single = [jitted(features, mask, PICKS) for mask in masks]
    np.testing.assert_array_equal(batched, single)


def test_takes_numpy_arrays():
    features, labelled = a_pool(0, 5)
    shape = jax.eval_shape(lambda: k_center(features, labelled, PICKS))  # not compiled
    assert (shape.shape, shape.dtype) == ((PICKS,), jnp.int32)


def test_what_is_not_finite_is_no_centre_and_comes_last():
    features, labelled = a_pool(3, 70)
    good = np.ones(N, bool)
    good[np.flatnonzero(labelled)[5]] = good[np.flatnonzero(~labelled)[[0, 9]]] = False
    broken = np.where(good[:, None], features, np.float32([np.nan, np.inf, 0]))
    left = int((~labelled).sum())
    picks = np.asarray(jitted(broken, labelled, left))
    expected, _ = oracles.k_center(features[good], labelled[good], left - 2)
    np.testing.assert_array_equal(picks[:-2], np.flatnonzero(good)[expected])
    assert set(picks[-2:]) == set(np.flatnonzero(~good & ~labelled))


def test_errors():
    with pytest.raises(ValueError, match=r"k_center takes finite .* first at 2"):
        k_center(jnp.ones((4, 2)).at[2, 1].set(jnp.nan), jnp.zeros(4, bool), 3)
    with pytest.raises(ValueError, match="k_center cannot pick k = 3 of 2 unlabelled"):
        k_center(jnp.zeros((4, 2)), jnp.array([True, True, False, False]), 3)


def test_memory_is_linear_in_the_pool():
    n, d, k = 2000, 64, 20
    limit = 4 * n * 64  # far below N x N
    labelled = np.arange(n) < 100
    program = jax.make_jaxpr(lambda x, m: k_center(x, m, k))(jnp.zeros((n, d)), labelled)
    assert n * d <= oracles.largest_array(program) <= limit
    all_pairs = jax.make_jaxpr(lambda x: jax.jit(lambda x: x @ x.T)(x).sum())(jnp.zeros((n, d)))
    assert oracles.largest_array(all_pairs) == n * n > limit  # the measure sees what it should
