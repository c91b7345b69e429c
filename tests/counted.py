"""An agent of somebody's own whose training takes no time: it counts its epochs."""

import dataclasses

import jax
import jax.numpy as jnp

from jal import rl, strategies
from jal.types import InputError, Strategy

__all__ = ["Counted", "Wider"]

_HISTORY = ("return", "length", "budget", "quality", "success", "loss", "epsilon")


@dataclasses.dataclass(frozen=True)
class Counted:
    """Its weights are the epochs it has trained times the step; above 0 it buys by margin."""

    epochs: int = 4
    step: float = 1.0

    def network(self, state_size):
        return rl.QNetwork(
            lambda key, bias: {"kernel": jnp.zeros((state_size, 1))},
            lambda params, state, actions: jnp.sum(state @ params["kernel"]) + 0 * actions[:, 0],
        )

    def max_labels(self, data, num_classes):
        return len(data.train.y)

    def trained_size(self, policy):
        return policy.weights["kernel"].shape[-2]

    def trainer(self, data, learner, num_classes):
        def init(key, warm):
            weights = self.network(len(data.state_x)).init(key, 0.0)
            one = jnp.float32(1)
            return rl.TrainingState(
                key,
                rl.DQNState(weights, (), ()),
                (),  # pyright: ignore[reportArgumentType]
                rl.Goal(one / 2, one),
                (),
                learner.init(key, learner.prepare(warm)),
                rl.WarmStartResult(*[one] * 6),
                jnp.bool_(False),
                {name: jnp.full(self.epochs, jnp.nan) for name in _HISTORY},
            )

        def run(state, start, stop, train):
            epoch = jnp.arange(self.epochs)
            now = (epoch >= start) & (epoch < stop)
            history = {name: jnp.where(now, epoch, old) for name, old in state.history.items()}
            more = self.step * (stop - start)
            online = jax.tree.map(lambda leaf: leaf + more, state.agent.online)
            return state._replace(agent=rl.DQNState(online, (), ()), history=history)

        pools = data.warm.x, data.train.x
        return rl.Trainer(init, run, *pools, self.epochs, 0)  # pyright: ignore[reportArgumentType]

    def strategy(self, policy, state_x):
        if self.trained_size(policy) != len(state_x):
            raise InputError(
                f"counted was trained on {self.trained_size(policy)} states, not {len(state_x)}."
            )
        fillers = [strategies.registry[name]() for name in ("margin", "random")]

        def select(key, states, round, k_max):
            first = jnp.where(jnp.sum(round.parameters.own["kernel"]) > 0, 0, 1)
            return strategies.one_of(fillers, first).select(key, states, round, k_max)

        init = strategies.one_of(fillers, jnp.int32(0)).init
        return Strategy(init, select, parameters=rl.parameters_of(policy, state_x), name="counted")


@dataclasses.dataclass(frozen=True)
class Wider(rl.SladeBranson):
    """A subclass of one of jal's, with an option more."""

    again: int = 1
