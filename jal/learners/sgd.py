"""Minibatch gradient descent on any network, over the first n labelled points."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jal.learners.class_weights import class_weights
from jal.learners.schedules import Schedule, constant
from jal.parallel import in_chunks
from jal.scores import super_loss
from jal.types import (
    Array,
    Auxiliary,
    InputError,
    Labels,
    Learner,
    Minibatch,
    Network,
    NetworkVariables,
    Outputs,
    PyTree,
)

__all__ = ["ExtendedParams", "SGDData", "SGDHyper", "adam", "nesterov", "sgd"]

Augment = Callable[[Array, Array], Array]


class SGDHyper(NamedTuple):
    """`learning_rate []` and `weight_decay []` (L2, added to the gradient)."""

    learning_rate: Array | float
    weight_decay: Array | float


class SGDData(NamedTuple):
    """The pool's inputs, and the variables to start from (None: fresh ones)."""

    x: Array
    pretrained: NetworkVariables | None


def nesterov(hyper: SGDHyper) -> optax.GradientTransformation:
    """SGD with Nesterov momentum 0.9."""
    return optax.chain(
        optax.add_decayed_weights(hyper.weight_decay),
        optax.sgd(hyper.learning_rate, momentum=0.9, nesterov=True),
    )


def adam(hyper: SGDHyper) -> optax.GradientTransformation:
    """Adam, the L2 penalty added to the gradient as in PyTorch's."""
    return optax.chain(
        optax.add_decayed_weights(hyper.weight_decay), optax.adam(hyper.learning_rate)
    )


class ExtendedParams(NamedTuple):
    """Parameters of a network and of the auxiliary that is trained beside it."""

    network: PyTree
    auxiliary: PyTree


class _Carry(NamedTuple):
    variables: NetworkVariables
    moments: PyTree
    schedule: PyTree
    loss: Array  # summed over the epoch so far, weighted
    weight: Array  # likewise


