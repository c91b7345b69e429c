"""The principal branch of Lambert's W in float32; JAX has none."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.types import Array

__all__ = ["lambert_w0"]

# 1/e is the first plus the second, which float32 cannot add.
_INV_E, _INV_E_REST = 0.3678794503211975, -9.149755188e-09
# W = -1 + p - p^2/3 + ..., p = sqrt(2 (e x + 1)) (Corless et al., 1996, eq. 4.22).
_SERIES = (
    -1.0,
    1.0,
    -1 / 3,
    11 / 72,
    -43 / 540,
    769 / 17280,
    -221 / 8505,
    680863 / 43545600,
    -1963 / 204120,
    226287557 / 37623398400,
)


@jax.jit
def lambert_w0(x: Array) -> Array:
    """The w >= -1 with `w exp(w) = x`, elementwise; -1 at the branch point -1/e and below it.

    The series near the branch point, elsewhere two of Halley's steps; within 1e-6 of w, relative.

    Args:
      x: float32; inf gives inf, NaN gives NaN.

    Returns:
      float32 of the same shape.
    """
    # No digit of the distance from the branch point is lost: x + 1/e in two parts, the second one
    # multiplied beforehand, or XLA adds both constants.
    square = 2 * jnp.e * (x + _INV_E) + 2 * jnp.e * _INV_E_REST
    p = jnp.sqrt(jnp.maximum(square, 0.0))
    series = jnp.polyval(jnp.array(_SERIES[::-1], jnp.float32), p)
    # Iacono and Boyd, 2017, eq. 31: within 2 % of all x > 0, and no worse a start below.
    log = jnp.log1p(jnp.maximum(x, -0.5))
    w = jnp.where(p < 1.0, series, log * (1.0 - jnp.log1p(log) / (2.0 + log)))
    for _ in range(2):
        # All divided by exp(w), which may overflow times w.
        excess = w - x * jnp.exp(-w)
        # Unlike 0 where the series stands in.
        above = jnp.maximum(w + 1.0, 0.1)
        w = w - excess / (above - (w + 2.0) * excess / (2.0 * above))
    return jnp.where(x == jnp.inf, jnp.inf, jnp.where(p < 0.3, series, w))
