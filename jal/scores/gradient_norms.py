"""How hard a labelled example is: the norm of its loss's gradient, and approximations of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral

import jax
import jax.numpy as jnp

from jal.scores.checks import (
    as_array,
    as_float32,
    as_int32,
    one_class,
    one_example,
    one_number,
    without_infinity,
)
from jal.scores.super_loss import super_loss_weight
from jal.types import Array, PyTree

__all__ = ["el2n", "grand", "grand_in_chunks", "grand_last_layer", "super_el2n"]

LossOf = Callable[[PyTree, Array, Array], Array]


def el2n(logits: Array, y: Array) -> Array:
    """Error L2-norm `|p - onehot(y)|`, p the softmax; a HIGH value is hard.

    It is the norm of the cross-entropy's gradient with respect to the logits.

    Args:
      logits: `[K]` float, K >= 2; or `[T, K]` of T networks, whose norms are averaged.
      y: `[]` int, the true class; NaN for what is no class, such as -1.

    Returns:
      `[]` in [0, sqrt 2]: 0 for certainty of y, sqrt(1 - 1/K) for a tie of all, sqrt 2 for
      certainty of another class (Paul et al., 2021, definition 2.3).
    """
    logits, y = _example("el2n", logits, y)
    return jnp.mean(_error_norms(logits, y))


def super_el2n(
    logits: Array, y: Array, *, tau: Array | float | None = None, lambda_: Array | float = 1.0
) -> Array:
    """`el2n` under SuperLoss: sigma times `|p - onehot(y)|`, sigma of the cross-entropy.

    It is the norm of the super loss's gradient with respect to the logits.

    Args:
      logits: `[K]` float, K >= 2; or `[T, K]` of T networks, whose norms are averaged.
      y: `[]` int, the true class; NaN for what is no class.
      tau: `[]` float, the loss of sigma 1; log K if None.
      lambda_: `[]` float above 0.

    Returns:
      `[]`, at least 0: e times `el2n` where the loss is at most `tau - 2 lambda / e`, 0 for
      certainty of another class.
    """
    logits, y = _example("super_el2n", logits, y)
    tau = one_number("super_el2n", "tau", math.log(logits.shape[1]) if tau is None else tau)
    lambda_ = one_number("super_el2n", "lambda_", lambda_, above=0.0)
    losses = -jax.nn.log_softmax(logits)[:, jnp.clip(y, 0, logits.shape[1] - 1)]
    sigma = jax.vmap(lambda loss: super_loss_weight(loss, tau, lambda_))(losses)
    return jnp.mean(sigma * _error_norms(logits, y))


def grand_last_layer(logits: Array, features: Array, y: Array) -> Array:
    """`grand` of the last layer alone, in closed form: `|p - onehot(y)| sqrt(1 + |h|^2)`.

    Of a dense layer with a bias, and of the cross-entropy.

    Args:
      logits: `[K]` float, K >= 2; or `[T, K]` of T networks, whose norms are averaged.
      features: `[D]` float h, the layer's input; `[T, D]` with T networks.
      y: `[]` int, the true class; NaN for what is no class.

    Returns:
      `[]`, at least 0; 0 for certainty of y, whatever the features.
    """
    name = "grand_last_layer"
    several = as_array(name, "logits", logits).ndim == 2
    logits, y = _example(name, logits, y)
    features = as_float32(name, "features", features)
    shape = f"[T, D] with T = {logits.shape[0]}" if several else "[D]"
    if (
        features.ndim != 1 + several
        or features.size == 0
        or (several and len(features) != len(logits))
    ):
        raise ValueError(
            f"{name} takes one example's features {shape} and D >= 1 beside these logits, got "
            f"shape {features.shape}: write jax.vmap({name}) for many examples."
        )
    features = features.reshape(len(logits), -1)
    # Divided by the largest first: squares of large features overflow.
    scale = jnp.maximum(jnp.max(jnp.abs(features), axis=1), 1.0)
    rest = jnp.where(jnp.isinf(features), 1.0, features / scale[:, None])
    length = scale * jnp.sqrt(jnp.square(1 / scale) + jnp.sum(jnp.square(rest), axis=1))
    errors = _error_norms(logits, y)
    return jnp.mean(jnp.where((errors == 0) & jnp.isinf(length), 0.0, errors * length))


def grand(loss_of: LossOf, params: PyTree, x: Array, y: Array) -> Array:
    """Gradient norm of one example's loss with respect to all parameters; a HIGH value is hard.

    A vmap holds as many gradients as it has examples: `grand_in_chunks` has a bound. For several
    networks take the mean of a `jax.vmap` or `jax.lax.map` over their params.

    Args:
      loss_of: `(params, x [...], y []) -> []`, of one example.
      params: a pytree of floats.
      x: `[...]`, floats as float32, integers and bools as they are.
      y: `[]` int, the true class.

    Returns:
      `[]`, at least 0; inf where a square overflows (Paul et al., 2021, definition 2.1).

    Raises:
      ValueError: where the params have no floats, or the loss is not `[]`.
    """
    y = one_class("grand", y)
    x = _inputs("grand", x)
    return _gradient_norm("grand", loss_of, params, x, y)


def grand_in_chunks(
    loss_of: LossOf, params: PyTree, x: Array, y: Array, *, chunk: int = 32
) -> Array:
    """`grand` of N examples, of which `chunk` at a time hold a gradient.

    Args:
      loss_of: `(params, x [...], y []) -> []`, of one example.
      params: a pytree of floats.
      x: `[N, ...]`, floats as float32, integers and bools as they are.
      y: `[N]` int, the true classes.
      chunk: how many at a time, static: so many times the parameters' memory.

    Returns:
      `[N]`.

    Raises:
      ValueError: as in `grand`, or where the chunk is no integer of at least 1.
    """
    name = "grand_in_chunks"
    x = _inputs(name, x)
    classes = as_array(name, "y", y)
    if (
        x.ndim == 0
        or len(x) == 0
        or classes.shape != x.shape[:1]
        or not jnp.issubdtype(classes.dtype, jnp.integer)
    ):
        raise ValueError(
            f"{name} takes x [N, ...] and y [N] of integers with N >= 1, got shapes {x.shape} and "
            f"{classes.shape} of {classes.dtype}."
        )
    if isinstance(chunk, bool) or not isinstance(chunk, Integral) or chunk < 1:
        raise ValueError(f"{name} takes chunk as an integer of at least 1, got {chunk!r}.")
    classes = as_int32(name, "y", y, classes)

    def one(example: tuple[Array, Array]) -> Array:
        return _gradient_norm(name, loss_of, params, *example)

    return jax.lax.map(one, (x, classes), batch_size=min(int(chunk), len(x)))


def _gradient_norm(name: str, loss_of: LossOf, params: PyTree, x: Array, y: Array) -> Array:
    leaves = [as_array(name, "params", leaf) for leaf in jax.tree.leaves(params)]
    if not leaves or not all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves):
        kinds = ", ".join(sorted({str(leaf.dtype) for leaf in leaves})) or "none"
        raise ValueError(f"{name} takes params of floats, got {kinds}.")
    loss = jax.eval_shape(loss_of, params, x, y)
    if getattr(loss, "shape", None) != () or not jnp.issubdtype(loss.dtype, jnp.floating):
        raise ValueError(f"{name} takes loss_of with one float [] of one example, got {loss}.")
    gradient = jax.grad(loss_of)(params, x, y)
    # Leaf by leaf: under vmap no array holds all of a chunk's gradients.
    squares = [jnp.sum(jnp.square(leaf.astype(jnp.float32))) for leaf in jax.tree.leaves(gradient)]
    return jnp.sqrt(sum(squares, start=jnp.float32(0)))


def _inputs(name: str, x: Array) -> Array:
    array = as_array(name, "x", x)
    if jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == jnp.bool_:
        return array
    return as_float32(name, "x", array)


def _example(name: str, logits: Array, y: Array) -> tuple[Array, Array]:
    """Logits `[T, K]` without infinity, and the class."""
    array = as_array(name, "logits", logits)
    array = one_example(name, "logits", array, "[T, K]" if array.ndim == 2 else "[K]")
    return without_infinity(array.reshape(-1, array.shape[-1])), one_class(name, y)


def _error_norms(logits: Array, y: Array) -> Array:
    """`|p - onehot(y)|` `[T]` of logits `[T, K]`; exact for probabilities near 1 too.

    The error in y is the sum of the others' probabilities, which 1 - p[y] would round.
    """
    count = logits.shape[1]
    others = jnp.where(jnp.arange(count) == y, 0.0, jax.nn.softmax(logits))
    total = jnp.sum(others, axis=1, keepdims=True)
    share = others / jnp.where(total > 0, total, 1.0)  # squares of tiny ones would be 0
    norms = total[:, 0] * jnp.sqrt(1.0 + jnp.sum(jnp.square(share), axis=1))
    return jnp.where((y >= 0) & (y < count), norms, jnp.nan)
