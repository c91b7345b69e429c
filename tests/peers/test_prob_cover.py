"""jal's ProbCover beside scikit-activeml's: its picks, by their count of what is uncovered."""

import functools

import jax
import numpy as np
import pytest
from peers.given import missing
from skactiveml.pool import ProbCover
from sklearn.metrics import pairwise_distances

from jal.select.prob_cover import prob_cover, pure_radius

N, PICKS = 250, 15
# What scikit-activeml says of any radius that is given.
given_radius = pytest.mark.filterwarnings("ignore:The maximum purity was -1")


def a_pool(seed: int) -> np.ndarray:
    """Unit vectors about five centres."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(5, 10))[rng.integers(5, size=N)] + 0.4 * rng.normal(size=(N, 10))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def in_a_gap(features: np.ndarray, delta: float) -> float:
    """A radius near delta that no distance comes near, so that rounding decides nothing."""
    distances = np.unique(pairwise_distances(features.astype(np.float64)))
    near = distances[np.abs(distances - delta) < 0.05]
    widest = np.argmax(np.diff(near))
    assert near[widest + 1] - near[widest] > 1e-4
    return float(near[widest : widest + 2].mean())


@given_radius
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("delta", [0.3, 0.5])
def test_every_pick_covers_the_most(seed, delta):
    """Counts tie, and both break ties at random: so each pick is judged after those before it."""
    features = a_pool(seed)
    delta = in_a_gap(features, delta)
    labelled = np.arange(N) < 10
    select = jax.jit(functools.partial(prob_cover, k=PICKS, delta=delta))
    picks = np.asarray(select(jax.random.key(seed), features, labelled))
    peer = ProbCover(deltas=[delta], random_state=0)
    assert len(set(picks)) == PICKS
    for pick in picks:
        _, counts = peer.query(features, missing(labelled), batch_size=1, return_utilities=True)
        assert counts[0, pick] == np.nanmax(counts)
        labelled[pick] = True


@given_radius
def test_same_order_where_nothing_ties():
    """Stars: a middle that covers its rays, which do not cover each other; all of another size."""
    rng = np.random.default_rng(0)
    sizes = rng.permutation(np.arange(2, 12))
    basis = np.eye(sizes.sum() + len(sizes))
    stars, used = [], len(sizes)
    for i, size in enumerate(sizes):
        stars += [basis[i], *(basis[i] + 0.3 * basis[used : used + size])]
        used += size
    features = np.array(stars)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    features = rng.permutation(features).astype(np.float32)
    labelled = np.zeros(len(features), bool)
    select = jax.jit(functools.partial(prob_cover, k=10, delta=0.35))
    theirs = ProbCover(deltas=[0.35], random_state=0).query(
        features, missing(labelled), batch_size=10
    )
    np.testing.assert_array_equal(select(jax.random.key(0), features, labelled), theirs)


@pytest.mark.parametrize("alpha", [0.5, 0.9, 0.99])
def test_same_radius(alpha):
    """Clusters that every k-means finds, with a few points between them."""
    rng = np.random.default_rng(1)
    x = np.eye(12)[:4][rng.integers(4, size=N)] + rng.uniform(0.02, 0.16, (N, 1)) * rng.normal(
        size=(N, 12)
    )
    features = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    deltas = np.round(np.arange(0.1, 2.0, 0.05), 2)
    peer = ProbCover(n_classes=4, deltas=deltas, alpha=alpha, random_state=0)
    peer.query(features, missing(np.zeros(N, bool)), batch_size=1)
    select = functools.partial(
        pure_radius, classes=4, deltas=tuple(deltas.tolist()), alpha=alpha, sample=N
    )
    ours = jax.jit(select)(jax.random.key(0), features)
    assert ours == pytest.approx(peer.delta_max_)
    assert deltas[0] < ours < deltas[-1]
