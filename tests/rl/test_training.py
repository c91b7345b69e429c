"""Q-learning on episodes whose qualities are given: what warm start finds, and when it stops."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import counted

from jal import strategies
from jal.labels import random_start
from jal.rl.abas_ral import batch_actor
from jal.rl.dqn import dqn
from jal.rl.env import EnvParams, Goal, environment
from jal.rl.observations import batch_candidates, observe_batches, sorted_scores
from jal.rl.q_networks import mlp_network
from jal.rl.replay import EPSILON, prioritised_replay
from jal.rl.rules import after_two_falls, at_quality
from jal.rl.training import Schedule, q_learning
from jal.types import Labels, Pool

POINTS, START, LARGEST = 90, 3, 9
QUALITIES = np.array([0.1, 0.3, 0.6, 0.9, 0.7, 0.9, 0.5, 0.4, 0.2], np.float32)
STEPS = len(QUALITIES) - 1


def agent_of(rate=1e-3):
    return dqn(mlp_network(1, 1, (4,)), batch_candidates(LARGEST), learning_rate=rate)


@functools.cache
def made(
    schedule,
    target_quality=None,
    reward="quality",
    learner=None,
    terminal=after_two_falls,
    rate=1e-3,
):
    """Q-learning whose episodes have the quality `QUALITIES[t]` after step t, and its params."""
    rewards = {
        "quality": lambda before, after: after.quality,  # whose falls end warm start after step 7
        "constant": lambda before, after: jnp.float32(-1.0),
        "size": lambda before, after: -jnp.float32(after.bought),
    }
    env = environment(
        learner or counted(),
        start=lambda key, y: Labels(random_start(key, POINTS, START), jnp.int32(START)),
        actor=batch_actor(strategies.registry["random"](), LARGEST),
        observe=observe_batches(sorted_scores()),
        quality=lambda logits, y: y[logits[0, 0].astype(jnp.int32) - 1],
        reward=rewards[reward],
        terminal=terminal,
        max_steps=STEPS,
    )
    learning = q_learning(
        env,
        env,
        agent_of(rate),
        prioritised_replay(2_000),
        schedule,
        bias=lambda found: found.reward,
        goal_of=lambda found, own: Goal(found.quality, found.budget),
        target_quality=target_quality,
    )
    x = jnp.zeros((POINTS, 1))
    params = EnvParams(
        Pool(x, jnp.zeros(POINTS, jnp.int32)),
        (),
        Pool(x[: STEPS + 1], jnp.asarray(QUALITIES)),
        x[:1],
        jnp.float32(0),
        (),
        Goal(jnp.inf, jnp.inf),
    )
    return learning, params


@functools.cache
def begun(schedule, target_quality=None, reward="quality"):
    learning, params = made(schedule, target_quality, reward)
    return jax.jit(learning.init)(jax.random.key(0), params)


def labels_after(state, episodes, step):
    """`[episodes]` labels after a step of each warm-start episode, from what each began with."""
    left = np.asarray(state.replay.items.observation.unlabelled)[: int(state.replay.filled)]
    per_episode = left.reshape(episodes, -1)
    return POINTS - per_episode[:, step]


@pytest.mark.parametrize(
    ("at_once", "target_quality", "first"),
    [(1, None, 3), (3, None, 3), (5, 0.5, 2), (3, 0.05, 1), (1, 0.95, None)],
)
def test_warm_start_finds_the_quality_and_the_least_budget_that_reached_it(
    at_once, target_quality, first
):
    """Also in groups, of which the last is not full; the quality falls twice after step 7."""
    episodes = 5
    schedule = Schedule(warm_episodes=episodes, epochs=1, episodes_at_once=at_once)
    state = begun(schedule, target_quality)
    found = state.warm_result
    assert found.quality == QUALITIES.max() and found.length == 7 and found.ended == 1
    assert int(state.replay.filled) == 7 * episodes
    if first is None:
        assert np.isinf(found.budget)
    else:  # after the first step that reached it, which the next item's observation shows
        least = labels_after(state, episodes, first).min() / POINTS
        np.testing.assert_allclose(found.budget, least, rtol=1e-6)
    np.testing.assert_allclose(found.reward, QUALITIES[1:8].mean(), rtol=1e-6)
    np.testing.assert_allclose(found.episode, QUALITIES[1:8].sum(), rtol=1e-6)
    assert (state.goal.quality, state.goal.budget) == (found.quality, found.budget)
    alone = begun(Schedule(warm_episodes=episodes, epochs=1))
    jax.tree.map(np.testing.assert_array_equal, state.replay, alone.replay)


@pytest.mark.parametrize("at_once", [1, 5])
def test_the_budget_of_a_better_quality_replaces_a_smaller_one(at_once):
    """The quality is of the number of labels, so that episodes have bests of their own."""
    learner = counted()._replace(
        fit=lambda key, count, data, y, labels, hyper: (jnp.float32(labels.n), {})
    )
    own = np.random.default_rng(0).permutation(np.linspace(0.1, 0.9, POINTS)).astype(np.float32)
    schedule = Schedule(warm_episodes=12, epochs=1, episodes_at_once=at_once)
    learning, params = made(schedule, reward="size", learner=learner)
    params = params._replace(holdout=Pool(jnp.zeros((POINTS, 1)), jnp.asarray(own)))
    state = jax.jit(learning.init)(jax.random.key(3), params)
    items = jax.tree.map(lambda leaf: np.asarray(leaf[: state.replay.filled]), state.replay.items)
    after = POINTS - items.observation.unlabelled + items.action[:, 0] + 1
    best = after[own[after - 1].argmax()]
    assert state.warm_result.quality == own[best - 1]
    np.testing.assert_allclose(state.warm_result.budget, best / POINTS, rtol=1e-6)


def test_epochs_of_episodes_vmapped_together_store_the_steps_taken():
    schedule = Schedule(
        warm_episodes=2, epochs=3, episodes=5, updates=2, episodes_at_once=2, epsilon=(1.0, 1.0)
    )
    learning, params = made(schedule)
    end = jax.jit(learning.run)(begun(schedule), 0, 3, params)
    assert int(end.replay.filled) == 7 * (2 + 3 * 5)
    np.testing.assert_allclose(end.history["length"], 7)
    np.testing.assert_allclose(end.history["return"], QUALITIES[1:8].sum(), rtol=1e-6)
    items = jax.tree.map(lambda leaf: np.asarray(leaf[: end.replay.filled]), end.replay.items)
    np.testing.assert_allclose(items.reward.reshape(-1, 7), np.tile(QUALITIES[1:8], (17, 1)))
    assert (items.terminal.reshape(-1, 7) == np.eye(7)[-1]).all()
    bought = POINTS - items.observation.unlabelled.reshape(-1, 7)
    sizes = items.action.reshape(-1, 7) + 1
    np.testing.assert_array_equal(bought, START + np.cumsum(sizes, axis=1) - sizes)


@pytest.mark.parametrize("when", ["warm", "epoch", "step"])
def test_updates_leave_td_errors_as_priorities(when):
    """Without a learning rate the network stays, so that each error is its own."""
    count = dict.fromkeys(("warm_updates", "updates"), 0)
    count["warm_updates" if when == "warm" else "updates"] = 1
    schedule = Schedule(
        warm_episodes=2, epochs=1, episodes=1, batch_size=512, every_step=when == "step", **count
    )
    learning, params = made(schedule, rate=0.0)
    state = jax.jit(learning.init)(jax.random.key(0), params)
    if when != "warm":
        state = jax.jit(learning.run)(state, 0, 1, params)
    filled = int(state.replay.filled)
    items = jax.tree.map(lambda leaf: np.asarray(leaf[:filled]), state.replay.items)
    values, mask = jax.vmap(agent_of().values, (None, 0))(state.agent.online, items.observation)
    best = np.where(mask, values, -np.inf).max(axis=1)
    ahead = np.where(items.terminal, 0, np.roll(best, -1))
    errors = items.reward + ahead - np.asarray(values)[np.arange(filled), items.action[:, 0]]
    priorities = np.asarray(state.replay.weights).ravel()[:filled]
    # An item that no later update drew has the priority that it came with.
    own = np.isclose(priorities, (np.abs(errors) + EPSILON) ** 3, rtol=1e-3, atol=1e-9)
    assert own[:14].all() and (when != "warm" or filled == 14)
    assert np.ptp(priorities) > 0.1


@pytest.mark.parametrize("every_step", [False, True])
def test_an_epochs_loss_is_the_mean_of_its_updates(every_step, monkeypatch):
    """Of updates that tell their number: 3 after a warm start of three, or 3 after each of 14."""
    agent = agent_of()

    def init(key, bias):
        return agent.init(key, bias)._replace(optimizer=jnp.float32(0))

    def update(state, items, following):
        number = state.optimizer
        return state._replace(optimizer=number + 1), jnp.ones(items.reward.shape), number

    counting = agent._replace(init=init, update=update)
    monkeypatch.setitem(globals(), "agent_of", lambda rate: counting)
    schedule = Schedule(
        warm_episodes=1, warm_updates=3, epochs=1, episodes=2, updates=3, every_step=every_step
    )
    learning, params = made.__wrapped__(schedule)
    end = jax.jit(learning.run)(jax.jit(learning.init)(jax.random.key(0), params), 0, 1, params)
    updates = np.arange(3, 3 + 3 * (14 if every_step else 1))
    np.testing.assert_allclose(end.history["loss"], [updates.mean()], rtol=1e-6)


def prefers(sign):
    """Weights whose value is `sign` times the action's feature."""
    kernel = jnp.zeros((2, 4)).at[1, 0].set(1.0)
    return {
        "hidden": {0: {"kernel": kernel, "bias": jnp.zeros(4)}},
        "value": {"kernel": jnp.full((4, 1), sign), "bias": jnp.zeros(1)},
    }


