"""Pairs (L', U'), and the TrustSet that they are rewarded by."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.bral_t import Policy, Seen, error_scores, sample_pairs, trusted_points
from jal.scores import el2n, super_loss_weight

KEY = jax.random.key(0)
N, D, K = 60, 3, 2
LABELLED = jnp.arange(N) < 40
FEATURES = jax.random.normal(jax.random.key(1), (N, D))
Y = jnp.where(LABELLED, jnp.arange(N) % K, -1)
# EL2N rises with the index in each class: the logit of the right one falls.
LOGITS = jnp.zeros((N, K)).at[jnp.arange(N), jnp.arange(N) % K].set(-jnp.arange(N) / 10.0)
SEEN = Seen(LOGITS, FEATURES, Y, LABELLED)
PLAIN = Policy(curriculum=False)


def _chosen(mask) -> list[int]:
    return np.flatnonzero(mask).tolist()


@pytest.mark.parametrize(("n", "first"), [(6, 34), (5, 34), (1, 38), (100, 0)])
def test_the_best_of_each_class(n, first):
    """ceil(n / K) of each; all of them where a class has fewer."""
    assert _chosen(trusted_points(KEY, SEEN, n, PLAIN)) == list(range(first, 40))


@pytest.mark.parametrize(("n", "expected"), [(6, range(28, 34)), (20, range(20)), (30, range(20))])
def test_the_second_best_group(n, expected):
    """Where there are less than two groups it is the worse half."""
    policy = PLAIN._replace(trust="second")
    assert _chosen(trusted_points(KEY, SEEN, n, policy)) == list(expected)


def test_the_second_best_group_is_of_any_class():
    y = jnp.where(LABELLED, (jnp.arange(N) < 34).astype(int), -1)
    logits = jnp.zeros((N, K)).at[jnp.arange(N), y].set(-jnp.arange(N) / 10.0)
    seen = SEEN._replace(y=y, logits=logits)
    policy = PLAIN._replace(trust="second")
    assert _chosen(trusted_points(KEY, seen, 6, policy)) == list(range(28, 34))


@pytest.mark.parametrize("lambda_", [0.25, 1.0])
def test_errors_are_weighed_by_sigma(lambda_):
    plain = error_scores(LOGITS, Y, PLAIN)
    np.testing.assert_array_equal(plain[:40], jax.vmap(el2n)(LOGITS[:40], Y[:40]))
    weighed = error_scores(LOGITS, Y, Policy(lambda_=lambda_))
    losses = jax.nn.logsumexp(LOGITS, axis=1) + jnp.arange(N) / 10.0
    sigma = jax.vmap(super_loss_weight, (0, None, None))(losses, np.log(K), lambda_)
    np.testing.assert_allclose(weighed[:40], (plain * sigma)[:40], rtol=1e-5)


@pytest.fixture(scope="module")
def pairs():
    trusted = trusted_points(KEY, SEEN, 12, PLAIN)
    policy = Policy(samples=8, actions=2, size=30)
    return trusted, jax.jit(lambda: sample_pairs(KEY, SEEN, trusted, policy))()


def test_a_pair_is_of_labelled_points(pairs):
    _, found = pairs
    assert found.points.shape == (8, 30) and found.reward.shape == (8, K, 2)
    for points, action in zip(*map(np.asarray, (found.points, found.actions.action)), strict=True):
        assert len(set(points.tolist())) == 30 and points.max() < 40
        assert (action < K * 2).sum() == 24  # U'; L' are a fifth of 30
    assert len({tuple(sorted(one)) for one in np.asarray(found.points).tolist()}) == 8


def test_fewer_labelled_than_a_pair_may_have():
    trusted = trusted_points(KEY, SEEN, 12, PLAIN)
    policy = Policy(samples=2, actions=2, size=100)
    found = jax.jit(lambda: sample_pairs(KEY, SEEN, trusted, policy))()
    assert found.points.shape == (2, N)  # the pool has no more
    assert ((np.asarray(found.actions.action) < 4).sum(axis=1) == 32).all()  # four fifths of 40


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, 1000),
        ({"actions": 100}, 4000),
        ({"clusters": 30, "actions": 10}, 6000),
        ({"size": 9}, 9),
    ],
)
def test_a_pairs_size_follows_its_sub_clusters(options, size):
    """20 points for each, and at least 1,000."""
    wide = Seen(*(jnp.zeros((9999, *leaf.shape[1:]), leaf.dtype) for leaf in SEEN))
    shapes = jax.eval_shape(
        lambda: sample_pairs(KEY, wide, wide.labelled, Policy(samples=2, **options))
    )
    assert shapes.points.shape == (2, size)


def test_rewards_are_of_the_trust_set_in_the_own_cluster(pairs):
    trusted, found = pairs
    for i in range(8):
        points, action = np.asarray(found.points[i]), np.asarray(found.actions.action[i])
        for c in range(K):
            wanted = trusted[points[action // 2 == c]].any()
            for a in range(2):
                there = (action == c * 2 + a).any()
                assert found.defined[i, c, a] == (wanted and there)
    assert (found.reward <= 0).all() and (found.reward < 0).any()


def test_share(pairs):
    trusted, _ = pairs
    policy = Policy(samples=1, actions=2, size=30, share=0.5)
    found = jax.jit(lambda: sample_pairs(KEY, SEEN, trusted, policy))()
    assert (np.asarray(found.actions.action) < 4).sum() == 15
