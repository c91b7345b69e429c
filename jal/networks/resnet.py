"""Residual networks for images, with the module names of torchvision."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from jal.networks.batch_norm import BatchNorm
from jal.networks.convolution import conv_general_dilated
from jal.networks.network import from_module
from jal.networks.pooling import max_pool
from jal.types import Array, InputError, Network

__all__ = ["resnet"]

Stem = Literal["imagenet", "cifar", "grayscale"]


def resnet(
    depth: Literal[18, 34, 50],
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    stem: Stem = "imagenet",
    dropout: float = 0.0,
) -> Network:
    """ResNet-18, 34 or 50 (He et al., 2016; 50 with the stride in the 3x3, as torchvision has it).

    Takes float images `[M, H, W, C]`, computes in the dtype of parameters and inputs, and gives
    float32 logits and features: the global average pool, `[M, 512]`, or `[M, 2048]` for 50.

    Args:
      depth: 18, 34 or 50.
      input_shape: `(H, W, C)` of one image.
      num_classes: K.
      stem: "imagenet", a 7x7 convolution of stride 2 and a max pool; "cifar", a 3x3 convolution of
        stride 1 and no pool, for small images; "grayscale", a 1x1 convolution from one channel to
        three in front of the ImageNet stem.
      dropout: rate before the last layer.

    Raises:
      InputError: for another depth or stem, or images that do not fit the stem.
    """
    if depth not in _BLOCKS:
        raise InputError(f"a ResNet of depth {depth!r} is not known: give 18, 34 or 50.")
    if stem not in ("imagenet", "cifar", "grayscale"):
        raise InputError(f"the stem {stem!r} is not known: give imagenet, cifar or grayscale.")
    if len(input_shape) != 3:
        raise InputError(f"a ResNet takes images (H, W, C), not inputs of shape {input_shape}.")
    if stem == "grayscale" and input_shape[-1] != 1:
        raise InputError(
            f"the grayscale stem takes images of one channel, not of {input_shape[-1]}: give "
            "imagenet or cifar."
        )
    return from_module(
        lambda rngs: _ResNet(depth, input_shape[-1], num_classes, stem, dropout, rngs)
    )


def _added(x: Array, downsample: nnx.List, residual: Array) -> Array:
    """A block's output: its input, which a projection brings to the residual's shape, and that."""
    for module in downsample:
        x = module(x)
    return jax.nn.relu(x + residual)


class _BasicBlock(nnx.Module):
    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, rngs: nnx.Rngs):
        self.conv1 = _conv(inputs, width, 3, stride, rngs)
        self.bn1 = BatchNorm(width, rngs)
        self.conv2 = _conv(width, width, 3, 1, rngs)
        self.bn2 = BatchNorm(width, rngs)
        self.downsample = _downsample(inputs, width, stride, rngs)

    def __call__(self, x: Array) -> Array:
        y = jax.nn.relu(self.bn1(self.conv1(x)))
        return _added(x, self.downsample, self.bn2(self.conv2(y)))


class _Bottleneck(nnx.Module):
    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, rngs: nnx.Rngs):
        outputs = self.expansion * width
        self.conv1 = _conv(inputs, width, 1, 1, rngs)
        self.bn1 = BatchNorm(width, rngs)
        self.conv2 = _conv(width, width, 3, stride, rngs)
        self.bn2 = BatchNorm(width, rngs)
        self.conv3 = _conv(width, outputs, 1, 1, rngs)
        self.bn3 = BatchNorm(outputs, rngs)
        self.downsample = _downsample(inputs, outputs, stride, rngs)

    def __call__(self, x: Array) -> Array:
        y = jax.nn.relu(self.bn1(self.conv1(x)))
        y = jax.nn.relu(self.bn2(self.conv2(y)))
        return _added(x, self.downsample, self.bn3(self.conv3(y)))


_BLOCKS = {
    18: (_BasicBlock, (2, 2, 2, 2)),
    34: (_BasicBlock, (3, 4, 6, 3)),
    50: (_Bottleneck, (3, 4, 6, 3)),
}


class _ResNet(nnx.Module):
    def __init__(
        self,
        depth: int,
        channels: int,
        num_classes: int,
        stem: Stem,
        dropout: float,
        rngs: nnx.Rngs,
    ):
        block, sizes = _BLOCKS[depth]
        self.front = _conv(channels, 3, 1, 1, rngs) if stem == "grayscale" else None
        channels = 3 if stem == "grayscale" else channels
        self.pool = stem != "cifar"
        self.conv1 = (
            _conv(channels, 64, 3, 1, rngs) if stem == "cifar" else _conv(channels, 64, 7, 2, rngs)
        )
        self.bn1 = BatchNorm(64, rngs)
        wide = block.expansion
        self.layer1 = _layer(block, sizes[0], 64, 64, 1, rngs)
        self.layer2 = _layer(block, sizes[1], 64 * wide, 128, 2, rngs)
        self.layer3 = _layer(block, sizes[2], 128 * wide, 256, 2, rngs)
        self.layer4 = _layer(block, sizes[3], 256 * wide, 512, 2, rngs)
        # Without a key at rate 0: the state is then the batch norms' alone.
        self.dropout = nnx.Dropout(dropout, rngs=rngs if dropout else None)
        self.fc = nnx.Linear(512 * wide, num_classes, rngs=rngs)

    def __call__(self, x: Array) -> tuple[Array, Array, tuple[Array, ...]]:
        if self.front is not None:
            x = self.front(x)
        x = jax.nn.relu(self.bn1(self.conv1(x)))
        if self.pool:
            x = max_pool(x, 3, 2, 1)
        stages = ()
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in layer:
                x = block(x)
            stages = (*stages, jnp.mean(x, axis=(1, 2), dtype=jnp.float32))
        return self.classify(stages[-1]), stages[-1], stages

    def classify(self, features: Array) -> Array:
        return self.fc(self.dropout(features))


def _layer(
    block: type[_BasicBlock] | type[_Bottleneck],
    size: int,
    inputs: int,
    width: int,
    stride: int,
    rngs: nnx.Rngs,
) -> nnx.List:
    first = block(inputs, width, stride, rngs)
    others = [block(block.expansion * width, width, 1, rngs) for _ in range(size - 1)]
    return nnx.List([first, *others])


def _conv(inputs: int, outputs: int, size: int, stride: int, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(
        inputs,
        outputs,
        (size, size),
        stride,
        # torch's padding: SAME would shift the windows of a convolution with a stride.
        padding=size // 2,
        use_bias=False,
        kernel_init=nnx.initializers.variance_scaling(2.0, "fan_out", "normal"),
        conv_general_dilated=conv_general_dilated,
        rngs=rngs,
    )


def _downsample(inputs: int, outputs: int, stride: int, rngs: nnx.Rngs) -> nnx.List:
    """What the shortcut passes through: nothing where the shapes agree."""
    if stride == 1 and inputs == outputs:
        return nnx.List([])
    return nnx.List([_conv(inputs, outputs, 1, stride, rngs), BatchNorm(outputs, rngs)])
