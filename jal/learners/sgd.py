"""Minibatch gradient descent on any network, over the first n labelled points."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jal.networks.network import Network, NetworkVariables
from jal.types import Array, Labels, Learner, Outputs, Pool, PyTree

__all__ = ["SGDHyper", "nesterov", "sgd"]


class SGDHyper(NamedTuple):
    """`learning_rate []` and `weight_decay []` (L2, added to the gradient)."""

    learning_rate: Array | float
    weight_decay: Array | float


def nesterov(hyper: SGDHyper) -> optax.GradientTransformation:
    """SGD with Nesterov momentum 0.9."""
    return optax.chain(
        optax.add_decayed_weights(hyper.weight_decay),
        optax.sgd(hyper.learning_rate, momentum=0.9, nesterov=True),
    )


def sgd(
    network: Network,
    *,
    epochs: int = 50,
    batch_size: int = 32,
    learning_rate: float = 0.05,
    weight_decay: float = 1e-4,
    optimizer: Callable[[SGDHyper], optax.GradientTransformation] = nesterov,
    warm_start: bool = False,
    max_labels: int | None = None,
) -> Learner:
    """Cross-entropy by minibatches drawn without replacement from `order[:n]`.

    An epoch passes over every labelled point once, the last minibatch holding the rest; so the
    number of steps follows n, which may differ between seeds, without recompiling.

    Args:
      network: logits and features.
      epochs: passes over the labelled points in each fit.
      batch_size: points per step.
      learning_rate: the default of `hyper.learning_rate`.
      weight_decay: the default of `hyper.weight_decay`.
      optimizer: makes the optax transformation from `hyper`; its state starts anew in each fit.
      warm_start: go on from the last round's variables; else start from fresh ones in each round.
      max_labels: static bound on the number of labels; the pool's size if None.

    Returns:
      A Learner; features are the network's. `info`: `train_loss`, the last epoch's mean.
    """

    def prepare(pool: Pool) -> Pool:
        return pool

    def fit(
        key: Array, variables: NetworkVariables, data: Pool, labels: Labels, hyper: SGDHyper
    ) -> tuple[NetworkVariables, dict[str, Array]]:
        key_init, key_epochs = jax.random.split(key)
        if not warm_start:
            variables = network.init(key_init)
        transformation = optimizer(hyper)
        bound = data.x.shape[0] if max_labels is None else min(max_labels, data.x.shape[0])
        steps = (labels.n + batch_size - 1) // batch_size

        def loss_of(params: PyTree, state: PyTree, index: Array, weight: Array):
            outputs, state = network.apply(NetworkVariables(params, state), data.x[index], True)
            losses = optax.softmax_cross_entropy_with_integer_labels(outputs.logits, data.y[index])
            total = jnp.sum(weight * losses)
            return total / jnp.sum(weight), (state, total)

        def epoch(number: Array, carry):
            points = _shuffled(jax.random.fold_in(key_epochs, number), labels, bound, batch_size)

            def step(i: Array, carry):
                (params, state), moments, total = carry
                index = jax.lax.dynamic_slice_in_dim(points, i * batch_size, batch_size)
                weight = (i * batch_size + jnp.arange(batch_size) < labels.n).astype(jnp.float32)
                gradient, (state, loss) = jax.grad(loss_of, has_aux=True)(
                    params, state, index, weight
                )
                updates, moments = transformation.update(gradient, moments, params)
                params = optax.apply_updates(params, updates)
                return NetworkVariables(params, state), moments, total + loss

            variables, moments, _ = carry
            return jax.lax.fori_loop(0, steps, step, (variables, moments, jnp.float32(0)))

        start = (variables, transformation.init(variables.params), jnp.float32(0))
        variables, _, total = jax.lax.fori_loop(0, epochs, epoch, start)
        return variables, {"train_loss": total / labels.n}

    def predict(variables: NetworkVariables, x: Array) -> Outputs:
        return network.apply(variables, x, False)[0]

    return Learner(prepare, network.init, fit, predict, SGDHyper(learning_rate, weight_decay))


def _shuffled(key: Array, labels: Labels, bound: int, batch_size: int) -> Array:
    """`order[:n]` in random order, then padding up to whole minibatches."""
    noise = jax.random.uniform(key, (bound,))
    # Padding sorts last: the first n positions are a permutation of the labelled points.
    position = jnp.argsort(jnp.where(jnp.arange(bound) < labels.n, noise, jnp.inf))
    return jnp.pad(labels.order[position], (0, -bound % batch_size))