@pytest.mark.parametrize("every_step", [False, True])
def test_without_exploration_episodes_act_with_the_online_network(every_step):
    schedule = Schedule(
        warm_episodes=1, epochs=1, episodes=1, updates=0, epsilon=(0, 0), every_step=every_step
    )
    learning, params = made(schedule)
    state, run = begun(schedule), jax.jit(learning.run)
    for sign, target_quality in ((1.0, [8, 7, 7, 6, 5, 5, 4]), (-1.0, [1] * 7)):  # a tenth, or one
        dqn_state = state.agent._replace(online=prefers(sign), target=prefers(-sign))
        played = run(state._replace(agent=dqn_state), 0, 1, params).replay
        np.testing.assert_array_equal(played.items.action[7:14, 0] + 1, target_quality)


@pytest.mark.parametrize("every_step", [False, True])
def test_episodes_have_the_goal_and_the_start_of_the_state(every_step):
    """Not the parameters': from a first fit, .6 is reached a step earlier."""
    schedule = Schedule(warm_episodes=1, epochs=1, episodes=2, updates=0, every_step=every_step)
    learning, params = made(schedule, terminal=at_quality)
    state, run = begun(schedule), jax.jit(learning.run)
    state = state._replace(goal=Goal(jnp.float32(0.6), jnp.float32(1)))
    for start, length, total in ((0, 2, 0.3 + 0.6), (1, 1, 0.6)):
        end = run(state._replace(start=jnp.float32(start)), 0, 1, params)
        assert end.history["length"] == length and end.history["success"] == 1
        np.testing.assert_allclose(end.history["return"], total, rtol=1e-6)
        np.testing.assert_allclose(end.history["quality"], 0.6)
        assert end.classifier == 3  # fits, of the last episode


