"""Features of a frozen network, or principal components, for a data set's inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, get_args

import jax
import numpy as np

from jal.data import features
from jal.data.sources import Dataset
from jal.data.statistics import IMAGENET, TENSORFLOW
from jal.networks import cnn, load_pretrained, normalise, overlay, resized
from jal.networks.imagenet import networks
from jal.networks.pretrained import read_statistics, read_weights
from jal.types import InputError, Network

__all__ = ["Features", "with_features"]

_Kind = Literal[
    "none", "pca", "resnet18", "resnet34", "resnet50", "vit_s16", "efficientnet_lite0", "cnn"
]
_COMPONENTS = 64  # of pca
_WHOLE = 64  # side up to which batches are of 256 images


@dataclasses.dataclass(frozen=True)
class Features:
    """Frozen features instead of the inputs; a network's are computed once and kept on disk."""

    kind: _Kind = "none"
    """What stands for the inputs: principal components (pca), or a pre-trained network's
    penultimate layer: one of ImageNet's, or jal's own CNN (cnn)."""
    components: int | None = None
    """How many principal components are kept: of the inputs (pca, 64 if None), or of a network's
    features, of the source's training set and without its labels (all of them if None)."""
    weights: str | None = None
    """Pre-trained weights of the network: a safetensors file, such as jal convert-weights or jal
    pretrain writes, or hf:OWNER/NAME. ImageNet's networks see three channels, normalised
    as in their training: efficientnet_lite0's bytes less 127, by 128, the others' by ImageNet's
    mean and deviation; cnn sees its inputs standardised as in its pre-training."""
    image_size: int | None = None
    """Side in pixels to which the network's images are brought as it takes them, by bilinear
    interpolation; as they are if None."""


def with_features(dataset: Dataset, config: Features) -> Dataset:
    """The data set with features `[N, D]` float32 for inputs, or as it is.

    Raises:
      InputError: where the weights are missing or not the network's, or it does not take the
        inputs.
    """
    kind, side = config.kind, config.image_size
    if kind in ("none", "pca"):
        if side is not None:
            raise InputError(
                f"features.image_size {side} is of a network's images, and features.kind is "
                f"{kind}: give data.image_size, or one of {', '.join(get_args(_Kind)[2:])}."
            )
        if kind == "none":
            return dataset
        return features.pca_features(
            dataset, _COMPONENTS if config.components is None else config.components
        )
    if config.weights is None:
        raise InputError(
            f"features of the kind {kind} need pre-trained weights: give a safetensors file, such "
            "as jal convert-weights or jal pretrain writes, or hf:OWNER/NAME."
        )
    given = dataset.train.x.shape[1:]
    channels = "C" if kind == "cnn" else "1) or (H, W, 3"
    if len(given) != 3 or (kind != "cnn" and given[-1] not in (1, 3)):
        raise InputError(
            f"features of the kind {kind} are of images (H, W, {channels}), not of inputs of "
            f"shape {given}."
        )
    if side is not None and side < 1:
        raise InputError(f"features.image_size must be at least 1, got {side}.")
    size = given[:-1] if side is None else (side, side)
    if kind == "cnn":
        network = _like(read_weights(config.weights), config.weights, (*size, given[-1]))
        mean, std = read_statistics(config.weights)
    else:
        network = networks[kind]((*size, 3), dataset.num_classes)
        # One channel less a mean of three has three.
        mean, std = map(np.asarray, TENSORFLOW if kind == "efficientnet_lite0" else IMAGENET)
    loaded = load_pretrained(config.weights, network)
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    zeros = jax.tree.map(lambda one: np.zeros(one.shape, one.dtype), shapes)
    variables = overlay(zeros, loaded)  # zeros for a last layer that does not fit: it is not used
    if side is not None:
        network = resized(network, side)
    batch = max(1, 256 * _WHOLE**2 // max(_WHOLE**2, size[0] * size[1]))
    network = normalise(network, mean, std)
    made = features.dataset_features(dataset, network, variables, batch=batch)
    if config.components is None:
        return made
    return features.pca_features(made, config.components)


def _like(weights: Mapping[str, np.ndarray], source: str, shape: tuple[int, ...]) -> Network:
    """The CNN whose widths are those of the weights, for images of a shape."""
    names = [f"{layer}.weight" for layer in ("conv1", "conv2", "dense1", "dense2", "dense3")]
    missing = [name for name in names if name not in weights]
    if missing:
        raise InputError(
            f"{source} has no tensor {missing[0]}, which a CNN needs: its weights are another "
            "architecture's."
        )
    first, second, *hidden, classes = (len(weights[name]) for name in names)
    widths = (hidden[0], hidden[1])
    return cnn(shape, classes, channels=(first, second), hidden=widths, dropout=0.0)
