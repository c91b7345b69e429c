"""BAIT: batches that leave the last layer least uncertain, by its Fisher information."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from jal.select.checks import check_optional_key, check_pool, pad_picks
from jal.select.options import counts, reals, takes, words
from jal.select.ties import argmax, priorities
from jal.types import Array

__all__ = ["Weights", "bait"]

Weights = Literal["equal", "published"]
_ROWS = 512  # points whose products with all class pairs are held at once


class _Points(NamedTuple):
    """Per-point Fisher blocks V V^T, V = h (x) L, in blocks of R points; C classes, d features.

    Attributes:
      features: `[blocks, d, R]`.
      factors: `[blocks, C, C, R]`, L: lower triangular, L L^T the covariance of the prediction.
      a: `[blocks, C, C, R]`, V^T M^-1 V.
      b: `[blocks, C, C, R]`, V^T M^-1 F M^-1 V.
    """

    features: Array
    factors: Array
    a: Array
    b: Array


@takes(
    ridge=reals(above=0),
    oversample=reals(least=1, static=True),
    weights=words(*get_args(Weights)),
    max_features=counts(),
    max_classes=counts(),
    chunk=counts(),
)
def bait(
    logits: Array,
    features: Array,
    labelled: Array,
    k: int,
    *,
    ridge: float = 1.0,
    oversample: float = 2.0,
    weights: Weights = "equal",
    max_features: int = 128,
    max_classes: int = 16,
    chunk: int = 1024,
    key: Array | None = None,
) -> Array:
    """Greedily minimises tr(M^-1 F) over `oversample` k points, then prunes them to k.

    F is the pool's mean Fisher information of the last layer, M = ridge I + the sum of the labelled
    and picked points' own: h h^T (x) (diag(p) - p p^T) for features h and probabilities p. Source:
    BAIT (Ash et al., 2021); in the published code a labelled point's information weighs
    1 / (|L| + k) in M, and a pick's k / (|L| + k). The blocks V^T M^-1 V and V^T M^-1 F M^-1 V,
    which say what adding or removing a point changes, are updated with each pick by terms of low
    rank, so that a pick costs N d C^2, and M^-1 is never formed anew. Memory
    N (d + 4 C^2) + (d C)^2.

    With D > `max_features` the features are projected on the axes of their largest second moments
    (d of them), with K - 1 > `max_classes` the classes on those of the pool's mean covariance of
    predictions (C of them). The direction common to all classes, in which the information is 0,
    always goes: so that C = K - 1 is exact.

    Args:
      logits: `[N, K]` float.
      features: `[N, D]` float.
      labelled: `[N]` bool; True is never picked.
      k: how many, static; at most the number of unlabelled points.
      ridge: positive; the paper's lambda.
      oversample: how many times k are picked before pruning, at least 1; fewer where there are not
        so many.
      weights: "equal", or "published" for the code's; static.
      max_features: d at most.
      max_classes: C at most.
      chunk: points updated at once; bounds memory.
      key: a PRNG key that breaks ties at random; by index if None.

    Returns:
      `[k]` int32 in order of picking.
    """
    key = check_optional_key("bait", key)
    labelled, logits, features = check_pool("bait", labelled, k, logits=logits, features=features)
    picked = min(max(k, round(oversample * k)), labelled.shape[0])
    with jax.default_matmul_precision("highest"):
        h, factors = _compressed(logits, features, max_features, max_classes)
        everything = jnp.arange(h.shape[0])
        fisher = _information(h, factors, everything, h.shape[0]) / h.shape[0]
        seen = jnp.nonzero(labelled, size=h.shape[0], fill_value=0)[0]
        known = _information(h, factors, seen, jnp.sum(labelled))
        if weights == "published":
            whole = jnp.sum(labelled) + jnp.float32(k)
            known, factors = known / whole, factors * jnp.sqrt(k / whole)
        size = fisher.shape[0]
        root = jnp.linalg.cholesky(known + ridge * jnp.eye(size, dtype=h.dtype))
        half = jax.scipy.linalg.solve_triangular(root, jnp.eye(size, dtype=h.dtype), lower=True)
        inverse = half.T @ half

        priority = priorities(key, h.shape[0])
        picks, valid, inverse = _forward(
            h, factors, fisher, inverse, labelled, priority, picked, chunk
        )
        stays = _prune(h[picks], factors[:, :, picks], fisher, inverse, valid, picked - k)
    return pad_picks(picks[jnp.nonzero(stays, size=k, fill_value=0)[0]], labelled)


def _forward(
    h: Array,
    factors: Array,
    fisher: Array,
    inverse: Array,
    labelled: Array,
    priority: Array,
    count: int,
    chunk: int,
) -> tuple[Array, Array, Array]:
    """`count` picks, which of them were still free, and M^-1 with all of them in M."""
    n = labelled.shape[0]
    points = _points(h, factors, fisher, inverse, min(chunk, n))

    def pick(carry: tuple[Array, _Points, Array], _: None):
        inverse, points, free = carry
        score = jnp.where(free, _changes(points, 1.0).reshape(-1)[:n], -jnp.inf)
        chosen = argmax(score, priority)
        valid = free[chosen]
        inverse, u, w = _step(inverse, fisher, h[chosen], factors[:, :, chosen], valid, 1.0)
        points = _updated(points, u, w, 1.0)
        return (inverse, points, free.at[chosen].set(False)), (chosen, valid)

    start = inverse, points, ~labelled
    (inverse, *_), (picks, valid) = jax.lax.scan(pick, start, length=count)
    return picks, valid, inverse


def _prune(
    h: Array, factors: Array, fisher: Array, inverse: Array, valid: Array, count: int
) -> Array:
    """Which of the picks stay where `count` go, each the one that then costs least."""
    points = _points(h, factors, fisher, inverse, h.shape[0])

    def drop(carry: tuple[Array, _Points, Array], _: None):
        inverse, points, stays = carry
        cost = jnp.where(valid, _changes(points, -1.0)[0], -jnp.inf)
        cost = jnp.minimum(cost, jnp.finfo(cost.dtype).max)
        gone = jnp.argmin(jnp.where(stays, cost, jnp.inf))
        inverse, u, w = _step(inverse, fisher, h[gone], factors[:, :, gone], valid[gone], -1.0)
        points = _updated(points, u, w, -1.0)
        return (inverse, points, stays.at[gone].set(False)), None

    start = inverse, points, jnp.ones(h.shape[0], bool)
    return jax.lax.scan(drop, start, length=count)[0][2]


def _compressed(
    logits: Array, features: Array, max_features: int, max_classes: int
) -> tuple[Array, Array]:
    """Features `[N, d]` and factors `[C, C, N]` of the predictions' covariances."""
    if features.shape[1] > max_features:
        axes = jnp.linalg.eigh(features.T @ features)[1][:, -max_features:]
        features = features @ axes
    p = jax.nn.softmax(logits, axis=1)
    # Rows sum to 0, which gives the diagonal: mean(p - p^2) would lose the digits of confident
    # predictions, and the axes with them.
    minus = p.T @ p / p.shape[0] * (1.0 - jnp.eye(p.shape[1], dtype=p.dtype))
    spread = jnp.diag(jnp.sum(minus, axis=1)) - minus
    # 1 less for the direction common to all classes puts it last.
    basis = jnp.linalg.eigh(spread - 1.0 / p.shape[1])[1]
    basis = basis[:, -min(p.shape[1] - 1, max_classes) :]  # [K, C]
    centre = p @ basis  # [N, C]

    def add(i: Array, covariance: Array) -> Array:  # as a sum of squares, for the same reason
        apart = (basis[i] - centre).T
        return covariance + p[:, i] * apart[:, None] * apart[None]

    width = basis.shape[1]
    empty = jnp.zeros((width, width, p.shape[0]), p.dtype)
    covariance = jax.lax.fori_loop(0, p.shape[1], add, empty)
    return features, _cholesky(covariance)


