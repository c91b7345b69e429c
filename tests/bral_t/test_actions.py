"""Actions of hand-made clusters: what is seen of them, and how near they are to the TrustSet."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.bral_t import actions, find_actions, rewards

KEY = jax.random.key(0)
# Two far clusters of U, of three far pairs each; a labelled pair near each of the two.
PAIRS = np.array([[0, 0], [0, 20], [0, 40], [1000, 0], [1000, 20], [1000, 40.0]])
U = np.repeat(PAIRS, 2, axis=0) + np.tile([[-1.0, 0.0], [1.0, 0.0]], (6, 1))
L = np.array([[10.0, 20.0], [12.0, 20.0], [990.0, 20.0], [990.0, 22.0]])
POINTS = jnp.asarray(np.concatenate([U, L, [[500.0, 500.0]]]))  # one in neither
IN_U = jnp.arange(17) < 12
IN_L = (jnp.arange(17) >= 12) & (jnp.arange(17) < 16)
GROUP = np.repeat(np.arange(6), 2)


def _compiled(function, *given, **options):
    """In half the time that its operations one by one would take to compile."""
    return jax.jit(lambda: function(*given, **options))()


@functools.cache
def _actions(**options):
    return _compiled(find_actions, KEY, POINTS, IN_L, IN_U, 2, 3, **options)


def test_sub_clusters_are_the_pairs():
    found = _actions()
    action = np.asarray(found.action)
    assert (action[12:] == 6).all() and found.there.all()
    assert sorted(set(action[:12].tolist())) == list(range(6))
    for group in range(6):
        assert len(set(action[:12][group == GROUP])) == 1
    assert len({a // 3 for a in action[:6]}) == len({a // 3 for a in action[6:12]}) == 1


@pytest.mark.parametrize("distance", ["sinkhorn", "gaussian"])
def test_inputs_are_the_moments(distance):
    found = _actions(distance=distance)
    for group in range(6):
        action = int(found.action[2 * group])
        inputs = np.asarray(found.inputs[action // 3, action % 3]).reshape(6, 2)
        near = L[:2] if group < 3 else L[2:]
        whole, part = U[:6] if group < 3 else U[6:], U[2 * group : 2 * group + 2]
        expected = [of(0) for one in (near, whole, part) for of in (one.mean, one.var)]
        np.testing.assert_allclose(inputs, expected, rtol=1e-4, atol=1e-3)


def test_without_the_labelled_cluster():
    found, with_it = _actions(use_labelled_cluster=False), _actions()
    np.testing.assert_array_equal(found.inputs, with_it.inputs[..., 4:])
    np.testing.assert_array_equal(found.action, with_it.action)


def test_nothing_labelled():
    found = _compiled(find_actions, KEY, POINTS, jnp.zeros(17, bool), IN_U, 2, 3)
    assert (found.inputs[..., :4] == 0).all() and (found.inputs[..., 4:] != 0).any()


@pytest.mark.parametrize("distance", ["sinkhorn", "gaussian"])
def test_rewards_by_hand(distance):
    """The TrustSet is the pair at (0, 20), and one point that is not in U."""
    found = _actions()
    trusted = jnp.zeros(17, bool).at[jnp.array([2, 3, 13])].set(True)
    apart = _compiled(rewards, KEY, POINTS, found, trusted, distance=distance)
    action = np.asarray(found.action[::2][:6])
    value, defined = (np.ravel(leaf)[action] for leaf in apart)
    # Pairs of the cluster are translated by 20, 0 and 20; the other cluster has nothing to be near.
    assert defined.tolist() == [True] * 3 + [False] * 3
    away = np.array([20.0, 0.0, 20.0]) ** (2 if distance == "gaussian" else 1)
    np.testing.assert_allclose(value[:3], away, rtol=0.02, atol=1e-3)


def test_a_sub_cluster_without_points_has_no_reward():
    found = _compiled(find_actions, KEY, POINTS, IN_L, IN_U & (jnp.arange(17) < 2), 2, 3)
    assert found.there.sum() == 2  # two points, in two clusters or in one
    apart = _compiled(rewards, KEY, POINTS, found, IN_U)
    np.testing.assert_array_equal(apart.defined, found.there)
    assert np.isfinite(apart.value).all() and np.isfinite(found.inputs).all()


def test_clusters_some_at_a_time_are_clusters_at_once(monkeypatch):
    found, trusted = _actions(), jnp.arange(17) % 3 == 0
    at_once = _compiled(rewards, KEY, POINTS, found, trusted)
    monkeypatch.setattr(actions, "_BLOCK", 1)
    one_by_one = _compiled(rewards, KEY, POINTS, found, trusted)
    np.testing.assert_allclose(one_by_one.value, at_once.value, rtol=1e-5)
    assert (at_once.value > 0).any()
