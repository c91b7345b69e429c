"""WAAL: a critic tells unlabelled from labelled features while the network learns to hide it."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jal import select
from jal.strategies.strategy import Registered, check_positive
from jal.types import (
    Array,
    Auxiliary,
    Minibatch,
    Network,
    NetworkVariables,
    Outputs,
    PyTree,
    Round,
    Strategy,
)

__all__ = ["members", "uncertainty_bound", "waal"]


def waal(
    *,
    width: int = 512,
    alpha: float = 2e-3,
    gamma: float = 1.0,
    penalty: float = 2.0,
    critic_weight: float = 0.1,
    selection: float = 10.0,
    sigmoid: bool = True,
) -> Strategy:
    """Wasserstein adversarial active learning (Shui et al., 2020).

    With W = E D(unlabelled) - gamma E D(labelled), on the network's features, the learner's steps
    minimise CE + alpha W over the network and `penalty` GP - W over the critic D. D is therefore
    high where features look unlabelled. GP is the gradient penalty E (|grad D| - 1)^2 at labelled
    and unlabelled points and between them (Gulrajani et al., 2017); the published code subtracts
    it from what the critic minimises, which rewards any slope but 1.

    Picked are the least `uncertainty_bound(logits) - selection D`.

    Both networks move in one step, where the published code moves the critic after the network.
    Published, alpha also scales the critic's loss, which hardly trains it; here `critic_weight`
    does. An epoch passes over the labelled points, with as many unlabelled ones drawn beside.

    Args:
      width: of the critic's two hidden layers.
      alpha: of W in the network's loss; the authors' for CIFAR-10.
      gamma: weighs the labelled points. At 1 only does a constant added to D not matter. The
        published code has |L| / |U|, which follows from no distance.
      penalty: of GP in the critic's loss.
      critic_weight: of the critic's loss. Under SGD it sets the critic's own pace: at 1, and a
        learning rate of 0.05 with momentum, the critic saturates or diverges. Adam ignores it.
      selection: of D in the query.
      sigmoid: whether D ends in one, as published, so that `selection` D lies in 0..`selection`.
        Without it D is the theory's unbounded critic, of the scale of the features, and diverges
        sooner.
    """

    check_positive("waal", width=width)

    def critic(params: PyTree, features: Array) -> Array:
        network = _critic(features.shape[1], width)
        outputs, _ = network.apply(NetworkVariables(params, {}), features, False)
        value = outputs.logits[:, 0]
        return jax.nn.sigmoid(value) if sigmoid else value

    def init(key: Array, one: Outputs) -> PyTree:
        return _critic(one.features.shape[1], width).init(key).params

    def loss(key: Array, params: PyTree, minibatch: Minibatch) -> Array:
        assert minibatch.unlabelled is not None
        labelled, unlabelled = minibatch.labelled.features, minibatch.unlabelled.features
        real = (minibatch.weight > 0).astype(labelled.dtype)
        share = real / jnp.sum(real)

        def difference(params: PyTree, labelled: Array, unlabelled: Array) -> Array:
            return jnp.mean(critic(params, unlabelled)) - gamma * share @ critic(params, labelled)

        def slopes_off_one(points: Array) -> Array:
            slope = jax.grad(lambda points: jnp.sum(critic(params, points)))(points)
            # The norm has no gradient at 0, where all of the critic's units may be dead.
            norm = jnp.sqrt(jnp.sum(jnp.square(slope), axis=1) + 1e-12)
            return jnp.square(norm - 1.0)

        of_network = difference(jax.lax.stop_gradient(params), labelled, unlabelled)
        labelled, unlabelled = jax.lax.stop_gradient((labelled, unlabelled))
        at = jax.random.uniform(key, real.shape)[:, None]
        between = labelled + at * (unlabelled - labelled)
        off = slopes_off_one(jnp.concatenate([between, labelled, unlabelled]))
        there = jnp.concatenate([real, real, jnp.ones_like(real)])
        of_critic = penalty * (there @ off) / jnp.sum(there)
        of_critic -= difference(params, labelled, unlabelled)
        return alpha * of_network + critic_weight * of_critic

    def score(params: PyTree, outputs: Outputs) -> Array:
        return critic(params, outputs.features)

    def pick(key: Array, state: PyTree, round: Round, k_max: int) -> tuple[Array, PyTree]:
        if round.auxiliary is None:
            raise ValueError("waal needs a learner extended by its auxiliary.")
        cost = jax.vmap(uncertainty_bound)(round.logits) - selection * round.auxiliary
        return select.top_k(-cost, round.labelled, k_max, key=key), state

    auxiliary = Auxiliary(init, loss, score, unlabelled=True)
    return Strategy(lambda key, x: (), pick, auxiliary=auxiliary)


def uncertainty_bound(logits: Array) -> Array:
    """Upper bounds of the loss under any label: |log p|_2 / 2 + sum(-log p) / 2; LOW is uncertain.

    Both terms are least for the uniform p and grow without bound as a class is ruled out.

    Args:
      logits: `[K]` float.

    Returns:
      `[]` float, at least (sqrt(K) + K) log(K) / 2 (Shui et al., 2020, and the authors' code).
    """
    log_p = jax.nn.log_softmax(logits)
    return 0.5 * jnp.linalg.norm(log_p) - 0.5 * jnp.sum(log_p)


@functools.cache
def _critic(features: int, width: int) -> Network:
    from jal.networks import mlp  # with Flax

    return mlp((features,), 1, hidden=(width, width))


members = (
    Registered(
        waal,
        "Shui et al., 2020",
        ("logits", "auxiliary"),
        "N K",
        "a critic of the features, within the learner's steps",
        {
            "width": "ours: two layers as in Zhan et al. (2022); the code has one of 50 units",
            "alpha": "code",
            "gamma": "ours: as in Zhan et al. (2022); the code's |L| / |U|, .02 at 1,000 labels of "
            "50,000, rewards a D that is large everywhere",
            "penalty": "code: of the critic's loss, where it has the wrong sign",
            "critic_weight": "ours: the code's is alpha, a fiftieth, and SGD hardly trains it",
            "selection": "code",
            "sigmoid": "code",
        },
    ),
)
