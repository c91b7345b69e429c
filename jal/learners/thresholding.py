"""Correcting a classifier for the class frequencies that it was trained on."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jal.types import Array, Auxiliary, Labels, Learner, Outputs, PyTree

__all__ = ["ThresholdedVariables", "thresholded"]


class ThresholdedVariables(NamedTuple):
    """The learner's own, and `log_prior [K]`: log of the classes' shares of the labelled points."""

    learner: PyTree
    log_prior: Array


def thresholded(learner: Learner, num_classes: int) -> Learner:
    """The learner with its probabilities divided by the classes' shares of the labelled points.

    Logits become `logits - log prior`, so that a softmax of them is p/prior, normalised. A class
    without a labelled point is left as it is. Source: Buda et al., 2018, section 2.2; ALAMP.

    Args:
      learner: of log-probabilities up to a constant: not of decision values.
      num_classes: K.
    """

    def init(key: Array, data: PyTree) -> ThresholdedVariables:
        return ThresholdedVariables(learner.init(key, data), jnp.zeros(num_classes))

    def fit(
        key: Array,
        variables: ThresholdedVariables,
        data: PyTree,
        y: Array,
        labels: Labels,
        hyper: PyTree,
    ) -> tuple[ThresholdedVariables, dict[str, Array]]:
        fitted, info = learner.fit(key, variables.learner, data, y, labels, hyper)
        known = y[labels.order]
        labelled = (jnp.arange(known.shape[0]) < labels.n) & (known >= 0)
        counts = jnp.zeros(num_classes).at[known].add(labelled)
        prior = jnp.where(counts > 0, counts / jnp.sum(counts), 1.0)
        return ThresholdedVariables(fitted, jnp.log(prior)), info

    def shifted(variables: ThresholdedVariables, outputs: Outputs) -> Outputs:
        return outputs._replace(logits=outputs.logits - variables.log_prior)

    def predict(variables: ThresholdedVariables, x: Array) -> Outputs:
        return shifted(variables, learner.predict(variables.learner, x))

    def head(variables: ThresholdedVariables, features: Array) -> Array:
        assert learner.head is not None
        return learner.head(variables.learner, features) - variables.log_prior

    def sample(key: Array, variables: ThresholdedVariables, x: Array) -> Outputs:
        assert learner.sample is not None
        return shifted(variables, learner.sample(key, variables.learner, x))

    def extend(auxiliary: Auxiliary) -> Learner:
        assert learner.extend is not None
        return thresholded(learner.extend(auxiliary), num_classes)

    return Learner(
        learner.prepare,
        init,
        fit,
        predict,
        learner.hyper,
        head=learner.head and head,
        sample=learner.sample and sample,
        extend=learner.extend and extend,
    )
