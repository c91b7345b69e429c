"""How much each class counts, where classes are unequally common."""

from __future__ import annotations

from typing import Literal

import jax.numpy as jnp

from jal.types import Array

__all__ = ["class_weights"]


def class_weights(
    y: Array, on: Array, num_classes: int, class_weight: Literal["balanced"] | None
) -> Array:
    """`[K]` float32 weights: 1, or scikit-learn's n / (classes present times the class's count).

    Args:
      y: `[n]` int32; K or more for no class.
      on: `[n]` bool, the points that count.
      num_classes: K.
      class_weight: "balanced" for the latter; 0 then for absent classes.
    """
    if class_weight is None:
        return jnp.ones(num_classes)
    count = jnp.zeros(num_classes).at[y].add(on, mode="drop")
    each = jnp.sum(count) / jnp.maximum(jnp.sum(count > 0), 1)
    return jnp.where(count > 0, each / jnp.maximum(count, 1.0), 0.0)
