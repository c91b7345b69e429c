"""A small round whose every field is there, of a linear model."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from jal.labels import labelled_mask
from jal.types import Array, Labels, Outputs, Round

__all__ = ["linear_round"]


def linear_round(
    key: Array,
    *,
    points: int = 60,
    features: int = 4,
    classes: int = 5,
    labelled: int = 12,
    seen: int | None = None,
    copies: int | None = None,
) -> Round:
    """A Round of random points, some of them labelled; its variables are the model's weights.

    Args:
      key: a PRNG key.
      points: N.
      features: D.
      classes: K.
      labelled: how many points are labelled.
      seen: classes that labels are of; all if None.
      copies: different points that there are, each copied as often as the others; all differ if
        None. Of one the model knows nothing, so that all is equal.
    """
    keys = jax.random.split(key, 5)
    kind = jnp.arange(points) * (copies or points) // points
    x = jax.random.normal(keys[0], (points, features))[kind]
    weights = 2.0 * jax.random.normal(keys[1], (features, classes))
    weights = jnp.zeros_like(weights) if copies == 1 else weights
    order = jax.random.permutation(keys[2], points).astype(jnp.int32)
    labels = Labels(order, jnp.int32(labelled))
    mask = labelled_mask(labels)
    drawn = jax.random.randint(keys[3], (points,), 0, seen or classes)
    y = jnp.where(mask, drawn, -1)
    spread = jnp.float32(0.0 if copies == 1 else 1.0)
    return Round(
        x,
        y,
        labels,
        mask,
        weights,
        x @ weights,
        x,
        auxiliary=jax.random.normal(keys[4], (points,))[kind] * spread,
        head=Partial(_head, weights),
        sample=Partial(_sample, weights, x, spread),
        fit=Partial(_fit, x, y, jnp.zeros(classes)),
        predict=Partial(_predict),
        truth=jnp.where(mask, drawn, drawn[kind]),  # copies are of one class
    )


def _head(weights: Array, features: Array) -> Array:
    return features @ weights


def _predict(weights: Array, x: Array) -> Outputs:
    return Outputs(x @ weights, x)


def _sample(weights: Array, x: Array, spread: Array, key: Array) -> Outputs:
    return _predict(weights + spread * jax.random.normal(key, weights.shape), x)


def _fit(x: Array, y: Array, of_classes: Array, key: Array, labels: Labels) -> Array:
    """Ridge regression on the labelled points, as often as they stand in the order."""
    del key
    size = x.shape[0]
    known = (jnp.arange(size) < labels.n) & (y[labels.order] >= 0)
    weight = jnp.zeros(size).at[labels.order].add(known)
    weighted = weight[:, None] * x
    target = jax.nn.one_hot(y, of_classes.shape[0])
    return jnp.linalg.solve(weighted.T @ x + jnp.eye(x.shape[1]), weighted.T @ target)
