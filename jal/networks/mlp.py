"""Multi-layer perceptron."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import jax
from flax import nnx

from jal.networks.network import from_module
from jal.types import Array, Network

__all__ = ["mlp"]


class _MLP(nnx.Module):
    def __init__(self, widths: Sequence[int], dropout: float, rngs: nnx.Rngs):
        pairs = itertools.pairwise(widths)
        *hidden, last = [
            nnx.Linear(n, m, kernel_init=nnx.initializers.he_normal(), rngs=rngs) for n, m in pairs
        ]
        self.hidden = nnx.List(hidden)
        self.last = last
        self.dropout = nnx.Dropout(dropout, rngs=rngs if dropout else None)

    def __call__(self, x: Array) -> tuple[Array, Array, tuple[Array, ...]]:
        x = x.reshape(x.shape[0], -1).astype(self.last.kernel.dtype)
        stages = ()
        for layer in self.hidden:
            x = self.dropout(jax.nn.relu(layer(x)))
            stages = (*stages, x)
        return self.classify(x), x, stages

    def classify(self, features: Array) -> Array:
        return self.last(features)


def mlp(
    input_shape: tuple[int, ...],
    num_classes: int,
    hidden: Sequence[int] = (128,),
    dropout: float = 0.0,
) -> Network:
    """ReLU layers of the widths `hidden`, He-initialised; features are the last hidden layer's.

    Its stages are all of the hidden layers.

    Args:
      input_shape: shape of one example; inputs are flattened.
      num_classes: K.
      hidden: widths; empty for a linear model, whose features are the inputs.
      dropout: share of hidden units dropped in training.
    """
    widths = [math.prod(input_shape), *hidden, num_classes]
    return from_module(lambda rngs: _MLP(widths, dropout, rngs))
