"""jal: active learning as pure JAX functions.

Submodules load on first use, so that `import jal` brings nothing along but the standard library:
`jal.scores`, `jal.select` and `jal.bral_t` need only JAX; `jal.networks` brings Flax, and
`jal.experiment` and `jal.report` the rest.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jal import (
        bral_t,
        cli,
        code,
        data,
        episode,
        experiment,
        extras,
        files,
        labels,
        learners,
        memory,
        metrics,
        networks,
        parallel,
        report,
        rl,
        scores,
        select,
        strategies,
        testing,
        types,
    )

__version__ = "0.1.0"
__all__ = [
    "bral_t",
    "cli",
    "code",
    "data",
    "episode",
    "experiment",
    "extras",
    "files",
    "labels",
    "learners",
    "memory",
    "metrics",
    "networks",
    "parallel",
    "report",
    "rl",
    "scores",
    "select",
    "strategies",
    "testing",
    "types",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"jal.{name}")
    raise AttributeError(f"module 'jal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
