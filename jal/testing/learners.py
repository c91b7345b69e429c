"""What every learner must do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jal.types import Array, Labels, Learner, Outputs, Pool, PyTree

__all__ = ["check_learner"]

_MAX = 100


def check_learner(
    factory: Callable[..., Learner],
    *,
    shape: tuple[int, ...] = (6,),
    classes: int = 4,
    points: int = 200,
    tolerance: float = 2e-3,
    accuracy: float = 0.7,
    **options: Any,
) -> None:
    """Raises AssertionError with the first thing that the learner does not keep.

    Logits and features are float32 `[M, K]` and `[M, D]`, info is of finite scalars; it learns
    classes that are far apart; the result is the same for the same key, reads no label beyond n and
    none that is -1, is the same up to rounding under vmap over seeds, of different n too, depends
    on its hyper-parameters as traced arrays, and one compilation serves every n; `head` of features
    are the logits; `sample` has the shapes of `predict`.

    Args:
      factory: `(input_shape, num_classes, max_labels=..., **options) -> Learner`.
      shape: of one example.
      classes: K.
      points: N.
      tolerance: of logits, between a seed among others and alone.
      accuracy: to be reached with half of the points labelled, of classes that are far apart.
      options: of the factory.
    """
    learner = factory(shape, classes, max_labels=_MAX, **options)
    pool = _blobs(shape, classes, points)
    run: Any = jax.jit(_fitted(learner))
    orders = [
        jax.random.permutation(jax.random.key(seed), points).astype(jnp.int32) for seed in range(3)
    ]
    order, key, hyper = orders[0], jax.random.key(3), learner.hyper
    outputs, info = run(key, order, jnp.int32(40), pool.y, hyper, pool.x)
    _check_outputs(outputs, points, classes)
    for name, value in info.items():
        if jnp.shape(value) != () or not np.isfinite(value):
            raise AssertionError(f"info has finite scalars, got {name} = {value}.")
    many, _ = run(key, order, jnp.int32(_MAX), pool.y, hyper, pool.x)
    right = float((many.logits.argmax(axis=1) == pool.y).mean())
    if right < accuracy:
        raise AssertionError(
            f"of classes that are far apart {_MAX} labels must give an accuracy of {accuracy}, got "
            f"{right:.2f}."
        )
    again, _ = run(key, order, jnp.int32(40), pool.y, hyper, pool.x)
    if not np.array_equal(again.logits, outputs.logits):
        raise AssertionError("the same key must give the same logits.")
    _check_labels(run, key, order, pool, hyper, outputs.logits)
    if run._cache_size() > 1:
        raise AssertionError("one compilation must serve every n: no shape may depend on it.")
    _check_vmap(learner, run, orders, pool, tolerance)
    _check_hyper(learner, order, key, pool)
    _check_parts(learner, key, order, pool, tolerance)


def _blobs(shape: tuple[int, ...], classes: int, points: int) -> Pool:
    keys = jax.random.split(jax.random.key(0), 3)
    y = jax.random.permutation(keys[0], jnp.arange(points, dtype=jnp.int32) % classes)
    middles = 2.0 * jax.random.normal(keys[1], (classes, *shape))
    return Pool(middles[y] + jax.random.normal(keys[2], (points, *shape)), y)


def _fitted(learner: Learner) -> Callable[..., tuple[Outputs, dict[str, Array]]]:
    def run(key: Array, order: Array, n: Array, y: Array, hyper: PyTree, x: Array):
        data = learner.prepare(x)
        variables = learner.init(key, data)
        variables, info = learner.fit(key, variables, data, y, Labels(order, n), hyper)
        return learner.predict(variables, x), info

    return run


def _check_outputs(outputs: Outputs, points: int, classes: int) -> None:
    logits, features = outputs.logits, outputs.features
    if logits.shape != (points, classes) or logits.dtype != jnp.float32:
        raise AssertionError(
            f"logits must be float32 [{points}, {classes}], got {logits.dtype} "
            f"{list(logits.shape)}."
        )
    if features.ndim != 2 or features.shape[0] != points or features.dtype != jnp.float32:
        raise AssertionError(
            f"features must be float32 [{points}, D], got {features.dtype} {list(features.shape)}."
        )


def _check_labels(
    run: Callable, key: Array, order: Array, pool: Pool, hyper: PyTree, expected: Array
) -> None:
    n, classes = jnp.int32(40), expected.shape[1]
    hidden = pool.y.at[order[40:]].set(-1)
    backwards = order.at[40:].set(order[40:][::-1])
    for what, given, y in (
        ("beyond n", order, pool.y.at[order[40:]].set((pool.y[order[40:]] + 1) % classes)),
        ("that was not bought", order, hidden),
        ("beyond n, nor their order", backwards, pool.y),
    ):
        if not np.array_equal(run(key, given, n, y, hyper, pool.x)[0].logits, expected):
            raise AssertionError(f"a fit must read no label {what}.")
    cheat = run(key, order, jnp.int32(_MAX), hidden, hyper, pool.x)[0].logits
    other = run(key, order, jnp.int32(_MAX), hidden.at[order[:40]].set(0), hyper, pool.x)[0].logits
    if not np.isfinite(cheat).all():
        raise AssertionError("points whose y is -1 must have no weight, and logits stay finite.")
    if np.array_equal(cheat, other):
        raise AssertionError("a fit must read the labels that were bought.")


def _check_vmap(
    learner: Learner, run: Callable, orders: list[Array], pool: Pool, tolerance: float
) -> None:
    many = jax.jit(jax.vmap(_fitted(learner), in_axes=(0, 0, 0, None, None, None)))
    keys = jax.random.split(jax.random.key(0), 3)
    for counts in ((40, 40, 40), (10, 33, _MAX)):
        n = jnp.array(counts, jnp.int32)
        together = many(keys, jnp.stack(orders), n, pool.y, learner.hyper, pool.x)[0].logits
        for i in range(3):
            alone = run(keys[i], orders[i], n[i], pool.y, learner.hyper, pool.x)[0].logits
            apart = float(jnp.abs(together[i] - alone).max())
            if not apart <= tolerance:
                raise AssertionError(
                    f"under vmap over seeds with {counts} labels logits must be those of each seed "
                    f"alone to {tolerance:g}, and differ by {apart:.2g}."
                )


def _check_hyper(learner: Learner, order: Array, key: Array, pool: Pool) -> None:
    if not jax.tree.leaves(learner.hyper):
        return
    sweep = jax.tree.map(lambda value: jnp.array([value, 0.1 * value]), learner.hyper)
    many = jax.jit(jax.vmap(_fitted(learner), in_axes=(None, None, None, None, 0, None)))
    logits = many(key, order, jnp.int32(40), pool.y, sweep, pool.x)[0].logits
    if not float(jnp.abs(logits[0] - logits[1]).max()) > 0:
        raise AssertionError("hyper-parameters must be read from `hyper`, which may be traced.")


def _check_parts(learner: Learner, key: Array, order: Array, pool: Pool, tolerance: float) -> None:
    data = learner.prepare(pool.x)
    labels = Labels(order, jnp.int32(40))
    start = learner.init(key, data)
    variables, _ = jax.jit(learner.fit)(key, start, data, pool.y, labels, learner.hyper)
    outputs = learner.predict(variables, pool.x)
    if learner.head is not None:
        logits = learner.head(variables, outputs.features)
        apart = float(jnp.abs(logits - outputs.logits).max())
        if not apart <= tolerance:
            raise AssertionError(f"head(features) must be the logits, and differs by {apart:.2g}.")
    if learner.sample is not None:
        _check_outputs(learner.sample(key, variables, pool.x), *outputs.logits.shape)
