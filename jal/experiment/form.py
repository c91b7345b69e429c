"""Configs as JSON: dataclasses to nested dicts and back, every value checked by its type.

One sentence says where a wrong value stands, what it is, and what would be right. Libraries were
tried in its place: cattrs and msgspec do not take a union of two plain dataclasses; pydantic does,
but lets fields pass that these do not have, and chooses among them by what happens to fit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self

from jal.code import is_code, name_of, reference
from jal.types import InputError

__all__ = [
    "Code",
    "Form",
    "Option",
    "Parser",
    "as_name",
    "check_keys",
    "flat",
    "parse",
    "parse_object",
    "shown",
    "to_json",
    "words",
]

# A command line's words are the first of these that they can be.
Option = int | float | bool | str | tuple[int, ...] | tuple[float, ...]


@dataclasses.dataclass(frozen=True, init=False)
class Code:
    """What is not jal's: a function or a class, and the options that it is called with.

    `Code("my_package.models:wide", hidden=512)`; the first may also be the thing itself.
    """

    target: Any
    options: dict[str, Any]

    def __init__(self, target: Any, options: Mapping[str, Any] | None = None, **more: Option):
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "options", {**(options or {}), **more})


class Parser(NamedTuple):
    """In an annotation: how a field is read, `(tree, where) -> value`."""

    read: Callable[[Any, str], Any]


class Form:
    """A config as a whole: a dataclass with its form as JSON."""

    def to_json(self) -> dict[str, Any]:
        """Nested dicts; what is one of several kinds says its class under "type"."""
        return to_json(self)

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> Self:
        """Inverse of `to_json`; raises InputError for unknown fields and values of another type."""
        return parse(cls, tree, "")

    @classmethod
    def checked(cls, config: Any) -> Self:
        """The config itself, once every field is found to be of its type; else InputError."""
        if type(config) is not cls:
            name = cls.__name__
            an = "an" if name[0] in "AEIOU" else "a"
            raise InputError(
                f"{an} {name.lower()} must be {an} {name}, and of no subclass, got a "
                f"{type(config).__name__}."
            )
        return parse(cls, config, "")


def to_json(value: Any) -> Any:
    """Nested dicts and lists; a dataclass that stands among others says its class under "type"."""
    if isinstance(value, Code):
        return _of_code(value.target, to_json(value.options))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        tree = {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
        kind = type(value)
        if kind.__module__.partition(".")[0] != "jal":
            return _of_code(kind, tree)
        return {"type": kind.__name__, **tree} if getattr(kind, "variant", False) else tree
    if isinstance(value, dict):
        return {name: to_json(entry) for name, entry in value.items()}
    if isinstance(value, list) or (isinstance(value, tuple) and not hasattr(value, "_fields")):
        return [to_json(entry) for entry in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return as_name(value)


def _of_code(target: Any, options: dict[str, Any]) -> Any:
    """The same whether it is a thing, or read back as `Code`."""
    name = as_name(target)
    return {"type": name, **options} if options else name


def as_name(target: Any) -> str:
    """A reference; of what has none its name in brackets, by which nothing is found."""
    return target if isinstance(target, str) else reference(target) or f"<{name_of(target)}>"


def parse(kind: Any, tree: Any, where: str) -> Any:
    """A value of the annotated type `kind`; InputError names the place `where` if it is none.

    The tree may hold values that are of their kind already, which are checked likewise.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return tree
    if origin is Annotated:
        readers = [one for one in arguments[1:] if isinstance(one, Parser)]
        return readers[0].read(tree, where) if readers else parse(arguments[0], tree, where)
    if origin is types.UnionType or origin is typing.Union:
        return _from_union(arguments, tree, where)
    if dataclasses.is_dataclass(kind):
        return _from_fields(kind, tree, where)
    if origin is dict and isinstance(tree, dict):
        check_keys(tree, where)
        return {name: parse(arguments[1], entry, f"{where}.{name}") for name, entry in tree.items()}
    if origin is tuple and isinstance(tree, list | tuple):
        kinds = [arguments[0]] * len(tree) if arguments[-1:] == (...,) else arguments
        if len(kinds) == len(tree):
            return tuple(parse(k, entry, where) for k, entry in zip(kinds, tree, strict=True))
    if origin is Literal and tree in arguments:
        return tree
    wanted = {int: int, float: (int, float), str: str, bool: bool, types.NoneType: types.NoneType}
    if (
        kind in wanted
        and isinstance(tree, wanted[kind])
        and isinstance(tree, bool) == (kind is bool)
    ):
        if kind is int and isinstance(tree, int) and not -(2**31) <= tree < 2**31:
            raise InputError(f"{where} must be an integer of 32 bits, got {shown(tree)}.")
        if kind is float and not _is_finite(tree):
            raise InputError(f"{where} must be finite, got {shown(tree)}.")
        return tree
    raise InputError(f"{where} must be {words(kind)}, got {shown(tree)}.")


