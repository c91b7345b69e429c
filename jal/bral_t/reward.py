"""BRAL-T's reward network: what it predicts of a sub-cluster, and how it is trained."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.types import Array

__all__ = ["Layer", "Reward", "init_reward", "predict", "train_reward"]

_BLOCK = 256  # rows of one product


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
      low: `[F]`, the least that each input was in training; inputs below count as that.
      high: `[F]`, the most, likewise.
    """

    layers: tuple[Layer, ...]
    mean: Array
    scale: Array
    target_mean: Array
    target_scale: Array
    low: Array
    high: Array


def init_reward(key: Array, width: int, hidden: tuple[int, ...]) -> Reward:
    """An untrained network of `width` inputs, as PyTorch's Linear layers are drawn (ours)."""
    return Reward(
        _init(key, (width, *hidden, 1)),
        jnp.zeros(width),
        jnp.ones(width),
        jnp.zeros(()),
        jnp.ones(()),
        jnp.full(width, -jnp.inf),
        jnp.full(width, jnp.inf),
    )


def predict(reward: Reward, inputs: Array) -> Array:
    """The predicted rewards `[...]` of `inputs [..., F]`.

    Ours: an input outside of what it was in training counts as the nearest that it was. A unit that
    is dead in nearly all samples varies by next to nothing there, and elsewhere may be a billion
    deviations away.
    """
    inputs = jnp.clip(inputs, reward.low, reward.high)
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
      inputs: `[R, M, F]` float, of R samples with M actions each; finite where defined.
      targets: `[R, M]` float, their rewards; likewise.
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
    low = jnp.min(jnp.where(known[:, None], flat, jnp.inf), axis=0)
    high = jnp.max(jnp.where(known[:, None], flat, -jnp.inf), axis=0)
    nothing = low > high  # where no sample is defined
    low, high = jnp.where(nothing, -jnp.inf, low), jnp.where(nothing, jnp.inf, high)
    flat = jnp.where(known[:, None], (flat - mean) / scale, 0.0)
    wanted = jnp.where(known, (wanted - target_mean) / target_scale, 0.0)
    upto = jnp.cumsum(known)
    first, *rest = init_reward(key_init, width, hidden).layers
    kernel = _in_rows if samples * each <= width else _in_columns
    kernel = kernel(flat, first.kernel)

    def step(
        carry: tuple[Array, tuple[Array, list[Layer]]], t: Array
    ) -> tuple[tuple[Array, tuple[Array, list[Layer]]], Array]:
        moved, others = carry
        seen = (t // steps + 1) * each
        so_far = upto[seen - 1]
        key = jax.random.fold_in(key_steps, t)
        drawn = jax.random.randint(key, (batch_size,), 0, jnp.maximum(so_far, 1))
        index = jnp.searchsorted(upto, drawn, side="right")  # the drawn-th that is defined

        def loss_of(product: Array, others: tuple[Array, list[Layer]]) -> Array:
            error = _after(product, *others) - wanted[index]
            return jnp.where(so_far > 0, jnp.mean(jnp.square(error)), 0.0)

        product = kernel.times(moved, index, seen)
        loss, (of_product, of_others) = jax.value_and_grad(loss_of, (0, 1))(product, others)
        moved = kernel.step(moved, index, learning_rate * of_product)
        others = jax.tree.map(lambda leaf, by: leaf - learning_rate * by, others, of_others)
        return (moved, others), loss

    start = kernel.start, (first.bias, rest)
    (moved, (bias, rest)), losses = jax.lax.scan(step, start, jnp.arange(samples * steps))
    layers = (Layer(kernel.value(moved), bias), *rest)
    return Reward(layers, mean, scale, target_mean, target_scale, low, high), losses


class _Kernel(NamedTuple):
    """The first layer's kernel under SGD, as a state `start`.

    Attributes:
      times: (state, index `[B]`, seen `[]`) -> `[B, O]`, those rows of the inputs times the kernel;
        no row from `seen` on was ever in a batch.
      step: (state, index, `[B, O]`) -> state, less those rows' transpose times these.
      value: state -> `[I, O]`.
    """

    start: Array
    times: Callable[[Array, Array, Array], Array]
    step: Callable[[Array, Array, Array], Array]
    value: Callable[[Array], Array]


def _in_columns(rows: Array, kernel: Array) -> _Kernel:
    """As it is: 2 B I O a step."""
    return _Kernel(
        kernel,
        lambda kernel, index, seen: rows[index] @ kernel,
        lambda kernel, index, by: kernel - rows[index].T @ by,
        lambda kernel: kernel,
    )


def _in_rows(rows: Array, kernel: Array) -> _Kernel:
    """By what each of the N rows took from it: B N O / 2 a step, and N N I + 2 N I O once.

    SGD moves a kernel by rows of the inputs alone, so that their products with the kernel need but
    their products with one another.
    """
    n, block = rows.shape[0], min(_BLOCK, rows.shape[0])
    padded = jnp.pad(rows, ((0, -n % block), (0, 0)))
    # "highest": what is a difference of two products here is one product there.
    gram = jnp.matmul(rows, padded.T, precision="highest")
    each = jnp.swapaxes(gram.reshape(n, -1, block), 0, 1)
    begun = jnp.matmul(rows, kernel, precision="highest")

    def times(taken: Array, index: Array, seen: Array) -> Array:
        def less(i: Array, product: Array) -> Array:
            some = jax.lax.dynamic_slice_in_dim(taken, i * block, block)
            return product - jnp.matmul(each[i, index], some, precision="highest")

        return jax.lax.fori_loop(0, -(-seen // block), less, begun[index])

    return _Kernel(
        jnp.zeros((padded.shape[0], kernel.shape[1])),
        times,
        lambda taken, index, by: taken.at[index].add(by),
        lambda taken: kernel - jnp.matmul(padded.T, taken, precision="highest"),
    )


def _init(key: Array, widths: tuple[int, ...]) -> tuple[Layer, ...]:
    made = []
    for i, (into, out) in enumerate(itertools.pairwise(widths)):
        bound = 1 / math.sqrt(into)
        keys = jax.random.split(jax.random.fold_in(key, i))
        kernel = jax.random.uniform(keys[0], (into, out), jnp.float32, -bound, bound)
        made.append(Layer(kernel, jax.random.uniform(keys[1], (out,), jnp.float32, -bound, bound)))
    return tuple(made)


def _apply(layers: tuple[Layer, ...], x: Array) -> Array:
    first, *rest = layers
    return _after(x @ first.kernel, first.bias, rest)


def _after(product: Array, bias: Array, rest: Sequence[Layer]) -> Array:
    """The network from its inputs' product with the first kernel on."""
    x = product + bias
    for layer in rest:
        x = jax.nn.relu(x) @ layer.kernel + layer.bias
    return x[..., 0]


def _moments(values: Array, known: Array) -> tuple[Array, Array]:
    """Mean and standard deviation over the first axis of what is known; the latter 1 of equals."""
    largest = jnp.max(jnp.where(known, jnp.abs(values), 0.0), axis=0)
    unit = jnp.where(largest > 0, largest, 1.0)  # no square overflows, or is lost
    values = values / unit
    count = jnp.maximum(jnp.sum(known), 1)
    mean = jnp.sum(jnp.where(known, values, 0.0), axis=0) / count
    variance = jnp.sum(jnp.where(known, jnp.square(values - mean), 0.0), axis=0) / count
    constant = variance <= 1e-10 * jnp.square(mean)
    return unit * mean, jnp.where(constant, 1.0, unit * jnp.sqrt(variance))
