"""Scores of one example, unbatched: `jax.vmap(margin)(logits)` scores a pool."""

from jal.scores.uncertainty import (
    average_confidence,
    entropy,
    least_confidence,
    margin,
    top_two_gap,
)

__all__ = ["average_confidence", "entropy", "least_confidence", "margin", "top_two_gap"]
