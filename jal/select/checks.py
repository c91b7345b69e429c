"""What selectors are given, checked and cast, and what they return where points run out."""

from __future__ import annotations

from numbers import Integral

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jal.scores.checks import as_array, as_float32, as_int32
from jal.types import Array

__all__ = [
    "check_key",
    "check_numbers",
    "check_optional_key",
    "check_pool",
    "pad_picks",
    "take_picks",
]

_SHAPES = {
    "features": "[N, D]",
    "logits": "[N, K]",
    "x": "[N, ...]",
    "scores": "[N]",
    "margins": "[N]",
    "y": "[N]",
    "groups": "[N]",
    "cluster": "[N]",
    "order": "[N]",
    "queries": "[N]",
}
_FINITE = ("features", "logits", "x")
_INTEGERS = ("y", "groups", "cluster", "order")
_MASKS = ("labelled", "queries")


def check_pool(name: str, labelled: Array, k: int, **values: Array) -> tuple[Array, ...]:
    """labelled, then the values in turn: floats as float32, integers as int32, masks as bool.

    Values go by the names that selectors have for them: `features [N, D]`, `logits [N, K]`,
    `x [N, ...]` (whose integers stay), `scores` and `margins`, the integers `y`, `groups`,
    `cluster` and `order`, a permutation, and the mask `queries`, all `[N]`.

    Raises:
      ValueError: where a shape or a dtype is another, or k no integer in 1..N; and, outside of jit,
        where there are less than k unlabelled points, where features, logits or x are not finite,
        or order is no permutation.
    """
    labelled = _checked(name, "labelled", labelled, None)
    n = labelled.shape[0]
    if isinstance(k, bool) or not isinstance(k, Integral):
        kind = "a traced value: it must be static" if isinstance(k, Tracer) else f"{k!r}"
        raise ValueError(f"{name} takes k as a Python integer, got {kind}.")
    if not 1 <= k <= n:
        raise ValueError(f"{name} takes k between 1 and the pool's {n} points, got {k}.")
    if not isinstance(labelled, Tracer):
        with jax.ensure_compile_time_eval():  # a constant in somebody's jit is known too
            left = n - int(labelled.sum())
        if k > left:
            raise ValueError(f"{name} cannot pick k = {k} of {left} unlabelled points.")
    return labelled, *(_checked(name, what, array, n) for what, array in values.items())


def check_numbers(name: str, what: str, values: Array, n: int | None = None) -> Array:
    """`check_pool` for one of its values, of n points where that is known."""
    return _checked(name, what, values, n)


def check_key(name: str, key: Array) -> Array:
    """key, a single one.

    Raises:
      ValueError: where it is none.
    """
    array = key if isinstance(key, jax.Array) else as_array(name, "key", key)
    typed = jnp.issubdtype(array.dtype, jax.dtypes.prng_key)
    if not (array.ndim == 0 if typed else array.ndim == 1 and array.dtype == jnp.uint32):
        raise ValueError(
            f"{name} takes one PRNG key, such as jax.random.key(0), got shape {array.shape} of "
            f"{array.dtype}."
        )
    return array


def check_optional_key(name: str, key: Array | None) -> Array | None:
    """`check_key`, or None."""
    return None if key is None else check_key(name, key)


def pad_picks(picks: Array, labelled: Array) -> Array:
    """`picks [k]` int32, N in place of those beyond the number of unlabelled points.

    N, the pool's size, is out of range: JAX's scatters drop it. The picks before must be distinct
    and unlabelled. Only under jit can there be less than k points.
    """
    n = labelled.shape[0]
    free = n - jnp.sum(labelled, dtype=jnp.int32)
    return jnp.where(jnp.arange(picks.shape[0]) < free, picks, n).astype(jnp.int32)


def take_picks(index: Array, picks: Array, n: int) -> Array:
    """`index[picks]` int32 of picks among `index [M]`, pool indices; n where a pick is past M."""
    return index.at[picks].get(mode="fill", fill_value=n).astype(jnp.int32)


def _checked(name: str, what: str, values: Array, n: int | None) -> Array:
    shape = _SHAPES.get(what, "[N]")
    if what in _MASKS:
        array, kind, right = as_array(name, what, values), "bool", jnp.bool_
    elif what in _INTEGERS:
        array, kind, right = as_array(name, what, values), "integers", jnp.integer
    else:
        array, kind, right = as_array(name, what, values), "numbers", None
        whole = jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == jnp.bool_
        if not (whole and what == "x"):
            array = as_float32(name, what, array)
    least = {"[N, D]": " and D >= 1", "[N, K]": " and K >= 2"}.get(shape, "")
    fits = array.ndim >= 1 if "..." in shape else array.ndim == 1 + shape.count(",")
    fits = fits and (array.shape[0] == n if n is not None else array.shape[0] >= 1)
    fits = fits and (array.ndim < 2 or array.shape[1] >= (2 if "K" in shape else 1))
    if not fits or (right is not None and not jnp.issubdtype(array.dtype, right)):
        wanted = "N >= 1" if n is None else f"N = {n}"
        raise ValueError(
            f"{name} takes {what} {shape} of {kind} with {wanted}{least}, got shape {array.shape} "
            f"of {array.dtype}."
        )
    if what in _INTEGERS:
        array = as_int32(name, what, values, array)
    if isinstance(array, Tracer):
        return array
    with jax.ensure_compile_time_eval():
        if what in _FINITE:
            bad = ~jnp.all(jnp.isfinite(array).reshape(array.shape[0], -1), axis=1)
            if bad.any():
                raise ValueError(
                    f"{name} takes finite numbers, got {what} with {int(bad.sum())} rows of NaN or "
                    f"infinity, the first at {int(bad.argmax())}."
                )
        if what == "order" and not jnp.array_equal(jnp.sort(array), jnp.arange(array.shape[0])):
            raise ValueError(
                f"{name} takes order as a permutation of 0..{array.shape[0] - 1}, got others."
            )
    return array
