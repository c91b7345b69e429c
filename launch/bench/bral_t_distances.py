"""Wasserstein distances of pairs of sets: jal's Sinkhorn and POT's ways, beside the exact value."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.bral_t_data import pairs_of_sets, sizes_of
from bench.bral_t_peer import exact
from bench.timing import Result, compiled, compiler_options, cpu_devices, steady, without_cache

EPSILONS = (0.1, 0.05, 0.02, 0.01, 0.005)  # in mean costs; the largest of 1 % is POT's
ACCURACY = 0.01  # mean error, in mean costs


def distances(sizes: Result, count: int) -> Result:
    """Microseconds a pair of each way, and its mean and largest error in mean costs."""
    cpu_devices(1)
    without_cache()
    given = sizes_of(sizes)
    x, y = pairs_of_sets(given, count)
    costs = np.array([_costs(*pair).mean() for pair in zip(x, y, strict=True)])
    truth = np.array([exact(*pair) for pair in zip(x, y, strict=True)])
    ways = {"emd2": lambda: np.array([exact(*pair) for pair in zip(x, y, strict=True)])}
    found: Result = {"count": count}
    for epsilon in EPSILONS:
        made = _debiased(x, y, epsilon)
        found["epsilon"] = epsilon
        if np.mean(np.abs(made - truth) / costs) <= ACCURACY:
            break
    ways["sinkhorn"] = lambda: _debiased(x, y, found["epsilon"])
    ways["jal"] = _jal(x, y)
    for name, way in ways.items():
        error = np.abs(way() - truth) / costs
        found[f"{name}_us"] = 1e6 * steady(way) / count
        found[f"{name}_error"] = float(np.mean(error))
        found[f"{name}_worst"] = float(np.max(error))
    return found


def _costs(x: np.ndarray, y: np.ndarray) -> Any:
    import ot  # pyright: ignore[reportMissingImports]

    # In float32 the kernel of a small epsilon is 0.
    return ot.dist(x.astype(np.float64), y.astype(np.float64), metric="euclidean")


def _debiased(x: np.ndarray, y: np.ndarray, epsilon: float) -> np.ndarray:
    """What the plan of `ot.sinkhorn` costs, less half of those of each to itself."""
    import ot  # pyright: ignore[reportMissingImports]

    def one(x: np.ndarray, y: np.ndarray) -> float:
        between = _costs(x, y)
        scale = epsilon * between.mean()

        def plan_cost(cost: np.ndarray) -> float:
            plan: Any = ot.sinkhorn([], [], cost, scale, numItermax=2000)
            return float(np.sum(plan * cost))

        return plan_cost(between) - 0.5 * (plan_cost(_costs(x, x)) + plan_cost(_costs(y, y)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what has not converged: its error is measured
        return np.array([one(*pair) for pair in zip(x, y, strict=True)])


def _jal(x: np.ndarray, y: np.ndarray) -> Callable[[], np.ndarray]:
    """All pairs in one program, a few at a time, as `sinkhorn_matrix` has its rows."""
    import jax
    import jax.numpy as jnp

    from jal.bral_t import sinkhorn

    def all_pairs(x: Any, y: Any) -> Any:
        return jax.lax.map(lambda pair: sinkhorn(*pair).value, (x, y), batch_size=min(50, len(x)))

    given = jnp.asarray(x), jnp.asarray(y)
    program, _ = compiled(all_pairs, *given, **compiler_options())
    return lambda: np.asarray(program(*given))
