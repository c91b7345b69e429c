"""ALAMP: how far a prediction has moved from certain to uncertain in one round."""

from __future__ import annotations

import jax.numpy as jnp

from jal.scores.checks import as_float32
from jal.types import Array

__all__ = ["alamp"]


def alamp(previous: Array, current: Array) -> Array:
    """Shift of the margin towards uncertainty between two rounds; a HIGH value is picked.

    `(previous - current) / (previous + current)`, which is `tanh(log(previous / current) / 2)`: the
    same for both margins scaled alike, and of opposite sign for both exchanged.

    Args:
      previous: `[]` float, the example's margin a round ago; at least 0.
      current: `[]` float, its margin now; at least 0. Of probabilities or of decision values, but
        both of the same.

    Returns:
      `[]` in [-1, 1]: 1 where a certain example has become a tie, -1 for the opposite, 0 where both
      margins are 0 (Aggarwal et al., 2022, eq. 3).
    """
    previous = as_float32("alamp", "previous", previous)
    current = as_float32("alamp", "current", current)
    if previous.ndim or current.ndim:
        raise ValueError(
            f"alamp takes one example's margins, got shapes {previous.shape} and {current.shape}: "
            "write jax.vmap(alamp) for many examples."
        )
    # Divided by the larger one first: the sum of two large decision values may overflow.
    largest = jnp.maximum(previous, current)
    scale = jnp.where(largest > 0, largest, 1.0)
    previous, current = (
        # An infinite margin is the limit of large ones.
        jnp.where(jnp.isinf(margin), 1.0, margin / scale)
        for margin in (previous, current)
    )
    total = previous + current
    return (previous - current) / jnp.where(total > 0, total, 1.0)
