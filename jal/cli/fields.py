"""A config's fields as options: those that a command line can say, each with its help."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import itertools
import textwrap
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import tyro

from jal.experiment.form import Code, parse
from jal.types import InputError

__all__ = [
    "Field",
    "RefusedError",
    "changed",
    "field_helps",
    "flag_name",
    "options_class",
    "own_fields",
    "worded",
]


class Field(NamedTuple):
    """An option, or a group of them.

    Attributes:
      name: of the field that it changes.
      flag: what it is called on the command line; "" for a group whose options stand alone.
      kind: its type: of a group a class that `options_class` made.
      value: what it is now.
      help: a sentence.
    """

    name: str
    flag: str
    kind: Any
    value: Any
    help: str | None = None


class RefusedError(Exception):
    """A word that cannot be read; tyro, which frames a ValueError, lets it through."""


def options_class(name: str, about: str | None, fields: Sequence[Field]) -> type:
    """A dataclass that tyro reads, whose defaults are the values."""
    made = dataclasses.make_dataclass(
        name,
        [
            (
                f"field_{number}",
                Annotated[field.kind, tyro.conf.arg(name=field.flag, help=field.help)],
                dataclasses.field(
                    default_factory=lambda value=field.value: value, metadata={"of": field.name}
                ),
            )
            for number, field in enumerate(fields)
        ],
        frozen=True,
    )
    made.__doc__ = about or ""
    return made


def flag_name(name: str) -> str:
    """A name as a part of an option."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def worded(
    read: Callable[[list[str]], Any], show: Callable[[Any], list[str]], metavar: str, many: bool
) -> Any:
    """The type of an option of words, which `read` makes a value of."""

    def reading(words: list[str]) -> Any:
        try:
            return read(words)
        except InputError as error:
            raise RefusedError(str(error)) from None

    spec = tyro.constructors.PrimitiveConstructorSpec(
        nargs="*" if many else 1,
        metavar=metavar,
        instance_from_str=reading,
        is_instance=lambda value: True,
        str_from_instance=show,
    )
    return Annotated[Any, spec]


def own_fields(
    config: Any,
    kind_of: Callable[[Any, str], Any] = lambda config, name: None,
    keep: Callable[[str], bool] = lambda name: True,
    flat: Collection[str] = (),
) -> list[Field]:
    """The fields that a command line can say of a dataclass, a Code, or a dict of these.

    Args:
      config: whose.
      kind_of: `(config, field) -> type` of an option that needs one of its own; None of others.
      keep: whether a field is an option.
      flat: fields whose own fields are options without the field's name in front.
    """
    helps, found = field_helps(type(config)), []
    for name, kind, value in _entries(config):
        flag, about = "" if name in flat else flag_name(name), helps.get(name)
        own = kind_of(config, name)
        if not keep(name):
            continue
        if own is not None:
            found.append(Field(name, flag, own, value, about))
        elif _is_group(value):
            if inner := own_fields(value, kind_of, keep, flat):
                made = options_class(type(value).__name__, about or _about(value), inner)
                found.append(Field(name, flag, made, made()))
        elif _can_be_said(kind) and _is_of(kind, value):
            value = float(value) if kind is float else value
            found.append(Field(name, flag, kind, value, about))
    return found


def _is_group(value: Any) -> bool:
    """Whether options are its fields."""
    return isinstance(value, Mapping) or (
        dataclasses.is_dataclass(value) and not isinstance(value, type)
    )


def _entries(config: Any) -> list[tuple[str, Any, Any]]:
    """Name, type and value of each field."""
    if isinstance(config, Code):
        return [(name, _kind_of(value), value) for name, value in config.options.items()]
    if isinstance(config, Mapping):
        return [(str(name), None, one) for name, one in config.items() if _is_group(one)]
    try:
        hints = typing.get_type_hints(type(config))
    except (NameError, TypeError):  # of a class that is not jal's
        return []
    fields = [field for field in dataclasses.fields(config) if field.init]
    return [(field.name, hints.get(field.name), getattr(config, field.name)) for field in fields]


def changed(config: Any, found: Any) -> Any:
    """The config with what was parsed, an instance of the class that is made of its fields."""
    new = {}
    for field in dataclasses.fields(found):
        name, value = field.metadata["of"], getattr(found, field.name)
        if not name:  # it is shown in help alone
            continue
        before = _entry(config, name)
        if _is_made(value):
            value = changed(before, value)
        numbers = all(type(one) in (int, float) for one in (value, before))  # 1 is shown as 1.0
        if value is not before and not (numbers and value == before):
            new[name] = value
    if not new:
        return config
    if isinstance(config, Mapping):
        return {**config, **new}
    if isinstance(config, Code):
        return Code(config.target, {**config.options, **new})
    try:
        return dataclasses.replace(config, **new)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        name = type(config).__name__  # a class that is not jal's
        raise InputError(f"{name} refuses its options: {error}.") from error


def _is_made(value: Any) -> bool:
    """Whether it is of a class that `options_class` made."""
    return dataclasses.is_dataclass(value) and any(
        "of" in field.metadata for field in dataclasses.fields(value)
    )


def _entry(config: Any, name: str) -> Any:
    if isinstance(config, Mapping):
        return config[name]
    return config.options[name] if isinstance(config, Code) else getattr(config, name)


def _kind_of(value: Any) -> Any:
    """The type of a Code's option: what its words may be."""
    if isinstance(value, tuple):
        numbers = all(isinstance(one, int | float) for one in value)
        return tuple[int | float, ...] if numbers else None
    return int | float if type(value) in (int, float) else type(value)


def _can_be_said(kind: Any) -> bool:
    """Whether a few words can give a value of the type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return True
    if origin in (types.UnionType, typing.Union, tuple):
        return all(one is ... or _can_be_said(one) for one in arguments)
    return kind in (int, float, bool, str, Path, types.NoneType)


def _is_of(kind: Any, value: Any) -> bool:
    if isinstance(value, Path):
        return kind is Path
    try:
        parse(kind, value, "")
    except InputError:
        return False
    return True


def _about(value: Any) -> str | None:
    return (type(value).__doc__ or "").partition("\n\n")[0]


@functools.cache
def field_helps(kind: type) -> dict[str, str]:
    """Field -> the string below it in the source, as one line; of the nearest class that has it."""
    found = {}
    for one in reversed(kind.__mro__):
        try:
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        except (OSError, SyntaxError, TypeError, ValueError):  # of what has no source
            continue
        body = getattr(tree, "body", [])
        for field, below in itertools.pairwise(body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                found[field.target.id] = " ".join(below.value.value.split())
    return found
