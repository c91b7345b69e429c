"""Uncertainty of one prediction, from its logits."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.scores.checks import one_example, without_infinity
from jal.types import Array

__all__ = ["average_confidence", "entropy", "least_confidence", "margin", "top_two_gap"]


def margin(logits: Array) -> Array:
    """Gap between the two largest softmax probabilities; a LOW margin is uncertain.

    Args:
      logits: `[K]` float, K >= 2.

    Returns:
      `[]` in [0, 1]: 0 for a tie, 1 for certainty (Scheffer et al., 2001).
    """
    return top_two_gap(jax.nn.softmax(_logits("margin", logits)))


def least_confidence(logits: Array) -> Array:
    """One minus the largest softmax probability; a HIGH value is uncertain.

    Args:
      logits: `[K]` float, K >= 2.

    Returns:
      `[]` in [0, 1 - 1/K] (Lewis and Gale, 1994).
    """
    logits = _logits("least_confidence", logits)
    # The largest probability is 1 over this sum: half the work of a softmax's maximum.
    return 1.0 - 1.0 / jnp.sum(jnp.exp(logits - jnp.max(logits)))


def entropy(logits: Array) -> Array:
    """Shannon entropy of the softmax, in nats; a HIGH value is uncertain.

    Args:
      logits: `[K]` float, K >= 2; -inf stands for probability 0.

    Returns:
      `[]` in [0, log K] (Shannon, 1948).
    """
    log_p = jax.nn.log_softmax(_logits("entropy", logits))
    p = jnp.exp(log_p)
    # Inside the product, so that its gradient holds no 0 * inf either.
    return -jnp.sum(p * jnp.where(p > 0, log_p, 0.0))


def average_confidence(probabilities: Array) -> Array:
    """Mean of the classes' probabilities; modAL's `avg_confidence`, which picks the HIGHEST.

    It informs where classes are judged one by one (sigmoids). For a softmax it is 1/K for every
    example, up to rounding, and ranks nothing.

    Args:
      probabilities: `[K]` float in [0, 1].

    Returns:
      `[]` in [0, 1].
    """
    return jnp.mean(one_example("average_confidence", "probabilities", probabilities, "[K]"))


def top_two_gap(values: Array) -> Array:
    """Largest value minus second largest; the margin of raw decision values.

    Args:
      values: `[K]` float, K >= 2.

    Returns:
      `[]`, at least 0; 0 for a tie, of infinite values too.
    """
    values = one_example("top_two_gap", "values", values, "[K]")
    first = jnp.argmax(values)
    second = jnp.max(jnp.where(jnp.arange(values.shape[0]) == first, -jnp.inf, values))
    # Not top_k(values, 2): a sort of two costs more than two maxima under vmap.
    tie = jnp.isinf(second) & (values[first] == second)
    return jnp.where(tie, 0.0, values[first] - second)


def _logits(name: str, logits: Array) -> Array:
    return without_infinity(one_example(name, "logits", logits, "[K]"))
