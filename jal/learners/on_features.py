"""A shallow learner on the features that a network has before it is trained."""

from __future__ import annotations

from typing import NamedTuple

import jax

from jal.types import Array, Labels, Learner, Outputs, PyTree

__all__ = ["FrozenData", "FrozenVariables", "on_features"]


class FrozenData(NamedTuple):
    """The pool's features as the learner prepares them, and the network's variables."""

    learner: PyTree
    network: PyTree


class FrozenVariables(NamedTuple):
    """The learner's own, and the network's, which no fit changes."""

    learner: PyTree
    network: PyTree


def on_features(learner: Learner, network: Learner) -> Learner:
    """The learner, which sees a network's penultimate features in place of the inputs.

    For fits the pool's are made once, when it is prepared; every prediction makes its own. Each
    seed's variables hold the network's.

    Args:
      learner: of `[D]` features.
      network: as it is before its first fit: of pre-trained weights, but for parameters that they
        lack, which are the same for all seeds.
    """

    def prepare(x: Array) -> FrozenData:
        variables = network.init(jax.random.key(0), network.prepare(x))
        features = network.predict(variables, x).features
        return FrozenData(learner.prepare(features), variables)

    def init(key: Array, data: FrozenData) -> FrozenVariables:
        return FrozenVariables(learner.init(key, data.learner), data.network)

    def fit(
        key: Array,
        variables: FrozenVariables,
        data: FrozenData,
        y: Array,
        labels: Labels,
        hyper: PyTree,
    ) -> tuple[FrozenVariables, dict[str, Array]]:
        own, info = learner.fit(key, variables.learner, data.learner, y, labels, hyper)
        return variables._replace(learner=own), info

    def predict(variables: FrozenVariables, x: Array) -> Outputs:
        features = network.predict(variables.network, x).features
        return learner.predict(variables.learner, features)

    def head(variables: FrozenVariables, features: Array) -> Array:
        assert learner.head is not None
        return learner.head(variables.learner, features)

    return Learner(
        prepare, init, fit, predict, learner.hyper, head=None if learner.head is None else head
    )
