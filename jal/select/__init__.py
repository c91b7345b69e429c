"""Whole-pool selectors: arrays in, k distinct unlabelled indices out, in order of preference."""

from jal.select.badge import badge
from jal.select.k_center import k_center
from jal.select.kmeans import kmeans
from jal.select.top_k import top_k

__all__ = ["badge", "k_center", "kmeans", "top_k"]
