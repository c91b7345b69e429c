"""Agents keep their contract, and what breaks it is found."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from counted import Counted

from jal.rl import AbasRal, LalRl, SladeBranson
from jal.testing import check_agent

SHORT = {"epochs": 3, "episodes": 2, "updates": 3, "warm_episodes": 3}
AGENTS = {
    "abas_ral": AbasRal(**SHORT, max_steps=10),
    "lal_rl": LalRl(**SHORT, mode="fixed_horizon", horizon=8),
    "slade_branson": SladeBranson(**SHORT, budget=8, points=2, window=0, hidden=(8,)),
}


@pytest.mark.parametrize("name", AGENTS)
def test_contract(name):
    check_agent(AGENTS[name])


@dataclasses.dataclass(frozen=True)
class Forgetful(Counted):
    """Its training depends on where it was cut."""

    def trainer(self, data, learner, num_classes):
        made = super().trainer(data, learner, num_classes)

        def run(state, start, stop, params):
            state = made.run(state, start, stop, params)
            agent = state.agent._replace(online=_moved(state.agent.online, start))
            return state._replace(agent=agent)

        return made._replace(run=run)


def _moved(tree, start):
    return jax.tree.map(lambda leaf: leaf + jnp.float32(start), tree)


@dataclasses.dataclass(frozen=True)
class Endless(Counted):
    def max_labels(self, data, num_classes):
        return 10**6


def test_what_is_broken_is_said():
    with pytest.raises(AssertionError, match="in segments must give the same policy"):
        check_agent(Forgetful())
    with pytest.raises(AssertionError, match="max_labels must be of the pool's points"):
        check_agent(Endless())
    with pytest.raises(AssertionError, match=r"the methods of jal\.rl\.Agent, and not trainer"):
        check_agent(object())
