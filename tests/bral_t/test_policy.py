"""The policy: what it learns of a planted problem, and how it picks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.bral_t import (
    Policy,
    Seen,
    check_policy,
    choose,
    find_actions,
    learn,
    pool_actions,
    predict,
    rank_by_reward,
    rank_by_rival,
    rank_by_truth,
)
from jal.types import InputError

KEY = jax.random.key(0)
# Three far clusters, of 4, 6 and 2 points in two halves each, one of them to the right; two labels.
SIZES = np.array([[2, 2], [3, 3], [1, 1]])
PLACES = np.array([[[1000.0 * c, 0], [1000.0 * c + 100, 0]] for c in range(3)])
FREE = np.concatenate([[PLACES[c, a]] * SIZES[c, a] for c in range(3) for a in range(2)])
WHERE = np.concatenate([[2 * c + a] * SIZES[c, a] for c in range(3) for a in range(2)])
FREE = FREE + np.arange(len(FREE))[:, None] * [0.0, 0.1]
FEATURES = jnp.asarray(np.concatenate([FREE, [[10.0, 10.0], [2010.0, 10.0]]]))
N = len(FEATURES)
SEEN = Seen(
    jnp.zeros((N, 3)), FEATURES, jnp.full(N, -1).at[-2:].set(jnp.array([0, 1])), jnp.arange(N) >= 12
)
POLICY = Policy(actions=2, distance="gaussian")  # which compiles sooner
learned = jax.jit(learn, static_argnums=(2, 3))
chosen = jax.jit(
    lambda key, reward, seen, k, policy: choose(key, rank_by_reward(reward), seen, k, policy),
    static_argnums=(3, 4),
)


def _of(picks) -> list[int]:
    """c A + a of each pick."""
    return WHERE[np.asarray(picks)].tolist()


def _to_the_right(cluster_bonus=0.0):
    """A rank that is higher in the right halves, and higher in clusters to the right."""

    def rank(key, features, actions):
        mean = actions.inputs[..., 8]  # x of the sub-cluster's mean
        return (mean % 1000 > 50) + cluster_bonus * mean

    return rank


def test_quotas_add_up_and_the_rest_goes_to_the_best():
    """7 = 2 + 2 + 2 + 1; each cluster gives its right half first."""
    picks = choose(KEY, _to_the_right(1e-4), SEEN, 7, POLICY)
    # By turns, the highest rank first: one of each cluster, then another one.
    assert _of(picks[:3]) == [5, 3, 1]
    counts = np.bincount(np.array(_of(picks)) // 2, minlength=3)
    # The third cluster has only two points: what it lacks the others give.
    assert counts.tolist() == [2, 3, 2]
    assert sorted(_of(picks)) == [1, 1, 3, 3, 3, 4, 5]


@pytest.mark.parametrize("k", [1, 2])
def test_fewer_picks_than_clusters(k):
    picks = choose(KEY, _to_the_right(1e-4), SEEN, k, POLICY)
    assert _of(picks) == [5, 3][:k]


def test_the_pools_actions_are_those_that_it_chose_among():
    """The sub-cluster that ranks first gives its points; which number it has depends on the key."""
    policy = POLICY._replace(selection="global")

    def first(number):
        return lambda key, features, actions: (jnp.arange(6) == number).reshape(3, 2)

    for key in jax.random.split(KEY, 3):
        action = np.asarray(pool_actions(key, SEEN, policy).action)
        wanted = np.flatnonzero(action == action[0])
        picks = choose(key, first(action[0]), SEEN, len(wanted), policy)
        assert sorted(picks.tolist()) == wanted.tolist()


def test_globally():
    policy = POLICY._replace(selection="global")
    picks = choose(KEY, _to_the_right(1e-4), SEEN, 7, policy)
    assert _of(picks) == [5, 3, 3, 3, 1, 1, 4]


@pytest.mark.parametrize("selection", ["state", "global"])
def test_all_there_is_and_no_more(selection):
    picks = np.asarray(choose(KEY, _to_the_right(), SEEN, 14, POLICY._replace(selection=selection)))
    assert sorted(picks[:12].tolist()) == list(range(12)) and (picks[12:] == N).all()


def test_within_a_sub_cluster_at_random():
    picks = jax.vmap(lambda key: choose(key, _to_the_right(1e-4), SEEN, 2, POLICY)[1])(
        jax.random.split(KEY, 60)
    )
    assert set(np.asarray(picks).tolist()) == {7, 8, 9}


def test_rivals():
    key = KEY
    found = find_actions(key, FEATURES, SEEN.labelled, ~SEEN.labelled, 3, 2)
    at = {WHERE[i]: tuple(divmod(int(found.action[i]), 2)) for i in range(12)}
    logits = jnp.zeros((N, 3)).at[:, 0].set(jnp.arange(N) / 5.0)
    seen = SEEN._replace(logits=logits)
    margins = rank_by_rival(seen, POLICY._replace(ranking="margin"))(key, FEATURES, found)
    p = np.asarray(jax.nn.softmax(logits))
    mean = [-(p[:12, 0] - p[:12, 1])[place == WHERE].mean() for place in range(6)]
    np.testing.assert_allclose([margins[at[place]] for place in range(6)], mean, rtol=1e-4)
    novelty = rank_by_rival(seen, POLICY._replace(ranking="novelty"))(key, FEATURES, found)
    # The right half is 90 and more from the labelled point, the left 10 and more.
    for c in (0, 2):
        assert novelty[at[2 * c + 1]] > 85 > 20 > novelty[at[2 * c]]
    random = rank_by_rival(seen, POLICY._replace(ranking="random"))
    other = jax.random.key(1)
    assert not np.array_equal(random(key, FEATURES, found), random(other, FEATURES, found))


def test_true_rewards_by_hand():
    """The oracle's errors are all in the left half of the middle cluster, of one class."""
    truth = jnp.zeros(N, jnp.int32)
    wrong = (WHERE == 2).nonzero()[0]
    logits = jnp.zeros((N, 3)).at[:, 0].set(9.0).at[wrong, 0].set(-9.0)
    seen = SEEN._replace(logits=logits)
    rank = rank_by_truth(
        seen, truth, 9, POLICY._replace(distance="sinkhorn")
    )  # three of each class
    found = find_actions(KEY, FEATURES, seen.labelled, ~seen.labelled, 3, 2)
    value = np.ravel(rank(KEY, FEATURES, found))
    at = [int(found.action[(place == WHERE).argmax()]) for place in range(6)]
    np.testing.assert_allclose(value[at[2:4]], [0.0, -100.0], atol=1.0)
    assert np.isneginf(value[[at[0], at[1], at[4], at[5]]]).all()
    picks = choose(KEY, rank, seen, 3, POLICY)
    assert _of(picks)[0] == 2


