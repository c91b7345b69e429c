"""Disagreement of T predictions of one example: dropout passes, or the members of a committee."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.scores.checks import as_float32, one_example, without_infinity
from jal.scores.uncertainty import entropy
from jal.types import Array

__all__ = ["bald", "consensus_kl", "mean_std", "mutual_information", "vote_entropy"]


def bald(logits: Array) -> Array:
    """Entropy of the mean prediction minus the mean entropy, in nats; a HIGH value disagrees.

    It is the mutual information of the label and the choice of the pass.

    Args:
      logits: `[T, K]` float, K >= 2; -inf stands for probability 0.

    Returns:
      `[]` in [0, min(log K, log T)]: 0 where all passes agree, log T for T distinct certainties
      (Houlsby et al., 2011; by dropout: Gal et al., 2017).
    """
    return _jensen_shannon(_logits("bald", logits))


def consensus_kl(logits: Array) -> Array:
    """Mean Kullback-Leibler divergence of the members from their mean prediction, in nats.

    The mean of sum_k p_t log(p_t / mean p) is the entropy of the mean minus the mean entropy: the
    same number as `bald`.

    Args:
      logits: `[T, K]` float, K >= 2; -inf stands for probability 0.

    Returns:
      `[]` in [0, min(log K, log T)]; a HIGH value disagrees (McCallum and Nigam, 1998).
    """
    return _jensen_shannon(_logits("consensus_kl", logits))


def mean_std(logits: Array) -> Array:
    """Standard deviation of each class's probability over the passes, averaged over the classes.

    Args:
      logits: `[T, K]` float, K >= 2; the deviation is the population's (divided by T).

    Returns:
      `[]` in [0, 1/2]; a HIGH value disagrees (Kampffmeyer et al., 2016).
    """
    p = jax.nn.softmax(_logits("mean_std", logits), axis=1)
    return jnp.mean(jnp.std(p, axis=0))


def vote_entropy(logits: Array) -> Array:
    """Entropy of the members' votes, in nats; a HIGH value disagrees.

    Args:
      logits: `[T, K]` float, K >= 2; each member votes for its largest, of several for the one
        whose mean probability over the members is largest; the first where the means tie as well.

    Returns:
      `[]` in [0, min(log K, log T)] (Dagan and Engelson, 1995).
    """
    logits = _logits("vote_entropy", logits)
    consensus = jnp.mean(jax.nn.softmax(logits, axis=1), axis=0)
    largest = logits == jnp.max(logits, axis=1, keepdims=True)
    consensus = jnp.round(consensus * 1e5)  # rounding tells no equals apart
    votes = jnp.argmax(jnp.where(largest, consensus, -1.0), axis=1)
    votes = jax.nn.one_hot(votes, logits.shape[1], dtype=logits.dtype)
    doubt = entropy(jnp.log(jnp.mean(votes, axis=0)))
    return jnp.where(jnp.any(jnp.isnan(logits)), jnp.nan, doubt)


def mutual_information(consensus: Array, mean_entropy: Array) -> Array:
    """`bald` from two means over the passes, for passes that come one after another.

    Args:
      consensus: `[K]` float, the mean probabilities.
      mean_entropy: `[]` float, the mean of the entropies, in nats.

    Returns:
      `[]`, at least 0; what is below 1e-6 is rounding, and is 0.
    """
    consensus = one_example("mutual_information", "consensus", consensus, "[K]")
    mean_entropy = as_float32("mutual_information", "mean_entropy", mean_entropy)
    if mean_entropy.ndim:
        raise ValueError(
            f"mutual_information takes one example's mean_entropy [], got shape "
            f"{mean_entropy.shape}: write jax.vmap(mutual_information) for many examples."
        )
    difference = entropy(jnp.log(consensus)) - mean_entropy
    return jnp.where(difference < 1e-6, 0.0, difference)


def _jensen_shannon(logits: Array) -> Array:
    consensus = jnp.mean(jax.nn.softmax(logits, axis=1), axis=0)
    return mutual_information(consensus, jnp.mean(jax.vmap(entropy)(logits)))


def _logits(name: str, logits: Array) -> Array:
    return without_infinity(one_example(name, "logits", logits, "[T, K]"))
