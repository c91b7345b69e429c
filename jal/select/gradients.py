"""Cosines of last-layer gradients, which are products of small factors and never formed."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.types import Array

__all__ = ["Directions", "directions", "residuals", "similarities", "unit_rows"]


class Directions(NamedTuple):
    """Unit gradients r (x) h of M examples, as their two factors.

    Attributes:
      residual: `[M, K]`, rows of length 1; 0 where the gradient is 0.
      features: `[M, D]`, likewise.
    """

    residual: Array
    features: Array


def residuals(logits: Array, y: Array) -> Array:
    """`onehot(y) - softmax(logits)`, `[M, K]`: minus the gradient of the cross-entropy in logits.

    Args:
      logits: `[M, K]` float.
      y: `[M]` int32, the classes; the predicted ones where the true ones are not known.
    """
    own = jax.nn.one_hot(y, logits.shape[1], dtype=logits.dtype)
    others = jax.nn.softmax(logits, axis=1) * (1.0 - own)
    # The own class's as a sum: 1 - p would be 0 for confident predictions, and turn the gradient.
    return own * jnp.sum(others, axis=1, keepdims=True) - others


def unit_rows(values: Array) -> Array:
    """`values [M, D]` with rows of Euclidean length 1; rows of zeros stay so. Differentiable."""
    # Scaled first: squares of small numbers would vanish, those of large ones overflow.
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(values), axis=1, keepdims=True))
    values = values / jnp.where(largest > 0, largest, 1.0)
    squared = jnp.sum(jnp.square(values), axis=1, keepdims=True)
    return values / jnp.sqrt(jnp.where(squared > 0, squared, 1.0))


def directions(logits: Array, features: Array, y: Array) -> Directions:
    """The gradients' directions for `logits [M, K]`, `features [M, D]` and classes `y [M]`."""
    return Directions(unit_rows(residuals(logits, y)), unit_rows(features))


def similarities(points: Directions, others: Directions) -> Array:
    """`(1 + cos) / 2` in [0, 1] of all gradients with all others: `[M, B]`; 1/2 where one is 0."""
    # TF32 would move what is nearly tied.
    with jax.default_matmul_precision("highest"):
        cosine = (points.residual @ others.residual.T) * (points.features @ others.features.T)
    return 0.5 + 0.5 * jnp.clip(cosine, -1.0, 1.0)
