"""Corruption of training images: zoom, rotation and multiplicative noise.

Slade and Branson (section 4.4.2) corrupt 10 %, 50 % or all of the training images: zoom, rotation
by up to pi/12 and multiplicative Gaussian noise, with MONAI. What they do not give is MONAI's
default: zoom between 0.9 and 1.1, noise of 0.1, the edge's pixels going on beyond the edge.
Interpolation is bilinear. Images are `[H, W, C]`, uint8 or floats in [0, 1], and keep their dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates

from jal.data.dataset import Dataset
from jal.types import Array, InputError

__all__ = [
    "corrupt",
    "corrupt_fraction",
    "corrupted",
    "multiplicative_noise",
    "random_rotation",
    "random_zoom",
    "rotate",
    "zoom",
]

Corruption = Callable[[Array, Array], Array]

_AT_ONCE = 256  # images: a whole set's float copies would take many times its memory


def zoom(image: Array, factor: Array | float) -> Array:
    """The image enlarged about its centre by a factor, the same in height and width."""
    return _resample(image, jnp.eye(2) / factor)


def rotate(image: Array, angle: Array | float) -> Array:
    """The image turned about its centre by an angle in radians, counterclockwise."""
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    return _resample(image, jnp.array([[cosine, sine], [-sine, cosine]]))


def random_zoom(key: Array, image: Array, low: float = 0.9, high: float = 1.1) -> Array:
    """`zoom` by a factor uniform in [low, high]."""
    return zoom(image, jax.random.uniform(key, minval=low, maxval=high))


def random_rotation(key: Array, image: Array, max_angle: float = math.pi / 12) -> Array:
    """`rotate` by an angle uniform in [-max_angle, max_angle]."""
    return rotate(image, jax.random.uniform(key, minval=-max_angle, maxval=max_angle))


def multiplicative_noise(key: Array, image: Array, sigma: float = 0.1) -> Array:
    """Every value times its own 1 + sigma * N(0, 1), cut to the range of images."""
    noise = jax.random.normal(key, image.shape)
    return _in_range(image.astype(jnp.float32) * (1 + sigma * noise), image)


def corrupt(
    key: Array,
    image: Array,
    zooms: tuple[float, float] = (0.9, 1.1),
    max_angle: float = math.pi / 12,
    sigma: float = 0.1,
) -> Array:
    """`random_zoom`, then `random_rotation`, then `multiplicative_noise`."""
    key_zoom, key_rotation, key_noise = jax.random.split(key, 3)
    image = random_zoom(key_zoom, image, *zooms)
    image = random_rotation(key_rotation, image, max_angle)
    return multiplicative_noise(key_noise, image, sigma)


def corrupt_fraction(
    key: Array, x: Array, fraction: float, corruption: Corruption = corrupt
) -> Array:
    """A set of images of which a random fraction is corrupted.

    With the same key a smaller fraction's corrupted images are among a larger one's, corrupted in
    the same way, so that fractions can be compared.

    Args:
      key: a PRNG key.
      x: `[N, H, W, C]`, uint8 or floats in [0, 1].
      fraction: in [0, 1], static; round(fraction * N) images are corrupted.
      corruption: `(key, image) -> image` of the same shape and dtype.

    Returns:
      `[N, H, W, C]` of x's dtype; the other images are x's, bit for bit.

    Raises:
      InputError: for a fraction outside [0, 1] or inputs that are no images.
    """
    if not 0 <= fraction <= 1:
        raise InputError(f"the fraction of images to corrupt must be in [0, 1], got {fraction}.")
    if x.ndim != 4:
        raise InputError(f"only images [N, H, W, C] can be corrupted, got shape {x.shape}.")
    x = jnp.asarray(x)
    key_choice, key_images = jax.random.split(key)
    chosen = jax.random.permutation(key_choice, len(x))[: round(fraction * len(x))]
    if len(chosen) == 0:
        return x

    def one(index: Array) -> Array:
        return corruption(jax.random.fold_in(key_images, index), x[index])

    def some(made: Array, indices: Array) -> tuple[Array, None]:
        return made.at[indices].set(jax.vmap(one)(indices)), None

    size = min(_AT_ONCE, len(chosen))
    # Filled up with the last image, which is set to the same again.
    groups = jnp.pad(chosen, (0, -len(chosen) % size), mode="edge").reshape(-1, size)
    return jax.lax.scan(some, x, groups)[0]


def corrupted(
    dataset: Dataset, seed: int, fraction: float, corruption: Corruption = corrupt
) -> Dataset:
    """The data set with `corrupt_fraction` of its training images; the test set is untouched.

    Raises:
      InputError: as `corrupt_fraction`, and for float images outside [0, 1].
    """
    x = dataset.train.x
    if x.dtype != np.uint8 and (x.min() < 0 or x.max() > 1):
        raise InputError(
            f"float images to corrupt must be in [0, 1], got {x.min():.3g} to {x.max():.3g}: "
            "scale them, or give bytes."
        )
    made = corrupt_fraction(jax.random.key(seed), jnp.asarray(x), fraction, corruption)
    return dataset._replace(train=dataset.train._replace(x=np.asarray(made)))


def _resample(image: Array, matrix: Array) -> Array:
    """The image whose pixel at p from the centre is the old one's at `matrix @ p`, bilinear."""
    height, width, _ = image.shape
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    rows = jnp.arange(height)[:, None] - middle_row
    columns = jnp.arange(width) - middle_column
    # Written out: a matrix product may be of few bits on a GPU.
    source = [
        matrix[0, 0] * rows + matrix[0, 1] * columns + middle_row,
        matrix[1, 0] * rows + matrix[1, 1] * columns + middle_column,
    ]
    resampled = jax.vmap(
        lambda channel: map_coordinates(channel, source, order=1, mode="nearest"), -1, -1
    )(image.astype(jnp.float32))
    return _in_range(resampled, image)


def _in_range(values: Array, image: Array) -> Array:
    """Float values as the image's dtype."""
    if jnp.issubdtype(image.dtype, jnp.integer):
        return jnp.clip(jnp.round(values), 0, 255).astype(image.dtype)
    return jnp.clip(values, 0, 1).astype(image.dtype)
