"""The pool in coordinates in which a linear model's Hessian is nearly diagonal."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jal.learners.inputs import flatten
from jal.types import Array

__all__ = ["Coordinates", "principal"]

_LARGEST = 1024  # of the factor: an eigendecomposition takes its cube, 2 s there


class Coordinates(NamedTuple):
    """The pool's inputs less an origin, along orthonormal axes that span all of them.

    A penalty |w|^2 is the same along such axes, and what is orthogonal to all inputs is 0 at the
    optimum, so that the optimum is the same.

    Attributes:
      x: `[N, R]` along the axes; the inputs `[N, ...]` as they are where there are none.
      origin: `[D]`. Of one number more than the inputs it counts as theirs a constant 1, the last.
      axes: `[D, R]` the principal axes, R the lesser of N and D; None where both are so large that
        finding them would take longer than the fits.
    """

    x: Array
    origin: Array
    axes: Array | None

    def rows(self, index: Array) -> Array:
        """Points `[n, R]`, or `[n, D]` without axes."""
        if self.axes is None:
            return _vectors(self.x[index], self.origin)
        return self.x[index]

    def along(self, weights: Array) -> Array:
        """Weights on the inputs `[K, D]` along the axes, `[K, R]`."""
        return weights if self.axes is None else weights @ self.axes

    def back(self, weights: Array) -> Array:
        """Weights along the axes `[K, R]` on the inputs, `[K, D]`."""
        return weights if self.axes is None else weights @ self.axes.T


def principal(inputs: Array, origin: Array) -> Coordinates:
    """The coordinates of a pool's `inputs [N, ...]` less `origin [D]`.

    For D > N the axes are sought among the inputs' span, from N x N inner products.
    """
    n, dim = inputs.shape[0], origin.shape[0]
    if min(n, dim) > _LARGEST:
        return Coordinates(inputs, origin, None)
    x = _vectors(inputs, origin)
    if n >= dim:
        axes = jnp.linalg.eigh(x.T @ x)[1]
        return Coordinates(x @ axes, origin, axes)
    # Orthonormal whatever the inputs' scale and rank, as x.T times eigenvectors would not be.
    span, triangle = jnp.linalg.qr(x.T)
    turn = jnp.linalg.eigh(triangle @ triangle.T)[1]
    return Coordinates(triangle.T @ turn, origin, span @ turn)


def _vectors(inputs: Array, origin: Array) -> Array:
    x = flatten(inputs)
    constant = jnp.ones((x.shape[0], origin.shape[0] - x.shape[1]))
    return jnp.concatenate([x, constant], axis=1) - origin