def planted(key, n=600, labelled=300):
    """Two far clusters of two halves; what the learner errs in lies in the right halves."""
    keys = jax.random.split(key, 3)
    cluster = jax.random.bernoulli(keys[0], 0.5, (n,)).astype(jnp.int32)
    right = jax.random.bernoulli(keys[1], 0.5, (n,))
    centre = jnp.stack([20.0 * cluster, 6.0 * right], axis=1)
    features = centre + jax.random.normal(keys[2], (n, 2))
    logits = 6.0 * jax.nn.one_hot(cluster, 2) * jnp.where(right, 0.2, 1.0)[:, None]
    mask = jnp.arange(n) < labelled
    return Seen(logits, features, jnp.where(mask, cluster, -1), mask), np.asarray(right)


@pytest.mark.parametrize("distance", [pytest.param("sinkhorn", marks=pytest.mark.slow), "gaussian"])
def test_the_planted_sub_cluster_is_found(distance):
    """The right halves have the higher predicted reward, and all picks come from there."""
    seen, right = planted(jax.random.key(3))
    policy = Policy(
        actions=2, samples=10, hidden=(32,), learning_rate=0.1, batch_size=32, distance=distance,
        curriculum=False,
    )  # fmt: skip
    reward, losses = learned(KEY, seen, 60, policy)
    assert losses[-20:].mean() < 0.3 < losses[0]
    found = find_actions(KEY, seen.features, seen.labelled, ~seen.labelled, 2, 2)
    expected = np.asarray(predict(reward, found.inputs))
    share = [
        [right[np.asarray(found.action) == 2 * c + a].mean() for a in range(2)] for c in range(2)
    ]
    assert np.allclose(np.sort(share), [[0, 1], [0, 1]], atol=0.05)
    np.testing.assert_array_equal(expected.argmax(axis=1), np.argmax(share, axis=1))
    picks = np.asarray(chosen(KEY, reward, seen, 60, policy))
    assert right[picks].mean() > 0.95


SMALL = Policy(samples=2, steps=2, hidden=(4,), actions=3, distance="gaussian")
ODD = {
    "fewer labelled points than clusters": SEEN._replace(logits=jnp.zeros((N, 5))),
    "a class with one example": SEEN._replace(y=SEEN.y.at[-1].set(0)),
    "one labelled point": SEEN._replace(labelled=jnp.arange(N) == 0, y=SEEN.y.at[0].set(0)),
    "features all equal": SEEN._replace(features=jnp.ones((N, 2))),
    "features of 1e-6": SEEN._replace(features=1e-6 * FEATURES),
    "features of 1e6": SEEN._replace(features=1e6 * FEATURES),
    "features that are no numbers": SEEN._replace(features=FEATURES.at[3].set(jnp.nan)),
    "logits that are no numbers": SEEN._replace(logits=jnp.zeros((N, 3)) + jnp.nan),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", ODD)
def test_odd_rounds(case):
    seen = ODD[case]
    reward, losses = learned(KEY, seen, 4, SMALL)
    assert np.isfinite(losses).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(reward))
    picks = np.asarray(chosen(KEY, reward, seen, 4, SMALL))
    assert len(set(picks.tolist())) == 4 and not np.asarray(seen.labelled)[picks].any()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("clusters", 0), ("actions", 0), ("samples", 0), ("steps", 0), ("batch_size", 0.5),
        ("learning_rate", 0.0), ("hidden", ()), ("hidden", (0,)), ("lambda_", 0.0),
        ("lambda_", -1.0), ("trust", "worst"), ("distance", "exact"), ("selection", "all"),
        ("ranking", "best"), ("share", 0.0), ("share", 1.0), ("size", 1), ("members_of_set", 0),
        ("curriculum", "yes"), ("use_labelled_cluster", 1),
    ],
    ids=str,
)  # fmt: skip
def test_options_out_of_their_range(option, value):
    with pytest.raises(InputError, match=f"^some takes .*{option}.*\\.$"):
        check_policy("some", {option: value})


def test_every_option_has_a_range():
    check_policy("some", Policy()._asdict())
    for option in Policy._fields:
        with pytest.raises(InputError):
            check_policy("some", {option: object()})


def test_novelty_is_a_distance_from_the_labelled_cluster():
    with pytest.raises(InputError, match="use_labelled_cluster True"):
        check_policy("some", {"ranking": "novelty", "use_labelled_cluster": False})
    options = Policy(ranking="novelty", use_labelled_cluster=False)
    with pytest.raises(InputError, match=r"^rank_by_rival takes ranking"):
        rank_by_rival(SEEN, options)
