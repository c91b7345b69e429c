"""Options of selectors: the range of each, said at its selector, and checked without any array."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jal.types import InputError

__all__ = ["Range", "check_options", "counts", "each", "optional", "reals", "takes", "words"]

P = ParamSpec("P")
R = TypeVar("R")
Range = Callable[[str, str, Any], None]
"""`(selector, option, value)`: raises InputError, one sentence that names them all."""

_LARGEST = float(jnp.finfo(jnp.float32).max)


def takes(**ranges: Range) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Of a selector with these options: refuses values out of their ranges, and then runs."""

    def with_ranges(selector: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(selector)

        @functools.wraps(selector)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            given = signature.bind(*args, **kwargs).arguments
            check_options(selector.__name__, checked, given)
            return selector(*args, **kwargs)

        vars(checked)["ranges"] = ranges
        return checked

    return with_ranges


def check_options(name: str, selector: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Raises InputError, said of `name`, for the first option that `selector` would refuse.

    An option without a range passes; so does what only the pool decides, such as more clusters
    than points.
    """
    for option, within in getattr(selector, "ranges", {}).items():
        if option in options:
            within(name, option, options[option])


def counts(least: int = 1, *, static: bool = True) -> Range:
    """Python integers of at least `least`; traced ones too where they need not be `static`."""

    def within(name: str, option: str, value: Any) -> None:
        if isinstance(value, Tracer) and not static:
            return
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not whole or value < least:
            given = (
                "a traced value: it must be static" if isinstance(value, Tracer) else f"{value!r}"
            )
            raise InputError(
                f"{name} takes {option} as an integer of at least {least}, got {given}."
            )

    return within


def reals(
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
    static: bool = False,
) -> Range:
    """Finite numbers within all four bounds; traced ones pass where they need not be `static`."""
    bounds = (" above", above), (" of at least", least), (" of at most", most), (" below", below)
    wanted = " and".join(f"{word} {bound:g}" for word, bound in bounds if math.isfinite(bound))
    low, high = max(least, -_LARGEST), min(most, _LARGEST)

    def within(name: str, option: str, value: Any) -> None:
        if isinstance(value, Tracer):
            if static:
                raise InputError(f"{name} takes {option} as a static number, got a traced value.")
            return
        if getattr(value, "ndim", None) == 0:  # of NumPy's or JAX's
            with jax.ensure_compile_time_eval():
                value = value.item()
        real = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (real and above < value < below and low <= value <= high):
            raise InputError(f"{name} takes {option} as a finite number{wanted}, got {value!r}.")

    return within


def words(*known: str) -> Range:
    """One of these."""

    def within(name: str, option: str, value: Any) -> None:
        if value not in known:
            either = " or ".join(f'"{word}"' for word in known)
            raise InputError(f"{name} takes {option} as {either}, got {value!r}.")

    return within


def optional(within: Range) -> Range:
    """None, or what `within` takes."""
    return lambda name, option, value: None if value is None else within(name, option, value)


def each(within: Range) -> Range:
    """One or more of what `within` takes."""

    def all_within(name: str, option: str, value: Any) -> None:
        if not isinstance(value, tuple | list):
            raise InputError(f"{name} takes {option} as a tuple of numbers, got {value!r}.")
        if not value:
            raise InputError(f"{name} takes at least one of {option}, got none.")
        for one in value:
            within(name, option, one)

    return all_within
