"""SIMILAR: points that share the most information with a query set, by last-layer gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from jal.select.checks import check_key, check_optional_key, check_pool, pad_picks
from jal.select.gradients import Directions, directions, similarities
from jal.select.lazy_greedy import lazy_greedy
from jal.select.options import counts, reals, takes
from jal.select.ties import argmax, k_largest, predicted_classes, priorities, split
from jal.select.top_k import top_k
from jal.types import Array

__all__ = ["fl1mi", "flqmi", "gcmi", "logdetmi", "rarer_classes"]


@takes(eta=reals(least=0), max_queries=counts())
def flqmi(
    logits: Array,
    features: Array,
    y: Array,
    labelled: Array,
    k: int,
    *,
    eta: float = 1.0,
    max_queries: int = 256,
    queries: Array | None = None,
    key: Array | None = None,
) -> Array:
    """Greedy maximum of FLQMI(A) = sum_q max_a s(q, a) + eta sum_a max_q s(q, a).

    s = (1 + cos) / 2 on last-layer gradients (onehot(c) - p) (x) h, c being a query's own class and
    a candidate's predicted one; a gradient of 0 has s = 1/2 with everything. Greedy reaches 1 - 1/e
    of the optimum or more. The queries are the labelled points of classes with at most the median
    number of them, unless others are given: all, where labels are balanced. Source: SIMILAR
    (Kothawade et al., 2021), as DISTIL computes it. Memory N `max_queries`.

    Args:
      logits: `[N, K]` float.
      features: `[N, D]` float.
      y: `[N]` int32, the class of labelled points; others are not read.
      labelled: `[N]` bool; True is never picked.
      k: how many, static; at most the number of unlabelled points.
      eta: weight of the relevance to the queries against their coverage.
      max_queries: static bound on the queries; of more, those of the rarest classes stay.
      queries: `[N]` bool, the labelled points to be similar to; those of `rarer_classes` if None.
      key: a PRNG key that breaks ties at random, also for the last places among the queries; by
        index if None.

    Returns:
      `[k]` int32 in order of picking. Without any query all points tie.
    """
    key_queries, key_ties = split(check_optional_key("flqmi", key), 2)
    pool, asked, is_query, labelled = _pool_and_queries(
        "flqmi", key_queries, logits, features, y, labelled, k, max_queries, queries
    )
    kernel = jnp.where(is_query, similarities(pool, asked), 0.0)  # [N, Q]
    relevance = eta * jnp.max(kernel, axis=1)

    def gain(covered: Array, index: Array) -> Array:
        return relevance[index] + jnp.sum(jnp.maximum(kernel[index] - covered, 0.0), axis=1)

    def update(covered: Array, index: Array) -> Array:
        return jnp.maximum(covered, kernel[index])

    bounds = relevance + kernel @ jnp.ones(kernel.shape[1], kernel.dtype)
    nothing = jnp.zeros(kernel.shape[1], kernel.dtype)
    return lazy_greedy(gain, update, nothing, bounds, ~labelled, k, key=key_ties)


@takes(eta=reals(least=0), max_queries=counts(), sample=counts())
def fl1mi(
    key: Array,
    logits: Array,
    features: Array,
    y: Array,
    labelled: Array,
    k: int,
    *,
    eta: float = 1.0,
    max_queries: int = 256,
    sample: int = 2000,
    queries: Array | None = None,
) -> Array:
    """Greedy maximum of FL1MI(A) = sum_i min(max_a s(i, a), eta max_q s(i, q)).

    The sum runs over the unlabelled points, or over `sample` of them drawn by the key: their kernel
    with the candidates is computed in blocks, and only where a gain must be known. Otherwise as
    `flqmi`.

    Args:
      key: a PRNG key, for the sample and for ties.
      eta: how far a point must be covered, relative to its likeness to the queries.
      max_queries: as for `flqmi`.
      sample: points of the sum at most, static.

    The other arguments and the result are those of `flqmi`.
    """
    key_sample, key_queries, key_ties = jax.random.split(check_key("fl1mi", key), 3)
    pool, asked, is_query, labelled = _pool_and_queries(
        "fl1mi", key_queries, logits, features, y, labelled, k, max_queries, queries
    )
    n = labelled.shape[0]
    size = min(sample, n)
    drawn = jnp.arange(n)
    if size < n:
        # Sorted, so that the key decides what is summed and not in which order.
        draw = jnp.where(labelled, -1.0, jax.random.uniform(key_sample, (n,), jnp.float32))
        drawn = jnp.sort(jax.lax.top_k(draw, size)[1])
    summed = Directions(pool.residual[drawn], pool.features[drawn])
    target = eta * jnp.max(jnp.where(is_query, similarities(summed, asked), 0.0), axis=1)
    target = jnp.where(labelled[drawn], 0.0, target)  # [S]; a point of target 0 adds nothing

    def gain(covered: Array, index: Array) -> Array:
        points = Directions(pool.residual[index], pool.features[index])
        reached = jnp.minimum(similarities(points, summed), target)
        # As a product, for all cores: a reduction has one.
        return jnp.maximum(reached - covered, 0.0) @ jnp.ones(size, jnp.float32)

    def update(covered: Array, index: Array) -> Array:
        point = Directions(pool.residual[index[None]], pool.features[index[None]])
        return jnp.maximum(covered, jnp.minimum(similarities(point, summed)[0], target))

    # What a point could add at most: its likeness to all of the sample, linear in its gradient.
    counts = (target > 0).astype(jnp.float32)
    bounds = 0.5 * (jnp.sum(counts) + _summed_cosines(pool, summed, counts))
    bounds = bounds + 1e-5 * size  # more than its rounding
    nothing = jnp.zeros(size, jnp.float32)
    return lazy_greedy(gain, update, nothing, bounds, ~labelled, k, key=key_ties)


@takes(max_queries=counts())
def gcmi(
    logits: Array,
    features: Array,
    y: Array,
    labelled: Array,
    k: int,
    *,
    max_queries: int = 256,
    queries: Array | None = None,
    key: Array | None = None,
) -> Array:
    """The k highest sums over the queries of s(q, a): the maximum of GCMI(A) = 2 lambda sum_qa s.

    The function is modular and lambda scales all of it, so that this is exact. Otherwise as
    `flqmi`.

    Args:
      max_queries: as for `flqmi`.

    The other arguments and the result are those of `flqmi`.
    """
    key_queries, key_ties = split(check_optional_key("gcmi", key), 2)
    pool, asked, is_query, labelled = _pool_and_queries(
        "gcmi", key_queries, logits, features, y, labelled, k, max_queries, queries
    )
    summed = _summed_cosines(pool, asked, is_query.astype(jnp.float32))
    return top_k(summed, labelled, k, key=key_ties)


@takes(eta=reals(least=0, most=1), ridge=reals(above=0), max_queries=counts())
def logdetmi(
    logits: Array,
    features: Array,
    y: Array,
    labelled: Array,
    k: int,
    *,
    eta: float = 1.0,
    ridge: float = 1.0,
    max_queries: int = 256,
    queries: Array | None = None,
    key: Array | None = None,
) -> Array:
    """Greedy maximum of LogDetMI(A) = logdet S_A - logdet(S_A - eta^2 S_AQ S_Q^-1 S_QA).

    S_A and S_Q carry `ridge` on their diagonals (DISTIL's lambdaVal), without which copies would
    make them singular. Both determinants grow by one row of a Cholesky factor with every pick.
    Memory N (`max_queries` + 2 k). Otherwise as `flqmi`.

    Args:
      eta: weight of the queries, at most 1: beyond, the second matrix need not be positive
        definite.
      ridge: positive.
      max_queries: as for `flqmi`.

    The other arguments and the result are those of `flqmi`.
    """
    key_queries, key_ties = split(check_optional_key("logdetmi", key), 2)
    pool, asked, is_query, labelled = _pool_and_queries(
        "logdetmi", key_queries, logits, features, y, labelled, k, max_queries, queries
    )
    n = labelled.shape[0]
    priority = priorities(key_ties, n)
    real = is_query[:, None] & is_query[None]
    queried = jnp.where(real, similarities(asked, asked), 0.0)
    factor = jnp.linalg.cholesky(queried + ridge * jnp.eye(queried.shape[0], dtype=jnp.float32))
    crossed = jnp.where(is_query, similarities(pool, asked), 0.0)  # [N, Q]
    half = solve_triangular(factor, jnp.eye(factor.shape[0], dtype=jnp.float32), lower=True)
    explained = eta * jnp.matmul(crossed, half.T, precision="highest")  # S_AQ S_Q^-1/2

    # A zero gradient has s = 1/2 with itself too, as with everything.
    alive = jnp.any(pool.residual != 0, axis=1) & jnp.any(pool.features != 0, axis=1)
    prior = jnp.where(alive, 1.0, 0.5) + ridge
    rest = prior - jnp.square(explained) @ jnp.ones(explained.shape[1], explained.dtype)
    smallest = 1e-6 * ridge

    def pick(carry: tuple[Array, ...], step: Array) -> tuple[tuple[Array, ...], Array]:
        prior, rest, free, rows, rows_rest = carry
        gains = jnp.log(jnp.maximum(prior, smallest)) - jnp.log(jnp.maximum(rest, smallest))
        # What is equal but for rounding counts as equal.
        chosen = argmax(jnp.where(free, jnp.round(gains * 1e5), -jnp.inf), priority)
        one = Directions(pool.residual[chosen[None]], pool.features[chosen[None]])
        column = similarities(pool, one)[:, 0]

        def extend(rows: Array, variance: Array, column: Array) -> tuple[Array, Array]:
            pivot = jnp.maximum(variance[chosen], smallest)
            row = (column - rows[:, chosen] @ rows) / jnp.sqrt(pivot)
            return rows.at[step].set(row), variance - jnp.square(row)

        rows, prior = extend(rows, prior, column)
        less = column - explained @ explained[chosen]
        rows_rest, rest = extend(rows_rest, rest, less)
        return (prior, rest, free.at[chosen].set(False), rows, rows_rest), chosen

    with jax.default_matmul_precision("highest"):
        rows = jnp.zeros((k, n), jnp.float32)
        start = prior, rest, ~labelled, rows, rows
        return pad_picks(jax.lax.scan(pick, start, jnp.arange(k))[1], labelled)


def rarer_classes(y: Array, labelled: Array, num_classes: int) -> tuple[Array, Array]:
    """The labelled points of the rarer half of the classes, and how many points their class has.

    SIMILAR queries with the labelled points of classes known to be rare. Here they are the classes
    with at most the (lower) median number of labelled points, of classes that have any: all of
    them where the labels are balanced.

    Args:
      y: `[N]` int32, the class of labelled points.
      labelled: `[N]` bool.
      num_classes: K.

    Returns:
      mask `[N]` bool and counts `[N]` float32, of the point's class; 0 for unlabelled points.
    """
    own = jax.nn.one_hot(jnp.where(labelled, y, -1), num_classes, dtype=jnp.float32)  # 0 for -1
    counts = jnp.sum(own, axis=0)
    present = counts > 0
    ascending = jnp.sort(jnp.where(present, counts, jnp.inf))
    median = ascending[jnp.maximum(jnp.sum(present) - 1, 0) // 2]
    return labelled & (own @ (present & (counts <= median)) > 0), own @ counts


def _summed_cosines(points: Directions, others: Directions, weights: Array) -> Array:
    """Sum of the cosines `[N]` with the others, weighted: linear in their summed gradients."""
    with jax.default_matmul_precision("highest"):
        total = (others.residual * weights[:, None]).T @ others.features  # [K, D]
        return jnp.sum((points.features @ total.T) * points.residual, axis=1)


def _pool_and_queries(
    name: str,
    key: Array | None,
    logits: Array,
    features: Array,
    y: Array,
    labelled: Array,
    k: int,
    max_queries: int,
    queries: Array | None,
) -> tuple[Directions, Directions, Array, Array]:
    """Gradients of the pool `[N]` and the queries `[Q]`, which of these are real, and labelled."""
    labelled, logits, features, y = check_pool(
        name, labelled, k, logits=logits, features=features, y=y
    )
    mask, counts = rarer_classes(y, labelled, logits.shape[1])
    if queries is not None:
        mask = check_pool(name, labelled, k, queries=queries)[1] & labelled
    rarest_first = jnp.where(mask, -counts, -jnp.inf)
    key_classes, key_ties = split(key, 2)
    index = k_largest(rarest_first, min(max_queries, labelled.shape[0]), key_ties)
    asked = directions(logits[index], features[index], y[index])
    pool = directions(logits, features, predicted_classes(key_classes, logits))
    return pool, asked, mask[index], labelled
