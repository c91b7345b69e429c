"""The environment: with a real classifier, and with one whose qualities are given."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as sklearn_metrics
from toys import counted

from jal import learners, metrics, strategies
from jal.labels import random_start
from jal.rl.abas_ral import batch_actor
from jal.rl.env import Actor, EnvParams, Goal, environment
from jal.rl.observations import observe_batches, observe_points, sorted_scores
from jal.rl.point_agent import one_of_each, point_actor
from jal.rl.rules import (
    after_two_falls,
    at_budget,
    at_quality,
    at_targets,
    constant_reward,
    efficiency_gain,
    quality_gain,
    succeeds,
)
from jal.types import InputError, Labels, Pool

POINTS, CLASSES, START, MAX_STEPS, LARGEST = 60, 3, 6, 8, 20
NEVER = Goal(np.float32(np.inf), np.float32(np.inf))
LEARNER = learners.registry["logistic_regression"]((4,), CLASSES, tol=1e-3)


def jitted(env):
    return env._replace(reset=jax.jit(env.reset), step=jax.jit(env.step))


def start(key, y):
    return Labels(random_start(key, y.shape[0], START), jnp.int32(START))


@functools.cache
def data():
    """A pool of 60, a hold-out and a state set of classes that overlap."""
    rng = np.random.default_rng(1)
    y = rng.permuted(np.repeat(np.arange(CLASSES), 50)).astype(np.int32)
    x = (rng.normal(size=(150, 4)) + 1.2 * np.eye(CLASSES, 4)[y]).astype(np.float32)
    x, y = jnp.asarray(x), jnp.asarray(y)
    pool = Pool(x[:POINTS], y[:POINTS])
    prepared = LEARNER.prepare(pool.x)
    variables = LEARNER.init(jax.random.key(0), prepared)
    holdout = Pool(x[POINTS:120], y[POINTS:120])
    return EnvParams(pool, prepared, holdout, x[120:], variables, LEARNER.hyper, NEVER)


@functools.cache
def batches():
    return environment(
        LEARNER,
        start=start,
        actor=batch_actor(strategies.registry["margin"](), LARGEST),
        observe=observe_batches(sorted_scores("margin")),
        quality=metrics.precision,
        reward=efficiency_gain(),
        terminal=at_targets("or"),
        max_steps=MAX_STEPS,
    )


@functools.cache
def compiled_batches():
    return jitted(batches())


def play(env, params, actions, seed=0):
    """States, and each step's reward, done and info."""
    state, seen = env.reset(jax.random.key(seed), params)
    jax.tree.map(np.testing.assert_array_equal, seen, state.observation)
    states, rows = [state], []
    for t, action in enumerate(actions):
        key = jax.random.fold_in(jax.random.key(seed), t)
        state, seen, *row = env.step(key, state, jnp.atleast_1d(jnp.int32(action)), params)
        jax.tree.map(np.testing.assert_array_equal, seen, state.observation)
        states.append(state)
        rows.append(row)
    rewards, done, info = zip(*rows, strict=True)
    return states, np.array(rewards), np.array(done), info


@functools.cache
def played():
    """Batches of 3, 10, 1, 20, until the pool is exhausted, and two steps more."""
    return play(compiled_batches(), data(), [2, 9, 0, 19, 19, 19, 4, 4])


def chosen(before, after):
    """Indices that a step labelled."""
    return np.asarray(after.labels.order)[int(before.labels.n) : int(after.labels.n)]


def test_start():
    first = played()[0][0]
    assert first.labels.n == START == first.progress.start == first.progress.bought
    assert not first.done and not first.terminal and first.progress.step == 0
    assert first.progress.pool == POINTS
    seen = first.observation
    assert (seen.unlabelled, seen.begun) == (POINTS - START, POINTS - START)


def test_an_action_labels_the_smallest_margins():
    """Action a the a + 1 smallest, of the classifier before the step."""
    states, _, _, _ = played()
    predict = jax.jit(LEARNER.predict)
    for before, after, wanted in zip(states, states[1:6], [3, 10, 1, 20, 20], strict=False):
        p = np.sort(softmax(predict(before.variables, data().pool.x).logits, axis=1), axis=1)
        margin = p[:, -1] - p[:, -2]
        free = np.asarray(before.labels.order[int(before.labels.n) :])
        new = chosen(before, after)
        assert len(new) == min(wanted, len(free))
        assert set(new) == set(free[np.argsort(margin[free])[: len(new)]])
        assert after.progress.bought == len(new)
        assert after.observation.unlabelled == POINTS - after.labels.n
        assert after.observation.begun == POINTS - START
    assert sorted(np.asarray(states[-1].labels.order)) == list(range(POINTS))


