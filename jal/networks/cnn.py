"""A small convolutional network."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from jal.networks.convolution import conv_general_dilated
from jal.networks.network import from_module
from jal.networks.pooling import max_pool
from jal.types import Array, InputError, Network

__all__ = ["cnn"]


class _CNN(nnx.Module):
    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_classes: int,
        channels: Sequence[int],
        hidden: Sequence[int],
        dropout: float,
        rngs: nnx.Rngs,
    ):
        rows, columns, inputs = input_shape
        he = nnx.initializers.he_normal()
        conv = functools.partial(
            nnx.Conv,
            kernel_size=(3, 3),
            kernel_init=he,
            conv_general_dilated=conv_general_dilated,
            rngs=rngs,
        )
        dense = functools.partial(nnx.Linear, kernel_init=he, rngs=rngs)
        self.conv1 = conv(inputs, channels[0])
        self.conv2 = conv(channels[0], channels[1])
        self.dense1 = dense((rows // 2) * (columns // 2) * channels[1], hidden[0])
        self.dense2 = dense(hidden[0], hidden[1])
        self.dense3 = nnx.Linear(hidden[1], num_classes, rngs=rngs)
        self.dropout = nnx.Dropout(dropout, rngs=rngs if dropout else None)

    def __call__(self, x: Array) -> tuple[Array, Array, tuple[Array, ...]]:
        x = first = jax.nn.relu(self.conv1(x))
        x = second = self.dropout(max_pool(jax.nn.relu(self.conv2(x)), 2, 2))
        x = x.reshape(x.shape[0], -1)
        x = third = self.dropout(jax.nn.relu(self.dense1(x)))
        x = self.dropout(jax.nn.relu(self.dense2(x)))
        stages = (jnp.mean(first, axis=(1, 2)), jnp.mean(second, axis=(1, 2)), third, x)
        return self.classify(x), x, stages

    def classify(self, features: Array) -> Array:
        return self.dense3(features)


def cnn(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    channels: tuple[int, int] = (32, 64),
    hidden: tuple[int, int] = (128, 64),
    dropout: float = 0.25,
) -> Network:
    """Two 3x3 convolutions, a 2x2 maximum, three dense layers; features are the second one's.

    Dropout follows the pooling and both hidden layers.

    Args:
      input_shape: `(H, W, C)`.
      num_classes: K.
      channels: of the two convolutions.
      hidden: widths of the two hidden dense layers.
      dropout: share of units dropped in training.

    Raises:
      InputError: for inputs that are no images of at least 2x2, or not two widths.
    """
    if len(input_shape) != 3 or min(input_shape[:2]) < 2:
        raise InputError(
            f"a CNN takes images (H, W, C) of at least 2x2, not inputs of shape {input_shape}."
        )
    if len(channels) != 2 or len(hidden) != 2:
        raise InputError(
            f"a CNN takes two channels and two hidden widths, got {channels} and {hidden}."
        )
    return from_module(
        functools.partial(_CNN, input_shape, num_classes, tuple(channels), tuple(hidden), dropout)
    )
