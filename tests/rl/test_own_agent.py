"""An agent of one's own, of the parts that `jal.rl` exports: which strategy fills each batch."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import scripted

from jal import metrics, rl, strategies
from jal.episode import episode
from jal.metrics import evaluator
from jal.types import Parameters, Pool, Strategy

BATCH = 5
FILLERS = [strategies.registry[name]() for name in ("margin", "random")]
ACTIONS = jnp.eye(2)  # the features of the two actions


@dataclasses.dataclass(frozen=True)
class Chooser:
    """Fills each batch of five with the smallest margins or at random; paid by the accuracy."""

    budget: int = 20
    epochs: int = 3

    def network(self, state_size):
        return rl.mlp_network(state_size, 2, (8,))

    def trained_size(self, policy):
        return rl.trained_size("chooser", policy, self.network)

    def trainer(self, data, learner, num_classes):
        def choose(key, state, round, offered, action):
            filler = strategies.one_of(FILLERS, jnp.clip(action[0], 0, 1))
            picks, state = filler.select(key, state, round, BATCH)
            return picks, BATCH, state

        def init(key, x):
            return strategies.one_of(FILLERS, jnp.int32(0)).init(key, x)

        def observe(key, round, outputs, start):
            return rl.sorted_scores()(outputs.logits), ()

        def candidates(seen):
            return rl.Candidates(seen, ACTIONS, jnp.ones(2, bool))

        env = rl.environment(
            learner,
            start=rl.one_of_each(num_classes),
            actor=rl.Actor(init, choose),
            observe=observe,
            quality=metrics.accuracy,
            reward=rl.quality_gain,
            terminal=rl.at_budget(self.budget),
            max_steps=-(-self.budget // BATCH),
        )
        made = rl.q_learning(
            env,
            env,
            rl.dqn(self.network(len(data.state_x)), candidates),
            rl.prioritised_replay(1000),
            rl.Schedule(warm_episodes=4, epochs=self.epochs, episodes=2, updates=5),
            bias=lambda found: found.episode / 2,
            goal_of=lambda found, own: own,
        )
        return rl.make_trainer(data, learner, made)

    def strategy(self, policy, state_x):
        network = self.network(len(state_x))

        def select(key, states, round, k_max):
            weights, state_x = round.parameters
            seen = rl.sorted_scores()(round.predict(round.variables, state_x).logits)
            best = rl.greedy(network.apply(weights, seen, ACTIONS), jnp.ones(2, bool))
            return strategies.one_of(FILLERS, best[0]).select(key, states, round, k_max)

        init = strategies.one_of(FILLERS, jnp.int32(0)).init
        return Strategy(init, select, parameters=rl.parameters_of(policy, state_x), name="chooser")


def data():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(60, 6, 2)).astype(np.float32))
    y = jnp.arange(60) % 2
    return rl.AgentData(x[:4], Pool(x[4:44], y[4:44]), Pool(x[4:44], y[4:44]), Pool(x[44:], y[44:]))


def test_it_is_trained_as_jals_own_are():
    policy, end = rl.train(jax.random.key(0), data(), Chooser(), scripted(), 2, progress=False)
    assert np.isfinite(end.history["return"]).all() and (end.history["length"] == 4).all()
    assert int(end.replay.filled) == 4 * (4 + 3 * 2)
    assert policy.weights["value"]["kernel"].shape == (8, 1)
    assert Chooser().trained_size(policy) == 4


def valuing(network, feature):
    """A policy of states of four numbers that values one of the actions' features alone."""
    weights = jax.tree.map(jnp.zeros_like, network.init(jax.random.key(0), 0.0))
    kernel = weights["hidden"][0]["kernel"].at[4 + feature, 0].set(1.0)
    weights["hidden"][0]["kernel"] = kernel
    weights["value"]["kernel"] = weights["value"]["kernel"].at[0].set(1.0)
    return rl.Policy(weights, rl.Goal(jnp.float32(1), jnp.float32(1)), ())


def bought(strategy):
    """The first batch that it buys after points 0 to 3, and all margins."""
    run = episode(scripted(), strategy, evaluator(["accuracy"]), 1, BATCH)
    parameters = Parameters(
        jax.tree.map(lambda leaf: leaf[0], strategy.parameters.own), strategy.parameters.shared
    )
    pool = data().train
    order = jnp.arange(40, dtype=jnp.int32)

    def whole(key):
        state = run.init(key, order, jnp.int32(4), pool, ())
        schedule = jnp.array([4, 9], jnp.int32)
        return run.run(state, 0, 2, pool, (), data().holdout, (), schedule, parameters)

    picks = np.asarray(jax.jit(whole)(jax.random.key(0)).labels.order)[4:9]
    return picks, np.abs(np.tanh(np.diff(np.asarray(pool.x)[:, 0], axis=1)[:, 0] / 2))


@pytest.mark.parametrize("which", [0, 1])
def test_its_policy_is_a_strategy(which):
    """With weights that value one filler alone."""
    policy = valuing(Chooser().network(4), which)
    picks, margin = bought(Chooser().strategy(policy, data().state_x))
    smallest = 4 + np.argsort(margin[4:])[:BATCH]
    assert np.array_equal(picks, smallest) == (which == 0)


def test_a_policy_of_points_is_a_strategy():
    """Of their three features the score comes first: here it buys the largest margins."""
    network = rl.mlp_network(4, 3, (8,))
    view = rl.View("margin", "euclidean", "inputs", "mean")
    strategy = rl.point_strategy(valuing(network, 0), network, 4, data().state_x, view)
    picks, margin = bought(strategy)
    assert np.array_equal(picks, 4 + np.argsort(-margin[4:])[:BATCH])
