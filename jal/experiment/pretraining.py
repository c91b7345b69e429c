"""Pre-training: a network fitted on all of a data set, whose weights other runs start from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.experiment.config import Experiment
from jal.experiment.data_config import load_data
from jal.experiment.learner_configs import CNN, MLP, ResNet, ViT
from jal.experiment.named_learners import resolved
from jal.networks.pretrained import check_can_save, save_weights
from jal.types import InputError, Labels, NetworkVariables

__all__ = ["Pretrained", "pretrain"]


class Pretrained(NamedTuple):
    """A network whose weights were saved: `points` it was fitted on, its accuracy on the test set.

    `train_loss` is the last epoch's mean, a cross-entropy.
    """

    points: int
    train_loss: float
    accuracy: float


def pretrain(
    config: Experiment,
    out: Path,
    learner: str | None = None,
    seed: int = 0,
    allow_code: bool = True,
) -> Pretrained:
    """Fits a learner of the config on the whole pool, from random weights, and saves the weights.

    Args:
      config: its data and learners are read.
      out: a safetensors file to write, for the field `weights` of another config's learner.
      learner: its name; the first if None.
      seed: of the weights and of the minibatches.
      allow_code: whether modules may be imported that the config names.

    Raises:
      InputError: for a learner that is no network of jal's, or that the config has not, and where
        the extra hub is missing; all before anything is computed.
    """
    name = next(iter(config.learners)) if learner is None else learner
    if name not in config.learners:
        known = ", ".join(config.learners)
        raise InputError(f"the config has no learner {name}: give one of {known}.")
    network, _ = resolved(name, config.learners[name], allow_code)
    if not isinstance(network, MLP | CNN | ResNet | ViT):
        raise InputError(f"learner {name} has no weights to save: give an MLP, CNN, ResNet or ViT.")
    check_can_save(out)
    dataset = load_data(config.data, allow_code)
    fresh = dataclasses.replace(network, weights=None, thresholding=False, warm_start=False)
    count = len(dataset.train.y)
    made = fresh.build(dataset, count)
    x, y = jnp.asarray(dataset.train.x), jnp.asarray(dataset.train.y)
    data = made.prepare(x)
    everything = Labels(jnp.arange(count, dtype=jnp.int32), jnp.int32(count))
    key_init, key_fit = jax.random.split(jax.random.key(seed))
    start = jax.jit(made.init)(key_init, data)
    variables, info = jax.jit(made.fit)(key_fit, start, data, y, everything, made.hyper)
    assert isinstance(variables, NetworkVariables)
    logits = jax.jit(made.predict)(variables, jnp.asarray(dataset.test.x)).logits
    right = jnp.argmax(logits, axis=1) == jnp.asarray(dataset.test.y)
    given = fresh.options(dataset)
    save_weights(out, variables, given.get("mean", 0.0), given.get("std", 1.0))
    return Pretrained(count, float(info["train_loss"]), float(jnp.mean(right)))
