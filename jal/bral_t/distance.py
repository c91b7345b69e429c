"""Wasserstein distances between sets of points: debiased Sinkhorn, and a Gaussian's closed form.

A set is `points [n, D]` with weights `[n]`, a mask for example; points of weight 0 are padding, and
change nothing. Between two sets of which one is empty the distance is 0 and not defined. A point
that is not finite counts as zeros.

ott-jax's takes over four times as long: 0.6.0, pairs of 32 points in 512 dimensions, on two busy
cores, 5.1 ms with a mean error of .55 % of the mean cost where this takes 1.2 with .40 %.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jal.bral_t.clusters import Moments
from jal.scores.checks import as_float32
from jal.select.options import counts, reals, takes
from jal.select.seeding import above_rounding
from jal.types import Array, InputError

__all__ = ["Distances", "gaussian", "nearest_cluster", "sinkhorn", "sinkhorn_matrix"]

_START = 0.3  # the first epsilon, in mean costs
_LEAST_RATE = 0.2  # of a stage's epsilon to that before: its exponents grow by as much
_BLOCK = 2**20  # costs that are held at once


class Distances(NamedTuple):
    """Distances between sets.

    Attributes:
      value: float32, 0 where not defined.
      defined: bool, whether neither set is empty.
    """

    value: Array
    defined: Array


@takes(epsilon=reals(above=0, below=_START), stages=counts(2), iterations=counts())
def sinkhorn(
    x: Array,
    y: Array,
    x_weight: Array | None = None,
    y_weight: Array | None = None,
    *,
    epsilon: float = 0.005,
    stages: int = 10,
    iterations: int = 10,
) -> Distances:
    """The Wasserstein-1 distance of two sets, by debiased Sinkhorn; the ground cost is Euclidean.

    The cost of the entropic plan between x and y, without its entropy, less half of those of x to x
    and y to y: with the entropies, as in Feydy et al. (2019), the error is five times as large.
    epsilon falls over `stages`, geometrically, with so many Sinkhorn iterations in each, so that
    all pairs under a vmap take the same time.

    The error is stated in mean costs between x and y. Of 960 random pairs of 1 to 39 points, in 1
    to 512 dimensions, its mean is .11 %; of the 320 of sets in two far clusters .17 %, and at most
    2 %, for lack of iterations. A translation by six times the spread is off by .8 %. Time
    n m stages iterations, memory 2 n m.

    Args:
      x: `[n, D]` numbers, computed in float32.
      y: `[m, D]` likewise.
      x_weight: `[n]` not negative, with any sum; None for all points alike.
      y_weight: `[m]` likewise.
      epsilon: in mean costs between x and y; below .3.
      stages: static, at least 2, and so many that epsilon falls to no less than a fifth in each.
      iterations: in each stage, static.

    Returns:
      Distances of `[]`.

    Raises:
      InputError: where an option is out of its range, and, outside of jit, a weight is negative or
        stages are too few.
      ValueError: where a shape is another.
    """
    x, x_weight = _sets("sinkhorn", "x", "[n, D]", x, x_weight)
    y, y_weight = _sets("sinkhorn", "y", "[m, D]", y, y_weight)
    weights = x_weight[None], y_weight[None]
    found = _matrix("sinkhorn", x[None], y[None], *weights, epsilon, stages, iterations)
    return Distances(found.value[0, 0], found.defined[0, 0])


@takes(epsilon=reals(above=0, below=_START), stages=counts(2), iterations=counts())
def sinkhorn_matrix(
    x: Array,
    y: Array,
    x_weight: Array | None = None,
    y_weight: Array | None = None,
    *,
    epsilon: float = 0.005,
    stages: int = 10,
    iterations: int = 10,
) -> Distances:
    """`sinkhorn` of every set in x and every set in y: `[I, J]`.

    Costs come from large matrix products. Rows of the matrix are computed some at a time: memory
    I n D + J m D + J m^2 + n^2, and at most 2^20 costs, or one row's J n m, twice.

    Args:
      x: `[I, n, D]` numbers, computed in float32.
      y: `[J, m, D]` likewise.
      x_weight: `[I, n]` not negative, with any sum; None for all points alike.
      y_weight: `[J, m]` likewise.
      epsilon: in mean costs of the pair; below .3.
      stages: static, at least 2, and so many that epsilon falls to no less than a fifth in each.
      iterations: in each stage, static.

    Returns:
      Distances of `[I, J]`.

    Raises:
      InputError: where an option is out of its range, and, outside of jit, a weight is negative or
        stages are too few.
      ValueError: where a shape is another.
    """
    x, x_weight = _sets("sinkhorn_matrix", "x", "[I, n, D]", x, x_weight)
    y, y_weight = _sets("sinkhorn_matrix", "y", "[J, m, D]", y, y_weight)
    return _matrix("sinkhorn_matrix", x, y, x_weight, y_weight, epsilon, stages, iterations)


def gaussian(x: Moments, y: Moments) -> Distances:
    """The squared Wasserstein-2 distance of two Gaussians with diagonal covariances.

    |mean_x - mean_y|^2 + |sigma_x - sigma_y|^2, with sigma the coordinates' standard deviations. It
    is a square, unlike `sinkhorn`'s. Of any leading axes that broadcast: for all pairs of I and J
    sets give `[I, 1, D]` and `[1, J, D]`.
    """
    apart = jnp.square(x.mean - y.mean)
    apart += jnp.square(jnp.sqrt(x.variance) - jnp.sqrt(y.variance))
    defined = (x.size > 0) & (y.size > 0)
    return Distances(jnp.where(defined, jnp.sum(apart, axis=-1), 0.0), defined)


def nearest_cluster(distances: Distances) -> tuple[Array, Array]:
    """L_min: which of the J labelled clusters is nearest to each of the I clusters.

    Args:
      distances: of `[I, J]`, by any distance.

    Returns:
      `[I]` int32, ties by index, and 0 where no distance is defined; `[I]` bool, whether one is.
    """
    away = jnp.where(distances.defined, distances.value, jnp.inf)
    return jnp.argmin(away, axis=1).astype(jnp.int32), jnp.any(distances.defined, axis=1)


def _sets(
    name: str, what: str, shape: str, points: Array, weight: Array | None
) -> tuple[Array, Array]:
    """points float32, 0 where the weight is; the weights, of sum 1 or all 0."""
    points = as_float32(name, what, points)
    if points.ndim != 1 + shape.count(",") or points.size == 0:
        raise ValueError(
            f"{name} takes {what} {shape} with no axis of 0, got shape {points.shape}."
        )
    if weight is None:
        weight = jnp.ones(points.shape[:-1])
    weight = as_float32(name, f"{what}_weight", weight)
    if weight.shape != points.shape[:-1]:
        raise ValueError(
            f"{name} takes {what}_weight of shape {points.shape[:-1]}, one for each point of "
            f"{what}, got shape {weight.shape}."
        )
    if not isinstance(weight, Tracer):
        with jax.ensure_compile_time_eval():
            least = float(weight.min())
        if not least >= 0:
            raise InputError(f"{name} takes {what}_weight of at least 0, got {least:g}.")
    total = jnp.sum(weight, axis=-1, keepdims=True)
    weight = weight / jnp.where(total > 0, total, 1.0)
    used = (weight > 0) & jnp.all(jnp.isfinite(points), axis=-1)
    return jnp.where(used[..., None], points, 0.0), weight


def _matrix(
    name: str,
    x: Array,
    y: Array,
    x_weight: Array,
    y_weight: Array,
    epsilon: float,
    stages: int,
    iterations: int,
) -> Distances:
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            f"{name} takes x and y of the same D, got {x.shape[-1]} and {y.shape[-1]}."
        )
    if not isinstance(epsilon, Tracer):
        least = 1 + math.ceil(math.log(epsilon / _START) / math.log(_LEAST_RATE))
        if stages < least:
            raise InputError(
                f"{name} takes stages of at least {least} with epsilon {epsilon:g}, got {stages}."
            )
    # By a power of two, so that no square overflows, or is lost.
    exponent = jnp.frexp(jnp.maximum(jnp.max(jnp.abs(x)), jnp.max(jnp.abs(y))))[1]
    unit = jnp.ldexp(1.0, jnp.clip(exponent, -100, 100))
    x, x_middle = _centred(x / unit, x_weight)
    y, y_middle = _centred(y / unit, y_weight)
    within_y = jax.vmap(lambda points: _costs(points, points[None])[0])(y)
    solve = partial(_divergence, epsilon=epsilon, stages=stages, iterations=iterations)

    def row(one: tuple[Array, Array, Array]) -> Array:
        points, middle, weight = one
        within = _costs(points, points[None])[0]
        between = _costs(points, y, middle - y_middle)
        return jax.vmap(solve, (0, None, 0, None, 0))(between, within, within_y, weight, y_weight)

    rows = max(1, _BLOCK // (x.shape[1] * y.shape[0] * y.shape[1]))
    value = unit * jax.lax.map(row, (x, x_middle, x_weight), batch_size=min(rows, x.shape[0]))
    some_x, some_y = jnp.any(x_weight > 0, axis=1), jnp.any(y_weight > 0, axis=1)
    defined = some_x[:, None] & some_y
    return Distances(jnp.where(defined, value, 0.0), defined)


def _centred(sets: Array, weight: Array) -> tuple[Array, Array]:
    """Each set `[I, n, D]` less its middle, and the middles `[I, D]`.

    Distances come from products, which lose digits far from the origin.
    """
    middle = jnp.einsum("in,ind->id", weight, sets, precision="highest")
    return jnp.where(weight[..., None] > 0, sets - middle[:, None], 0.0), middle


def _costs(x: Array, y: Array, apart: Array | None = None) -> Array:
    """Euclidean distances `[J, n, m]` of `x [n, D]`, further by `apart [J, D]`, and `y [J, m, D]`;
    0 where they are equal."""
    product = jnp.einsum("nd,jmd->jnm", x, y, precision="highest")
    square = jnp.sum(jnp.square(x), axis=-1)
    if apart is not None:
        along = jnp.einsum("nd,jd->jn", x, apart, precision="highest")
        square = square + 2 * along + jnp.sum(jnp.square(apart), axis=-1)[:, None]
        product += jnp.einsum("jd,jmd->jm", apart, y, precision="highest")[:, None]
    norms = square[..., None] + jnp.sum(jnp.square(y), axis=-1)[:, None]
    return jnp.sqrt(above_rounding(norms, product))


def _divergence(
    between: Array,
    within_x: Array,
    within_y: Array,
    x_weight: Array,
    y_weight: Array,
    *,
    epsilon: float,
    stages: int,
    iterations: int,
) -> Array:
    """`sinkhorn` `[]` of costs `[n, m]`, `[n, n]`, `[m, m]`; weights of sum 1."""
    x_used, y_used = x_weight > 0, y_weight > 0
    # An empty set is solved as if it were full, and the result dropped: no division by 0.
    x_used = jnp.where(jnp.any(x_used), x_used, True)
    y_used = jnp.where(jnp.any(y_used), y_used, True)
    a = jnp.where(jnp.any(x_weight > 0), x_weight, 1 / x_weight.shape[0])
    b = jnp.where(jnp.any(y_weight > 0), y_weight, 1 / y_weight.shape[0])
    between = jnp.where(x_used[:, None] & y_used, between, 0.0)
    mean = jnp.sum(a[:, None] * between * b)
    unit = jnp.where(mean > 0, mean, 1.0)
    cost = _cross_cost(between / unit, a, b, epsilon, stages, iterations)
    cost -= 0.5 * _self_cost(jnp.where(x_used[:, None] & x_used, within_x, 0.0) / unit, a, epsilon)
    cost -= 0.5 * _self_cost(jnp.where(y_used[:, None] & y_used, within_y, 0.0) / unit, b, epsilon)
    return jnp.maximum(cost, 0.0) * mean


def _cross_cost(
    cost: Array, a: Array, b: Array, epsilon: float, stages: int, iterations: int
) -> Array:
    """What the entropic plan `[]` costs, of a `cost [n, m]` whose mean is 1.

    A stage takes exponentials once and iterates by matrix products with them; the potentials of the
    stage before are in the exponent, which keeps it in float32's range.
    """
    rate = (epsilon / _START) ** (1 / (stages - 1))
    f = -_START * jax.nn.logsumexp(-cost / _START, axis=1, b=b)
    g = -_START * jax.nn.logsumexp((f[:, None] - cost) / _START, axis=0, b=a[:, None])

    def stage(i: Array, potentials: tuple[Array, Array]) -> tuple[Array, Array]:
        f, g = potentials
        scale = _START * rate**i
        kernel = jnp.exp((f[:, None] + g - cost) / scale)

        def move(_: Array, factors: tuple[Array, Array]) -> tuple[Array, Array]:
            u = 1 / jnp.matmul(kernel, b * factors[1], precision="highest")
            return u, 1 / jnp.matmul(a * u, kernel, precision="highest")

        u, v = jax.lax.fori_loop(0, iterations, move, (jnp.ones_like(a), jnp.ones_like(b)))
        return f + scale * jnp.log(u), g + scale * jnp.log(v)

    f, g = jax.lax.fori_loop(0, stages, stage, (f, g))
    return _plan_cost(f, g, cost, a, b, epsilon)


def _self_cost(cost: Array, a: Array, epsilon: float) -> Array:
    """The same of a set onto itself: five symmetric iterations suffice.

    The kernel of distances is positive definite with the largest entries on its diagonal.
    """
    f = -0.5 * epsilon * jnp.log(jnp.where(a > 0, a, 1.0))
    kernel = jnp.exp((f[:, None] + f - cost) / epsilon)

    def move(_: Array, u: Array) -> Array:
        return jnp.sqrt(u / jnp.matmul(kernel, a * u, precision="highest"))

    u = jax.lax.fori_loop(0, 5, move, jnp.ones_like(a))
    f = f + epsilon * jnp.log(u)
    return _plan_cost(f, f, cost, a, a, epsilon)


def _plan_cost(f: Array, g: Array, cost: Array, a: Array, b: Array, epsilon: float) -> Array:
    """The dual's value less the entropy: what the plan costs, corrected for its marginals."""
    left = f[:, None] + g - cost
    plan = a[:, None] * jnp.exp(left / epsilon) * b
    return jnp.sum(a * f) + jnp.sum(b * g) - jnp.sum(plan * left)
