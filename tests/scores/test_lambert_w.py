import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import lambertw

from jal.scores.lambert_w import lambert_w0

BRANCH = -1 / np.e
FINEST = np.nextafter(np.float32(BRANCH), np.float32(0))  # the first float32 above -1/e
LARGEST, SMALLEST = np.finfo(np.float32).max, np.finfo(np.float32).tiny


def grid(*parts):
    x = np.unique(np.concatenate(parts).astype(np.float32))
    return x[x > BRANCH]


@pytest.mark.parametrize(
    "x",
    [
        grid(BRANCH + np.geomspace(1e-8, 0.05, 20_000)),
        grid(np.linspace(-0.33, 0.5, 20_000)),
        grid(-np.geomspace(SMALLEST, 0.3, 5_000), np.geomspace(SMALLEST, 1e3, 20_000)),
        grid(np.geomspace(1e3, 3.3e38, 20_000), [LARGEST]),
    ],
    ids=["branch", "middle", "small", "large"],
)
def test_agrees_with_scipy(x):
    """Of the same float32 numbers, in float64."""
    assert len(x) > 9_000
    expected = np.real(lambertw(x.astype(np.float64)))
    found = np.asarray(lambert_w0(jnp.asarray(x)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=5e-7)


def test_no_digit_is_lost_beside_the_branch_point():
    """W + 1 is as the root of the distance: 3e-4 already for the next float."""
    x = np.array([FINEST, np.nextafter(FINEST, np.float32(0)), BRANCH + 1e-6], np.float32)
    expected = np.real(lambertw(x.astype(np.float64)))
    assert 3e-4 < expected[0] + 1 < 4e-4
    np.testing.assert_allclose(lambert_w0(x), expected, atol=6e-8)  # half a unit of its last digit


@pytest.mark.parametrize(
    ("x", "w"),
    [
        (0.0, 0.0),
        (np.e, 1.0),
        (1.0, 0.5671432904),
        (-0.5 * np.log(2), -np.log(2)),
        (2 * np.log(2), np.log(2)),
        (np.inf, np.inf),
        (np.nan, np.nan),
    ],
)
def test_known_values(x, w):
    np.testing.assert_allclose(lambert_w0(jnp.float32(x)), w, rtol=2e-7)


@pytest.mark.parametrize("x", [BRANCH, -0.5, -1.0, -3e38, -np.inf])
def test_minus_one_exactly_at_and_below_the_branch_point(x):
    """Where SuperLoss is clamped, and SciPy's real part is NaN or another."""
    assert float(lambert_w0(jnp.float32(x))) == -1.0


def test_jit_and_vmap():
    x = jnp.linspace(-0.4, 50.0, 999)
    once = lambert_w0(x)
    np.testing.assert_array_equal(jax.vmap(lambert_w0)(x), once)
    assert lambert_w0(x.reshape(9, 111)).shape == (9, 111)
    assert np.all(np.diff(once[x > BRANCH]) > 0)
