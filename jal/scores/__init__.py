"""Scores of one example, unbatched: `jax.vmap(margin)(logits)` scores a pool.

All are computed in float32: other floats, integers and bools are cast. Infinite logits are the
limits of finite ones: what is +inf shares all probability, -inf has none, and where all are -inf
they share it. NaN gives NaN.
"""

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