EPOCHS, WINDOW, TOLERANCE = 30, 2, 0.01


def stop_of(returns, explored):
    """The last epoch that runs, by the rule as it is written down."""
    for e in range(explored + 2 * WINDOW - 1, EPOCHS):
        now, before = (returns[e + 1 - n * WINDOW :][:WINDOW].mean() for n in (1, 2))
        if abs(now - before) <= TOLERANCE * abs(before):
            return e
    return EPOCHS - 1


@pytest.mark.parametrize("exploration", [0.5, 1.0])
def test_equal_returns_stop_training_two_windows_after_exploration(exploration):
    schedule = Schedule(
        warm_episodes=1,
        epochs=EPOCHS,
        episodes=1,
        updates=1,
        window=WINDOW,
        exploration=exploration,
    )
    learning, params = made(schedule, reward="constant")
    end = jax.jit(learning.run)(begun(schedule, reward="constant"), 0, EPOCHS, params)
    explored = round(exploration * EPOCHS)
    ran = min(explored + 2 * WINDOW, EPOCHS)
    returns = np.asarray(end.history["return"])
    assert (returns[:ran] == -STEPS).all() and np.isnan(returns[ran:]).all()
    assert bool(end.stopped) == (explored + 2 * WINDOW <= EPOCHS)
    epsilon = np.interp(np.arange(ran), [0, explored - 1], [1.0, 0.1])
    np.testing.assert_allclose(end.history["epsilon"][:ran], epsilon, rtol=1e-6)


def test_training_stops_once_returns_are_stable():
    """Random actions' returns, of ten seeds, against a loop."""
    schedule = Schedule(
        warm_episodes=1,
        epochs=EPOCHS,
        episodes=1,
        updates=1,
        epsilon=(1.0, 1.0),
        window=WINDOW,
        tolerance=TOLERANCE,
        exploration=0.1,
    )
    learning, params = made(schedule, reward="size")

    def whole(key):
        return learning.run(learning.init(key, params), 0, EPOCHS, params)

    ends = jax.jit(lambda keys: jax.lax.map(whole, keys))(jax.random.split(jax.random.key(0), 10))
    last = []
    for returns, stopped in zip(np.asarray(ends.history["return"]), ends.stopped, strict=True):
        ran = int(np.isfinite(returns).sum())
        assert ran - 1 == stop_of(returns, round(0.1 * EPOCHS))
        assert bool(stopped) or ran == EPOCHS
        last.append(ran)
    assert len(set(last)) > 2 and min(last) < EPOCHS


@pytest.mark.agents
def test_seeds_vmapped_are_those_alone():
    schedule = Schedule(warm_episodes=2, epochs=3, episodes=2, updates=3)
    learning, params = made(schedule, reward="size")

    def whole(key):
        return learning.run(learning.init(key, params), 0, 3, params)

    keys = jax.random.split(jax.random.key(0), 3)
    together = jax.jit(jax.vmap(whole))(keys)
    for i, key in enumerate(keys):
        alone = jax.jit(whole)(key)
        np.testing.assert_allclose(together.history["return"][i], alone.history["return"])
        for one, other in zip(
            jax.tree.leaves(together.agent.online), jax.tree.leaves(alone.agent.online), strict=True
        ):
            np.testing.assert_allclose(one[i], other, rtol=1e-4, atol=1e-5)
    assert np.ptp(together.history["return"], axis=0).min() > 0
