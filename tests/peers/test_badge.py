"""jal's BADGE beside scikit-activeml's: the first pick, the law of the second, what all cover.

scikit-activeml takes the origin as a centre too: its first distances are cut at the gradients' own
norms. Where the gradients lie far from the origin that changes nothing, and both draw from one law.
"""

import jax
import numpy as np
import pytest
from peers.given import Predicted, missing
from reference import oracles
from scipy import stats
from scipy.special import softmax
from skactiveml.pool import Badge

from jal.select import badge

N, LABELLED, PICKS = 200, 20, 12
many = jax.jit(jax.vmap(badge, (0, None, None, None, None)), static_argnums=4)


def a_pool(seed: int, far: bool):
    """Logits, features, mask; far: one predicted class and features far from 0."""
    rng = np.random.default_rng(seed)
    scale, offset = (0.02, 8.0) if far else (2.0, 0.5)
    logits = scale * rng.normal(size=(N, 5)) + np.eye(5)[0] * far
    features = rng.normal(size=(N, 6)) + offset
    mask = rng.permutation(np.arange(N) < LABELLED)
    return logits.astype(np.float32), features.astype(np.float32), mask


def theirs(logits, features, mask, seed: int, picks: int = PICKS, utilities: bool = False):
    model = Predicted(softmax(logits, axis=1)[~mask])
    return Badge(random_state=seed).query(
        features,
        missing(mask),
        model,
        fit_clf=False,
        batch_size=picks,
        return_utilities=utilities,
    )


def potentials(logits, features, mask, picks) -> np.ndarray:
    """Summed squared distance of the unlabelled gradients to the nearest pick, of each batch."""
    gradients = oracles.gradient_embeddings(logits, features)
    squared = oracles.squared_distances(gradients[~mask], gradients)
    return np.array([squared[:, batch].min(axis=1).sum() for batch in np.asarray(picks)])


def ours(pool, count: int, picks: int = PICKS) -> np.ndarray:
    return np.asarray(many(jax.random.split(jax.random.key(0), count), *pool, picks))


@pytest.mark.parametrize("far", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_same_first_pick(seed, far):
    pool = a_pool(seed, far)
    assert ours(pool, 1)[0, 0] == theirs(*pool, seed=seed)[0]


def test_second_pick_follows_their_probabilities():
    pool = a_pool(0, far=True)
    share = theirs(*pool, seed=0, picks=2, utilities=True)[1][1]
    share = np.where(np.isnan(share), 0.0, share)
    draws = 10_000
    observed = np.bincount(ours(pool, draws, 2)[:, 1], minlength=N)
    assert observed[share == 0].sum() == 0
    often = draws * share >= 5  # the rare ones count as one
    table = [np.append(t[often], t[(share > 0) & ~often].sum()) for t in (observed, draws * share)]
    table = [t[table[1] > 0] for t in table]
    assert stats.chisquare(*table).pvalue > 1e-3


def test_same_mean_potential():
    pool = a_pool(1, far=True)
    a = potentials(*pool, ours(pool, 2000))
    b = potentials(*pool, [theirs(*pool, seed=seed) for seed in range(150)])
    error = np.sqrt(a.var() / len(a) + b.var() / len(b))
    assert error < 0.02 * b.mean()
    assert abs(a.mean() - b.mean()) < 4 * error


def test_lower_mean_potential_where_their_origin_counts():
    pool = a_pool(2, far=False)
    a = potentials(*pool, ours(pool, 2000))
    b = potentials(*pool, [theirs(*pool, seed=seed) for seed in range(100)])
    error = np.sqrt(a.var() / len(a) + b.var() / len(b))
    assert a.mean() < b.mean() - 4 * error
