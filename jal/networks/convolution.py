"""2-D convolution whose gradients are fast on CPUs too."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jal.types import Array

__all__ = ["conv_general_dilated"]

_NHWC = ("NHWC", "HWIO", "NHWC")
_BLOCK = 2_500_000  # bytes of columns that stay in a core's cache
_SMALL = 25  # output pixels up to which XLA's convolution is slow on CPUs, by up to 50 times

_Pair = tuple[int, int]


def conv_general_dilated(
    lhs: Array,
    rhs: Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    **options: Any,
) -> Array:
    """`jax.lax.conv_general_dilated`, to be given to `flax.nnx.Conv(conv_general_dilated=...)`.

    XLA's own gradients of a convolution are 10 to 70 times slower than its forward pass on CPUs,
    inside loops above all. Here the gradient of the input is a forward convolution with the flipped
    kernel, that of the kernel a sum of matrix products; and under vmap, kernels that differ between
    lanes are convolved one after another, not as a grouped convolution. Other platforms get XLA's
    own forms (not yet measured on a GPU), and so does everything but plain 2-D NHWC convolutions:
    dilated, grouped. There is no forward-mode derivative.

    Args:
      lhs: `[N, H, W, C]`.
      rhs: `[h, w, C, O]`.
      window_strides: two.
      padding: "SAME", "VALID" or two pairs.
      lhs_dilation: as in `jax.lax`.
      rhs_dilation: as in `jax.lax`.
      dimension_numbers: as in `jax.lax`.
      options: further ones of `jax.lax`.
    """
    given = lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers)
    plain = (
        lhs.ndim == 4
        and 0 not in (*lhs.shape, *rhs.shape)
        and given == lax.conv_dimension_numbers(lhs.shape, rhs.shape, _NHWC)
        and all(d == 1 for d in (*(lhs_dilation or ()), *(rhs_dilation or ())))
        and options.get("feature_group_count", 1) == options.get("batch_group_count", 1) == 1
        and options.get("preferred_element_type") is None
        and options.get("out_sharding") is None
    )
    if not plain:
        return lax.conv_general_dilated(
            lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, given, **options
        )
    strides = (window_strides[0], window_strides[1])
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(lhs.shape[1:3], rhs.shape[:2], strides, padding)
    pads = ((padding[0][0], padding[0][1]), (padding[1][0], padding[1][1]))
    sizes = zip(lhs.shape[1:3], pads, rhs.shape[:2], strict=True)
    if any(size + sum(pad) < window for size, pad, window in sizes):  # no outputs at all
        return lax.conv_general_dilated(lhs, rhs, strides, pads, None, None, given, **options)
    return _conv(strides, pads, options.get("precision"))(lhs, rhs)


@functools.cache
def _conv(
    strides: _Pair, pads: tuple[_Pair, _Pair], precision: Any
) -> Callable[[Array, Array], Array]:
    def native(x: Array, kernel: Array) -> Array:
        return lax.conv_general_dilated(
            x, kernel, strides, pads, dimension_numbers=_NHWC, precision=precision
        )

    def native_on_cpu(x: Array, kernel: Array) -> Array:
        return _forward(x, kernel, strides, pads, precision)

    forward = _in_turn(native_on_cpu, native)

    def input_gradient(g: Array, kernel: Array, x: Array) -> Array:
        return jax.vjp(lambda x: native(x, kernel), x)[1](g)[0]

    def input_gradient_on_cpu(g: Array, kernel: Array, x: Array) -> Array:
        # The kernel in memory as it is used: XLA's fast path takes no reversed window.
        flipped = lax.optimization_barrier(jnp.flip(kernel, (0, 1)).swapaxes(2, 3))
        edges = [
            _edges(size, window, stride, low, out)
            for size, window, stride, (low, _), out in zip(
                x.shape[1:3], kernel.shape[:2], strides, pads, g.shape[1:3], strict=True
            )
        ]
        spread = [(*edge, stride - 1) for edge, stride in zip(edges, strides, strict=True)]
        g = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *spread, (0, 0, 0)])
        return _forward(g, flipped, (1, 1), ((0, 0), (0, 0)), precision)

    def kernel_gradient(g: Array, kernel: Array, x: Array) -> Array:
        return jax.vjp(lambda kernel: native(x, kernel), kernel)[1](g)[0]

    def kernel_gradient_on_cpu(g: Array, kernel: Array, x: Array) -> Array:
        return _shifted_products(g, kernel.shape, x, strides, pads, precision)

    to_input = _in_turn(input_gradient_on_cpu, input_gradient)
    to_kernel = _in_turn(kernel_gradient_on_cpu, kernel_gradient)

    @jax.custom_vjp
    def conv(x: Array, kernel: Array) -> Array:
        return forward(x, kernel)

    def conv_fwd(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
        return forward(x, kernel), (x, kernel)

    def conv_bwd(saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
        x, kernel = saved
        return to_input(g, kernel, x), to_kernel(g, kernel, x)

    conv.defvjp(conv_fwd, conv_bwd)
    return conv


def _in_turn(on_cpu: Callable[..., Array], elsewhere: Callable[..., Array]) -> Callable[..., Array]:
    """The platform's function; on CPUs a vmap of it is a loop."""

    @jax.custom_batching.custom_vmap
    def f(*arrays: Array) -> Array:
        return lax.platform_dependent(*arrays, cpu=on_cpu, default=elsewhere)

    @f.def_vmap
    def f_vmap(axis_size: int, in_batched: list[bool], *arrays: Array) -> tuple[Array, bool]:
        axes = tuple(0 if batched else None for batched in in_batched)

        def loop(*arrays: Array) -> Array:
            def one(i: Array) -> Array:  # by f, whose rule an outer vmap needs as well
                return f(*(a[i] if b else a for a, b in zip(arrays, in_batched, strict=True)))

            return lax.map(one, jnp.arange(axis_size))

        both = {"cpu": loop, "default": jax.vmap(elsewhere, in_axes=axes)}
        return lax.platform_dependent(*arrays, **both), True

    return f


