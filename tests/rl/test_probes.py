"""Problems with known answers: does the learner that all agents share learn at all?"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import Seen, candidates_of, counted, learn

from jal import metrics, strategies
from jal.labels import random_start
from jal.rl.abas_ral import batch_actor
from jal.rl.dqn import Candidates, dqn, greedy
from jal.rl.env import EnvParams, Goal, environment
from jal.rl.observations import batch_candidates, observe_batches, sorted_scores
from jal.rl.q_networks import lal_rl_network, mlp_network
from jal.rl.replay import prioritised_replay
from jal.rl.training import Schedule, q_learning, rollout
from jal.types import Labels, Pool

SEEDS = 20


def over_seeds(one):
    return np.asarray(jax.jit(lambda keys: jax.lax.map(one, keys))(keys()))


def keys():
    return jax.random.split(jax.random.key(0), SEEDS)


def one_state(key):
    del key
    return jnp.ones(1)


@pytest.mark.agents
def test_the_best_arm_of_a_bandit():
    means = jnp.array([0.1, 0.2, 0.3, 0.2, 0.9, 0.4, 0.3, 0.5, 0.2, 0.1])
    agent = dqn(lal_rl_network(1, 10), candidates_of(jnp.eye(10)))

    def pull(key, state, action):
        noise = 0.1 * jax.random.normal(key)
        return state, means[action[0]] + noise, jnp.bool_(True)

    def one(key):
        end = learn(key, agent, one_state, pull, episodes=150, length=1, updates=15)
        return jnp.argmax(agent.values(end.online, Seen(jnp.ones(1)))[0])

    assert (over_seeds(one) == 4).mean() >= 0.95


@pytest.mark.agents
def test_the_values_of_a_chain():
    length, discount = 5, 0.9
    agent = dqn(lal_rl_network(length, 2), candidates_of(jnp.eye(2)), discount=discount)

    def somewhere(key):
        return jnp.eye(length)[jax.random.randint(key, (), 0, length)]

    def walk(key, state, action):
        del key
        at = jnp.argmax(state)
        after = jnp.where(action[0] == 1, at + 1, jnp.maximum(at - 1, 0))
        ends = after == length
        return jnp.eye(length)[jnp.minimum(after, length - 1)], jnp.where(ends, 1.0, -0.1), ends

    def one(key):
        end = learn(
            key,
            agent,
            somewhere,
            walk,
            episodes=500,
            length=20,
            updates=20,
            epsilon=(1.0, 0.3),
            capacity=5000,
        )
        return jax.vmap(lambda state: agent.values(end.online, Seen(state))[0])(jnp.eye(length))

    wanted = np.zeros((length, 2))
    for _ in range(100):  # value iteration
        best = np.r_[wanted.max(axis=1), 0.0]
        wanted[:, 1] = np.where(np.arange(length) == length - 1, 1.0, -0.1) + discount * best[1:]
        wanted[:, 0] = -0.1 + discount * best[np.maximum(np.arange(length) - 1, 0)]
    assert np.abs(over_seeds(one) - wanted).max() < 0.05


def chosen_sizes(network, scale):
    """The batches bought greedily in three steps where 20 of 1..60 is right, over the seeds.

    The whole of jal.rl but the classifier, which is of no use: a pool of 600, its environment, the
    q_learning with its warm start, and greedy episodes.
    """
    x, y = jnp.zeros((600, 1)), jnp.zeros(600, jnp.int32)
    params = EnvParams(
        Pool(x, y), (), Pool(x[:1], y[:1]), x[:1], jnp.float32(0), (), Goal(jnp.inf, jnp.inf)
    )
    env = environment(
        counted(),
        start=lambda key, y: Labels(random_start(key, y.shape[0], 1), jnp.int32(1)),
        actor=batch_actor(strategies.registry["random"](), 60),
        observe=observe_batches(sorted_scores()),
        quality=metrics.accuracy,
        reward=lambda before, after: -jnp.abs(after.bought - 20) / 20,
        terminal=lambda after, goal: after.step >= 3,
        max_steps=5,
    )
    agent = dqn(network, batch_candidates(60, scale=scale))
    made = q_learning(
        env,
        env,
        agent,
        prioritised_replay(1000),
        Schedule(warm_episodes=16, epochs=60, episodes=2, updates=60),
        bias=lambda found: found.reward,
        goal_of=lambda found, own: own,
    )

    def one(key):
        key, key_play = jax.random.split(key)
        online = made.run(made.init(key, params), 0, 60, params).agent.online
        played, _ = rollout(
            env, lambda _, seen: greedy(*agent.values(online, seen)), key_play, params
        )
        return played.steps.action[:3, 0] + 1

    return over_seeds(one)


@pytest.mark.agents
def test_the_right_batch_size_of_a_toy_pool():
    scaled = chosen_sizes(mlp_network(1, 1, (32, 32)), "cap")
    assert (np.abs(scaled - 20) <= 2).all(axis=1).mean() >= 0.9


@pytest.mark.agents
def test_the_paper_s_network_finds_it_by_the_count():
    sizes = chosen_sizes(lal_rl_network(1, 1), "count")
    assert (np.abs(sizes - 20) <= 2).all(axis=1).mean() >= 0.9


@pytest.mark.agents
def test_the_paper_s_network_does_not_find_it_by_the_share_of_the_pool():
    # k / |U_0| spans a tenth: a value that is not monotonous in k is out of reach of five sigmoids
    # at this step size.
    sizes = chosen_sizes(lal_rl_network(1, 1), "pool")
    assert np.isin(sizes, (1, 60)).all(axis=1).mean() >= 0.9


def harvested(network, seen_by_agent):
    """Returns of greedy episodes of five steps, over the seeds.

    Waiting pays .1 while the field is young; reaping pays .3 and ends its youth, after which all
    pays nothing. So with a clock the best is .7, to reap in the last step; without one it is .5.
    """
    length, choices = 5, jnp.eye(2)

    def candidates(seen):
        return Candidates(seen_by_agent(seen.state), choices, jnp.ones(2, bool))

    agent = dqn(network, candidates)

    def start(key):
        del key
        return jnp.ones(2)  # young, and the share of the steps that is left

    def step(key, state, action):
        del key
        young, left = state
        reward = young * jnp.where(action[0] == 1, 0.3, 0.1)
        after = left - 1 / length
        return jnp.stack([jnp.where(action[0] == 1, 0.0, young), after]), reward, after < 0.1

    def one(key):
        end = learn(
            key,
            agent,
            start,
            step,
            episodes=300,
            length=length,
            updates=20,
            capacity=3000,
            exponent=0.0,
        )

        def act(state, _):
            values, mask = agent.values(end.online, Seen(state))
            state, reward, _ = step(key, state, greedy(values, mask))
            return state, reward

        return jax.lax.scan(act, start(key), None, length)[1].sum()

    return over_seeds(one)


@pytest.mark.agents
def test_a_clock_tells_when_to_reap():
    blind = harvested(mlp_network(1, 2, (16, 16)), lambda state: state[:1])
    clocked = harvested(mlp_network(2, 2, (16, 16)), lambda state: state)
    assert blind.max() < 0.51
    assert (clocked > 0.69).mean() >= 0.9
