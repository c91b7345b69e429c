"""The agents of points without training: their environments by hand, and policies with weights."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import softmax
from toys import captured, scripted

from jal.episode import episode
from jal.metrics import evaluator
from jal.rl import AgentData, Goal, LalRl, Policy, SladeBranson
from jal.types import Parameters, Pool

POINTS, STATE, TIMES = 24, 3, 4
SMALL = {"epochs": 3, "episodes": 2, "updates": 4, "warm_episodes": 2, "candidates": 10}
LAL_RL = LalRl(horizon=5, **SMALL)
HORIZON = dataclasses.replace(LAL_RL, mode="fixed_horizon")
SLADE_BRANSON = SladeBranson(budget=5, points=2, **SMALL)
# Accuracies 1, .75, .5, 1 of y = 0, 0, 1, 1 after each fit.
PREDICTED = np.array([[0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1]])
ACCURACY = np.array([1, 0.75, 0.5, 1])
MEASURE = evaluator(["accuracy"])
AGENTS = {"lal_rl": LAL_RL, "horizon": HORIZON, "slade_branson": SLADE_BRANSON}
every_agent = pytest.mark.parametrize("name", AGENTS)


@functools.cache
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(POINTS + STATE, TIMES, 2)).astype(np.float32)
    pool = Pool(jnp.asarray(x[:POINTS]), jnp.arange(POINTS) % 2)
    other = Pool(jnp.asarray(x[:8] + 1), jnp.arange(8) % 2)  # another warm pool: not used
    holdout = Pool(jnp.asarray(5.0 * np.eye(2)[PREDICTED.T]), jnp.array([0, 0, 1, 1]))
    return AgentData(jnp.asarray(x[POINTS:]), other, pool, holdout)


@functools.cache
def made(agent):
    """A trainer, and what its `q_learning` was given."""
    with captured("point_agent") as given:
        return agent.trainer(data(), scripted(), 2), given


@functools.cache
def played(agent, goal=None):
    """States before, between and after three steps of the first candidates, and the rewards."""
    trainer, given = made(agent)
    params = trainer.train._replace(variables=jnp.int32(0))
    params = params if goal is None else params._replace(goal=Goal(*map(np.float32, goal)))
    env, points = given["env"], given["agent"].actions

    @jax.jit
    def run(key):
        state, _ = env.reset(key, params)

        def one(state, _):
            following, _, reward, _, _ = env.step(key, state, jnp.arange(points), params)
            return following, (following, reward)

        return state, jax.lax.scan(one, state, None, 3)[1]

    first, (others, rewards) = run(jax.random.key(0))
    return [first, *[jax.tree.map(lambda leaf, i=i: leaf[i], others) for i in range(3)]], rewards


def features_by_hand(kind, t, labelled, points, score="largest"):
    """`[A, 3]`: the score, the mean distance to the labelled and to the unlabelled points."""
    x = np.asarray(data().train.x, float)
    p = softmax(x[:, t], axis=1)
    flat = x.reshape(POINTS, -1)
    if kind == "slade_branson":
        values = p.max(axis=1) if score == "largest" else np.abs(p[:, 0] - p[:, 1])
        away = cdist(flat**2, flat**2)  # in the classifier's features
    else:
        values, away = p[:, 1], cdist(flat, flat, "cosine")
    both = [away[:, labelled].mean(axis=1), away[:, ~labelled].mean(axis=1)]
    return np.stack([values, *both], axis=1)[points]


@pytest.mark.parametrize(
    ("name", "score"),
    [*((name, "largest") for name in AGENTS), ("slade_branson", "margin")],
)
def test_what_is_seen_of_points(name, score):
    """LAL-RL: cosines of the inputs; Slade and Branson: Euclidean, of the features."""
    agent = AGENTS[name]
    if name == "slade_branson":
        agent = dataclasses.replace(agent, score=score)
    states, _ = played(agent)
    for t, state in enumerate(states[:3]):
        labelled = np.zeros(POINTS, bool)
        labelled[np.asarray(state.labels.order[: int(state.labels.n)])] = True
        offered = np.asarray(state.offered)
        assert len(offered) == 10 and not labelled[offered].any()
        wanted = features_by_hand(name, t, labelled, offered, score)
        np.testing.assert_allclose(state.observation.features, wanted, rtol=1e-4, atol=1e-5)
        p = softmax(np.asarray(data().state_x)[:, t], axis=1)
        if name != "slade_branson":
            seen = p[:, 1]
        else:
            seen = p.max(axis=1) if score == "largest" else np.abs(p[:, 0] - p[:, 1])
        np.testing.assert_allclose(state.observation.state, np.sort(seen), rtol=1e-5)


@every_agent
def test_both_phases_are_on_the_training_s_pool(name):
    trainer, given = made(AGENTS[name])
    for params in (trainer.warm, trainer.train):
        assert params.pool is data().train
        assert params.holdout is data().holdout and params.state_x is data().state_x
    assert given["warm_env"] is given["env"]
    assert trainer.epochs == 3
    states, _ = played(AGENTS[name])
    start = np.asarray(states[0].labels.order[:2])
    assert states[0].labels.n == 2 and set(start % 2) == {0, 1}  # one of each class


@every_agent
def test_rewards_and_labels_by_hand(name):
    agent = AGENTS[name]
    states, rewards = played(agent, (2.0, np.inf))
    np.testing.assert_allclose([s.progress.quality for s in states], ACCURACY)
    gains = np.diff(ACCURACY)
    np.testing.assert_allclose(rewards, [-1] * 3 if name == "lal_rl" else gains)
    labels = [int(state.labels.n) for state in states]
    assert labels == ([2, 4, 6, 7] if name == "slade_branson" else [2, 3, 4, 5])
    for before, after in itertools.pairwise(states):
        bought = np.asarray(after.labels.order)[int(before.labels.n) : int(after.labels.n)]
        np.testing.assert_array_equal(bought, np.asarray(before.offered)[: len(bought)])
    # Five labels in steps of two are bought in three; five steps of one are not over.
    assert [bool(s.terminal) for s in states] == [False] * 3 + [name == "slade_branson"]
    assert made(agent)[1]["env"].max_steps == (3 if name == "slade_branson" else 5)


@pytest.mark.parametrize("horizon", [2, 3])
def test_a_horizon_ends_an_episode(horizon):
    states, _ = played(dataclasses.replace(HORIZON, horizon=horizon))
    assert [bool(s.terminal) for s in states[1:]] == [t >= horizon for t in (1, 2, 3)]


@pytest.mark.parametrize(("share", "ends"), [(0.98, 3), (0.7, 1), (0.75, 1)])
def test_the_target_is_a_share_of_the_accuracy_with_all_labels(share, ends):
    """That is 1, after the first fit of the script."""
    agent = dataclasses.replace(LAL_RL, quality=share)
    np.testing.assert_allclose(made(agent)[0].train.goal.quality, share)
    states, _ = played(agent)
    assert [bool(s.terminal) for s in states[1:]] == [t >= ends for t in (1, 2, 3)]


@every_agent
def test_what_the_trainer_is_given(name):
    odd = {"epsilon": (0.8, 0.3), "exploration": 0.7, "episodes_at_once": 2, "batch_size": 9}
    agent = dataclasses.replace(AGENTS[name], warm_updates=6, window=5, capacity=41, **odd)
    _, given = made(agent)
    schedule = given["schedule"]._asdict()
    for field in (*SMALL, *odd, "warm_updates", "window"):
        if field != "candidates":
            assert schedule[field] == getattr(agent, field), field
    assert not schedule["every_step"]
    assert given["replay"].init(jnp.float32(0)).items.shape == (41,)
    assert given["agent"].actions == (2 if name == "slade_branson" else 1)
    own = Goal(jnp.float32(0.3), jnp.float32(0.2))
    found = type("Found", (), {"reward": -1.0, "episode": -9.0, "quality": 0.9, "budget": 0.1})
    assert given["goal_of"](found, own) is own
    assert given["bias"](found) == -4.5  # half of what an episode returns
    assert given.get("wanted") is None


def ranking(agent, feature, sign):
    """Weights with which the network's values rise, or fall, with one of the features."""
    weights = agent.network(STATE).init(jax.random.key(0), 0.0)
    zero = jax.tree.map(jnp.zeros_like, weights)
    if isinstance(agent, LalRl):
        zero["both"]["kernel"] = zero["both"]["kernel"].at[10 + feature, 0].set(sign)
    else:
        for layer in range(len(agent.hidden)):
            place = STATE + feature if layer == 0 else 0
            zero["hidden"][layer]["kernel"] = (
                zero["hidden"][layer]["kernel"].at[place, 0].set(sign if layer == 0 else 1.0)
            )
        zero["hidden"][0]["bias"] = zero["hidden"][0]["bias"].at[0].set(10.0)  # a ReLU's way out
    zero["value"]["kernel"] = zero["value"]["kernel"].at[0, 0].set(1.0)
    return zero


