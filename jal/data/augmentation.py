"""Random changes of a training image, made anew in every training step and never when scoring.

An augmentation is a pure function `(key, image [H, W, C]) -> image` of the same shape and dtype;
`jal.learners.sgd` maps it over a minibatch with a key for each example.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jal.types import Array

__all__ = ["Augmentation", "compose", "crop", "flip"]

Augmentation = Callable[[Array, Array], Array]


def crop(padding: int = 4) -> Augmentation:
    """A random crop of the image's own size out of the image with `padding` black pixels around."""

    def augment(key: Array, image: Array) -> Array:
        wide = jnp.pad(image, ((padding, padding), (padding, padding), (0, 0)))
        row, column = jax.random.randint(key, (2,), 0, 2 * padding + 1)
        return jax.lax.dynamic_slice(wide, (row, column, 0), image.shape)

    return augment


def flip() -> Augmentation:
    """Left and right exchanged, or not, with equal probability."""

    def augment(key: Array, image: Array) -> Array:
        return jnp.where(jax.random.bernoulli(key), image[:, ::-1], image)

    return augment


def compose(*augmentations: Augmentation) -> Augmentation:
    """One after another, the first first, each with a key of its own."""

    def augment(key: Array, image: Array) -> Array:
        keys = jax.random.split(key, len(augmentations))
        for one, its_key in zip(augmentations, keys, strict=True):
            image = one(its_key, image)
        return image

    return augment
