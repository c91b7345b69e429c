"""Double Q-learning over candidates: targets, updates, policies and the networks."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from jal.rl.dqn import Candidates, DQNState, Transition, dqn, epsilon_greedy, greedy
from jal.rl.q_networks import QNetwork, lal_rl_network, mlp_network

STATE, ACTIONS, FEATURES, BATCH = 3, 7, 2, 16
RATE, LEARNING_RATE = 0.2, 1e-2


class Seen(NamedTuple):
    state: jax.Array
    features: jax.Array
    mask: jax.Array


def linear(params, state, actions):
    return state @ params["state"] + actions @ params["actions"]


def linear_network():
    def init(key, bias):
        del key
        return {"state": jnp.full(STATE, bias), "actions": jnp.zeros(FEATURES)}

    return QNetwork(init, linear)


@functools.cache
def made(n=1, target="double", network=linear_network):
    """A DQN, its update compiled once."""
    agent = dqn(
        network(),
        lambda seen: Candidates(*seen),
        actions=n,
        discount=0.9,
        learning_rate=LEARNING_RATE,
        target_rate=RATE,
        target=target,
    )
    return agent._replace(update=jax.jit(agent.update))


def parameters(seed):
    rng = np.random.default_rng(seed)
    return {
        "state": rng.normal(size=STATE).astype(np.float32),
        "actions": rng.normal(size=FEATURES).astype(np.float32),
    }


def state_of(agent, online, target):
    return DQNState(online, target, agent.init(jax.random.key(0), 0.0).optimizer)


@functools.cache
def batch(n=1, seed=0, least=1):
    """Transitions and what follows them, of which from `least` to all actions are allowed."""
    rng = np.random.default_rng(seed)

    def seen():
        mask = rng.permuted(
            np.arange(ACTIONS) < np.linspace(least, ACTIONS, BATCH).astype(int)[:, None], axis=1
        )
        state = rng.normal(size=(BATCH, STATE)).astype(np.float32)
        return Seen(state, rng.normal(size=(BATCH, ACTIONS, FEATURES)).astype(np.float32), mask)

    action = rng.permuted(np.tile(np.arange(ACTIONS), (BATCH, 1)), axis=1)[:, :n].astype(np.int32)
    reward = rng.normal(size=BATCH).astype(np.float32)
    return Transition(seen(), action, reward, np.arange(BATCH) % 5 == 3), seen()


def value(params, seen, i):
    return seen.state[i] @ params["state"] + seen.features[i] @ params["actions"]


def oracle(steps, following, selects, evaluates, n):
    """Targets by NumPy: the mean over the n best that are allowed."""
    targets = []
    for i in range(BATCH):
        allowed = np.flatnonzero(following.mask[i])
        by_value = np.argsort(-value(selects, following, i)[allowed])
        best = allowed[by_value[:n]]
        ahead = 0.0 if steps.terminal[i] else value(evaluates, following, i)[best].mean()
        targets.append(steps.reward[i] + 0.9 * ahead)
    return np.array(targets)


def chosen_value(params, steps):
    q = [value(params, steps.observation, i)[steps.action[i]].mean() for i in range(BATCH)]
    return np.array(q)


def errors_of(n, target, online, slow, **options):
    agent = made(n, target)
    steps, following = batch(n, **options)
    _, errors, loss = agent.update(state_of(agent, online, slow), steps, following)
    np.testing.assert_allclose(loss, np.mean(np.square(errors)), rtol=1e-5)
    return np.asarray(errors)


def test_one_action_is_rlax_double_q_learning():
    """rlax sees the allowed actions only."""
    import rlax  # jal has imported it before, without its warnings

    online, slow = parameters(1), parameters(2)
    steps, following = batch()
    wanted = [
        rlax.double_q_learning(
            jnp.asarray(value(online, steps.observation, i)),
            steps.action[i, 0],
            steps.reward[i],
            0.9 * (1 - steps.terminal[i]),
            jnp.asarray(value(slow, following, i)[following.mask[i]]),
            jnp.asarray(value(online, following, i)[following.mask[i]]),
        )
        for i in range(BATCH)
    ]
    np.testing.assert_allclose(errors_of(1, "double", online, slow), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("target", ["double", "as_printed"])
def test_targets(n, target):
    """With fewer than n allowed, the mean is over these."""
    online, slow = parameters(1), parameters(2)
    steps, following = batch(n)
    pair = (online, slow) if target == "double" else (slow, online)
    wanted = oracle(steps, following, *pair, n) - chosen_value(online, steps)
    np.testing.assert_allclose(errors_of(n, target, online, slow), wanted, rtol=1e-4, atol=1e-5)
    assert n == 1 or (following.mask.sum(axis=1) < n).any()


@pytest.mark.parametrize("n", [1, 3])
def test_as_printed_is_the_standard_target_where_the_networks_coincide(n):
    online, slow = parameters(1), parameters(2)
    same = [errors_of(n, target, online, online) for target in ("double", "as_printed")]
    np.testing.assert_allclose(*same, rtol=1e-6)
    other = [errors_of(n, target, online, slow) for target in ("double", "as_printed")]
    goes_on = ~batch(n)[0].terminal
    assert (np.abs(other[0] - other[1])[goes_on] > 1e-2).mean() > 0.5


@pytest.mark.parametrize(
    ("network", "target"), [("lal_rl", "double"), ("lal_rl", "as_printed"), ("mlp", "as_printed")]
)
def test_after_a_terminal_step_nothing_counts(network, target):
    """Neither in the target nor in the gradient, not even what is no number."""
    agent = made(1, target, NETWORKS[network][0])
    steps, following = batch()
    ends = steps.terminal
    online = agent.init(jax.random.key(1), 0.3)
    state = online._replace(target=agent.init(jax.random.key(2), -0.2).target)

    def broken(leaf, number):
        return np.where(ends.reshape(-1, *[1] * (leaf.ndim - 1)), number, leaf).astype(leaf.dtype)

    ends_in_nan = following._replace(
        state=broken(following.state, np.nan), features=broken(following.features, np.nan)
    )
    after, errors, loss = agent.update(state, steps, ends_in_nan)
    assert np.isfinite(loss)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after))
    plain, wanted, _ = agent.update(state, steps, following)
    np.testing.assert_array_equal(errors, wanted)
    jax.tree.map(np.testing.assert_array_equal, after.online, plain.online)
    q = jax.vmap(agent.values, in_axes=(None, 0))(state.online, steps.observation)[0]
    q = np.asarray(q)[np.arange(BATCH), steps.action[:, 0]]
    np.testing.assert_allclose(errors[ends], (steps.reward - q)[ends], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("n", "target"), [(1, "double"), (3, "double"), (3, "as_printed")])
def test_two_steps_of_adam_on_the_semi_gradient(n, target):
    """By NumPy: the target is a constant, also where the online network evaluates it.

    The target network follows the new online one.
    """
    agent = made(n, target)
    online, slow = ({k: v.astype(float) for k, v in parameters(s).items()} for s in (1, 2))
    state = state_of(agent, parameters(1), parameters(2))
    moments = dict.fromkeys(online, (0.0, 0.0))
    for t in (1, 2):
        steps, following = batch(n, seed=t)
        seen, pair = steps.observation, (online, slow) if target == "double" else (slow, online)
        errors = oracle(steps, following, *pair, n) - chosen_value(online, steps)
        picked = np.stack([seen.features[i, steps.action[i]].mean(axis=0) for i in range(BATCH)])
        inputs = {"state": seen.state, "actions": picked}
        for name, x in inputs.items():
            gradient = (-2 * errors[:, None] * x).mean(axis=0)
            m, v = moments[name]
            m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
            moments[name] = m, v
            step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            online[name] = online[name] - LEARNING_RATE * step
            slow[name] = (1 - RATE) * slow[name] + RATE * online[name]
        state, _, _ = agent.update(state, steps, following)
    for name in online:
        np.testing.assert_allclose(state.online[name], online[name], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(state.target[name], slow[name], rtol=1e-4, atol=1e-5)


def test_both_networks_start_alike_in_buffers_of_their_own():
    state = made(1, "double", NETWORKS["lal_rl"][0]).init(jax.random.key(0), 2.0)
    for a, b in zip(jax.tree.leaves(state.online), jax.tree.leaves(state.target), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.unsafe_buffer_pointer() != b.unsafe_buffer_pointer()


MASK = np.array([0, 1, 1, 0, 1, 1, 0, 1], bool)


@pytest.mark.parametrize("worst", [0.0, -1e6])
@pytest.mark.parametrize("masked", [9.0, 1e12, np.inf, np.nan])
def test_greedy_takes_the_best_that_are_allowed(masked, worst):
    values = np.where(MASK, worst + np.array([0, 3, 1, 0, 3, 2, 0, 0]), masked)
    for n, best in ((1, [1]), (3, [1, 4, 5]), (5, [1, 4, 5, 2, 7])):  # ties by index
        taken = greedy(jnp.asarray(values, jnp.float32), jnp.asarray(MASK), n)
        np.testing.assert_array_equal(taken, best)
        assert taken.dtype == jnp.int32


@functools.cache
def explored(epsilon, n):
    """`[6000, n]` actions, where the highest allowed value is at 4, then 2."""
    values = jnp.array([99.0, 0, 5, 99, 6, 1, 99, 2])
    run = jax.jit(jax.vmap(lambda key: epsilon_greedy(key, values, jnp.asarray(MASK), epsilon, n)))
    return np.asarray(run(jax.random.split(jax.random.key(5), 6000)))


def test_values_that_are_no_numbers_take_what_is_allowed():
    values = jnp.full(8, jnp.nan)
    for n in (1, 3):
        taken = epsilon_greedy(jax.random.key(0), values, jnp.asarray(MASK), 0.0, n)
        assert MASK[np.asarray(taken)].all() and len(set(np.asarray(taken).tolist())) == n


def test_all_random_is_uniform_over_the_allowed():
    counts = np.bincount(explored(1.0, 1)[:, 0], minlength=8)
    assert (counts[~MASK] == 0).all()
    assert stats.chisquare(counts[MASK]).pvalue > 1e-4


def test_many_random_actions_are_all_pairs_alike():
    first, second = explored(1.0, 2).T
    pairs = np.bincount(8 * first + second, minlength=64).reshape(8, 8)
    different = MASK[:, None] & MASK & ~np.eye(8, dtype=bool)
    assert (pairs[~different] == 0).all()
    assert stats.chisquare(pairs[different]).pvalue > 1e-4


def test_no_random_action_is_greedy():
    np.testing.assert_array_equal(np.unique(explored(0.0, 2), axis=0), [[4, 2]])


def test_epsilon_is_the_share_of_random_actions():
    counts = np.bincount(explored(0.3, 1)[:, 0], minlength=8)[MASK]
    share = np.full(5, 0.3 / 5)
    share[np.flatnonzero(MASK) == 4] += 0.7
    assert stats.chisquare(counts, 6000 * share).pvalue > 1e-4


def lal_rl_by_numpy(params, state, actions):
    hidden = expit(state @ params["state"]["kernel"] + params["state"]["bias"])
    both = np.concatenate([np.tile(hidden, (len(actions), 1)), actions], axis=1)
    hidden = expit(both @ params["both"]["kernel"] + params["both"]["bias"])
    return (hidden @ params["value"]["kernel"] + params["value"]["bias"])[:, 0]


def mlp_by_numpy(params, state, actions):
    x = np.concatenate([np.tile(state, (len(actions), 1)), actions], axis=1)
    for i in range(len(params["hidden"])):
        x = np.maximum(x @ params["hidden"][i]["kernel"] + params["hidden"][i]["bias"], 0)
    return (x @ params["value"]["kernel"] + params["value"]["bias"])[:, 0]


NETWORKS = {
    "lal_rl": (functools.partial(lal_rl_network, STATE, FEATURES), lal_rl_by_numpy),
    "mlp": (functools.partial(mlp_network, STATE, FEATURES, (8, 6)), mlp_by_numpy),
}


@functools.cache
def network(name, bias):
    """The network's values, its parameters with biases that are not 0, and inputs."""
    made = NETWORKS[name][0]()
    params = jax.jit(made.init)(jax.random.key(3), bias)
    rng = np.random.default_rng(0)
    state = rng.normal(size=STATE).astype(np.float32)
    return jax.jit(made.apply), params, state, rng.normal(size=(5, FEATURES)).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_forward(name):
    apply, params, state, actions = network(name, -4.5)
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), params)
    wanted = NETWORKS[name][1](params, state, actions)
    np.testing.assert_allclose(apply(params, state, actions), wanted, rtol=1e-4, atol=1e-5)


