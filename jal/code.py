"""Code that a config names: found by its name, and named so that it is found again."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jal.types import InputError

__all__ = ["attribute", "call", "find", "is_code", "name_of", "reference"]


def is_code(name: object) -> bool:
    """Whether the name is `package.module:attribute`, and none of a registry."""
    if not isinstance(name, str):
        return False
    module, colon, attribute_ = name.partition(":")
    parts = [*module.split("."), *attribute_.split(".")]
    return bool(colon) and all(part.isidentifier() for part in parts)


def reference(thing: Any) -> str | None:
    """`package.module:attribute` by which a function or a class is found again; None without."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module not in sys.modules:
        return None
    try:
        return f"{module}:{name}" if attribute(f"{module}:{name}") is thing else None
    except (AttributeError, KeyError):
        return None


def name_of(thing: Any) -> str:
    """What a function, a class or an object is called where it is shown."""
    names = [getattr(thing, name, None) for name in ("__name__", "name")]
    name = next((one for one in names if isinstance(one, str) and one), type(thing).__name__)
    return name.rpartition(":")[2]


def attribute(name: str) -> Any:
    """Of a module that is imported already; KeyError or AttributeError where there is none."""
    module, _, path = name.partition(":")
    found: Any = sys.modules[module]
    for part in path.split("."):
        found = getattr(found, part)
    return found


def find(what: str, given: Any, registry: Mapping[str, Any], allow_code: bool) -> Any:
    """The one rule: a registered name, `package.module:attribute`, or the thing itself.

    What a folder names may be any function of any module, so that nothing is looked up unasked.

    Args:
      what: it is, such as "strategy", in sentences.
      given: the name or the thing.
      registry: name -> thing.
      allow_code: whether names of code may be looked up, and their modules imported.

    Raises:
      InputError: where there is nothing of that name, or that was not allowed.
    """
    if not isinstance(given, str):
        return given
    if given in registry:
        return registry[given]
    if given.startswith("<"):
        raise InputError(
            f"{what} {given[1:-1]} is in no module where it could be found again: give the config "
            "again, which brings it."
        )
    if not is_code(given):
        raise InputError(
            f"unknown {what} {given!r}: known are {', '.join(registry)}, or give "
            "package.module:attribute."
        )
    module = given.partition(":")[0]
    if not allow_code:
        raise InputError(
            f"{what} {given} is code that would be imported: add --allow-code (in Python "
            "allow_code=True) if you trust it."
        )
    if module not in sys.modules:
        _import(what, given, module)
    try:
        return attribute(given)
    except AttributeError:
        raise InputError(
            f"{what} {given} is not there: module {module} has no such attribute."
        ) from None


def call(what: str, function: Any, *given: Any, **options: Any) -> Any:
    """What the function makes; InputError where it does not take what it is called with.

    Args:
      what: it makes, such as "learner mlp", in sentences.
      function: a config's.
      *given: arguments that all such functions take.
      **options: those that the config gives, and others by name.
    """
    try:
        inspect.signature(function).bind(*given, **options)
    except TypeError as error:
        raise InputError(
            f"{what}: {name_of(function)} cannot be called with {len(given)} arguments and the "
            f"options {', '.join(options) or 'none'}: {error}."
        ) from error
    except ValueError:  # a built-in that does not say what it takes
        pass
    return function(*given, **options)


def _import(what: str, given: str, module: str) -> None:
    here = str(Path.cwd())  # a console command's Python looks there for nothing
    if here not in sys.path:
        sys.path.append(here)  # last, so that nothing is shadowed
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:  # of a user's own module
        kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
        says = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"{what} {given} cannot be imported: {kind}{says}.") from error
