"""Batch normalisation that keeps the dtype of its inputs."""

from __future__ import annotations

from flax import nnx

from jal.types import Array

__all__ = ["BatchNorm"]


class BatchNorm(nnx.BatchNorm):
    """torch's momentum 0.1; the running variance takes the batch's biased one, as Flax has it."""

    def __init__(self, channels: int, rngs: nnx.Rngs, momentum: float = 0.9, epsilon: float = 1e-5):
        super().__init__(channels, momentum=momentum, epsilon=epsilon, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """Normalises `[N, H, W, C]`; the float32 statistics would promote bfloat16."""
        return super().__call__(x).astype(x.dtype)
