"""The k highest scores among the unlabelled."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jal.types import Array

__all__ = ["check_pool", "top_k"]


def top_k(scores: Array, labelled: Array, k: int) -> Array:
    """Indices of the k highest scores among unlabelled points, highest first, ties by index.

    Args:
      scores: `[N]` float; higher is picked first. NaN ranks below everything.
      labelled: `[N]` bool; True is never picked.
      k: how many, static; at most the number of unlabelled points.

    Returns:
      `[k]` int32.
    """
    scores, labelled = check_pool("top_k", scores, labelled, k, finite=False)
    scores = scores.astype(jnp.promote_types(scores.dtype, jnp.float32))
    lowest = jnp.finfo(scores.dtype).min
    # In this order from below: labelled, NaN, -inf, all else; and -0 is 0.
    scores = jnp.where(scores == 0, 0.0, jnp.maximum(scores, jnp.nextafter(lowest, 0.0)))
    scores = jnp.where(labelled, -jnp.inf, jnp.where(jnp.isnan(scores), lowest, scores))
    return jax.lax.top_k(scores, k)[1].astype(jnp.int32)


def check_pool(
    name: str, values: Array, labelled: Array, k: int, *, finite: bool = True
) -> tuple[Array, Array]:
    """values and labelled as JAX arrays.

    Raises:
      ValueError: where shapes disagree or, outside of jit, where there are less than k unlabelled
        points or, with `finite`, values that are not numbers.
    """
    values, labelled = jnp.asarray(values), jnp.asarray(labelled)
    n = labelled.shape[0] if labelled.ndim == 1 else None
    if n is None or labelled.dtype != jnp.bool_ or values.shape[:1] != (n,):
        raise ValueError(
            f"{name} takes values [N, ...] and a mask labelled [N] of bool, got shapes "
            f"{values.shape} and {labelled.shape} of {labelled.dtype}."
        )
    if not 1 <= k <= n:
        raise ValueError(f"{name} takes k between 1 and the pool's {n} points, got {k}.")
    if not isinstance(labelled, Tracer):
        with jax.ensure_compile_time_eval():  # a constant in somebody's jit is known too
            left = n - int(labelled.sum())
        if k > left:
            raise ValueError(f"{name} cannot pick k = {k} of {left} unlabelled points.")
    if finite and not isinstance(values, Tracer):
        with jax.ensure_compile_time_eval():
            bad = ~jnp.all(jnp.isfinite(values).reshape(n, -1), axis=1)
            if bad.any():
                raise ValueError(
                    f"{name} takes finite numbers, got {int(bad.sum())} rows with NaN or infinity, "
                    f"the first at {int(bad.argmax())}."
                )
    return values, labelled