def test_layers_of_lal_rl():
    _, params, _, _ = network("lal_rl", -4.5)
    shapes = {name: layer["kernel"].shape for name, layer in params.items()}
    assert shapes == {"state": (STATE, 10), "both": (10 + FEATURES, 5), "value": (5, 1)}


@pytest.mark.parametrize("name", NETWORKS)
def test_bias_of_the_output(name):
    """It shifts every value, and nothing else."""
    apply, params, state, actions = network(name, -4.5)
    without = network(name, 0.0)[1]
    np.testing.assert_array_equal(params["value"]["bias"], [-4.5])
    difference = apply(params, state, actions) - apply(without, state, actions)
    np.testing.assert_allclose(difference, -4.5, rtol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_values_move_with_their_actions(name):
    """And depend on no other action."""
    apply, params, state, actions = network(name, -4.5)
    values = np.asarray(apply(params, state, actions))
    order = np.array([3, 0, 4, 2, 1])
    np.testing.assert_allclose(apply(params, state, actions[order]), values[order], rtol=1e-6)
    others = actions.copy()
    others[1:] += 7
    changed = np.asarray(apply(params, state, others))
    np.testing.assert_allclose(changed[0], values[0], rtol=1e-6)
    assert len(np.unique(values)) == 5 and (changed[1:] != values[1:]).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_values_depend_on_the_state(name):
    apply, params, state, actions = network(name, -4.5)
    assert (apply(params, state + 1, actions) != apply(params, state, actions)).all()
