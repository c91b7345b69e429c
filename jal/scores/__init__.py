"""Scores of one example, unbatched: `jax.vmap(margin)(logits)` scores a pool."""

from jal.scores.alamp import alamp
from jal.scores.disagreement import bald, consensus_kl, mean_std, mutual_information, vote_entropy
from jal.scores.uncertainty import (
    average_confidence,
    entropy,
    least_confidence,
    margin,
    top_two_gap,
)

__all__ = [
    "alamp",
    "average_confidence",
    "bald",
    "consensus_kl",
    "entropy",
    "least_confidence",
    "margin",
    "mean_std",
    "mutual_information",
    "top_two_gap",
    "vote_entropy",
]
