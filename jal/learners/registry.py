"""Learners by name: `registry[name](input_shape, num_classes, max_labels=..., **options)`.

Networks take, beside options of their own, those of `sgd` and

  mean, std: see `normalise`.
  dtype: of the computation, such as bfloat16; see `in_precision`.
  weights: a source of pre-trained weights to start from; see `load_pretrained`.
  thresholding: whether to divide probabilities by the labelled classes' shares; see `thresholded`.

They import `jal.networks` when they are called: it needs Flax, which the other learners do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax.numpy as jnp

from jal.learners.lda import lda
from jal.learners.linear_svc import linear_svc
from jal.learners.logistic_regression import logistic_regression
from jal.learners.sgd import sgd
from jal.learners.svc import svc
from jal.learners.thresholding import thresholded
from jal.types import Array, Learner, Network

__all__ = ["registry", "sgd_cnn", "sgd_mlp", "sgd_resnet", "sgd_vit"]


def sgd_mlp(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    hidden: Sequence[int] = (128,),
    dropout: float = 0.0,
    **options: Any,
) -> Learner:
    """`mlp`, trained by `sgd`."""
    from jal.networks import mlp

    return _trained(mlp(input_shape, num_classes, hidden, dropout), num_classes, **options)


def sgd_cnn(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    channels: tuple[int, int] = (32, 64),
    hidden: tuple[int, int] = (128, 64),
    dropout: float = 0.25,
    **options: Any,
) -> Learner:
    """`cnn`, trained by `sgd`."""
    from jal.networks import cnn

    network = cnn(input_shape, num_classes, channels=channels, hidden=hidden, dropout=dropout)
    return _trained(network, num_classes, **options)


def sgd_resnet(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    depth: Literal[18, 34, 50] = 18,
    stem: Literal["imagenet", "cifar", "grayscale"] = "imagenet",
    dropout: float = 0.0,
    **options: Any,
) -> Learner:
    """`resnet`, trained by `sgd`."""
    from jal.networks import resnet

    network = resnet(depth, input_shape, num_classes, stem=stem, dropout=dropout)
    return _trained(network, num_classes, **options)


def sgd_vit(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    dropout: float = 0.0,
    epsilon: float = 1e-6,
    **options: Any,
) -> Learner:
    """`vit_s16`, trained by `sgd`."""
    from jal.networks import vit_s16

    network = vit_s16(input_shape, num_classes, dropout=dropout, epsilon=epsilon)
    return _trained(network, num_classes, **options)


def _trained(
    network: Network,
    num_classes: int,
    *,
    mean: Array | float = 0.0,
    std: Array | float = 1.0,
    dtype: Any = jnp.float32,
    weights: str | None = None,
    thresholding: bool = False,
    **options: Any,
) -> Learner:
    from jal.networks import in_precision, load_pretrained, normalise

    pretrained = None if weights is None else load_pretrained(weights, network)
    # Normalised before it is rounded: bytes are told by their dtype.
    network = normalise(in_precision(network, dtype), mean, std)
    learner = sgd(network, pretrained=pretrained, **options)
    return thresholded(learner, num_classes) if thresholding else learner


registry: dict[str, Callable[..., Learner]] = {
    "logistic_regression": logistic_regression,
    "svc": svc,
    "linear_svc": linear_svc,
    "lda": lda,
    "mlp": sgd_mlp,
    "cnn": sgd_cnn,
    "resnet": sgd_resnet,
    "vit": sgd_vit,
}