def _cholesky(s: Array) -> Array:
    """Lower factors of `s [C, C, N]`, positive semi-definite; zeros where a pivot is 0."""
    columns, width = [], s.shape[0]
    for j in range(width):
        pivot = s[0, 0]
        positive = pivot > 1e-12
        column = jnp.where(positive, s[:, 0] / jnp.sqrt(jnp.where(positive, pivot, 1.0)), 0.0)
        columns.append(jnp.pad(column, ((j, 0), (0, 0))))
        s = s[1:, 1:] - column[1:, None] * column[None, 1:]
    return jnp.stack(columns, axis=1)


def _pairs(width: int) -> tuple[Array, Array]:
    """Rows and columns of the lower triangle; `jnp.tril_indices` computes in the widest float."""
    pairs = [(row, column) for row in range(width) for column in range(row + 1)]
    row, column = jnp.array(pairs, jnp.int32).T
    return row, column


def _information(h: Array, factors: Array, order: Array, count: Array | int) -> Array:
    """Sum of the Fisher blocks of the points `order[:count]`: `[C d, C d]`, class by class."""
    n, d = h.shape
    width = factors.shape[0]
    row, column = _pairs(width)
    rows = min(_ROWS, n)
    order = jnp.pad(order, (0, -n % rows))

    def add(block: Array, total: Array) -> Array:
        index = jax.lax.dynamic_slice_in_dim(order, block * rows, rows)
        real = block * rows + jnp.arange(rows) < count
        points, root = h[index] * real[:, None], factors[:, :, index]
        covariance = jnp.sum(root[row] * root[column], axis=1)  # [pairs, rows]
        left = covariance[:, None] * points.T[None]  # [pairs, d, rows]
        return total + (left.reshape(-1, rows) @ points).reshape(total.shape)

    blocks = -(-count // rows)
    pairs = jax.lax.fori_loop(0, blocks, add, jnp.zeros((row.shape[0], d, d), h.dtype))
    whole = jnp.zeros((width, width, d, d), h.dtype)
    whole = whole.at[row, column].set(pairs).at[column, row].set(pairs)
    return whole.transpose(0, 2, 1, 3).reshape(width * d, width * d)


def _points(h: Array, factors: Array, fisher: Array, inverse: Array, rows: int) -> _Points:
    """The points with their blocks computed from M^-1 itself, padded by zeros to whole blocks."""
    n, d = h.shape
    width = factors.shape[0]
    padding = -n % rows
    h = jnp.pad(h, ((0, padding), (0, 0))).reshape(-1, rows, d).transpose(0, 2, 1)
    factors = jnp.pad(factors, ((0, 0), (0, 0), (0, padding)))
    factors = factors.reshape(width, width, -1, rows).transpose(2, 0, 1, 3)
    row, column = _pairs(width)
    pairs = jnp.arange(row.shape[0])
    pair = jnp.zeros((width, width), int).at[row, column].set(pairs).at[column, row].set(pairs)
    by_pair = [  # one product meets all pairs of classes
        matrix.reshape(width, d, width, d)[row, :, column].reshape(-1, d)
        for matrix in (inverse, inverse @ fisher @ inverse)
    ]

    def blocks(given: tuple[Array, Array]) -> tuple[Array, Array]:
        points, root = given

        def quadratic(matrix: Array) -> Array:
            one = (matrix @ points).reshape(-1, d, rows)
            both = jnp.sum(one * points, axis=1)[pair]  # [C, C, R]
            both = _sum(both[:, c, None] * root[None, c] for c in range(width))
            return _sum(root[c, :, None] * both[c] for c in range(width))

        return quadratic(by_pair[0]), quadratic(by_pair[1])

    a, b = jax.lax.map(blocks, (h, factors))
    return _Points(h, factors, a, b)


def _step(
    inverse: Array, fisher: Array, h: Array, factor: Array, valid: Array, sign: float
) -> tuple[Array, Array, Array]:
    """M^-1 after adding (sign 1) or removing (-1) a point; and u, w, `[C d, C]`.

    By Woodbury's identity M^-1 falls by sign u u^T, and M^-1 F M^-1 by sign (u w^T + w u^T).
    """
    width = factor.shape[0]
    v = (factor[:, None] * h[None, :, None]).reshape(-1, width)
    u = inverse @ v
    root = jnp.linalg.cholesky(jnp.eye(width, dtype=u.dtype) + sign * (v.T @ u))
    u = jax.scipy.linalg.solve_triangular(root, u.T, lower=True).T
    # Rounding can make the last information in a direction look like less than none.
    u = jnp.where(valid & jnp.all(jnp.isfinite(u)), u, 0.0)
    seen = fisher @ u
    w = inverse @ seen - (0.5 * sign) * (u @ (u.T @ seen))
    return inverse - sign * (u @ u.T), u, w


def _updated(points: _Points, u: Array, w: Array, sign: float) -> _Points:
    """The points' blocks after a step."""
    width = u.shape[1]
    d = u.shape[0] // width
    both = jnp.stack([u, w]).reshape(2, width, d, width).transpose(0, 1, 3, 2).reshape(-1, d)

    def block(of: _Points) -> tuple[Array, Array]:
        x, y = (both @ of.features).reshape(2, width, width, -1)  # [C, C, R] each
        x = _sum(of.factors[c, :, None] * x[c] for c in range(width))
        y = _sum(of.factors[c, :, None] * y[c] for c in range(width))
        square = _sum(x[:, None, j] * x[None, :, j] for j in range(width))
        cross = _sum(x[:, None, j] * y[None, :, j] for j in range(width))
        return of.a - sign * square, of.b - sign * (cross + cross.transpose(1, 0, 2))

    a, b = jax.lax.map(block, points)
    return points._replace(a=a, b=b)


def _sum(terms: Iterable[Array]) -> Array:
    """Products of small matrices are written out: XLA's batched ones are slow on CPUs."""
    return functools.reduce(jnp.add, terms)


def _changes(points: _Points, sign: float) -> Array:
    """`_change` of all points, `[blocks, R]`.

    In a loop of its own: fused with that of `_updated`, it has XLA compute the blocks many times.
    """
    return jax.lax.map(lambda of: _change(of[0], of[1], sign), (points.a, points.b))


def _change(a: Array, b: Array, sign: float) -> Array:
    """tr((I + sign a)^-1 b) of `a, b [C, C, R]`, by elimination: `[R]`, at least 0."""
    s = jnp.eye(a.shape[0], dtype=a.dtype)[:, :, None] + sign * a
    least = 1.0 if sign > 0 else 1e-6  # of pivots: what is below it is rounding
    total = jnp.zeros(a.shape[2], a.dtype)
    for _ in range(a.shape[0]):
        pivot = jnp.maximum(s[0, 0], least)
        total += b[0, 0] / pivot
        ratio = s[1:, 0] / pivot
        s = s[1:, 1:] - ratio[:, None] * s[None, 0, 1:]
        b = b[1:] - ratio[:, None] * b[None, 0]
        b = b[:, 1:] - b[:, :1] * ratio[None]
    return jnp.where(total > 0, total, 0.0)  # nor NaN