def sgd(
    network: Network,
    *,
    epochs: int = 50,
    batch_size: int = 32,
    learning_rate: float = 0.05,
    weight_decay: float = 1e-4,
    optimizer: Callable[[SGDHyper], optax.GradientTransformation] = nesterov,
    schedule: Schedule | None = None,
    loss: Literal["cross_entropy", "super"] = "cross_entropy",
    super_lambda: float = 1.0,
    class_weight: Literal["balanced"] | None = None,
    augment: Augment | None = None,
    warm_start: bool = False,
    pretrained: NetworkVariables | None = None,
    max_labels: int | None = None,
    predict_batch: int = 512,
    auxiliary: Auxiliary | None = None,
) -> Learner:
    """Cross-entropy, or SuperLoss of it, by minibatches drawn without replacement from `order[:n]`.

    An epoch passes over every labelled point once, the last minibatch holding the rest; so the
    number of steps follows n, which may differ between seeds, without recompiling.

    Args:
      network: logits and features.
      epochs: passes over the labelled points in each fit.
      batch_size: points per step.
      learning_rate: the default of `hyper.learning_rate`.
      weight_decay: the default of `hyper.weight_decay`.
      optimizer: makes the optax transformation from `hyper`; its state starts anew in each fit.
      schedule: a factor on the learning rate; constant if None.
      loss: "super" descends SuperLoss of each cross-entropy, with tau = log K: a point counts
        sigma times, with no gradient through sigma; see `jal.scores.super_loss_weight`.
      super_lambda: SuperLoss's lambda, above 0: the larger, the more alike the points count.
      class_weight: "balanced" weighs a point of class c by n / (classes present x n_c).
      augment: `(key, x) -> x`, applied to one example at a time, in training only.
      warm_start: go on from the last round's variables; else start anew in each round.
      pretrained: what to start from, as `load_pretrained` gives it; random where it holds None.
      max_labels: static bound on the number of labels; the pool's size if None.
      predict_batch: examples in one pass of `predict`, which bounds its memory.
      auxiliary: trained beside the network, in the same steps (`Learner.extend` sets it).

    Returns:
      A Learner; features are the network's. `info`: `train_loss`, the last epoch's mean, and
      `chance_loss`, the least of constant predictions: log K where all classes are as common. Both
      are cross-entropies under SuperLoss too, as is what a schedule and an auxiliary see.

    Raises:
      InputError: for a loss of another name, and for a super_lambda that is not finite and above 0.
    """
    given = dict(locals())  # for extend, which makes the same learner with an auxiliary
    if loss not in ("cross_entropy", "super"):
        raise InputError(f'loss must be "cross_entropy" or "super", got {loss!r}.')
    if not 0 < super_lambda < math.inf:
        raise InputError(f"super_lambda must be finite and above 0, got {super_lambda}.")
    schedule = schedule or constant()

    def prepare(x: Array) -> SGDData:
        return SGDData(x, jax.tree.map(jnp.asarray, pretrained))

    def init(key: Array, data: SGDData) -> NetworkVariables:
        fresh = network.init(key)
        if data.pretrained is not None:
            from jal.networks import overlay

            fresh = overlay(fresh, data.pretrained)
        if auxiliary is None:
            return fresh
        one, _ = network.apply(fresh, data.x[:1], False)
        own = auxiliary.init(jax.random.fold_in(key, 1), one)
        return NetworkVariables(ExtendedParams(fresh.params, own), fresh.state)

    def of_network(variables: NetworkVariables) -> NetworkVariables:
        return (
            variables if auxiliary is None else variables._replace(params=variables.params.network)
        )

    def classes(variables: NetworkVariables, x: Array) -> int:
        shapes, _ = jax.eval_shape(lambda: network.apply(of_network(variables), x[:1], False))
        return shapes.logits.shape[1]

    def fit(
        key: Array,
        variables: NetworkVariables,
        data: SGDData,
        y: Array,
        labels: Labels,
        hyper: SGDHyper,
    ) -> tuple[NetworkVariables, dict[str, Array]]:
        key_init, key_epochs = jax.random.split(key)
        if not warm_start:
            variables = init(key_init, data)
        x = data.x
        bound = x.shape[0] if max_labels is None else min(max_labels, x.shape[0])
        steps = (labels.n + batch_size - 1) // batch_size
        known = y[labels.order[:bound]]
        on = (jnp.arange(bound) < labels.n) & (known >= 0)
        of_class = class_weights(known, on, classes(variables, x), class_weight)

        def loss_of(
            params: PyTree, state: PyTree, key: Array, index: Array, weight: Array, number: Array
        ):
            key_augment, key_unlabelled, key_auxiliary = jax.random.split(key, 3)

            def outputs_at(key: Array, index: Array, state: PyTree) -> tuple[Outputs, PyTree]:
                examples = x[index]
                if augment is not None:
                    examples = jax.vmap(augment)(jax.random.split(key, batch_size), examples)
                own = of_network(NetworkVariables(params, state))
                return network.apply(own, examples, True)

            outputs, state = outputs_at(key_augment, index, state)
            losses = optax.softmax_cross_entropy_with_integer_labels(outputs.logits, y[index])
            total = jnp.sum(weight * losses)
            objective = total / _or_one(jnp.sum(weight))
            if loss == "super":
                tau = math.log(outputs.logits.shape[1])
                eased = jax.vmap(lambda one: super_loss(one, tau, super_lambda))(losses)
                objective = jnp.sum(weight * eased) / _or_one(jnp.sum(weight))
            if auxiliary is not None:
                others = None
                if auxiliary.unlabelled:
                    key_draw, key_unlabelled = jax.random.split(key_unlabelled)
                    drawn = _unlabelled(key_draw, labels, batch_size)
                    others, state = outputs_at(key_unlabelled, drawn, state)
                seen = Minibatch(outputs, losses, weight, others, number)
                objective += auxiliary.loss(key_auxiliary, params.auxiliary, seen)
            return objective, (state, total)

        def epoch(number: Array, carry: _Carry) -> _Carry:
            key_order, key_steps = jax.random.split(jax.random.fold_in(key_epochs, number))
            points = _shuffled(key_order, labels, bound, batch_size)

            def step(i: Array, carry: _Carry) -> _Carry:
                (params, state), moments, scheduled, *sums = carry
                index = jax.lax.dynamic_slice_in_dim(points, i * batch_size, batch_size)
                weight = (i * batch_size + jnp.arange(batch_size) < labels.n).astype(jnp.float32)
                weight = jnp.where(y[index] >= 0, weight * of_class[y[index]], 0.0)
                key = jax.random.fold_in(key_steps, i)
                gradient, (state, total) = jax.grad(loss_of, has_aux=True)(
                    params, state, key, index, weight, number
                )
                progress = (number * steps + i) / (epochs * steps)
                rate = hyper.learning_rate * schedule.factor(scheduled, progress)
                transformation = optimizer(hyper._replace(learning_rate=rate))
                updates, moments = transformation.update(gradient, moments, params)
                variables = NetworkVariables(optax.apply_updates(params, updates), state)
                sums = (sums[0] + total, sums[1] + jnp.sum(weight))
                return _Carry(variables, moments, scheduled, *sums)

            carry = carry._replace(loss=jnp.float32(0), weight=jnp.float32(0))
            carry = jax.lax.fori_loop(0, steps, step, carry)
            state = schedule.after_epoch(carry.schedule, carry.loss / _or_one(carry.weight))
            return carry._replace(schedule=state)

        start = _Carry(
            variables,
            optimizer(hyper).init(variables.params),
            schedule.init(),
            jnp.float32(0),
            jnp.float32(0),
        )
        end = jax.lax.fori_loop(0, epochs, epoch, start)
        share = jnp.zeros_like(of_class).at[known].add(jnp.where(on, of_class[known], 0.0))
        chance = jnp.sum(jax.scipy.special.entr(share / jnp.sum(share)))
        return end.variables, {"train_loss": end.loss / _or_one(end.weight), "chance_loss": chance}

    def predict(variables: NetworkVariables, x: Array) -> Outputs:
        def chunk(x: Array) -> Outputs:
            outputs, _ = network.apply(of_network(variables), x, False)
            score = (
                None if auxiliary is None else auxiliary.score(variables.params.auxiliary, outputs)
            )
            return Outputs(outputs.logits, outputs.features, auxiliary=score)

        return in_chunks(chunk, x, predict_batch)

    def head(variables: NetworkVariables, features: Array) -> Array:
        assert network.head is not None
        return network.head(of_network(variables), features)

    def sample(key: Array, variables: NetworkVariables, x: Array) -> Outputs:
        def chunk(x: Array) -> Outputs:
            assert network.sample is not None
            outputs = network.sample(key, of_network(variables), x)
            return Outputs(outputs.logits, outputs.features)

        return in_chunks(chunk, x, predict_batch)

    return Learner(
        prepare,
        init,
        fit,
        predict,
        SGDHyper(learning_rate, weight_decay),
        head=None if network.head is None else head,
        sample=None if network.sample is None else sample,
        extend=lambda auxiliary: sgd(**{**given, "auxiliary": auxiliary}),
    )


