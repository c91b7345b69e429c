"""What a network's inputs are standardised by."""

import numpy as np
import pytest

from jal.data.statistics import standardisation


def test_by_hand():
    """Deviations of 1, of 2 with an outlier that counts half, and none at all."""
    x = np.array([[1.0, 0, 7], [3, 0, 7], [1, 0, 7], [3, 8, 7]], np.float32)
    mean, scale = standardisation(x)
    np.testing.assert_allclose(mean, [2, 2, 7])
    np.testing.assert_allclose(scale, [1, np.sqrt(12), np.sqrt(12)], rtol=1e-6)
    rare = np.zeros((100, 1), np.float32)
    rare[3] = 50.0
    np.testing.assert_allclose(standardisation(rare)[1], [0.5 * 49.5])
    np.testing.assert_array_equal(standardisation(np.ones((5, 2), np.float32))[1], [1, 1])


def test_channels_of_images_and_bytes():
    x = np.random.default_rng(0).integers(0, 255, (10, 6, 6, 2)).astype(np.uint8)
    x[..., 1] //= 2
    mean, scale = standardisation(x)
    np.testing.assert_allclose(mean, (x / 255).mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(scale, (x / 255).std(axis=(0, 1, 2)), rtol=1e-6)


@pytest.mark.parametrize("shift", [0.0, -2000.0, 1e6])
@pytest.mark.parametrize("factor", [1.0, 1e-9, 1e9])
def test_units_do_not_matter(shift, factor):
    """`(x - mean) / scale` is the same in any units, also of many rows and far from zero."""
    plain = np.random.default_rng(0).normal(0, 5, (50_000, 3)).round(1)
    x = ((plain + shift) * factor).astype(np.float32)
    (mean, scale), (own, expected) = standardisation(x), standardisation(plain.astype(np.float32))
    np.testing.assert_allclose(scale / factor, expected, rtol=2e-2 if shift == 1e6 else 1e-4)
    np.testing.assert_allclose(mean / factor - shift, own, atol=1e-7 * abs(shift) + 1e-6)
