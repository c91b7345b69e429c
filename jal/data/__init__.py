"""Data sets: sources, checks, starting sets."""

from jal.data.sources import Dataset, from_arrays, load
from jal.data.splits import balanced_start, start_from

__all__ = ["Dataset", "balanced_start", "from_arrays", "load", "start_from"]
