"""Statistics of a data set's inputs."""

from __future__ import annotations

import numpy as np

__all__ = ["IMAGENET", "TENSORFLOW", "standardisation"]

# Mean and deviation of ImageNet's images in [0, 1], by channel.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

# What TensorFlow's EfficientNet-Lite was trained with: bytes less 127, divided by 128.
TENSORFLOW = ((127 / 255,) * 3, (128 / 255,) * 3)

_AT_ONCE = 2**22  # numbers: a float copy of a large set would take many times its memory


def standardisation(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What to subtract from the inputs of a network and what to divide by, `[C]` float32 each.

    The mean over everything but the last axis (a feature's, an image's channel's), and the standard
    deviation or half of the largest deviation, whichever is more: what is nearly always the same,
    as pixels in a corner are, is not blown up. A channel without any variation is divided by the
    largest of the others' numbers. Bytes count as numbers in [0, 1].
    """
    mean, std = _moments(x)
    flat = x.reshape(-1, x.shape[-1])
    low, high = (edge(flat, axis=0) / _scale(x) for edge in (np.min, np.max))
    scale = np.maximum(std, 0.5 * np.maximum(high - mean, mean - low))
    varies = std > 0
    others = scale[varies].max(initial=0.0) or 1.0
    return mean.astype(np.float32), np.where(varies, scale, others).astype(np.float32)


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation `[C]` float64; exactly 0 where nothing varies."""
    flat = x.reshape(-1, x.shape[-1])
    step = max(1, _AT_ONCE // flat.shape[1])
    parts = [flat[begin : begin + step] for begin in range(0, len(flat), step)]
    mean, square = np.zeros(flat.shape[1]), np.zeros(flat.shape[1])
    for part in parts:
        mean += part.sum(axis=0, dtype=np.float64) / len(flat)
    for part in parts:
        square += np.square(part - mean).sum(axis=0) / len(flat)
    varies = flat.min(axis=0) < flat.max(axis=0)
    return mean / _scale(x), np.where(varies, np.sqrt(square), 0.0) / _scale(x)


def _scale(x: np.ndarray) -> float:
    return 255.0 if x.dtype == np.uint8 else 1.0
