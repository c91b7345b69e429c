import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jal.select.stream import stream_adaptive, stream_fixed

N, K = 14, 4
fast = settings(max_examples=40, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
TINY = np.finfo(np.float32).tiny


@jax.jit
def fixed(scores, labelled, order, position, threshold):
    return stream_fixed(scores, labelled, K, order=order, position=position, threshold=threshold)


@jax.jit
def adaptive(scores, labelled, order, position, threshold):
    return stream_adaptive(
        scores, labelled, K, order=order, position=position, threshold=threshold, s=0.05
    )


def a_pool(seed: int, labelled: int = 5):
    rng = np.random.default_rng(seed)
    scores = rng.choice(np.linspace(0, 0.8, 9), N).astype(np.float32)
    order = rng.permutation(N).astype(np.int32)
    return scores, rng.permutation(np.arange(N) < labelled), order, int(rng.integers(N))


def arrivals(order: np.ndarray, position: int) -> list[int]:
    return [int(i) for i in np.roll(order, -position)]


def fixed_plainly(scores, labelled, order, position, threshold):
    """One time round the stream; the rest by falling score."""
    picks = []
    for i in arrivals(order, position):
        if not labelled[i] and scores[i] >= threshold:
            picks.append(i)
        if len(picks) == K:
            return picks, (int(np.flatnonzero(order == i)[0]) + 1) % N
    rest = [i for i in arrivals(order, position) if not labelled[i] and i not in picks]
    rest.sort(key=lambda i: -scores[i])  # stable: ties in order of arrival
    return picks + rest[: K - len(picks)], position


def adaptive_plainly(scores, labelled, order, position, threshold, s=0.05):
    """Arrival by arrival, in float32."""
    picks, threshold = [], np.float32(threshold)
    while len(picks) < min(K, (~labelled).sum()):
        i = int(order[position])
        position = (position + 1) % N
        if labelled[i] or i in picks:
            continue
        if scores[i] >= threshold or threshold <= TINY:
            picks.append(i)
            threshold = threshold * np.float32(1 + s)
        else:
            threshold = threshold * np.float32(1 - s)
        threshold = max(threshold, TINY)
    return picks, position, threshold


@fast
@given(seed=seeds, threshold=st.sampled_from([0.05, 0.3, 0.4, 0.8, 2.0]))
def test_fixed_agrees_with_a_plain_stream(seed, threshold):
    pool = a_pool(seed)
    found = fixed(*pool, np.float32(threshold))
    picks, position = fixed_plainly(*pool, np.float32(threshold))
    np.testing.assert_array_equal(found.picks, picks)
    assert (int(found.position), float(found.threshold)) == (position, np.float32(threshold))


@fast
@given(seed=seeds, threshold=st.sampled_from([1e-3, 0.3, 0.8, 5.0, 100.0]))
def test_adaptive_agrees_with_a_plain_stream(seed, threshold):
    pool = a_pool(seed)
    found = adaptive(*pool, np.float32(threshold))
    picks, position, moved = adaptive_plainly(*pool, threshold)
    np.testing.assert_array_equal(found.picks, picks)
    assert int(found.position) == position
    np.testing.assert_allclose(found.threshold, moved, rtol=1e-5)


def test_the_threshold_rises_with_purchases_and_else_falls():
    nothing, order = np.zeros(N, bool), np.arange(N, dtype=np.int32)
    all_pass = adaptive(np.ones(N, np.float32), nothing, order, 0, 0.5)
    np.testing.assert_allclose(all_pass.threshold, 0.5 * 1.05**K, rtol=1e-5)
    last_only = np.where(np.arange(N) >= N - K, 1.0, 0.0).astype(np.float32)
    waited = adaptive(last_only, nothing, order, 0, 0.5)
    np.testing.assert_array_equal(waited.picks, np.arange(N - K, N))
    np.testing.assert_allclose(waited.threshold, 0.5 * 0.95 ** (N - K) * 1.05**K, rtol=1e-5)
    assert int(waited.position) == 0


@pytest.mark.parametrize("select", [fixed, adaptive])
@pytest.mark.parametrize("scores", [0.0, np.nan, 1.0, np.inf])
@pytest.mark.parametrize("labelled", [0, N - K, N - 2])
def test_any_scores_end(select, scores, labelled):
    _, mask, order, position = a_pool(3, labelled)
    found = select(np.full(N, scores, np.float32), mask, order, position, np.float32(0.4))
    picks = np.asarray(found.picks)[: N - labelled]
    assert len(set(picks.tolist())) == min(K, N - labelled)
    assert not mask[picks].any()
    if select is fixed or scores >= 1:  # all alike, so in order of arrival
        expected = [i for i in arrivals(order, position) if not mask[i]][:K]
        np.testing.assert_array_equal(picks, expected)
    assert 0 < found.threshold < np.inf


@pytest.mark.parametrize("select", [fixed, adaptive])
def test_the_stream_goes_on(select):
    """Bought round by round, every point arrives once before any arrives again."""
    scores, order = np.ones(N, np.float32), a_pool(0)[2]
    labelled, position, seen = np.zeros(N, bool), 0, []
    for _ in range(3):
        found = select(scores, labelled, order, position, np.float32(0.4))
        seen += np.asarray(found.picks).tolist()
        labelled[found.picks], position = True, int(found.position)
    np.testing.assert_array_equal(seen, order[: 3 * K])


def test_errors():
    none, order = jnp.zeros(4, bool), jnp.arange(4)
    for select in (stream_fixed, stream_adaptive):
        with pytest.raises(ValueError, match=f"{select.__name__} cannot pick k = 3 of 2"):
            select(jnp.zeros(4), none.at[:2].set(True), 3, order=order)
        with pytest.raises(ValueError, match=f"{select.__name__} takes order"):
            select(jnp.zeros(4), none, 1, order=order[:3])
    for s in (0.0, 1e-6, 1.0):
        with pytest.raises(ValueError, match=f"of at least 0.0001 and below 1, got {s}"):
            stream_adaptive(jnp.zeros(4), none, 1, order=order, s=s)
