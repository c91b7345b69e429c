"""What scores are given: checked, and cast to float32."""

from __future__ import annotations

import jax.numpy as jnp

from jal.types import Array

__all__ = ["as_array", "as_float32", "one_example", "without_infinity"]


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


def without_infinity(logits: Array) -> Array:
    """logits `[..., K]` of the same softmax where the largest is infinite: 0 for it, -inf else."""
    largest = jnp.max(logits, axis=-1, keepdims=True)
    return jnp.where(jnp.isinf(largest), jnp.where(logits == largest, 0.0, -jnp.inf), logits)
