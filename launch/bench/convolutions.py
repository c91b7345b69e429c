"""Ways to convolve many seeds' images with as many kernels, measured in place of jal's own."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jal.types import Array

__all__ = ["WAYS", "convolving"]

_NHWC = ("NHWC", "HWIO", "NHWC")
_Pairs = tuple[tuple[int, int], ...]


def grouped(
    lhs: Array, rhs: Array, strides: Sequence[int], padding: Any, *rest: Any, **options: Any
) -> Array:
    """XLA's own: vmap makes it one convolution with a group of channels for each seed."""
    return lax.conv_general_dilated(lhs, rhs, strides, padding, *rest, **options)


def products(
    lhs: Array, rhs: Array, strides: Sequence[int], padding: Any, *_: Any, **options: Any
) -> Array:
    """All windows' pixels side by side, times the kernel: under vmap a batched matrix product."""
    height, width, _inputs, outputs = rhs.shape
    x = jnp.pad(lhs, [(0, 0), *_pads(lhs, rhs, strides, padding), (0, 0)])
    rows, columns = (
        (size - window) // stride + 1
        for size, window, stride in zip(x.shape[1:3], rhs.shape[:2], strides, strict=True)
    )
    windows = jnp.concatenate(
        [
            x[:, i : i + (rows - 1) * strides[0] + 1 : strides[0]][
                :, :, j : j + (columns - 1) * strides[1] + 1 : strides[1]
            ]
            for i in range(height)
            for j in range(width)
        ],
        axis=3,
    )
    return jnp.matmul(windows, rhs.reshape(-1, outputs), precision=options.get("precision"))


def in_turn(
    lhs: Array, rhs: Array, strides: Sequence[int], padding: Any, *_: Any, **options: Any
) -> Array:
    """XLA's own, under vmap one seed's after another: only the convolutions are in turn."""
    pads = _pads(lhs, rhs, strides, padding)
    return _looped(tuple(strides), pads, options.get("precision"))(lhs, rhs)


WAYS: dict[str, Callable[..., Array]] = {
    "grouped": grouped,
    "in turn": in_turn,
    "products": products,
}


@contextlib.contextmanager
def convolving(way: str | None) -> Iterator[None]:
    """jal's networks convolve in that way while they are built and compiled; None: in jal's own."""
    # As attributes of the package, these names are the functions.
    modules: list[Any] = [
        importlib.import_module(f"jal.networks.{name}") for name in ("cnn", "resnet")
    ]
    before = [module.conv_general_dilated for module in modules]
    try:
        for module in modules if way else ():
            module.conv_general_dilated = WAYS[way or ""]
        yield
    finally:
        for module, own in zip(modules, before, strict=True):
            module.conv_general_dilated = own


def _pads(lhs: Array, rhs: Array, strides: Sequence[int], padding: Any) -> _Pairs:
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(lhs.shape[1:3], rhs.shape[:2], strides, padding)
    return tuple((int(low), int(high)) for low, high in padding)


@functools.cache
def _looped(strides: tuple[int, ...], pads: _Pairs, precision: Any) -> Callable[..., Array]:
    def native(x: Array, kernel: Array) -> Array:
        return lax.conv_general_dilated(
            x, kernel, strides, pads, dimension_numbers=_NHWC, precision=precision
        )

    forward = _loop(native)
    to_input = _loop(lambda g, x, kernel: jax.vjp(lambda x: native(x, kernel), x)[1](g)[0])
    to_kernel = _loop(lambda g, x, kernel: jax.vjp(lambda k: native(x, k), kernel)[1](g)[0])

    @jax.custom_vjp
    def conv(x: Array, kernel: Array) -> Array:
        return forward(x, kernel)

    def conv_fwd(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
        return forward(x, kernel), (x, kernel)

    def conv_bwd(saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
        return to_input(g, *saved), to_kernel(g, *saved)

    conv.defvjp(conv_fwd, conv_bwd)
    return conv


def _loop(f: Callable[..., Array]) -> Callable[..., Array]:
    """`f`, of which a vmap is a loop."""
    looped = jax.custom_batching.custom_vmap(f)

    @looped.def_vmap
    def rule(size: int, batched: list[bool], *arrays: Array) -> tuple[Array, bool]:
        def one(i: Array) -> Array:
            return looped(*(a[i] if b else a for a, b in zip(arrays, batched, strict=True)))

        return lax.map(one, jnp.arange(size)), True

    return looped
