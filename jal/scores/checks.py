"""What scores are given: checked, and cast to float32."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jal.types import Array

__all__ = [
    "as_array",
    "as_float32",
    "as_int32",
    "one_class",
    "one_example",
    "one_number",
    "without_infinity",
]


def as_array(name: str, what: str, values: object) -> Array:
    """values as a JAX array.

    Raises:
      ValueError: where they are none, such as None, text, or rows of different lengths.
    """
    try:
        return jnp.asarray(values)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{name} takes {what} as an array of numbers, got {type(values).__name__}."
        ) from error


def as_float32(name: str, what: str, values: object) -> Array:
    """values as float32, whatever float, integer or bool they are; float32 costs nothing.

    Raises:
      ValueError: where they are not real numbers.
    """
    array = as_array(name, what, values)
    kinds = (jnp.floating, jnp.integer, jnp.bool_)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in kinds):
        raise ValueError(f"{name} takes {what} of real numbers, got {array.dtype}.")
    return array.astype(jnp.float32)


def one_example(name: str, what: str, values: Array, shape: str) -> Array:
    """values as float32 of the `shape`, such as "[T, K]", of which K is at least 2.

    Raises:
      ValueError: where they have another.
    """
    array = as_float32(name, what, values)
    if array.ndim != 1 + shape.count(",") or array.shape[-1] < 2 or array.size == 0:
        least = "T >= 1 and K >= 2" if "T" in shape else "K >= 2"
        raise ValueError(
            f"{name} takes one example's {what} {shape} with {least}, got shape "
            f"{array.shape}: write jax.vmap({name}) for many examples."
        )
    return array


def one_class(name: str, y: object) -> Array:
    """y `[]` as int32.

    Raises:
      ValueError: where it is no single integer within int32.
    """
    array = as_array(name, "y", y)
    if array.ndim or not jnp.issubdtype(array.dtype, jnp.integer):
        raise ValueError(
            f"{name} takes one example's class y [], an integer, got shape {array.shape} of "
            f"{array.dtype}: write jax.vmap({name}) for many examples."
        )
    return as_int32(name, "y", y, array)


def one_number(name: str, what: str, value: object, *, above: float | None = None) -> Array:
    """value `[]` as float32.

    Raises:
      ValueError: where it is no single real number; with `above`, also where it is known not to be
        finite and above that in float32.
    """
    array = as_float32(name, what, value)
    if array.ndim:
        raise ValueError(
            f"{name} takes one example's {what} [], got shape {array.shape}: write "
            f"jax.vmap({name}) for many examples."
        )
    if above is not None and not isinstance(array, Tracer):
        with jax.ensure_compile_time_eval():
            right = bool((array > above) & jnp.isfinite(array))
        if not right:
            raise ValueError(
                f"{name} takes {what} as a finite number above {above:g}, got {value!r}."
            )
    return array


def as_int32(name: str, what: str, values: object, array: Array) -> Array:
    """array, which is the values, as int32.

    Raises:
      ValueError: where it is known to go beyond.
    """
    given: Any = values if hasattr(values, "dtype") else array  # NumPy's int64 has more
    wide = given.dtype.itemsize > 4 or given.dtype == jnp.uint32
    if wide and not isinstance(given, Tracer):
        limits = jnp.iinfo(jnp.int32)
        with jax.ensure_compile_time_eval():
            low, high = int(given.min()), int(given.max())
        if low < limits.min or high > limits.max:
            raise ValueError(f"{name} takes {what} within int32, got {low} to {high}.")
    return array.astype(jnp.int32)


def without_infinity(logits: Array) -> Array:
    """logits `[..., K]` of the same softmax where the largest is infinite: 0 for it, -inf else."""
    largest = jnp.max(logits, axis=-1, keepdims=True)
    return jnp.where(jnp.isinf(largest), jnp.where(logits == largest, 0.0, -jnp.inf), logits)
