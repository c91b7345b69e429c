"""What learners on vectors make of any inputs."""

from __future__ import annotations

import jax.numpy as jnp

from jal.types import Array

__all__ = ["flatten"]


def flatten(x: Array) -> Array:
    """Inputs `[M, ...]` as float32 vectors `[M, D]`, bytes scaled to [0, 1]."""
    scale = 255.0 if x.dtype == jnp.uint8 else 1.0
    return x.reshape(x.shape[0], -1).astype(jnp.float32) / scale
