from collections import deque

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import oracles

from jal.select.galaxy import _last_marked, galaxy

N, K, PICKS = 24, 3, 16
fast = settings(max_examples=20, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
jitted = jax.jit(galaxy, static_argnums=3)


def a_pool(seed: int, labelled: int, classes: int = K):
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(N, classes)).astype(np.float32)
    mask = rng.permutation(np.arange(N) < labelled)
    return logits, np.where(mask, rng.integers(0, classes, N), -1), mask


def linear_graph(logits: np.ndarray, c: int) -> tuple[np.ndarray, np.ndarray]:
    p = oracles.softmax(logits)
    margin = p[:, c] - np.delete(p, c, axis=1).max(axis=1)
    return np.argsort(margin, kind="stable"), margin


def hops(known: np.ndarray, reach: int, sources: np.ndarray) -> np.ndarray:
    """Breadth first over places joined up to `reach` apart, but for those of different labels."""
    distance = np.full(len(known), np.inf)
    distance[sources] = 0
    queue = deque(sources)
    while queue:
        at = queue.popleft()
        for to in range(max(at - reach, 0), min(at + reach + 1, len(known))):
            cut = known[at] >= 0 and known[to] >= 0 and known[at] != known[to]
            if not cut and distance[to] == np.inf:
                distance[to] = distance[at] + 1
                queue.append(to)
    return distance


def middles(known: np.ndarray) -> list[int]:
    """Places in the middle of a shortest path between two labels, at the least reach with one.

    known: -1 unlabelled, 0 other, 1 of the class; both labels are there.
    """
    for reach in range(1, len(known)):
        one, other = (hops(known, reach, np.flatnonzero(known == label)) for label in (1, 0))
        length = np.where(known < 0, one + other, np.inf)
        if length.min() < np.inf:
            found = (length == length.min()) & (np.abs(one - other) <= 1)
            return [int(i) for i in np.flatnonzero(found)]
    raise AssertionError("two labels can always be joined")


@fast
@given(seed=seeds, labelled=st.integers(0, N - PICKS))
def test_bisects_shortest_paths(seed, labelled):
    logits, y, mask = a_pool(seed, labelled)
    picks = np.asarray(jitted(logits, y, mask, PICKS))
    known = y.copy()
    for turn, pick in enumerate(picks):
        order, margin = linear_graph(logits, turn % K)
        here = np.where(known[order] < 0, -1, known[order] == turn % K)
        place = int(np.flatnonzero(order == pick)[0])
        assert here[place] < 0
        if {0, 1} <= set(here):
            assert place in middles(here)
        else:
            free = np.flatnonzero(known < 0)
            assert pick == free[np.abs(margin[free]).argmin()]
        known[pick] = logits[pick].argmax()  # the label to come is not known


@pytest.mark.parametrize("cut", [1, 5, 9, 14])
def test_finds_the_predicted_cut_by_halving(cut):
    """Between one labelled point at each end, until the cut stands between two picks."""
    n = 16
    score = np.arange(n) - cut + 0.5
    logits = np.stack([np.zeros(n), score], axis=1).astype(np.float32)
    mask = np.isin(np.arange(n), [0, n - 1])
    y = np.where(mask, [0] * (n - 1) + [1], -1)
    picks = np.asarray(jitted(logits, y, mask, 6)).tolist()
    known = {0, n - 1}
    for i, pick in enumerate(picks):
        below, above = max(j for j in known if j < cut), min(j for j in known if j >= cut)
        if above - below > 1:
            assert pick in ((below + above) // 2, (below + above + 1) // 2)
        else:
            assert i >= 3  # 15 -> 8 -> 4 -> 2 -> 1
            nearest = min((j for j in range(n) if j not in known), key=lambda j: abs(j + 0.5 - cut))
            assert abs(abs(pick + 0.5 - cut) - abs(nearest + 0.5 - cut)) <= 1
        known.add(pick)
    assert {cut - 1, cut} <= known


def test_labels_of_others_are_not_read():
    logits, y, mask = a_pool(2, 6)
    other = np.where(mask, y, 1)
    picks = jitted(logits, y, mask, PICKS)
    np.testing.assert_array_equal(jitted(logits, other, mask, PICKS), picks)


def test_nan_is_not_nearest_to_the_models_cut():
    logits, _, mask = a_pool(3, N - PICKS)
    nan = np.flatnonzero(~mask)[[0, 5]]
    logits[nan, 1] = np.nan
    picks = jitted(logits, np.where(mask, 1, -1), mask, PICKS)
    np.testing.assert_array_equal(np.sort(picks), np.flatnonzero(~mask))
    assert picks[0] not in nan


@pytest.mark.parametrize("n", [1, 128, 300])
def test_last_marked_is_a_running_maximum(n):
    marks = np.random.default_rng(n).random((2, n)) < 0.05
    expected = np.maximum.accumulate(np.where(marks, np.arange(n), -1), axis=1)
    np.testing.assert_array_equal(_last_marked(jnp.asarray(marks)), expected)


def test_memory_is_linear_in_the_pool():
    n, classes = 2000, 10
    arrays = jnp.zeros((n, classes)), jnp.zeros(n, int), jnp.arange(n) < 100
    program = jax.make_jaxpr(lambda *pool: galaxy(*pool, 20))(*arrays)
    assert oracles.largest_array(program) <= 2 * n * classes


def test_errors():
    logits, y, mask = a_pool(0, N - 2)
    with pytest.raises(ValueError, match="galaxy cannot pick k = 3 of 2"):
        galaxy(logits, y, mask, 3)
    with pytest.raises(ValueError, match="galaxy takes y"):
        galaxy(logits, y[:-1], mask, 1)
