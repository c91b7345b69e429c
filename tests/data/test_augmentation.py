import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.data.augmentation import compose, crop, flip

IMAGE = np.random.default_rng(0).integers(1, 256, (7, 5, 3)).astype(np.uint8)  # no black of its own
KEYS = jax.random.split(jax.random.key(0), 300)


def made(augment, image, keys=KEYS) -> np.ndarray:
    found = jax.jit(jax.vmap(augment, (0, None)))(keys, image)
    assert found.dtype == image.dtype
    return np.asarray(found)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("padding", [1, 2])
def test_crops_are_the_windows_of_the_padded_image(padding, dtype):
    image = IMAGE.astype(dtype)
    wide = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
    offsets = range(2 * padding + 1)
    windows = [wide[i : i + 7, j : j + 5] for i in offsets for j in offsets]
    found = made(crop(padding), image)
    seen = [[i for i, w in enumerate(windows) if (w == one).all()] for one in found]
    assert all(len(places) == 1 for places in seen)
    counts = np.bincount([places[0] for places in seen], minlength=len(windows))
    assert counts.min() > 0
    assert counts.max() < 3 * len(KEYS) / len(windows)


def test_without_padding_the_image_stays():
    np.testing.assert_array_equal(made(crop(0), IMAGE), np.broadcast_to(IMAGE, (300, 7, 5, 3)))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_half_of_the_images_are_flipped_left_to_right(dtype):
    image = IMAGE.astype(dtype)
    found = made(flip(), image)
    flipped = (found == image[:, ::-1]).all(axis=(1, 2, 3))
    assert (flipped | (found == image).all(axis=(1, 2, 3))).all()
    assert 115 < flipped.sum() < 185  # four standard deviations of a fair coin


def test_composed_in_order_with_a_key_each():
    def shift(key, image):
        return image + jax.random.uniform(key)

    def double(key, image):
        return 2 * image + jax.random.uniform(key)

    key = jax.random.key(1)
    first, second = (float(jax.random.uniform(k)) for k in jax.random.split(key))
    found = compose(shift, double)(key, jnp.ones((1, 1, 1)))
    np.testing.assert_allclose(found, 2 * (1 + first) + second, rtol=1e-6)
    assert first != second


def test_composed_of_nothing_the_image_stays():
    np.testing.assert_array_equal(compose()(KEYS[0], IMAGE), IMAGE)


def test_crop_and_flip_are_independent():
    found = made(compose(crop(1), flip()), IMAGE)
    assert len(np.unique(found, axis=0)) == 18  # 9 windows, each also flipped