@functools.cache
def episodes(agent):
    """`(parameters) -> state` after two queries of two points, compiled."""
    strategy = agent.strategy(policy(ranking(agent, 0, 1.0)), data().state_x)
    run = episode(scripted(), strategy, MEASURE, 2, 2)
    order = jax.random.permutation(jax.random.key(1), POINTS).astype(jnp.int32)

    @jax.jit
    def whole(parameters):
        state = run.init(jax.random.key(0), order, jnp.int32(4), data().train, ())
        schedule = jnp.array([4, 6, 8], jnp.int32)
        return run.run(state, 0, 3, data().train, (), data().holdout, (), schedule, parameters)

    return whole


def policy(weights):
    return Policy(weights, Goal(jnp.float32(0.5), jnp.float32(0.5)), ())


@pytest.mark.parametrize("name", ["lal_rl", "slade_branson"])
@pytest.mark.parametrize(("feature", "sign"), [(0, 1.0), (0, -1.0), (1, 1.0), (2, -1.0)])
def test_a_policy_labels_the_points_of_the_highest_values(name, feature, sign):
    agent = AGENTS[name]
    if name == "slade_branson":
        agent = dataclasses.replace(agent, hidden=(4, 3))
    own = agent.strategy(policy(ranking(agent, feature, sign)), data().state_x).parameters
    parameters = Parameters(jax.tree.map(lambda leaf: leaf[0], own.own), own.shared)
    state = episodes(agent)(parameters)
    order = np.asarray(state.labels.order)
    for t, n in enumerate((4, 6)):
        labelled = np.zeros(POINTS, bool)
        labelled[order[:n]] = True
        values = sign * features_by_hand(name, t, labelled, np.arange(POINTS))[:, feature]
        best = np.argsort(-np.where(labelled, -np.inf, values))[:2]
        np.testing.assert_array_equal(order[n : n + 2], best)
