"""What BRAL-T is made of: clusters, distances between sets, a learned reward, and the policy."""

from jal.bral_t.actions import Actions, find_actions, rewards
from jal.bral_t.clusters import Moments, k_means, members, moments, pooled, sub_clusters
from jal.bral_t.distance import (
    Distances,
    gaussian,
    nearest_cluster,
    sinkhorn,
    sinkhorn_matrix,
)
from jal.bral_t.options import Distance, Policy, check_policy
from jal.bral_t.pairs import Pairs, Seen, error_scores, sample_pairs, trusted_points
from jal.bral_t.policy import (
    Rank,
    choose,
    learn,
    pool_actions,
    rank_by_reward,
    rank_by_rival,
    rank_by_truth,
)
from jal.bral_t.reward import Reward, init_reward, predict, train_reward

__all__ = [
    "Actions",
    "Distance",
    "Distances",
    "Moments",
    "Pairs",
    "Policy",
    "Rank",
    "Reward",
    "Seen",
    "check_policy",
    "choose",
    "error_scores",
    "find_actions",
    "gaussian",
    "init_reward",
    "k_means",
    "learn",
    "members",
    "moments",
    "nearest_cluster",
    "pool_actions",
    "pooled",
    "predict",
    "rank_by_reward",
    "rank_by_rival",
    "rank_by_truth",
    "rewards",
    "sample_pairs",
    "sinkhorn",
    "sinkhorn_matrix",
    "sub_clusters",
    "train_reward",
    "trusted_points",
]
