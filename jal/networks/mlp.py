"""Multi-layer perceptron."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from jal.networks.network import Network, from_module
from jal.types import Array

__all__ = ["mlp"]


class _MLP(nnx.Module):
    def __init__(self, widths: Sequence[int], rngs: nnx.Rngs):
        pairs = itertools.pairwise(widths)
        *hidden, last = [
            nnx.Linear(n, m, kernel_init=nnx.initializers.he_normal(), rngs=rngs) for n, m in pairs
        ]
        self.hidden = nnx.List(hidden)
        self.last = last

    def __call__(self, x: Array) -> tuple[Array, Array]:
        x = x.reshape(x.shape[0], -1).astype(jnp.float32)
        for layer in self.hidden:
            x = jax.nn.relu(layer(x))
        return self.last(x), x


def mlp(input_shape: tuple[int, ...], num_classes: int, hidden: Sequence[int] = (128,)) -> Network:
    """ReLU layers of the widths `hidden`, He-initialised; features are the last hidden layer's.

    Args:
      input_shape: shape of one example; inputs are flattened.
      num_classes: K.
      hidden: widths; empty for a linear model, whose features are the inputs.
    """
    widths = [math.prod(input_shape), *hidden, num_classes]
    return from_module(lambda rngs: _MLP(widths, rngs))
