"""BRAL-T's reward network: what it predicts of a sub-cluster, and how it is trained."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.types import Array

__all__ = ["Layer", "Reward", "init_reward", "predict", "train_reward"]


class Layer(NamedTuple):
    """A dense layer: `kernel [I, O]`, `bias [O]`."""

    kernel: Array
    bias: Array


class Reward(NamedTuple):
    """A reward network, and what its inputs and targets are standardised by.

    Attributes:
      layers: ReLU between them.
      mean: `[F]` of the inputs.
      scale: `[F]`, their standard deviation, 1 where they are all alike.
      target_mean: `[]`.
      target_scale: `[]`.
    """

    layers: tuple[Layer, ...]
    mean: Array
    scale: Array
    target_mean: Array
    target_scale: Array


def init_reward(key: Array, width: int, hidden: tuple[int, ...]) -> Reward:
    """An untrained network of `width` inputs, as PyTorch's Linear layers are drawn (ours)."""
    return Reward(
        _init(key, (width, *hidden, 1)),
        jnp.zeros(width),
        jnp.ones(width),
        jnp.zeros(()),
        jnp.ones(()),
    )


def predict(reward: Reward, inputs: Array) -> Array:
    """The predicted rewards `[...]` of `inputs [..., F]`."""
    standard = (inputs - reward.mean) / reward.scale
    return _apply(reward.layers, standard) * reward.target_scale + reward.target_mean


def train_reward(
    key: Array,
    inputs: Array,
    targets: Array,
    defined: Array,
    *,
    steps: int = 20,
    batch_size: int = 100,
    learning_rate: float = 0.01,
    hidden: tuple[int, ...] = (512, 512),
) -> tuple[Reward, Array]:
    """A network from scratch by SGD on the mean squared error, `steps` after each sample.

    As the paper has it a step draws its minibatch from the samples so far (BRAL-T, section 4.2 and
    appendix B). Ours: inputs and targets are standardised by all samples, for the stated SGD
    diverges on raw features; weights are drawn as PyTorch's Linear draws them.

    Args:
      key: a PRNG key.
      inputs: `[R, M, F]` float, of R samples with M actions each.
      targets: `[R, M]` float, their rewards.
      defined: `[R, M]` bool; others are not learned from.
      steps: after each sample, static.
      batch_size: actions in a minibatch, drawn with repetition, static.
      learning_rate: of SGD.
      hidden: widths of the hidden layers, static.

    Returns:
      the network; `[R steps]`, the loss of each step, of standardised targets, 0 as long as nothing
      is defined.
    """
    samples, each, width = inputs.shape
    flat, wanted, known = inputs.reshape(-1, width), targets.reshape(-1), defined.reshape(-1)
    key_init, key_steps = jax.random.split(key)
    mean, scale = _moments(flat, known[:, None])
    target_mean, target_scale = _moments(wanted, known)
    flat, wanted = (flat - mean) / scale, (wanted - target_mean) / target_scale
    upto = jnp.cumsum(known)
    layers = init_reward(key_init, width, hidden).layers

    def step(layers: tuple[Layer, ...], t: Array) -> tuple[tuple[Layer, ...], Array]:
        so_far = upto[(t // steps + 1) * each - 1]
        key = jax.random.fold_in(key_steps, t)
        drawn = jax.random.randint(key, (batch_size,), 0, jnp.maximum(so_far, 1))
        index = jnp.searchsorted(upto, drawn, side="right")  # the drawn-th that is defined

        def loss_of(layers: tuple[Layer, ...]) -> Array:
            error = _apply(layers, flat[index]) - wanted[index]
            return jnp.where(so_far > 0, jnp.mean(jnp.square(error)), 0.0)

        loss, gradient = jax.value_and_grad(loss_of)(layers)
        return jax.tree.map(lambda w, g: w - learning_rate * g, layers, gradient), loss

    layers, losses = jax.lax.scan(step, layers, jnp.arange(samples * steps))
    return Reward(layers, mean, scale, target_mean, target_scale), losses


def _init(key: Array, widths: tuple[int, ...]) -> tuple[Layer, ...]:
    made = []
    for i, (into, out) in enumerate(itertools.pairwise(widths)):
        bound = 1 / math.sqrt(into)
        keys = jax.random.split(jax.random.fold_in(key, i))
        kernel = jax.random.uniform(keys[0], (into, out), jnp.float32, -bound, bound)
        made.append(Layer(kernel, jax.random.uniform(keys[1], (out,), jnp.float32, -bound, bound)))
    return tuple(made)


def _apply(layers: tuple[Layer, ...], x: Array) -> Array:
    *first, last = layers
    for layer in first:
        x = jax.nn.relu(x @ layer.kernel + layer.bias)
    return (x @ last.kernel + last.bias)[..., 0]


def _moments(values: Array, known: Array) -> tuple[Array, Array]:
    """Mean and standard deviation over the first axis of what is known; the latter 1 of equals."""
    count = jnp.maximum(jnp.sum(known), 1)
    mean = jnp.sum(jnp.where(known, values, 0.0), axis=0) / count
    variance = jnp.sum(jnp.where(known, jnp.square(values - mean), 0.0), axis=0) / count
    constant = variance <= 1e-10 * jnp.square(mean)
    return mean, jnp.where(constant, 1.0, jnp.sqrt(variance))
