"""Configs by name: those that come with jal, and files."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import jal
from jal.types import InputError

__all__ = ["configs_command", "find_config", "shipped"]


def shipped() -> dict[str, Path]:
    """Name -> file of the configs that come with jal, such as abas_ral/digits; what is called _NAME
    is none, but what those beside it share."""
    package = Path(jal.__file__).parent
    for folder in (package / "configs", package.parent / "configs"):
        if (folder / "quickstart.py").is_file():
            files = sorted(folder.rglob("[!_]*.py"))
            return {str(file.relative_to(folder).with_suffix("")): file for file in files}
    return {}


def find_config(name: str) -> Path:
    """The file of that name, or the config that comes with jal.

    Raises:
      InputError: where there is neither, and the name is no Python file's.
    """
    path = Path(name)
    try:
        if path.is_file():
            return path
    except (OSError, ValueError):
        return path  # which load_config refuses
    known = shipped()
    if path.suffix == ".py" or name in known:
        return known.get(name.removesuffix(".py"), path)
    alike = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {alike[0]}? Or give" if alike else "give"
    raise InputError(
        f"unknown config {name!r}: {hint} a Python file, or one that `jal configs` lists."
    )


def configs_command(arguments: Sequence[str]) -> None:
    """Lists the configs that come with jal, and what each is."""
    del arguments
    found = shipped()
    width = max(map(len, found), default=0)
    for name, file in found.items():
        lines = file.read_text(encoding="utf-8").splitlines()
        print(f"{name:{width}}  {lines[0].strip(chr(34))}")
