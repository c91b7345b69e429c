"""Packages that only parts of jal need, and what to say where they are missing."""

from __future__ import annotations

import importlib.util

__all__ = ["require"]


def require(room: str, extra: str, *packages: str) -> None:
    """Raises ModuleNotFoundError, a sentence that says what to install, where a package is missing.

    Args:
      room: of jal, such as "jal.experiment".
      extra: of the distribution, that brings them along.
      packages: by the names that they are imported by.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ModuleNotFoundError(
                f'{room} needs {package}, which is not installed: pip install "jax-active-learning'
                f'[{extra}]".',
                name=package,
            )