def test_the_classifier_is_retrained_on_all_labels_and_seen_afterwards():
    states = played()[0]
    params = data()
    fit, predict = jax.jit(LEARNER.fit), jax.jit(LEARNER.predict)
    for before, after in itertools.pairwise(states[:4]):
        key = jax.random.key(0)
        y, start = params.pool.y, before.variables
        wanted, _ = fit(key, start, params.data, y, after.labels, params.hyper)
        for name in wanted._fields:
            found = getattr(after.variables, name)
            np.testing.assert_allclose(found, getattr(wanted, name), atol=1e-3)
        p = np.sort(softmax(predict(after.variables, params.state_x).logits, axis=1), axis=1)
        margins = np.sort(p[:, -1] - p[:, -2])
        np.testing.assert_allclose(after.observation.state, margins, atol=1e-5)


def test_quality_is_scikit_learns_weighted_precision():
    states, _, _, info = played()
    y = np.asarray(data().holdout.y)
    for state, row in zip(states[1:], info, strict=True):
        logits = LEARNER.predict(state.variables, data().holdout.x).logits
        predicted = np.argmax(logits, axis=1)
        options = {"average": "weighted", "zero_division": 0}
        precision = sklearn_metrics.precision_score(y, predicted, **options)
        np.testing.assert_allclose(state.progress.quality, precision, rtol=1e-5)
        np.testing.assert_array_equal(row["quality"], state.progress.quality)
        recall = sklearn_metrics.recall_score(y, predicted, **options)
        found = metrics.recall(logits, data().holdout.y)
        np.testing.assert_allclose(found, recall, rtol=1e-5)
        np.testing.assert_allclose(found, metrics.accuracy(logits, data().holdout.y), rtol=1e-5)
        assert abs(precision - recall) > 1e-3  # so that the one is not the other


