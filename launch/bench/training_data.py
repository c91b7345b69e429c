"""What networks are trained on here, and for how long: the same for jal and for PyTorch."""

from __future__ import annotations

from typing import Any

BATCH, SHAPE, CLASSES = 64, (28, 28, 1), 10
STEPS = {"cnn": 10, "resnet18": 4}  # of each seed in one run on CPUs


def examples(count: int) -> tuple[Any, Any]:
    """Random images `[N, 28, 28, 1]` uint8 and their classes."""
    import numpy as np

    random = np.random.default_rng(0)
    return random.integers(0, 255, (count, *SHAPE)).astype(np.uint8), np.arange(count) % CLASSES
