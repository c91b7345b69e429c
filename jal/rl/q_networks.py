"""Networks that give an action's value from a state and the action's own features."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from jal.types import Array, InputError, PyTree

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
        return self.value(jax.nn.sigmoid(_joint(self.both, hidden, actions)))[:, 0]


class _MLP(nnx.Module):
    def __init__(self, state_size: int, action_size: int, hidden: tuple[int, ...], rngs: nnx.Rngs):
        widths = (state_size + action_size, *hidden)
        self.hidden = nnx.List(
            [nnx.Linear(n, m, rngs=rngs) for n, m in zip(widths, hidden, strict=False)]
        )
        self.value = nnx.Linear(widths[-1], 1, rngs=rngs)

    def __call__(self, state: Array, actions: Array) -> Array:
        first, *others = self.hidden
        x = jax.nn.relu(_joint(first, state, actions))
        for layer in others:
            x = jax.nn.relu(layer(x))
        return self.value(x)[:, 0]


def lal_rl_network(state_size: int, action_size: int) -> QNetwork:
    """LAL-RL's: 10 sigmoids of the state; 5 of these and the action's features; a linear output."""
    return _from_module(lambda rngs: _LalRl(state_size, action_size, rngs))


def mlp_network(
    state_size: int, action_size: int, hidden: tuple[int, ...] = (128, 128, 128)
) -> QNetwork:
    """ReLU layers on state and action's features together (Slade and Branson, section 4.2).

    Raises:
      InputError: for no hidden layer, or one without a unit.
    """
    if not hidden or min(hidden) < 1:
        raise InputError(f"a Q-network has one or more hidden layers of units, got {hidden}.")
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


def _joint(layer: nnx.Linear, state: Array, actions: Array) -> Array:
    """`layer` of the state in front of each action's features, `[A, M]`; the state's part once."""
    kernel, bias = layer.kernel[...], layer.bias[...]  # pyright: ignore
    size = state.shape[0]
    return state @ kernel[:size] + bias + actions @ kernel[size:]
