"""Statistics of a data set's inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from jal.data.dataset import Dataset
from jal.types import Array

__all__ = [
    "IMAGENET",
    "TENSORFLOW",
    "brought_to",
    "mean_and_std",
    "standardisation",
    "standardised",
]

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


def mean_and_std(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation of each feature, or channel, `[C]` float32 each; 1 in
    place of a deviation of 0, as scikit-learn's StandardScaler has it. Bytes count as numbers in
    [0, 1]."""
    mean, std = _moments(x)
    return mean.astype(np.float32), np.where(std > 0, std, 1.0).astype(np.float32)


def brought_to(x: Any, mean: np.ndarray | Array, std: np.ndarray | Array) -> Any:
    """`(x - mean) / std` float32, of bytes in [0, 1]; of NumPy's arrays and of JAX's."""
    return (x.astype(np.float32) / np.float32(_scale(x)) - mean) / std


def standardised(dataset: Dataset) -> Dataset:
    """The data set with inputs of mean 0 and deviation 1 in the pool; the test set's are brought
    there alike."""
    train, test = dataset.train, dataset.test
    mean, std = mean_and_std(train.x)
    return dataset._replace(
        train=train._replace(x=brought_to(train.x, mean, std)),
        test=test._replace(x=brought_to(test.x, mean, std)),
    )


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


def _scale(x: np.ndarray | Array) -> float:
    return 255.0 if x.dtype == np.uint8 else 1.0
