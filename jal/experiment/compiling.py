"""How hard XLA works on an experiment's programs."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["compiler_options"]


def compiler_options(platform: str, level: int) -> dict[str, Any]:
    """For `jax.jit`: the optimisation level of XLA's back end, on CPUs.

    Level 1 compiles in half the time of the default, to code that runs as fast; 0 is for what runs
    once. A level that XLA_FLAGS names stands.
    """
    flag = "xla_backend_optimization_level"
    if platform != "cpu" or flag in os.environ.get("XLA_FLAGS", ""):
        return {}
    return {"compiler_options": {flag: level}}
