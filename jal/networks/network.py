"""The edge between NNX modules and pure functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flax import nnx

from jal.types import Array, Outputs, PyTree

__all__ = ["Network", "NetworkVariables", "from_module"]


class NetworkVariables(NamedTuple):
    """`params` are trained; `state` is everything else (BatchNorm statistics, dropout keys)."""

    params: PyTree
    state: PyTree


class Network(NamedTuple):
    """A network as pure functions.

    Attributes:
      init: `(key) -> NetworkVariables`.
      apply: `(variables, x [M, ...], train) -> (Outputs, state)`; train is static.
    """

    init: Callable[[Array], NetworkVariables]
    apply: Callable[[NetworkVariables, Array, bool], tuple[Outputs, PyTree]]


def from_module(make: Callable[[nnx.Rngs], nnx.Module]) -> Network:
    """A Network from a factory of an NNX module whose call returns `(logits, features)`.

    The module is split once here; afterwards its variables are plain nested dicts.
    """

    def split(module: nnx.Module, train: bool) -> tuple[nnx.GraphDef, nnx.State, nnx.State]:
        module.train() if train else module.eval()
        graph, params, *rest = nnx.split(module, nnx.Param, ...)
        return graph, params, rest[0]

    abstract = nnx.eval_shape(lambda: make(nnx.Rngs(0)))
    graphs = {train: split(abstract, train)[0] for train in (True, False)}

    def init(key: Array) -> NetworkVariables:
        _, params, state = split(make(nnx.Rngs(key)), True)
        return NetworkVariables(nnx.to_pure_dict(params), nnx.to_pure_dict(state))

    def apply(variables: NetworkVariables, x: Array, train: bool) -> tuple[Outputs, PyTree]:
        module = nnx.merge(graphs[train], variables.params, variables.state, copy=True)
        logits, features = module(x)  # pyright: ignore[reportCallIssue]
        _, _, state = split(module, train)
        return Outputs(logits, features), nnx.to_pure_dict(state)

    return Network(init, apply)
