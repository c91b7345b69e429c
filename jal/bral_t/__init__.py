"""What BRAL-T is made of: clusters of points, their moments, and distances between sets."""

from jal.bral_t.clusters import Moments, k_means, members, moments, sub_clusters
from jal.bral_t.distance import (
    Distances,
    gaussian,
    nearest_cluster,
    sinkhorn,
    sinkhorn_matrix,
)

__all__ = [
    "Distances",
    "Moments",
    "gaussian",
    "k_means",
    "members",
    "moments",
    "nearest_cluster",
    "sinkhorn",
    "sinkhorn_matrix",
    "sub_clusters",
]
