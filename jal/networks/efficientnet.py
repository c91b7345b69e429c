"""EfficientNet-Lite0 for images, with the module names of efficientnet-lite-pytorch."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from flax import nnx

from jal.networks.batch_norm import BatchNorm
from jal.networks.convolution import conv_general_dilated
from jal.networks.depthwise import depthwise_conv
from jal.networks.network import from_module
from jal.types import Array, InputError, Network

__all__ = ["efficientnet_lite0"]

_kernel_init = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")
_norm = functools.partial(BatchNorm, momentum=0.99, epsilon=1e-3)  # TensorFlow's, not torch's

# Blocks, side of the depthwise kernel, stride of the first block, expansion, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_LAST = 1280


def efficientnet_lite0(
    input_shape: tuple[int, ...], num_classes: int, *, dropout: float = 0.0
) -> Network:
    """EfficientNet-Lite0 (Tan and Le, 2019; Liu, 2020): no squeeze-and-excitation, ReLU6.

    Takes float images `[M, H, W, C]`, computes in the dtype of parameters and inputs, and gives
    float32 logits and features: the global average pool, `[M, 1280]`. Its stages are what stands
    before each stride of 2 after the first, and the features. Convolutions are padded as
    TensorFlow's SAME for the size given. In training no block is left out (no drop connect).

    Args:
      input_shape: `(H, W, C)` of one image.
      num_classes: K.
      dropout: rate before the last layer.

    Raises:
      InputError: for inputs that are no images.
    """
    if len(input_shape) != 3:
        raise InputError(
            f"an EfficientNet takes images (H, W, C), not inputs of shape {input_shape}."
        )
    return from_module(lambda rngs: _EfficientNet(input_shape[-1], num_classes, dropout, rngs))


class _Depthwise(nnx.Module):
    def __init__(self, channels: int, size: int, stride: int, rngs: nnx.Rngs):
        self.stride = stride
        # A fan out of one channel, as TensorFlow's depthwise kernels have it.
        shape = (size, size, 1, channels)
        deviation = (2 / size**2) ** 0.5
        self.kernel = nnx.Param(deviation * jax.random.normal(rngs.params(), shape))

    def __call__(self, x: Array) -> Array:
        return depthwise_conv(x, self.kernel[...], self.stride)


class _Block(nnx.Module):
    """An inverted residual: wider, each channel alone, narrower."""

    def __init__(
        self, inputs: int, outputs: int, size: int, stride: int, expansion: int, rngs: nnx.Rngs
    ):
        width = expansion * inputs
        self.residual = stride == 1 and inputs == outputs
        self.expands = expansion > 1
        if self.expands:
            self.expand_conv = _conv(inputs, width, 1, 1, rngs)
            self.bn0 = _norm(width, rngs)
        self.depthwise_conv = _Depthwise(width, size, stride, rngs)
        self.bn1 = _norm(width, rngs)
        self.project_conv = _conv(width, outputs, 1, 1, rngs)
        self.bn2 = _norm(outputs, rngs)

    def __call__(self, x: Array) -> Array:
        y = jax.nn.relu6(self.bn0(self.expand_conv(x))) if self.expands else x
        y = jax.nn.relu6(self.bn1(self.depthwise_conv(y)))
        y = self.bn2(self.project_conv(y))
        return x + y if self.residual else y


class _EfficientNet(nnx.Module):
    def __init__(self, channels: int, num_classes: int, dropout: float, rngs: nnx.Rngs):
        self.conv_stem = _conv(channels, 32, 3, 2, rngs)
        self.bn0 = _norm(32, rngs)
        blocks, strides, inputs = [], [], 32
        for count, size, stride, expansion, outputs in _STAGES:
            for i in range(count):
                first = stride if i == 0 else 1
                blocks.append(_Block(inputs, outputs, size, first, expansion, rngs))
                strides.append(first)
                inputs = outputs
        self.blocks = nnx.List(blocks)
        # Blocks after which the images shrink.
        self.shrinks = tuple(i for i in range(len(blocks) - 1) if strides[i + 1] > 1)
        self.conv_head = _conv(inputs, _LAST, 1, 1, rngs)
        self.bn1 = _norm(_LAST, rngs)
        # Without a key at rate 0: the state is then the batch norms' alone.
        self.dropout = nnx.Dropout(dropout, rngs=rngs if dropout else None)
        self.fc = nnx.Linear(_LAST, num_classes, rngs=rngs)

    def __call__(self, x: Array) -> tuple[Array, Array, tuple[Array, ...]]:
        x = jax.nn.relu6(self.bn0(self.conv_stem(x)))
        stages = ()
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.shrinks:
                stages = (*stages, _pooled(x))
        features = _pooled(jax.nn.relu6(self.bn1(self.conv_head(x))))
        return self.classify(features), features, (*stages, features)

    def classify(self, features: Array) -> Array:
        return self.fc(self.dropout(features))


def _pooled(x: Array) -> Array:
    return jnp.mean(x, axis=(1, 2), dtype=jnp.float32)


def _conv(inputs: int, outputs: int, size: int, stride: int, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(
        inputs,
        outputs,
        (size, size),
        stride,
        padding="SAME",  # TensorFlow's, whose weights these are: with a stride more at the end
        use_bias=False,
        kernel_init=_kernel_init,
        conv_general_dilated=conv_general_dilated,
        rngs=rngs,
    )
