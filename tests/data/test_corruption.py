import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, stats

from jal.data.corruption import (
    corrupt,
    corrupt_fraction,
    corrupted,
    multiplicative_noise,
    random_rotation,
    random_zoom,
    rotate,
    zoom,
)
from jal.data.sources import from_arrays
from jal.types import InputError

KEY = jax.random.key(3)
# Smooth, without symmetry, and with a different scale in each channel.
ROWS, COLUMNS = np.mgrid[:24, :17] / 20
IMAGE = np.stack(
    [np.sin(3 * ROWS + COLUMNS) ** 2, ROWS * COLUMNS, np.exp(-ROWS - 2 * COLUMNS)], axis=-1
).astype(np.float32)
BYTES = np.round(255 * IMAGE).astype(np.uint8)


def by_scipy(image, matrix) -> np.ndarray:
    """SciPy's resampling about the centre, channel by channel."""
    centre = (np.array(image.shape[:2]) - 1) / 2
    channels = np.moveaxis(image, -1, 0).astype(float)
    warped = [
        ndimage.affine_transform(
            c, matrix, offset=centre - matrix @ centre, order=1, mode="nearest"
        )
        for c in channels
    ]
    return np.stack(warped, axis=-1)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.1, 2.0])
def test_zoom_is_scipys(factor):
    expected = by_scipy(IMAGE, np.eye(2) / factor)
    np.testing.assert_allclose(zoom(IMAGE, factor), expected, atol=1e-5)


def test_a_factor_above_one_enlarges():
    spot = np.exp(-((np.mgrid[:41, :41] - 20.0) ** 2).sum(0) / 30).astype(np.float32)[..., None]
    areas = [float(zoom(spot, factor).sum()) for factor in (0.5, 1.0, 2.0)]
    np.testing.assert_allclose(np.divide(areas, areas[1]), [0.25, 1, 4], rtol=0.02)


@pytest.mark.parametrize("angle", [-0.4, 0.0, math.pi / 12, 2.0])
def test_rotation_is_scipys(angle):
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(rotate(IMAGE, angle), by_scipy(IMAGE, matrix), atol=1e-5)


def test_a_quarter_turn_is_counterclockwise():
    square = IMAGE[:16, :16]
    np.testing.assert_allclose(rotate(square, math.pi / 2), np.rot90(square), atol=1e-5)


