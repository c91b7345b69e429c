"""Networks that give an action's value from a state and the action's own features."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from jal.types import Array, PyTree

__all__ = ["QNetwork", "lal_rl_network", "mlp_network"]


class QNetwork(NamedTuple):
    """A Q-network as pure functions.

    Attributes:
      init: `(key, bias []) -> params`; bias is the output layer's, and stays a parameter.
      apply: `(params, state [S], actions [A, F]) -> [A]`, the value of each action.
    """

    init: Callable[[Array, Array | float], PyTree]
    apply: Callable[[PyTree, Array, Array], Array]


class _LalRl(nnx.Module):
    def __init__(self, state_size: int, action_size: int, rngs: nnx.Rngs):
        self.state = nnx.Linear(state_size, 10, rngs=rngs)
        self.both = nnx.Linear(10 + action_size, 5, rngs=rngs)
        self.value = nnx.Linear(5, 1, rngs=rngs)

    def __call__(self, state: Array, actions: Array) -> Array:
        hidden = jax.nn.sigmoid(self.state(state))
        return self.value(jax.nn.sigmoid(self.both(_beside(hidden, actions))))[:, 0]


class _MLP(nnx.Module):
    def __init__(self, state_size: int, action_size: int, hidden: tuple[int, ...], rngs: nnx.Rngs):
        widths = (state_size + action_size, *hidden)
        self.hidden = nnx.List(
            [nnx.Linear(n, m, rngs=rngs) for n, m in zip(widths, hidden, strict=False)]
        )
        self.value = nnx.Linear(widths[-1], 1, rngs=rngs)

    def __call__(self, state: Array, actions: Array) -> Array:
        x = _beside(state, actions)
        for layer in self.hidden:
            x = jax.nn.relu(layer(x))
        return self.value(x)[:, 0]


def lal_rl_network(state_size: int, action_size: int) -> QNetwork:
    """LAL-RL's: 10 sigmoids of the state; 5 of these and the action's features; a linear output."""
    return _from_module(lambda rngs: _LalRl(state_size, action_size, rngs))


def mlp_network(
    state_size: int, action_size: int, hidden: tuple[int, ...] = (128, 128, 128)
) -> QNetwork:
    """ReLU layers on state and action's features together (Slade and Branson, section 4.2)."""
    return _from_module(lambda rngs: _MLP(state_size, action_size, hidden, rngs))


def _from_module(make: Callable[[nnx.Rngs], nnx.Module]) -> QNetwork:
    graph = nnx.split(nnx.eval_shape(lambda: make(nnx.Rngs(0))))[0]

    def init(key: Array, bias: Array | float) -> PyTree:
        params = nnx.to_pure_dict(nnx.split(make(nnx.Rngs(key)))[1])
        params["value"]["bias"] = jnp.full_like(params["value"]["bias"], bias)
        return params

    def apply(params: PyTree, state: Array, actions: Array) -> Array:
        return nnx.merge(graph, params)(state, actions)  # pyright: ignore

    return QNetwork(init, apply)


def _beside(state: Array, actions: Array) -> Array:
    """`[A, S + F]`: the state in front of every action's features."""
    repeated = jnp.broadcast_to(state, (actions.shape[0], *state.shape))
    return jnp.concatenate([repeated, actions], axis=1)
