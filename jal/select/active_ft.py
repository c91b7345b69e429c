"""ActiveFT: centroids that follow the pool's distribution and keep apart, on the unit sphere."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from jal.select.gradients import unit_rows
from jal.select.top_k import check_pool
from jal.types import Array

__all__ = ["active_ft", "fit_centroids"]


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
    minibatch: int | None = None,
    chunk: int = 4096,
) -> Array:
    """The unlabelled point nearest to each of k optimised centroids (ActiveFT: Xie et al., 2023).

    On features of unit length, Adam minimises

        - mean_i max_j f_i.c_j / T + diversity * mean_j log sum_(l != j) exp(c_j.c_l / T)

    over unit centroids c, from k unlabelled points drawn uniformly. The published code differs: it
    joins both terms in one logarithm, and counts the second by the share of points. Points of
    length 0 are as far from any centroid as an orthogonal one. Time 2 N D k per iteration; memory
    N D + chunk k.

    Args:
      key: a PRNG key.
      features: `[N, D]` float.
      labelled: `[N]` bool; left out of the loss and never picked.
      k: number of centroids and of picks, static; at most the number of unlabelled points.
      temperature: T.
      iterations: of Adam, static.
      learning_rate: of Adam.
      diversity: weight of the second term.
      minibatch: unlabelled points drawn (with replacement) for each iteration; None for all, the
        paper's.
      chunk: points compared at once, static; bounds memory at `chunk x k`.

    Returns:
      `[k]` int32, distinct: the centroid nearest to most points first; a point that is taken goes
      to the first centroid that asks for it.
    """
    features, labelled = check_pool("active_ft", features, labelled, k)
    points = unit_rows(features)
    centroids, share = fit_centroids(
        key,
        points,
        labelled,
        k,
        temperature=temperature,
        iterations=iterations,
        learning_rate=learning_rate,
        diversity=diversity,
        minibatch=minibatch,
        chunk=chunk,
    )

    def nearest_point(taken: Array, centroid: Array) -> tuple[Array, Array]:
        similar = jnp.matmul(points, centroid, precision="highest")
        chosen = jnp.argmax(jnp.where(taken, -jnp.inf, similar)).astype(jnp.int32)
        return taken.at[chosen].set(True), chosen

    largest_first = centroids[jnp.argsort(-share, stable=True)]
    return jax.lax.scan(nearest_point, labelled, largest_first)[1]


def fit_centroids(
    key: Array,
    points: Array,
    labelled: Array,
    k: int,
    *,
    temperature: float,
    iterations: int,
    learning_rate: float,
    diversity: float,
    minibatch: int | None,
    chunk: int,
) -> tuple[Array, Array]:
    """Optimised centroids `[k, D]` and how many points `[k]` are nearest to each.

    Of `points [N, D]`, with rows of length 1 or 0; all else as for `active_ft`.
    """
    n, dimension = points.shape
    key_first, key_steps = jax.random.split(key)
    drawn = jnp.where(labelled, -1.0, jax.random.uniform(key_first, (n,)))
    first = points[jax.lax.top_k(drawn, k)[1]]

    size = min(chunk, n)
    chunks = jnp.pad(points, ((0, -n % size), (0, 0))).reshape(-1, size, dimension)
    weights = jnp.pad((~labelled).astype(points.dtype), (0, -n % size)).reshape(-1, size)
    unlabelled_first = jnp.argsort(labelled, stable=True)
    count = jnp.maximum(jnp.sum(~labelled), 1)

    def mean_attracted(unit: Array, step: Array) -> Array:
        if minibatch is None:
            return _nearest(unit, chunks, weights)[0] / count
        rank = jax.random.randint(jax.random.fold_in(key_steps, step), (minibatch,), 0, count)
        some = points[unlabelled_first[rank]][None]
        return _nearest(unit, some, jnp.ones((1, minibatch), points.dtype))[0] / minibatch

    def loss(centroids: Array, attracted: Array) -> Array:
        unit = unit_rows(centroids)
        near = jnp.sum(attracted * unit) / temperature
        if k == 1:
            return -near
        similar = jnp.matmul(unit, unit.T, precision="highest") / temperature
        others = jnp.where(jnp.eye(k, dtype=bool), -jnp.inf, similar)
        return diversity * jnp.mean(jax.nn.logsumexp(others, axis=1)) - near

    optimizer = optax.adam(learning_rate)

    def update(step: Array, carry: tuple[Array, optax.OptState]) -> tuple[Array, optax.OptState]:
        centroids, state = carry
        # A maximum's gradient is that of what is largest: the points stay with their centroids.
        attracted = mean_attracted(unit_rows(centroids), step)
        updates, state = optimizer.update(jax.grad(loss)(centroids, attracted), state)
        return jax.tree.map(jnp.add, centroids, updates), state

    start = first, optimizer.init(first)
    unit = unit_rows(jax.lax.fori_loop(0, iterations, update, start)[0])
    return unit, _nearest(unit, chunks, weights)[1]


def _nearest(unit: Array, chunks: Array, weights: Array) -> tuple[Array, Array]:
    """For each centroid the sum `[k, D]` and the number `[k]` of the points it is nearest to.

    A point that ties is shared out. Args: unit `[k, D]`, chunks `[C, m, D]`, weights `[C, m]`.
    """

    def add(carry: tuple[Array, Array], chunk: tuple[Array, Array]):
        total, share = carry
        points, weight = chunk
        similar = unit @ points.T  # [k, m]: the maximum over the first axis is vectorised
        member = (similar == jnp.max(similar, axis=0)).astype(points.dtype)
        member *= weight / jnp.sum(member, axis=0)
        return (total + member @ points, share + jnp.sum(member, axis=1)), None

    start = jnp.zeros_like(unit), jnp.zeros(unit.shape[0], unit.dtype)
    return jax.lax.scan(add, start, (chunks, weights))[0]
