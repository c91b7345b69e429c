"""ActiveFT: centroids that follow the pool's distribution and keep apart, on the unit sphere."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from jal.select.checks import check_key, check_pool, pad_picks
from jal.select.gradients import unit_rows
from jal.select.options import counts, optional, reals, takes, words
from jal.select.ties import argmax, priorities
from jal.types import Array

__all__ = ["Objective", "active_ft", "fit_centroids"]

Objective = Literal["published", "as_printed"]
_BLOCK = 64  # centroids per matrix product when they take their points
_DECAY, _SQUARED_DECAY, _EPSILON = 0.9, 0.999, 1e-8  # Adam's defaults


@takes(
    temperature=reals(above=0),
    iterations=counts(0, static=False),
    learning_rate=reals(above=0),
    diversity=reals(least=0),
    objective=words(*get_args(Objective)),
    minibatch=optional(counts()),
    chunk=counts(),
)
def active_ft(
    key: Array,
    features: Array,
    labelled: Array,
    k: int,
    *,
    temperature: float = 0.07,
    iterations: int = 300,
    learning_rate: float = 1e-3,
    diversity: float = 1.0,
    objective: Objective = "published",
    minibatch: int | None = None,
    chunk: int = 4096,
) -> Array:
    """The unlabelled point nearest to each of k optimised centroids (ActiveFT: Xie et al., 2023).

    On features f of unit length, Adam minimises over unit centroids c, from k unlabelled points
    drawn uniformly, the published code's objective: with c_i the nearest centroid of f_i,

        mean_i log(1 + diversity * sum_l exp((c_i.c_l - f_i.c_i) / T)),

    c_l being constants, that of l = i too, which is the largest. As the paper prints it (eq. 7),

        - mean_i f_i.c_i / T + diversity * mean_j log sum_(l != j) exp(c_j.c_l / T),

    nothing damps the second term, and it drives the centroids apart until they stand for the pool
    no better than random points do. Points of length 0 are as far from any centroid as an
    orthogonal one. Time 2 N D k per iteration, memory N D + chunk k: at 50,000 points of 512
    features and 100 picks about 50 CPU-seconds; with a minibatch of 4,096 about 5, at any number of
    points.

    Args:
      key: a PRNG key.
      features: `[N, D]` float.
      labelled: `[N]` bool; left out of the loss and never picked.
      k: number of centroids and of picks, static; at most the number of unlabelled points.
      temperature: T.
      iterations: of Adam.
      learning_rate: of Adam.
      diversity: weight of what keeps centroids apart; with 0 the published objective is 0.
      objective: "published", or "as_printed"; static.
      minibatch: unlabelled points drawn (with replacement) for each iteration; None for all, the
        paper's.
      chunk: points compared at once, static; bounds memory at `chunk x k`.

    Returns:
      `[k]` int32, distinct: the centroid nearest to most points first; a point that is taken goes
      to the first centroid that asks for it.
    """
    key = check_key("active_ft", key)
    labelled, features = check_pool("active_ft", labelled, k, features=features)
    points = unit_rows(features)
    key_fit, key_ties = jax.random.split(key)
    centroids, share = fit_centroids(
        key_fit,
        points,
        labelled,
        k,
        temperature=temperature,
        iterations=iterations,
        learning_rate=learning_rate,
        diversity=diversity,
        objective=objective,
        minibatch=minibatch,
        chunk=chunk,
    )
    centroids = centroids[jnp.argsort(-share, stable=True)]
    # Padded centroids come last, and what they take is cut off.
    centroids = jnp.pad(centroids, ((0, -k % _BLOCK), (0, 0)))
    priority = priorities(key_ties, labelled.shape[0])

    def block(taken: Array, centroids: Array) -> tuple[Array, Array]:
        similar = jnp.matmul(centroids, points.T, precision="highest")

        def nearest(taken: Array, similar: Array) -> tuple[Array, Array]:
            chosen = argmax(jnp.where(taken, -jnp.inf, similar), priority)
            return taken.at[chosen].set(True), chosen

        return jax.lax.scan(nearest, taken, similar)

    _, picks = jax.lax.scan(block, labelled, centroids.reshape(-1, _BLOCK, points.shape[1]))
    return pad_picks(picks.reshape(-1)[:k], labelled)


class _Adam(NamedTuple):
    """Parameters and the running means of their gradients."""

    centroids: Array
    mean: Array
    squared: Array


def fit_centroids(
    key: Array,
    points: Array,
    labelled: Array,
    k: int,
    *,
    temperature: float = 0.07,
    iterations: int = 300,
    learning_rate: float = 1e-3,
    diversity: float = 1.0,
    objective: Objective = "published",
    minibatch: int | None = None,
    chunk: int = 4096,
) -> tuple[Array, Array]:
    """ActiveFT's centroids `[k, D]` of unit length, and how many unlabelled points each is nearest.

    Args:
      key: a PRNG key.
      points: `[N, D]` float, of length 1 (or 0).
      labelled: `[N]` bool; left out.
      k: static.
      temperature: see `active_ft`.
      iterations: see `active_ft`.
      learning_rate: see `active_ft`.
      diversity: see `active_ft`.
      objective: see `active_ft`.
      minibatch: see `active_ft`.
      chunk: see `active_ft`.
    """
    labelled, points = check_pool("fit_centroids", labelled, k, features=points)
    n, dimension = points.shape
    free = (~labelled).astype(points.dtype)
    key_first, key_rest = jax.random.split(key)
    drawn = jnp.where(labelled, -1.0, jax.random.uniform(key_first, (n,), jnp.float32))
    first = points[jax.lax.top_k(drawn, k)[1]]

    size = min(chunk, n)
    padded = jnp.pad(points, ((0, -n % size), (0, 0))).reshape(-1, size, dimension)
    weights = jnp.pad(free, (0, -n % size)).reshape(-1, size)
    unlabelled_first = jnp.argsort(labelled, stable=True)
    count = jnp.maximum(jnp.sum(~labelled, dtype=jnp.int32), 1)

    def drawn_points(step: Array) -> tuple[Array, Array]:
        """The points `[C, m, D]` of one iteration, and their weights `[C, m]` of sum 1."""
        if minibatch is None:
            return padded, weights / jnp.maximum(jnp.sum(free), 1.0)
        key = jax.random.fold_in(key_rest, step)
        rank = jax.random.randint(key, (minibatch,), 0, count, jnp.int32)
        some = points[unlabelled_first[rank]][None]
        return some, jnp.full((1, minibatch), 1.0 / minibatch, points.dtype)

    def published(unit: Array, some: Array, weight: Array) -> Array:
        similar = jnp.matmul(unit, unit.T, precision="highest") / temperature
        weight_apart = jnp.maximum(jnp.float32(diversity), jnp.finfo(jnp.float32).tiny)
        apart = jnp.log(weight_apart) + jax.nn.logsumexp(similar, axis=1)
        total, share = _nearest(unit, some, weight, apart, temperature)
        away = jnp.matmul(jax.nn.softmax(similar, axis=1), unit, precision="highest")
        return (share[:, None] * away - total) / temperature

    def as_printed(unit: Array, some: Array, weight: Array) -> Array:
        def spread(unit: Array) -> Array:
            similar = jnp.matmul(unit, unit.T, precision="highest") / temperature
            others = jnp.where(jnp.eye(k, dtype=bool), -jnp.inf, similar)
            return diversity * jnp.mean(jax.nn.logsumexp(others, axis=1))

        near = _nearest(unit, some, weight)[0] / temperature
        return jax.grad(spread)(unit) - near if k > 1 else -near

    gradient_of = published if objective == "published" else as_printed

    def update(step: Array, adam: _Adam) -> _Adam:
        unit, to_centroids = jax.vjp(unit_rows, adam.centroids)
        (gradient,) = to_centroids(gradient_of(unit, *drawn_points(step)))
        mean = _DECAY * adam.mean + (1 - _DECAY) * gradient
        squared = _SQUARED_DECAY * adam.squared + (1 - _SQUARED_DECAY) * jnp.square(gradient)
        t = (step + 1).astype(points.dtype)
        scale = jnp.sqrt(squared / (1 - _SQUARED_DECAY**t)) + _EPSILON
        moved = adam.centroids - learning_rate * mean / (1 - _DECAY**t) / scale
        return _Adam(moved, mean, squared)

    start = _Adam(first, jnp.zeros_like(first), jnp.zeros_like(first))
    unit = unit_rows(jax.lax.fori_loop(0, iterations, update, start).centroids)
    return unit, _nearest(unit, padded, weights)[1]


def _nearest(
    unit: Array, chunks: Array, weights: Array, apart: Array | None = None, temperature: float = 1.0
) -> tuple[Array, Array]:
    """For each centroid the sum `[k, D]` and the number `[k]` of the points it is nearest to.

    A point that ties is shared out. With `apart` each point f of centroid c counts by the share
    sigmoid(apart_c - f.c / temperature) that is not its own.

    Args:
      unit: `[k, D]`.
      chunks: `[C, m, D]`.
      weights: `[C, m]`.
      apart: `[k]`, or None.
      temperature: of the similarities.
    """

    def add(carry: tuple[Array, Array], chunk: tuple[Array, Array]):
        total, share = carry
        points, weight = chunk
        similar = unit @ points.T  # [k, m]: the maximum over the first axis is vectorised
        largest = jnp.max(similar, axis=0)
        member = (similar == largest).astype(points.dtype)
        member /= jnp.sum(member, axis=0)
        if apart is not None:
            weight *= jax.nn.sigmoid(apart @ member - largest / temperature)
        member *= weight
        return (total + member @ points, share + jnp.sum(member, axis=1)), None

    start = jnp.zeros_like(unit), jnp.zeros(unit.shape[0], unit.dtype)
    return jax.lax.scan(add, start, (chunks, weights))[0]