def _padded(x: Array, pads: tuple[_Pair, _Pair]) -> Array:
    """With rows and columns of zeros around, or fewer of its own where padding is negative."""
    edges = [(low, high, 0) for low, high in pads]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *edges, (0, 0, 0)])


def _edges(size: int, window: int, stride: int, low: int, out: int) -> tuple[int, int]:
    """Padding round the spread-out gradient for which a stride-1 convolution gives `size`."""
    before = window - 1 - low
    return before, size + window - 1 - before - ((out - 1) * stride + 1)


def _forward(
    x: Array, kernel: Array, strides: _Pair, pads: tuple[_Pair, _Pair], precision: Any
) -> Array:
    """XLA's convolution, or for small images one product with all windows' pixels side by side."""
    height, width, _, outputs = kernel.shape
    rows, columns = (
        (size + sum(pad) - window) // stride + 1
        for size, pad, window, stride in zip(
            x.shape[1:3], pads, kernel.shape[:2], strides, strict=True
        )
    )
    if rows * columns > _SMALL:
        return lax.conv_general_dilated(
            x, kernel, strides, pads, dimension_numbers=_NHWC, precision=precision
        )
    x = _padded(x, pads)
    shifted = [
        x[:, i : i + (rows - 1) * strides[0] + 1 : strides[0]][
            :, :, j : j + (columns - 1) * strides[1] + 1 : strides[1]
        ]
        for i in range(height)
        for j in range(width)
    ]
    windows = jnp.concatenate(shifted, axis=3).reshape(x.shape[0] * rows * columns, -1)
    product = jnp.matmul(windows, kernel.reshape(-1, outputs), precision=precision)
    return product.reshape(x.shape[0], rows, columns, outputs)


def _shifted_products(
    g: Array,
    shape: tuple[int, ...],
    x: Array,
    strides: _Pair,
    pads: tuple[_Pair, _Pair],
    precision: Any,
) -> Array:
    """The kernel's gradient: one matrix product for each of its rows, in blocks of images."""
    height, width, channels, outputs = shape
    rows, columns = g.shape[1:3]
    x = _padded(x, pads)

    def of_block(x: Array, g: Array) -> Array:
        last = (columns - 1) * strides[1] + 1
        shifted = [lax.slice_in_dim(x, j, j + last, strides[1], 2) for j in range(width)]
        x = jnp.concatenate(shifted, axis=3)
        g = g.reshape(-1, outputs)
        last = (rows - 1) * strides[0] + 1
        products = [
            jnp.matmul(
                lax.slice_in_dim(x, i, i + last, strides[0], 1).reshape(-1, width * channels).T,
                g,
                precision=precision,
                preferred_element_type=jnp.float32,
            )
            for i in range(height)
        ]
        return jnp.stack(products).reshape(shape)

    images = x.shape[0]
    fit = max(1, _BLOCK // (x.itemsize * x.shape[1] * columns * width * channels))
    block = max(d for d in range(1, images + 1) if images % d == 0 and d <= fit)
    if block == images:
        return of_block(x, g).astype(g.dtype)

    def add(i: Array, total: Array) -> Array:
        return total + of_block(*(lax.dynamic_slice_in_dim(a, i * block, block) for a in (x, g)))

    total = lax.fori_loop(0, images // block, add, jnp.zeros(shape, jnp.float32))
    return total.astype(g.dtype)
