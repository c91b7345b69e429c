"""jal's disagreement and BatchBALD beside scikit-activeml's."""

import functools
import itertools

import jax
import numpy as np
import pytest
from peers.given import missing  # noqa: F401  (skips where the peer is missing)
from scipy.special import softmax
from skactiveml.pool import average_kl_divergence, vote_entropy
from skactiveml.pool import batch_bald as their_batch_bald

from jal.scores import disagreement
from jal.select.batch_bald import batch_bald


def some_logits(seed: int, passes: int, points: int, classes: int, spread: float) -> np.ndarray:
    """`[T, N, K]`: passes that differ by `spread` from their mean."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=(points, classes))
    return (mean + spread * rng.normal(size=(passes, points, classes))).astype(np.float32)


def their_picks(logits: np.ndarray, k: int, samples: int, seed: int = 0) -> np.ndarray:
    p = softmax(logits.astype(np.float64), axis=2)
    scores = their_batch_bald(p, k, n_MC_samples=samples, random_state=seed)
    return np.nanargmax(scores, axis=1)


def information(logits: np.ndarray, picks: np.ndarray) -> float:
    """I(labels of all picks; pass) in nats, over every configuration of the labels."""
    p = softmax(logits.astype(np.float64), axis=2)[:, picks]
    passes, count, _ = p.shape
    joint = np.ones((passes, 1))
    for i in range(count):
        joint = (joint[:, :, None] * p[:, i, None, :]).reshape(passes, -1)
    mean = joint.mean(axis=0)
    return float(-(mean * np.log(mean)).sum() + (p * np.log(p)).sum() / passes)


def test_scores():
    logits = some_logits(0, 6, 100, 4, 1.0)
    p = softmax(logits.astype(np.float64), axis=2)
    expected = {
        "vote_entropy": vote_entropy(p.argmax(axis=2).T, np.arange(4)),
        "consensus_kl": average_kl_divergence(p.copy()),
        "bald": their_batch_bald(p.copy(), 1)[0],
    }
    for name, theirs in expected.items():
        ours = jax.vmap(getattr(disagreement, name), in_axes=1)(logits)
        np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("classes", "k"), [(3, 6), (2, 9)])
def test_every_exact_pick(seed, classes, k):
    """As long as all configurations of the picks' labels are kept: 3^5 and 2^8."""
    logits = some_logits(seed, 8, 120, classes, 0.7)
    select = functools.partial(batch_bald, k=k, configurations=classes**k)
    ours = jax.jit(select)(jax.random.key(0), logits, np.zeros(120, bool))
    np.testing.assert_array_equal(ours, their_picks(logits, k, classes**k))


def test_information_of_sampled_picks():
    """Of as many configurations, jal's batches are as good as theirs, and near the exact greedy."""
    k, configurations, seeds = 11, 128, range(8)
    found, theirs = [], []
    for seed in seeds:
        logits = some_logits(seed, 8, 80, 2, 0.8)
        select = jax.jit(functools.partial(batch_bald, k=k, configurations=configurations))
        picks = np.asarray(select(jax.random.key(seed), logits, np.zeros(80, bool)))
        best = information(logits, their_picks(logits, k, 2**k))  # greedy without noise
        found.append(information(logits, picks) / best)
        theirs.append(information(logits, their_picks(logits, k, configurations, seed)) / best)
    assert min(found) > 0.99
    assert np.mean(found) >= np.mean(theirs)


def test_information_by_brute_force():
    logits = some_logits(0, 4, 3, 2, 1.0)
    p = softmax(logits.astype(np.float64), axis=2)
    joint = np.array(
        [p[:, [0, 1, 2], labels].prod(axis=1) for labels in itertools.product([0, 1], repeat=3)]
    )
    expected = np.mean(np.sum(joint * np.log(joint / joint.mean(axis=1, keepdims=True)), axis=0))
    assert information(logits, np.arange(3)) == pytest.approx(expected)