def check_keys(tree: Mapping[Any, Any], where: str) -> None:
    """Raises InputError where a dict's names are no text, as they are in JSON."""
    for name in tree:
        if not isinstance(name, str):
            raise InputError(f"{where} must be by names that are str, got {shown(name)}.")


def parse_object(tree: Any, where: str, known: Mapping[str, type]) -> Any:
    """One of the known dataclasses, `Code`, or any object that is no JSON, as it is.

    Args:
      tree: a dict that says its "type", or the thing itself.
      where: its place.
      known: dataclasses by the type's name.

    Raises:
      InputError: where it is none of these, or a field is of another type.
    """
    if isinstance(tree, dict) and isinstance(tree.get("type"), str):
        fields = dict(tree)
        name = fields.pop("type")
        if name in known:
            return parse(known[name], fields, where)
        if is_code(name) or name.startswith("<"):
            return Code(name, {n: _option(one, f"{where}.{n}") for n, one in fields.items()})
        raise InputError(
            f"unknown type {name!r} of {where}: known are {', '.join(known)}, or give "
            "package.module:attribute."
        )
    if type(tree) in known.values():
        return parse(type(tree), tree, where)
    if isinstance(tree, str) and (is_code(tree) or tree.startswith("<")):
        return Code(tree)
    if tree is None or isinstance(tree, bool | int | float | str | list | dict):
        raise InputError(
            f"{where} must say its type, one of {', '.join(known)} or package.module:attribute, "
            f"got {shown(tree)}."
        )
    return tree


def _option(tree: Any, where: str) -> Any:
    """What JSON can say, lists as tuples: of which type it must be the code itself says."""
    if isinstance(tree, list | tuple):
        return tuple(_option(one, where) for one in tree)
    if isinstance(tree, dict):
        return {name: _option(one, f"{where}.{name}") for name, one in tree.items()}
    return None if tree is None else parse(Option, tree, where)


def shown(value: Any) -> str:
    """A value in a sentence: its beginning if it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves of nested dicts and lists of dicts by dotted paths."""
    if isinstance(tree, list) and tree and all(isinstance(one, dict) for one in tree):
        tree = {str(number): one for number, one in enumerate(tree)}
    if not isinstance(tree, dict) or not tree:
        return {prefix: tree}
    return {
        path: leaf
        for name, branch in tree.items()
        for path, leaf in flat(branch, f"{prefix}.{name}" if prefix else name).items()
    }


def _is_finite(number: Any) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # of an int that no float can be
        return False


def _from_union(options: tuple[Any, ...], tree: Any, where: str) -> Any:
    """By the "type" that a variant's dict has, else the first option that it is."""
    named = {one.__name__: one for one in options if getattr(one, "variant", False)}
    if isinstance(tree, dict) and named:
        fields = dict(tree)
        name = fields.pop("type", None)
        if name not in named:
            raise InputError(f"unknown type {name!r} of {where}: known are {', '.join(named)}.")
        return parse(named[name], fields, where)
    of_one = [option for option in options if dataclasses.is_dataclass(option)]
    for option in of_one:
        # Of one alone a dict or an instance must be it, and what is wrong is said of its field.
        if type(tree) is option or (isinstance(tree, dict) and len(of_one) == 1):
            return parse(option, tree, where)
    for option in options:
        with contextlib.suppress(InputError):
            return parse(option, tree, where)
    if isinstance(tree, float) and float in options:
        raise InputError(f"{where} must be finite, got {shown(tree)}.")
    raise InputError(f"{where} must be {' or '.join(map(words, options))}, got {shown(tree)}.")


def _from_fields(kind: Any, tree: Any, where: str) -> Any:
    if type(tree) is kind:
        tree = {field.name: getattr(tree, field.name) for field in dataclasses.fields(kind)}
    if not isinstance(tree, dict):
        raise InputError(f"{where or 'a config'} must be {words(kind)}, got {shown(tree)}.")
    if getattr(kind, "variant", False) and tree.get("type") == kind.__name__:
        tree = {name: entry for name, entry in tree.items() if name != "type"}
    known = [field.name for field in dataclasses.fields(kind)]
    unknown = tree.keys() - {*known}
    if unknown:
        raise InputError(
            f"unknown option {min(unknown)!r} of {words(kind)}: known are {', '.join(known)}."
        )
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.default is parameter.empty and name in known and name not in tree:
            raise InputError(f"{where or words(kind)} needs the option {name}.")
    hints = typing.get_type_hints(kind, include_extras=True)
    prefix = f"{where}." if where else ""
    return kind(**{name: parse(hints[name], entry, prefix + name) for name, entry in tree.items()})


def words(kind: Any) -> str:
    """A type in words."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return words(arguments[0])
    if origin is Literal:
        return " or ".join(repr(one) for one in arguments)
    if origin is tuple:
        inner = [words(one) for one in arguments if one is not ...]
        return f"a list of {inner[0]}" if ... in arguments else f"a list ({', '.join(inner)})"
    if kind is types.NoneType:
        return "None"
    if origin is Mapping:
        return "a dict"
    return getattr(kind, "__name__", str(kind))