@pytest.mark.parametrize(("options", "bound"), [({}, math.pi / 12), ({"max_angle": 0.5}, 0.5)])
def test_angles_are_uniform_within_the_bound(options, bound):
    grid = np.mgrid[:41, :41] - 20.0
    spot = np.exp(-(grid[0] ** 2 + (grid[1] - 13) ** 2) / 8).astype(np.float32)[..., None]
    keys = jax.random.split(KEY, 500)
    rotated = jax.vmap(lambda key: random_rotation(key, spot, **options))(keys)[..., 0]
    rows, columns = (np.sum(rotated * g, axis=(1, 2)) for g in grid)
    found = np.arctan2(-rows, columns)  # of where the spot went
    assert np.abs(found).max() < 1.01 * bound
    assert stats.kstest(found / bound, stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_zooms_are_uniform_between_the_bounds():
    def factor(key) -> jax.Array:
        ramp = jnp.broadcast_to(jnp.linspace(0, 1, 41)[:, None, None], (41, 41, 1))
        middle = random_zoom(key, ramp)[20:22, 20, 0]
        return 1 / (40 * (middle[1] - middle[0]))  # the ramp's slope shrinks by the factor

    found = np.asarray(jax.vmap(factor)(jax.random.split(KEY, 500)))
    assert stats.kstest(found, stats.uniform(0.9, 0.2).cdf).pvalue > 1e-3


@pytest.mark.parametrize("sigma", [0.1, 0.05])
def test_noise_multiplies_by_one_plus_a_gaussian(sigma):
    levels = np.array([0.2, 0.5], np.float32)
    image = np.broadcast_to(levels, (200, 100, 2))
    found = multiplicative_noise(KEY, image, sigma) / levels
    noise = (np.asarray(found) - 1) / sigma
    assert stats.kstest(noise.ravel(), stats.norm.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.03


def test_noise_leaves_black_black_and_stays_in_range():
    found = multiplicative_noise(KEY, np.broadcast_to(np.float32([0, 1]), (50, 50, 2)), 0.3)
    assert (found[..., 0] == 0).all()
    assert found.max() == 1
    assert (found[..., 1] < 1).mean() == pytest.approx(0.5, abs=0.05)
    assert (multiplicative_noise(KEY, IMAGE, 0.0) == IMAGE).all()


@pytest.mark.parametrize("change", [random_zoom, random_rotation, multiplicative_noise, corrupt])
def test_bytes_are_floats_rounded(change):
    found = np.asarray(change(KEY, BYTES))
    assert found.dtype == np.uint8
    assert found.shape == BYTES.shape
    of_floats = 255 * np.asarray(change(KEY, BYTES / np.float32(255)))
    # `corrupt` rounds after each of its steps.
    assert np.abs(found - of_floats).max() < (2 if change is corrupt else 0.51)


def test_corrupt_is_its_three_steps():
    key_zoom, key_rotation, key_noise = jax.random.split(KEY, 3)
    expected = random_rotation(key_rotation, random_zoom(key_zoom, IMAGE, 0.7, 0.8), 0.3)
    expected = multiplicative_noise(key_noise, expected, 0.2)
    np.testing.assert_array_equal(corrupt(KEY, IMAGE, (0.7, 0.8), 0.3, 0.2), expected)


SET = np.random.default_rng(0).integers(0, 256, (600, 6, 5, 3)).astype(np.uint8)
compiled = jax.jit(corrupt_fraction, static_argnames="fraction")


def changed(found) -> np.ndarray:
    return (np.asarray(found) != SET).any(axis=(1, 2, 3))


@pytest.mark.parametrize("fraction", [0.0, 0.101, 0.5, 1.0])
def test_so_many_are_corrupted_and_the_others_kept(fraction):
    found = compiled(KEY, SET, fraction)
    assert found.dtype == np.uint8
    assert changed(found).sum() == round(600 * fraction)


def test_a_larger_fraction_corrupts_the_same_images_alike():
    few, many = (np.asarray(compiled(KEY, SET, f)) for f in (0.1, 0.5))
    np.testing.assert_array_equal(few[changed(few)], many[changed(few)])


def test_the_corrupted_are_spread_and_each_in_its_own_way():
    x = np.broadcast_to(SET[0], SET.shape)
    found = np.asarray(compiled(KEY, x, 0.5))
    which = (found != x).any(axis=(1, 2, 3))
    assert len(np.unique(found[which], axis=0)) == 300
    assert 115 < which[:300].sum() < 185


def test_keys_repeat_and_differ():
    first = compiled(KEY, SET, 0.5)
    np.testing.assert_array_equal(first, corrupt_fraction(KEY, SET, 0.5))
    other = compiled(jax.random.key(4), SET, 0.5)
    assert (changed(first) != changed(other)).any()


def test_options_reach_each_image():
    nothing = partial(corrupt, zooms=(1.0, 1.0), max_angle=0.0, sigma=0.0)
    found = jax.jit(partial(corrupt_fraction, fraction=1.0, corruption=nothing))(KEY, SET)
    np.testing.assert_array_equal(found, SET)


def test_memory_is_bounded():
    x = jax.ShapeDtypeStruct((50_000, 32, 32, 3), jnp.uint8)
    run = jax.jit(partial(corrupt_fraction, fraction=1.0)).lower(KEY, x).compile()
    size = 50_000 * 32 * 32 * 3
    assert run.memory_analysis().temp_size_in_bytes < size / 4  # its floats would take 4 times it


@pytest.mark.parametrize(
    ("shape", "fraction", "message"),
    [
        ((4, 3, 3, 1), 1.5, r"must be in \[0, 1\], got 1\.5"),
        ((4, 3, 3, 1), -0.1, r"must be in \[0, 1\], got -0\.1"),
        ((4, 64), 0.5, r"only images \[N, H, W, C\] can be corrupted, got shape \(4, 64\)"),
    ],
)
def test_what_cannot_be_corrupted(shape, fraction, message):
    with pytest.raises(InputError, match=message):
        corrupt_fraction(KEY, jnp.zeros(shape), fraction)


def dataset(images):
    return from_arrays(images, np.arange(4) % 2, images[:2], np.arange(2))


def test_float_images_of_bytes_are_refused():
    with pytest.raises(InputError, match=r"must be in \[0, 1\], got 255 to 255: scale them"):
        corrupted(dataset(np.full((4, 3, 3, 1), 255.0)), 0, 0.5)
