"""Data sets: sources, splits, imbalance, corruption, augmentation, frozen features."""

from jal.data.augmentation import compose, crop, flip
from jal.data.corruption import corrupt, corrupt_fraction, corrupted
from jal.data.imbalance import (
    imbalanced,
    long_tail_counts,
    ratio_counts,
    step_counts,
    with_counts,
)
from jal.data.sources import Dataset, from_arrays, load, take
from jal.data.splits import (
    balanced_start,
    fractions,
    random_start,
    start_from,
    stratified_folds,
    twisted_start,
)
from jal.data.statistics import standardisation

__all__ = [
    "Dataset",
    "balanced_start",
    "compose",
    "corrupt",
    "corrupt_fraction",
    "corrupted",
    "crop",
    "flip",
    "fractions",
    "from_arrays",
    "imbalanced",
    "load",
    "long_tail_counts",
    "random_start",
    "ratio_counts",
    "standardisation",
    "start_from",
    "step_counts",
    "stratified_folds",
    "take",
    "twisted_start",
    "with_counts",
]
