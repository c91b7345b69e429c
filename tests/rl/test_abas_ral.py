"""ABAS-RAL without training: its environments, step by step, and its policy with given weights."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax
from toys import captured, scripted

from jal.episode import episode
from jal.metrics import evaluator
from jal.rl import AbasRal, AgentData, Goal, Policy
from jal.rl.training import WarmStartResult
from jal.types import InputError, Parameters, Pool

WARM, TRAIN, STATE, TIMES = 20, 40, 3, 5
AGENT = AbasRal(
    epochs=3,
    episodes=2,
    updates=4,
    warm_episodes=2,
    max_steps=6,
    initial=0.2,
    cap=0.5,
    capacity=77,
    batch_size=8,
)
# Weighted precision of the hold-out after each fit, by what is predicted of y = 0, 0, 1, 1; the
# accuracies are 1/2, 3/4, 1, 3/4, 1/2.
PREDICTED = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]])
PRECISION = np.array([1 / 4, 5 / 6, 1, 5 / 6, 1 / 4])
# Margins of the state set after each fit: the policy below turns the largest into a batch size.
WANTED = [5, 2, 9, 14, 3]
NEVER = Goal(np.float32(2), np.float32(2))


MEASURE = evaluator(["accuracy"])


def inputs(rng, n):
    return rng.normal(size=(n, TIMES, 2)).astype(np.float32)


@functools.cache
def data():
    rng = np.random.default_rng(0)
    pools = [Pool(jnp.asarray(inputs(rng, n)), jnp.arange(n) % 2) for n in (WARM, TRAIN)]
    holdout = Pool(jnp.asarray(5.0 * np.eye(2)[PREDICTED.T]), jnp.array([0, 0, 1, 1]))
    largest = np.array(WANTED) / (TRAIN - 8)
    margins = np.stack([largest / 4, largest / 2, largest])  # of the softmax of (d, 0): tanh(d / 2)
    state_x = np.stack([2 * np.arctanh(margins), np.zeros_like(margins)], axis=2)
    return AgentData(jnp.asarray(state_x, jnp.float32), *pools, holdout)


def margins(x, t):
    p = np.sort(softmax(np.asarray(x)[:, t], axis=1), axis=1)
    return p[:, -1] - p[:, -2]


@functools.cache
def made(agent=AGENT):
    """A trainer, and what its `q_learning` was given."""
    with captured("abas_ral") as given:
        return agent.trainer(data(), scripted(), 2), given


def start_of(trainer, which):
    params = getattr(trainer, which)
    return params._replace(variables=jnp.int32(0), goal=NEVER)


@functools.cache
def compiled(env):
    """`(key, params, four actions) -> first state, the others, rewards`."""

    @jax.jit
    def run(key, params, actions):
        state, _ = env.reset(key, params)

        def one(state, action):
            following, _, reward, _, _ = env.step(key, state, action[None], params)
            return following, (following, reward)

        return state, *jax.lax.scan(one, state, actions)[1]

    return run


def play(env, params, actions, seed=0):
    """States before, between and after the actions, and the rewards."""
    padded = jnp.zeros(4, jnp.int32).at[: len(actions)].set(jnp.asarray(actions))
    first, others, rewards = compiled(env)(jax.random.key(seed), params, padded)
    unstacked = [jax.tree.map(lambda leaf, i=i: leaf[i], others) for i in range(len(actions))]
    return [first, *unstacked], np.asarray(rewards)[: len(actions)]


def bought(before, after):
    return np.asarray(after.labels.order)[int(before.labels.n) : int(after.labels.n)]


def test_pools_and_the_hold_out_are_those_given():
    trainer, _ = made()
    for params, pool in ((trainer.warm, data().warm), (trainer.train, data().train)):
        assert params.pool is pool
        assert params.holdout is data().holdout and params.state_x is data().state_x
    assert trainer.epochs == AGENT.epochs


@pytest.mark.parametrize("initial", [0.05, 0.2, 0.3])
def test_episodes_start_with_a_share_or_two_of_each_class_drawn_at_random(initial):
    trainer, given = made(dataclasses.replace(AGENT, initial=initial))
    for env, which, size in (("warm_env", "warm", WARM), ("env", "train", TRAIN)):
        params = start_of(trainer, which)
        keys = jax.random.split(jax.random.key(1), 4)
        states, _ = jax.jit(jax.vmap(given[env].reset, (0, None)))(keys, params)
        wanted = max(4, round(initial * size))
        assert (np.asarray(states.labels.n) == wanted).all()
        assert (
            len({frozenset(row[:wanted]) for row in np.asarray(states.labels.order).tolist()}) == 4
        )


def test_training_fills_batches_with_the_smallest_margins():
    trainer, given = made()
    states, _ = play(given["env"], start_of(trainer, "train"), [4, 0, 6, 1])
    for t, ((before, after), k) in enumerate(
        zip(itertools.pairwise(states), [5, 1, 7, 2], strict=True)
    ):
        free = np.asarray(before.labels.order)[int(before.labels.n) :]
        by_margin = free[np.argsort(margins(data().train.x, t)[free])]
        np.testing.assert_array_equal(bought(before, after), by_margin[:k])
    assert not states[-1].terminal


def test_warm_start_fills_batches_at_random():
    trainer, given = made()
    params = start_of(trainer, "warm")
    found = set()
    for seed in range(3):
        before, after = play(given["warm_env"], params, [5], seed)[0]
        free = np.asarray(before.labels.order)[int(before.labels.n) :]
        by_margin = free[np.argsort(margins(data().warm.x, 0)[free])]
        picks = bought(before, after)
        assert len(picks) == 6
        assert set(picks) not in (set(by_margin[:6]), set(by_margin[-6:]))
        found.add(frozenset(picks.tolist()))
    assert len(found) == 3


@pytest.mark.parametrize(
    ("of", "price"), [("cumulative", 0.0), ("per_step", 0.0), ("cumulative", 5.0)]
)
@pytest.mark.parametrize("env", ["warm_env", "env"])
def test_rewards_by_hand(env, of, price):
    """8 of 40 or 4 of 20 points, then 5, 3 and 1 more, and the price of each batch."""
    trainer, given = made(dataclasses.replace(AGENT, reward=of, price=price))
    which, pool = ("warm", WARM) if env == "warm_env" else ("train", TRAIN)
    states, rewards = play(given[env], start_of(trainer, which), [4, 2, 0])
    each = np.array([pool // 5, 5, 3, 1])
    each = each + price * np.array([0, 1, 1, 1])
    count = np.cumsum(each) if of == "cumulative" else each
    np.testing.assert_allclose(rewards, np.diff(PRECISION[:4] * pool / count), rtol=1e-5)
    quality = [float(state.progress.quality) for state in states]
    np.testing.assert_allclose(quality, PRECISION[:4], rtol=1e-6)


@pytest.mark.parametrize(
    ("rule", "quality", "budget", "ends"),
    [
        ("or", 0.8, 2.0, [True, True]),
        ("or", 2.0, 0.34, [False, True]),
        ("and", 0.8, 0.3, [False, False]),
        ("and", 0.9, 0.5, [False, True]),
    ],
)
def test_what_ends_an_episode_of_training(rule, quality, budget, ends):
    """Precision 5/6, then 1, with 13/40 and 16/40 labels."""
    trainer, given = made(dataclasses.replace(AGENT, terminal=rule))
    params = start_of(trainer, "train")._replace(goal=Goal(np.float32(quality), np.float32(budget)))
    states, _ = play(given["env"], params, [4, 2])
    assert [bool(state.terminal) for state in states[1:]] == ends


def test_two_falls_end_warm_start_whatever_the_goal():
    """Rewards of single points: 2.08, 0, -.95."""
    trainer, given = made()
    params = start_of(trainer, "warm")._replace(goal=Goal(np.float32(0), np.float32(0)))
    states, _ = play(given["warm_env"], params, [0] * 4)
    assert [bool(state.terminal) for state in states[1:]] == [False, False, True, True]
    assert states[-1].labels.n == 4 + 3


FOUND = WarmStartResult(*(jnp.float32(v) for v in (0.75, 0.5, -3.0, -9.0, 3.0, 1.0)))


@pytest.mark.parametrize(
    ("quality", "budget"), [(None, None), (0.9, None), (None, 0.2), (0.6, 0.3)]
)
def test_the_goal_and_the_bias_are_warm_start_s_unless_given(quality, budget):
    agent = dataclasses.replace(AGENT, target_quality=quality, target_budget=budget)
    _, given = made(agent)
    goal = given["goal_of"](FOUND, NEVER)
    np.testing.assert_allclose(goal, (quality or 0.75, budget or 0.5))
    assert given["target_quality"] == quality
    assert given["bias"](FOUND) == -3.0  # of a step, not of an episode


@pytest.mark.parametrize("after", ["epoch", "step"])
def test_what_the_schedule_is(after):
    agent = dataclasses.replace(
        AGENT, update_after=after, epsilon=(0.8, 0.3), exploration=0.7, episodes_at_once=2
    )
    _, given = made(agent)
    schedule = given["schedule"]._asdict()
    for name in ("warm_episodes", "epochs", "episodes", "updates", "batch_size", "epsilon"):
        assert schedule[name] == getattr(agent, name), name
    assert schedule["exploration"] == 0.7 and schedule["episodes_at_once"] == 2
    assert schedule["every_step"] == (after == "step")
    assert schedule["warm_updates"] == 0 and schedule["window"] == 0
    for env in ("warm_env", "env"):
        assert given[env].max_steps == AGENT.max_steps


@pytest.mark.parametrize(("capacity", "held"), [(77, 48), (30, 30)])
def test_the_buffer_holds_what_is_asked_for_and_no_more_than_there_will_be(capacity, held):
    _, given = made(dataclasses.replace(AGENT, capacity=capacity))
    assert given["replay"].init(jnp.float32(0)).items.shape == (held,)  # (2 + 3 x 2) x 6 steps


@pytest.mark.parametrize(("scale", "unit"), [("pool", 32), ("cap", 16), ("count", 1)])
def test_actions_are_sizes_up_to_the_cap_of_the_larger_pool(scale, unit):
    trainer, given = made(dataclasses.replace(AGENT, action_scale=scale))
    params = start_of(trainer, "train")
    _, seen = jax.jit(given["env"].reset)(jax.random.key(0), params)
    at = given["agent"].candidates(seen)
    np.testing.assert_allclose(at.actions[:, 0], np.arange(1, 21) / unit)
    np.testing.assert_array_equal(at.mask, np.arange(1, 21) <= 16)
    np.testing.assert_allclose(at.state, np.array([5 / 4, 5 / 2, 5]) / 32, rtol=1e-5)


@functools.cache
def episodes(agent):
    """`(weights) -> state` after four queries of a policy, compiled."""
    run = episode(scripted(), agent.strategy(untrained(agent), data().state_x), MEASURE, 4, 20)
    order = jax.random.permutation(jax.random.key(1), TRAIN).astype(jnp.int32)

    @jax.jit
    def whole(key, parameters):
        state = run.init(key, order, jnp.int32(8), data().train, ())
        schedule = jnp.full(5, 8, jnp.int32)
        return run.run(state, 0, 5, data().train, (), data().holdout, (), schedule, parameters)

    return whole


def untrained(agent):
    network = agent.network(agent.state_size or STATE)
    return policy(network.init(jax.random.key(0), 0.0))


def policy(weights):
    return Policy(weights, Goal(jnp.float32(0.5), jnp.float32(0.5)), ())


def labelled(agent, weights):
    """The labels after each query of a policy, and their order."""
    own = agent.strategy(policy(weights), data().state_x).parameters
    parameters = Parameters(jax.tree.map(lambda leaf: leaf[0], own.own), own.shared)
    state = episodes(agent)(jax.random.key(0), parameters)
    return np.asarray(state.metrics["labels"]).astype(int), np.asarray(state.labels.order)


def nearest(scale):
    """ReLU weights whose value is minus the distance of the action's feature from a target.

    The target is `scale` times the state's last number.
    """
    first = np.zeros((STATE + 1, 2), np.float32)
    first[-2], first[-1] = (-scale, scale), (1, -1)
    hidden = {0: {"kernel": jnp.asarray(first), "bias": jnp.zeros(2)}}
    return {"hidden": hidden, "value": {"kernel": -jnp.ones((2, 1)), "bias": jnp.zeros(1)}}


@pytest.mark.parametrize(("scale", "unit"), [("pool", 32), ("cap", 16), ("count", 1)])
def test_a_policy_labels_the_smallest_margins_as_many_as_its_network_values_most(scale, unit):
    """|U_0| is 32 and the cap a half; 14 are wanted where 16 - 4 = 12 / 2 are allowed."""
    agent = dataclasses.replace(AGENT, hidden=(2,), action_scale=scale)
    labels, order = labelled(agent, nearest(32 / unit))
    np.testing.assert_array_equal(np.diff(labels), [5, 2, 9, 8])
    for t, (n, m) in enumerate(itertools.pairwise(labels)):
        free = order[n:]
        by_margin = free[np.argsort(margins(data().train.x, t)[free])]
        np.testing.assert_array_equal(order[n:m], by_margin[: m - n])


@pytest.mark.parametrize(("sign", "sizes"), [(1.0, [16, 8, 4, 2]), (-1.0, [1, 1, 1, 1])])
def test_the_paper_s_network_takes_the_largest_or_the_smallest_that_is_allowed(sign, sizes):
    weights = {
        "state": {"kernel": jnp.zeros((STATE, 10)), "bias": jnp.zeros(10)},
        "both": {"kernel": jnp.zeros((11, 5)).at[-1].set(sign), "bias": jnp.zeros(5)},
        "value": {"kernel": jnp.ones((5, 1)), "bias": jnp.zeros(1)},
    }
    labels, _ = labelled(AGENT, weights)
    np.testing.assert_array_equal(np.diff(labels), sizes)


def test_a_policy_s_state_may_be_quantiles():
    agent = dataclasses.replace(AGENT, hidden=(2,), state_size=2)  # the smallest and the largest
    first = nearest(1.0)
    first["hidden"][0]["kernel"] = first["hidden"][0]["kernel"][1:]
    np.testing.assert_array_equal(np.diff(labelled(agent, first)[0]), [5, 2, 9, 8])


def test_a_policy_s_state_may_have_progress():
    """As many hundredths of the 32 as are labelled: 1 of them first, then 1 + 50 / 32, ..."""
    agent = dataclasses.replace(AGENT, hidden=(2,), action_scale="count", progress=True)
    weights = nearest(50.0)
    first = weights["hidden"][0]["kernel"]
    first = jnp.concatenate([jnp.zeros((STATE, 2)), first[-2:]])
    weights["hidden"][0] = {"kernel": first, "bias": jnp.array([-1.0, 1.0])}
    sizes = np.diff(labelled(agent, weights)[0])
    done, wanted = 0, []
    for _ in range(4):
        most = max(1, (32 - done) // 2)
        wanted.append(min(most, round(1 + 50 * done / 32)))
        done += wanted[-1]
    np.testing.assert_array_equal(sizes, wanted)
    assert len(set(wanted)) == 4
    trainer, given = made(agent)
    _, seen = jax.jit(given["env"].reset)(jax.random.key(0), start_of(trainer, "train"))
    assert given["agent"].candidates(seen).state.shape == (STATE + 1,)


@pytest.mark.parametrize("price", [-1.0, np.inf, np.nan])
def test_a_price_that_is_none(price):
    with pytest.raises(InputError, match="price of abas_ral must be labels, 0 or more"):
        dataclasses.replace(AGENT, price=price).trainer(data(), scripted(), 2)
