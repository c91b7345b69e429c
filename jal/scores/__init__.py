"""Scores of one example, unbatched: `jax.vmap(margin)(logits)` scores a pool.

All are computed in float32: other floats, integers and bools are cast. Infinite logits are the
limits of finite ones: what is +inf shares all probability, -inf has none, and where all are -inf
they share it. NaN gives NaN. Scores of labelled examples take the class y as well.
"""

from jal.scores.alamp import alamp
from jal.scores.disagreement import bald, consensus_kl, mean_std, mutual_information, vote_entropy
from jal.scores.gradient_norms import (
    el2n,
    grand,
    grand_in_chunks,
    grand_last_layer,
    super_el2n,
)
from jal.scores.super_loss import super_loss, super_loss_weight
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
    "el2n",
    "entropy",
    "grand",
    "grand_in_chunks",
    "grand_last_layer",
    "least_confidence",
    "margin",
    "mean_std",
    "mutual_information",
    "super_el2n",
    "super_loss",
    "super_loss_weight",
    "top_two_gap",
    "vote_entropy",
]
