"""Learning loss: a small head predicts each example's loss, the highest are picked."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal import select
from jal.strategies.strategy import Registered, check_positive
from jal.types import Array, Auxiliary, InputError, Minibatch, Outputs, PyTree, Round, Strategy

__all__ = ["loss_prediction", "members", "ranking_loss"]


def loss_prediction(
    *,
    width: int = 128,
    margin: float = 1.0,
    weight: float = 1.0,
    detach_epoch: int = 120,
    subset: int | None = 10_000,
) -> Strategy:
    """Highest loss as a head on the network's stages predicts it (Yoo and Kweon, 2019).

    Each stage `[M, D_s]` goes through a dense layer of `width` units and a ReLU; one more dense
    layer makes a number of them all. The head learns in the learner's own steps by `ranking_loss`.
    Any number of stages will do; the paper has four.

    Args:
      width: units for each stage.
      margin: of the ranking loss.
      weight: of the ranking loss beside the learner's.
      detach_epoch: the first epoch (from 0) in which the head no longer trains the network: 120 of
        the paper's 200, 20 in BRAL-T's comparison. A learner of fewer epochs never comes to it.
      subset: unlabelled points, drawn at random, that are looked at, but at least k_max; None for
        all, as in BRAL-T's comparison.

    Raises:
      InputError: for a width or a subset below 1; and, when the learner's variables are made, for
        a network without stages.
    """

    check_positive("loss_prediction", width=width, subset=1 if subset is None else subset)

    def init(key: Array, one: Outputs) -> PyTree:
        if not one.stages:
            raise InputError(
                "loss_prediction reads the stages of the network, and this one has none: take one "
                "with a hidden layer or, for a module of your own, return (logits, features, "
                "stages)."
            )
        *keys, last = jax.random.split(key, len(one.stages) + 1)
        stages = zip(keys, one.stages, strict=True)
        return {
            "stages": [_dense(key, stage.shape[1], width) for key, stage in stages],
            "last": _dense(last, len(keys) * width, 1),
        }

    def score(params: PyTree, outputs: Outputs) -> Array:
        layers = zip(params["stages"], outputs.stages, strict=True)
        hidden = [jax.nn.relu(_apply(layer, stage)) for layer, stage in layers]
        return _apply(params["last"], jnp.concatenate(hidden, axis=1))[:, 0]

    def loss(key: Array, params: PyTree, minibatch: Minibatch) -> Array:
        del key
        joint = minibatch.epoch < detach_epoch
        stages = tuple(
            jnp.where(joint, stage, jax.lax.stop_gradient(stage))
            for stage in minibatch.labelled.stages
        )
        predicted = score(params, minibatch.labelled._replace(stages=stages))
        return weight * ranking_loss(predicted, minibatch.losses, minibatch.weight, margin)

    def pick(key: Array, state: PyTree, round: Round, k_max: int) -> tuple[Array, PyTree]:
        if round.auxiliary is None:
            raise ValueError("loss_prediction needs a learner extended by its auxiliary.")
        key_ties, key_subset = jax.random.split(key)
        passed_over = round.labelled
        if subset is not None and max(subset, k_max) < passed_over.shape[0]:
            drawn = jax.random.uniform(key_subset, passed_over.shape)
            seen = jax.lax.top_k(jnp.where(passed_over, -1.0, drawn), max(subset, k_max))[1]
            passed_over |= jnp.ones_like(passed_over).at[seen].set(False)
        return select.top_k(round.auxiliary, passed_over, k_max, key=key_ties), state

    return Strategy(lambda key, x: (), pick, auxiliary=Auxiliary(init, loss, score))


def ranking_loss(predicted: Array, losses: Array, weight: Array, margin: float = 1.0) -> Array:
    """Mean hinge over pairs: of two points the one of larger loss should be predicted larger.

    The n points of positive weight are paired in their order, i with n - 1 - i: the paper's
    (i, 2B - 1 - i) in a full minibatch. The rest, and the middle one of an odd n, have no pair.

    Args:
      predicted: `[B]` float.
      losses: `[B]` float, the true ones: only their order matters, so no gradient reaches them.
      weight: `[B]` float, 0 on padding; otherwise only its sign matters.
      margin: by which the predictions should differ.

    Returns:
      `[]` float; 0 where there is no pair. Equal losses count as the first being smaller (Yoo and
      Kweon, 2019, eq. 2).
    """
    real = weight > 0
    order = jnp.argsort(~real, stable=True)
    predicted, losses = predicted[order], losses[order]
    count = jnp.sum(real)
    i = jnp.arange(weight.shape[0] // 2)
    j = jnp.maximum(count - 1 - i, 0)
    sign = jnp.where(losses[i] > losses[j], 1.0, -1.0)
    hinge = jnp.maximum(margin - sign * (predicted[i] - predicted[j]), 0.0)
    pairs = count // 2
    return jnp.sum(jnp.where(i < pairs, hinge, 0.0)) / jnp.maximum(pairs, 1)


def _dense(key: Array, inputs: int, outputs: int) -> dict[str, Array]:
    kernel = jax.nn.initializers.he_normal()(key, (inputs, outputs), jnp.float32)
    return {"kernel": kernel, "bias": jnp.zeros(outputs)}


def _apply(layer: dict[str, Array], x: Array) -> Array:
    return x @ layer["kernel"] + layer["bias"]


members = (
    Registered(
        loss_prediction,
        "Yoo and Kweon, 2019",
        ("auxiliary",),
        "N",
        "a head that predicts the loss, within the learner's steps",
        {
            "width": "paper",
            "margin": "paper",
            "weight": "paper",
            "detach_epoch": "paper: of 200 epochs; BRAL-T detaches at 20 of 30 to 60",
            "subset": "paper",
        },
    ),
)
