"""Pooling whose gradient is fast on CPUs too."""

from __future__ import annotations

import functools
import itertools

import jax.numpy as jnp
from jax import lax

from jal.types import Array

__all__ = ["max_pool"]


def max_pool(x: Array, window: int, stride: int, padding: int = 0) -> Array:
    """Maxima over square windows of images `[N, H, W, C]`, as PyTorch's MaxPool2d takes them.

    A maximum of shifted images: the gradient of XLA's own window reduction is several times slower
    on CPUs. Values that tie share the gradient, if unequally; PyTorch's gives it to the first.
    """
    edge = (padding, padding, 0)
    x = lax.pad(x, jnp.array(-jnp.inf, x.dtype), [(0, 0, 0), edge, edge, (0, 0, 0)])
    last = [(size - window) // stride * stride + 1 for size in x.shape[1:3]]

    def shifted(row: int, column: int) -> Array:
        rows = lax.slice_in_dim(x, row, row + last[0], stride, axis=1)
        return lax.slice_in_dim(rows, column, column + last[1], stride, axis=2)

    offsets = itertools.product(range(window), range(window))
    return functools.reduce(jnp.maximum, (shifted(*offset) for offset in offsets))
