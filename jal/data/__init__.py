"""Data sets: sources, splits, imbalance, corruption, augmentation, frozen features."""

from jal.extras import require

require("jal.data", "experiments", "pandas", "sklearn")


from jal.data.augmentation import compose, crop, flip
from jal.data.corruption import corrupt, corrupt_fraction, corrupted
from jal.data.imbalance import (
    imbalanced,
    long_tail_counts,
    ratio_counts,
    step_counts,
    with_counts,
)
from jal.data.keel import KeelSet, keel_sets
from jal.data.sources import Dataset, from_arrays, load, take
from jal.data.splits import fractions
from jal.data.statistics import standardisation

__all__ = [
    "Dataset",
    "KeelSet",
    "compose",
    "corrupt",
    "corrupt_fraction",
    "corrupted",
    "crop",
    "flip",
    "fractions",
    "from_arrays",
    "imbalanced",
    "keel_sets",
    "load",
    "long_tail_counts",
    "ratio_counts",
    "standardisation",
    "step_counts",
    "take",
    "with_counts",
]
