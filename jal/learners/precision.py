"""Matrix products in full float32, on devices that would round their inputs by default."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax

__all__ = ["in_full_precision"]


def in_full_precision(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` under `jax.default_matmul_precision("highest")`: no TF32, no bfloat16 passes."""

    @functools.wraps(f)
    def wrapped(*args: Any) -> Any:
        with jax.default_matmul_precision("highest"):
            return f(*args)

    return wrapped