def test_rewards_of_efficiency_telescope():
    states, rewards, _, _ = played()
    quotient = [float(s.progress.quality) * POINTS / float(s.labels.n) for s in states]
    np.testing.assert_allclose(rewards[:5], np.diff(quotient)[:5], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(rewards.sum(), quotient[-1] - quotient[0], rtol=1e-4)


def test_an_exhausted_pool_ends_an_episode_and_then_nothing_changes():
    states, rewards, done, info = played()
    labels = [int(s.labels.n) for s in states]
    assert labels == [6, 9, 19, 20, 40, 60, 60, 60, 60]
    assert [int(row["labels"]) for row in info] == labels[1:]
    np.testing.assert_array_equal(done, np.arange(8) >= 4)
    np.testing.assert_array_equal([row["terminal"] for row in info], done)
    assert (rewards[5:] == 0).all() and (rewards[:5] != 0).all()
    for state in states[6:]:
        jax.tree.map(np.testing.assert_array_equal, state, states[5])


def test_an_episode_that_is_cut_is_not_terminal():
    states, rewards, done, info = play(compiled_batches(), data(), [0] * (MAX_STEPS + 2))
    np.testing.assert_array_equal(done, np.arange(MAX_STEPS + 2) >= MAX_STEPS - 1)
    assert not any(row["terminal"] for row in info) and not states[-1].terminal
    assert states[-1].labels.n == START + MAX_STEPS == states[-3].labels.n
    assert (rewards[MAX_STEPS:] == 0).all()
    jax.tree.map(np.testing.assert_array_equal, states[-1], states[MAX_STEPS])


@pytest.mark.parametrize(
    ("quality", "budget", "steps"),
    [(0.0, np.inf, 1), (np.inf, 12 / 60, 2), (np.inf, 11.9 / 60, 2), (np.inf, 12.1 / 60, 3)],
)
def test_targets_end_an_episode(quality, budget, steps):
    params = data()._replace(goal=Goal(np.float32(quality), np.float32(budget)))
    states, _, done, _ = play(compiled_batches(), params, [2] * 4)
    np.testing.assert_array_equal(done, np.arange(1, 5) >= steps)
    assert states[-1].terminal and states[-1].labels.n == START + 3 * steps


def test_the_key_decides():
    again = play(compiled_batches(), data(), [2, 9, 0])
    jax.tree.map(np.testing.assert_array_equal, again[0], played()[0][:4])
    other, _ = compiled_batches().reset(jax.random.key(1), data())
    first, second = (set(s.labels.order[:START].tolist()) for s in (again[0][0], other))
    assert first != second


def test_vmap_equals_single_calls():
    """Three episodes of which one ends, with actions of their own."""
    env = batches()
    actions = np.array([[2, 9, 0], [19, 19, 19], [5, 1, 7]])

    def run(seed, actions):
        state, _ = env.reset(jax.random.key(seed), data())

        def one(state, t):
            key = jax.random.fold_in(jax.random.key(seed), t)
            state, _, reward, done, _ = env.step(key, state, actions[t][None], data())
            return state, (reward, done, state.progress.quality)

        return jax.lax.scan(one, state, jnp.arange(3))

    ends, rows = jax.jit(jax.vmap(run))(jnp.arange(3), jnp.asarray(actions))
    for i in range(3):
        states, rewards, done, _ = play(compiled_batches(), data(), actions[i], seed=i)
        alone = states[-1]
        np.testing.assert_array_equal(ends.labels.order[i], alone.labels.order)
        np.testing.assert_array_equal(rows[1][i], done)
        np.testing.assert_allclose(rows[0][i], rewards, atol=1e-4)
        quality = [s.progress.quality for s in states[1:]]
        np.testing.assert_allclose(rows[2][i], quality, atol=1e-5)
        seen = ends.observation.state[i]
        np.testing.assert_allclose(seen, alone.observation.state, atol=1e-4)
    assert list(ends.done) == [False, True, False]


@functools.cache
def scripted(reward, terminal, actor=None, max_steps=30):
    """An environment whose quality after step t is the hold-out's `y[t]`."""

    def quality(logits, y):
        return y[logits[0, 0].astype(jnp.int32) - 1]

    def first(key, state, round, offered, action):
        return jnp.argsort(round.labelled, stable=True)[:LARGEST], action[0] + 1, state

    env = environment(
        counted(CLASSES),
        start=one_of_each(CLASSES),
        actor=actor or Actor(lambda key, x: (), first),
        observe=observe_points(sorted_scores(), reduce="mean", candidates=10),
        quality=quality,
        reward=reward,
        terminal=terminal,
        max_steps=max_steps,
    )
    return jitted(env)


def script(qualities, goal=NEVER, size=31):
    qualities = np.r_[qualities, np.zeros(size - len(qualities))].astype(np.float32)
    holdout = Pool(jnp.zeros((size, 4)), jnp.asarray(qualities))
    return data()._replace(data=(), variables=jnp.float32(0), hyper=(), holdout=holdout, goal=goal)


def own_quality(before, after):
    """Reward and quality in one, to write rewards down."""
    return after.quality


def length_by_loop(rewards):
    """Steps until two falls in a row; None if never."""
    falls = 0
    for t in range(1, len(rewards)):
        falls = falls + 1 if rewards[t] < rewards[t - 1] else 0
        if falls == 2:
            return t + 1
    return None


@pytest.mark.parametrize(
    "rewards",
    [
        [3, 2, 1, 5],  # the first reward is no fall
        [5, 4, 4, 3, 2, 9],  # equal ones are none
        [1, 0, 5, 4, 5, 4, 3],
        [-1, 0, 1, 2],
        *np.random.default_rng(0).integers(0, 4, (12, 8)).tolist(),
    ],
)
def test_two_falls_end_warm_start(rewards):
    env = scripted(own_quality, after_two_falls)
    states, found, done, _ = play(env, script([99, *rewards]), [0] * len(rewards))
    length = length_by_loop(rewards)
    assert bool(done.any()) == (length is not None)
    if length:
        assert done.argmax() + 1 == length == states[-1].progress.step
        np.testing.assert_array_equal(found, [*rewards[:length], *[0] * (len(rewards) - length)])


QUALITIES = np.array([0.3, 0.5, 0.45, 0.7, 0.8, 0.75])


@pytest.mark.parametrize("of", ["cumulative", "per_step"])
@pytest.mark.parametrize("price", [0.0, 5.0])
def test_efficiency(of, price):
    """A price of five labels a batch; the start has none."""
    states, rewards, _, _ = play(
        scripted(efficiency_gain(of, price), at_quality), script(QUALITIES), [4, 1, 0, 9, 2]
    )
    bought = np.array([3, 5, 2, 1, 10, 3])  # the first step's predecessor is the start
    paid = price * np.array([0, 1, 1, 1, 1, 1])
    count = np.cumsum(bought + paid) if of == "cumulative" else bought + paid
    np.testing.assert_allclose(rewards, np.diff(QUALITIES * POINTS / count), rtol=1e-4)
    assert states[-1].labels.n == bought.sum()


def test_gains_in_quality_telescope():
    _, rewards, _, _ = play(scripted(quality_gain, at_quality), script(QUALITIES), [0] * 5)
    np.testing.assert_allclose(rewards, np.diff(QUALITIES), atol=1e-6)


@pytest.mark.parametrize(("goal", "steps"), [(0.5, 1), (0.6, 3), (0.8, 4)])
def test_constant_rewards_count_the_steps(goal, steps):
    params = script(QUALITIES, Goal(np.float32(goal), np.float32(0)))
    env = scripted(constant_reward(), at_quality)
    states, rewards, done, _ = play(env, params, [0] * 5)
    assert rewards.sum() == -steps and done.argmax() + 1 == steps == states[-1].progress.step
    assert constant_reward(-0.5)(states[0].progress, states[1].progress) == -0.5


@pytest.mark.parametrize("rule", ["or", "and"])
@pytest.mark.parametrize("quality", [0.6, 0.9])
@pytest.mark.parametrize("budget", [4, 6, 20])
def test_terminal_rules_against_a_loop(rule, quality, budget):
    """One label a step after three: at least one target, or the quality within the budget."""
    goal = Goal(np.float32(quality), np.float32(budget / POINTS))
    states, _, done, _ = play(
        scripted(quality_gain, at_targets(rule)), script(QUALITIES, goal), [0] * 5
    )
    for t, (state, ended) in enumerate(zip(states[1:], done, strict=True), 1):
        reached, labels = QUALITIES[t] >= quality, 3 + t
        either, both = reached or labels >= budget, reached and labels <= budget
        assert bool(ended) == bool(state.terminal) == bool(either if rule == "or" else both)
        assert bool(succeeds(state.progress, goal)) == bool(both)
        if ended:
            break


def test_an_exhausted_pool_ends_an_episode_under_any_rule():
    env = scripted(quality_gain, at_targets("and"))
    states, _, done, _ = play(env, script(QUALITIES), [19, 19, 16, 5, 5])
    np.testing.assert_array_equal(done, [False, False, True, True, True])
    assert states[-1].terminal and states[-1].labels.n == POINTS


def test_the_last_step_of_all_may_be_terminal():
    """An end at the largest number of steps is no cut."""
    env = scripted(constant_reward(), at_quality, max_steps=2)
    for goal, ends in ((0.45, False), (0.4, True)):
        params = script([0.3, 0.2, 0.4], Goal(np.float32(goal), np.float32(0)))
        states, _, done, _ = play(env, params, [0, 0])
        assert list(done) == [False, True] and bool(states[-1].terminal) == ends


@pytest.mark.parametrize(("n", "budget", "steps"), [(1, 4, 4), (2, 6, 3), (3, 7, 3), (5, 4, 1)])
def test_the_budget_is_bought_exactly(n, budget, steps):
    """Also where n does not divide it."""
    env = scripted(quality_gain, at_budget(budget), point_actor(n, CLASSES + budget))
    action = np.arange(9, 9 - n, -1)
    states, _, done, info = play(env, script(QUALITIES), [action] * (steps + 2))
    np.testing.assert_array_equal(done, np.arange(1, steps + 3) >= steps)
    assert info[-1]["terminal"] and states[-1].labels.n == CLASSES + budget
    for before, after in itertools.pairwise(states[: steps + 1]):
        wanted = np.asarray(before.offered)[action]  # in the order of the action
        np.testing.assert_array_equal(chosen(before, after), wanted[: len(chosen(before, after))])


@pytest.mark.parametrize(("action", "k"), [(98, 20), (20, 20), (19, 20), (0, 1), (-1, 1), (-5, 1)])
def test_a_size_out_of_range_is_the_nearest(action, k):
    states, _, _, _ = play(compiled_batches(), data(), [2, action])
    assert states[1].labels.n == START + 3 and states[2].labels.n == START + 3 + k
    assert sorted(np.asarray(states[2].labels.order)) == list(range(POINTS))


def test_a_point_that_is_not_offered_is_passed_over():
    """And one that is named twice is labelled once."""
    env = scripted(quality_gain, at_budget(9), point_actor(4, CLASSES + 9))
    states, _, _, _ = play(env, script(QUALITIES), [[10, -1, 3, -11], [5, 5, 99, 2], [7, 7, 7, 7]])
    for (before, after), action in zip(itertools.pairwise(states), ([3], [5, 2], [7]), strict=True):
        np.testing.assert_array_equal(
            chosen(before, after), np.asarray(before.offered)[np.array(action)]
        )
        assert after.progress.bought == len(action)
        assert sorted(np.asarray(after.labels.order)) == list(range(POINTS))


def test_whatever_an_actor_says_an_episode_stays_one():
    """Points labelled already, out of range, named twice; too many of them, or less than none."""

    def careless(key, state, round, offered, action):
        anything = jax.random.randint(key, (2 * POINTS,), -3, POINTS + 3)
        return anything, jnp.array([7, 2 * POINTS + 9, -4])[action[0]], state

    env = scripted(quality_gain, at_budget(99), Actor(lambda key, x: (), careless))
    states, _, _, _ = play(env, script(QUALITIES), [0, 2, 0, 1])
    before = None
    for state, most in zip(states, (CLASSES, 7, 0, 7, POINTS), strict=True):
        order, n = np.asarray(state.labels.order), int(state.labels.n)
        assert sorted(order) == list(range(POINTS)) and state.progress.labels == n
        if before is not None:
            np.testing.assert_array_equal(order[: len(before)], before)
            assert 0 <= n - len(before) <= most and (n > len(before)) == (most > 0)
        before = order[:n]


def test_what_is_passed_over_is_not_made_up_for():
    """Of the first three picks, of which one is labelled and one is no point, one is labelled."""

    def named(key, state, round, offered, action):
        free = jnp.argsort(round.labelled, stable=True)
        taken = round.labels.order[0]
        return jnp.array([taken, POINTS, 0, 0, 0]).at[2:].set(free[:3]), jnp.int32(3), state

    env = scripted(quality_gain, at_budget(99), Actor(lambda key, x: (), named))
    (before, after), _, _, _ = play(env, script(QUALITIES), [0])
    first = min(set(range(POINTS)) - set(np.asarray(before.labels.order)[:CLASSES].tolist()))
    assert chosen(before, after).tolist() == [first] and after.progress.bought == 1


def test_points_with_a_real_classifier():
    """Rewards sum to the gain in accuracy; the start has one of each class."""
    env = jitted(
        environment(
            LEARNER,
            start=one_of_each(CLASSES),
            actor=point_actor(3, CLASSES + 7),
            observe=observe_points(sorted_scores("probability"), "probability", candidates=20),
            quality=metrics.accuracy,
            reward=quality_gain,
            terminal=at_budget(7),
            max_steps=5,
        )
    )
    states, rewards, done, _ = play(env, data(), [[4, 0, 11]] * 4)
    assert sorted(np.asarray(data().pool.y)[states[0].labels.order[:CLASSES]]) == [0, 1, 2]
    assert list(done) == [False, False, True, True]
    y = np.asarray(data().holdout.y)
    accuracy = [
        np.mean(np.argmax(LEARNER.predict(s.variables, data().holdout.x).logits, axis=1) == y)
        for s in states
    ]
    np.testing.assert_allclose(rewards.sum(), accuracy[-1] - accuracy[0], atol=1e-6)
    np.testing.assert_allclose(rewards, np.diff(accuracy), atol=1e-6)
    assert (np.diff(accuracy)[:3] != 0).any()
    for state in states:
        labelled = np.asarray(state.labels.order[: int(state.labels.n)])
        assert not np.isin(state.offered, labelled).any() and len(set(state.offered.tolist())) == 20


@pytest.mark.parametrize("max_steps", [0, -1])
def test_an_episode_without_steps_is_refused(max_steps):
    with pytest.raises(InputError, match=f"at least 1 step, got max_steps {max_steps}"):
        scripted(quality_gain, at_quality, max_steps=max_steps)