def _or_one(weight: Array) -> Array:
    """A divisor: 1 where nothing has weight."""
    return jnp.where(weight > 0, weight, 1.0)


def _unlabelled(key: Array, labels: Labels, count: int) -> Array:
    """`[count]` unlabelled points, uniformly with repetition; labelled ones if none is left."""
    size = labels.order.shape[0]
    first = jnp.minimum(labels.n, size - 1)
    return labels.order[jax.random.randint(key, (count,), first, size)]


def _shuffled(key: Array, labels: Labels, bound: int, batch_size: int) -> Array:
    """`order[:n]` in random order, then again from its start, up to whole minibatches.

    What fills the last minibatch has no weight in the loss, but BatchNorm sees it; what follows
    that is 0.
    """
    whole = -(-bound // batch_size) * batch_size

    def among(size: int) -> Callable[[Array, Labels], Array]:
        def draw(key: Array, labels: Labels) -> Array:
            count = -(-size // batch_size) * batch_size
            places = jnp.arange(count) % labels.n
            points = labels.order[_permutation(key, labels.n, size)[places]]
            return jnp.zeros(whole, points.dtype).at[:count].set(points)

        return draw

    # Few labels of many are sorted alone: an epoch of few steps should not cost a pool's sort.
    sizes = [size for size in (256, 2048, 16_384) if size < bound] + [bound]
    tier = jnp.searchsorted(jnp.asarray(sizes), labels.n)
    return jax.lax.switch(tier, [among(size) for size in sizes], key, labels)


def _permutation(key: Array, n: Array, size: int) -> Array:
    """`[size]`: 0 to n - 1 in random order, then the rest."""
    first = jnp.arange(size) < n
    bits = (size - 1).bit_length()
    if bits > 14:
        return jnp.argsort(jnp.where(first, jax.random.uniform(key, (size,)), jnp.inf))
    # Noise above, the position below: one sorts numbers in a third of an argsort's time, and what
    # is left of the noise ties few neighbours.
    below = jnp.uint32((1 << bits) - 1)
    noise = jnp.where(first, jax.random.bits(key, (size,), jnp.uint32), ~below)
    return jnp.sort((noise & ~below) | jnp.arange(size, dtype=jnp.uint32)) & below
