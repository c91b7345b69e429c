"""Statistics of a data set's inputs."""

from __future__ import annotations

import numpy as np

__all__ = ["IMAGENET", "channel_statistics"]

# Mean and deviation of ImageNet's images in [0, 1], by channel.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

_AT_ONCE = 2**22  # numbers: a float copy of a large set would take many times its memory


def channel_statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation `[C]` float32 over everything but the last axis.

    Bytes count as numbers in [0, 1]. A channel without any variation gets a deviation of 1.
    """
    scale = 255.0 if x.dtype == np.uint8 else 1.0
    total, square = np.zeros(x.shape[-1]), np.zeros(x.shape[-1])
    step = max(1, _AT_ONCE // (x.size // len(x)))
    for begin in range(0, len(x), step):
        rows = x[begin : begin + step].reshape(-1, x.shape[-1]) / scale
        total += rows.sum(axis=0, dtype=np.float64)
        square += np.square(rows, dtype=np.float64).sum(axis=0)
    count = x.size // x.shape[-1]
    mean = total / count
    std = np.sqrt(np.maximum(square / count - mean**2, 0.0))
    return mean.astype(np.float32), np.where(std > 1e-6, std, 1.0).astype(np.float32)
