"""What a command line calls by name: `bald:passes=50,name=bald_50`, `random:labels=20`, `mlp`."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from jal.code import is_code
from jal.experiment import Balanced, Chosen, Code, Learned, Query, Random, Twisted
from jal.experiment.form import Option, as_name, parse
from jal.experiment.learner_configs import learner_classes
from jal.experiment.queries import value_of
from jal.types import InputError

__all__ = [
    "learner_of",
    "query_of",
    "start_of",
    "start_words",
    "value_of_word",
    "words_of",
]

_STARTS = {"balanced": Balanced, "random": Random, "twisted": Twisted, "chosen": Chosen}
_LEARNED = "learned:"


def words_of(word: str) -> tuple[str, dict[str, Any]]:
    """The name in front, and the options behind its last colon.

    Raises:
      InputError: for an option that is no name=value.
    """
    first = word.find("=")
    if first < 0 and not word.endswith(":"):
        return word, {}
    colon = word.rfind(":", 0, first)
    if colon < 0:
        raise InputError(f"{word!r} must be NAME or NAME:OPTION=VALUE,... .")
    options = {}
    for one in _split(word[colon + 1 :]):
        name, equals, value = one.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"{one!r} in {word!r} must be OPTION=VALUE.")
        if name in options:
            raise InputError(f"{word!r} gives {name} twice.")
        options[name] = value_of_word(value)
    return word[:colon], options


def _split(text: str) -> list[str]:
    """At commas outside of brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[(") - (letter in "])")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def value_of_word(text: str) -> Any:
    """The first of None, truth, integer, number, list and text that it can be."""
    known = {"none": None, "true": True, "false": False}
    if text.lower() in known:
        return known[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if text[:1] in ("[", "(") and text[-1:] in ("]", ")"):
        inner = text[1:-1].strip(", ")
        return tuple(value_of_word(one.strip()) for one in _split(inner)) if inner else ()
    return text


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{','.join(map(_text, value))}]"
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _word(name: str, options: dict[str, Any]) -> str:
    shown = ",".join(f"{option}={_text(value)}" for option, value in options.items())
    return f"{name}:{shown}" if shown else name


def query_of(word: str, known: Mapping[str, Any]) -> Any:
    """A query of the config by its name there, with the options that change; else a new one."""
    if word in known:
        return known[word]
    name, options = words_of(word)
    if isinstance(options.get("learners"), str):
        options["learners"] = (options["learners"],)
    if name.startswith(_LEARNED):
        return parse(Learned, {"training": name.removeprefix(_LEARNED), **options}, word)
    fields = {field: options.pop(field) for field in ("name", "batch", "learners") & options.keys()}
    if name not in known:
        return parse(Query, {"strategy": name, "options": options, **fields}, word)
    base = known[name]
    if isinstance(base, Query):
        fields["options"] = base.options | options
    elif options:
        raise InputError(
            f"{name} is a trained agent, which has no option {min(options)!r}: it has name, batch "
            "and learners."
        )
    return parse(type(base), {**vars(base), **fields}, word)


def start_of(word: str) -> Any:
    """How seeds draw the labels that they start with."""
    name, options = words_of(word)
    if name not in _STARTS:
        raise InputError(f"unknown start {name!r}: known are {', '.join(_STARTS)}.")
    kind = _STARTS[name]
    if kind is Chosen:  # what is not its own is its strategy's
        own = {one: options.pop(one) for one in ("labels", "share", "strategy") & options.keys()}
        options = {**own, "options": options}
    return parse(kind, options, f"start {name}")


def start_words(start: Any) -> str:
    """A start as a word."""
    names = {kind: name for name, kind in _STARTS.items()}
    if type(start) not in names:
        return type(start).__name__.lower()
    fields = {field.name: getattr(start, field.name) for field in dataclasses.fields(start)}
    if isinstance(start, Chosen):
        named = None if start.strategy is None else as_name(start.strategy)
        fields = {"labels": start.labels, "share": start.share, "strategy": named, **start.options}
    return _word(names[type(start)], {name: v for name, v in fields.items() if v is not None})


def learner_of(word: str, known: Mapping[str, Any]) -> tuple[str, Any]:
    """A name, and the learner of the config that has it, with the options that change; else a new
    one."""
    if word in known:
        return word, known[word]
    target, options = words_of(word)
    name = str(options.pop("name", target.rpartition(":")[2]))
    base = known.get(target, learner_classes().get(target))
    if base is None and is_code(target):
        base = Code(target)
    elif callable(base) and not dataclasses.is_dataclass(base):
        base = Code(base)  # a function of the config's
    if isinstance(base, Code):
        checked: dict[str, Option] = {
            option: value_of(None, value, f"{option} of {name}")
            for option, value in options.items()
        }
        return name, Code(base.target, {**base.options, **checked})
    if not dataclasses.is_dataclass(base):
        known = {**known, **learner_classes()}
        raise InputError(
            f"unknown learner {word!r}: known are {', '.join(known)}, or give "
            "package.module:attribute."
        )
    kind = base if isinstance(base, type) else type(base)
    hints = typing.get_type_hints(kind)
    fields = [field.name for field in dataclasses.fields(kind) if field.init]
    for option, value in options.items():
        if option not in fields:
            raise InputError(
                f"unknown option {option!r} of {kind.__name__}: known are {', '.join(fields)}."
            )
        if typing.get_origin(hints[option]) is tuple and not isinstance(value, tuple):
            options[option] = (value,)
        options[option] = parse(hints[option], options[option], f"learner {name}.{option}")
    changed: Any = base
    return name, kind(**options) if base is kind else dataclasses.replace(changed, **options)
