"""A config as the options of a command line: every field can be overridden."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import tyro

from jal.cli.words import learner_of, query_of, query_words, start_of, start_words
from jal.experiment import Data, Experiment, Training
from jal.experiment.config import Protocol
from jal.experiment.form import as_name
from jal.types import InputError

__all__ = ["Config", "parse_options"]

Config = Experiment | Training | tuple[Experiment | Training, ...]

# What --help shows; --help-all shows every field.
_COMMON = {
    *("name", "seeds", "rounds", "batch", "budget", "start", "metrics", "splits"),
    *("source", "queries", "learners", "devices", "segment", "confidence"),
}
_FLAT = tyro.conf.arg(name="")


def parse_options(
    config: Config, extra: type, arguments: Sequence[str], prog: str, description: str
) -> tuple[Config, Any]:
    """The config with what the arguments change, and the other options.

    Args:
      config: the default of every field.
      extra: a dataclass of options beside the config's, all with defaults.
      arguments: of the command line; --help and unknown ones end the process.
      prog: the command, in help and errors.
      description: of the command, in help.

    Raises:
      InputError: for a name that is none.
    """
    arguments = list(arguments)
    everything = "--help-all" in arguments
    if everything:
        arguments = ["--help" if one == "--help-all" else one for one in arguments]
    common = not everything and bool({"--help", "-h"} & set(arguments))
    config, arguments = _with_learners(config, arguments)
    steps = _steps(config)
    kinds = {name: _options_type(step, common) for name, step in steps.items()}
    alone = isinstance(config, Experiment | Training)
    fields: list[Any] = [
        (
            name,
            Annotated[kind, _FLAT] if alone else kind,
            dataclasses.field(default=_as(kind, step)),
        )
        for (name, kind), step in zip(kinds.items(), steps.values(), strict=True)
    ]
    made = dataclasses.make_dataclass(
        "Options", [*fields, ("extra", Annotated[extra, _FLAT], dataclasses.field(default=extra()))]
    )
    found = tyro.cli(
        made,
        args=arguments,
        prog=prog,
        description=description,
        config=(tyro.conf.AvoidSubcommands, tyro.conf.SuppressFixed),
    )
    changed = tuple(_restored(getattr(found, name), step) for name, step in steps.items())
    return (changed[0] if alone else changed), found.extra


def _steps(config: Config) -> dict[str, Experiment | Training]:
    """Field name -> step."""
    if isinstance(config, Experiment | Training):
        return {"config": config}
    named = {}
    for step in config:
        name = "".join(letter if letter.isalnum() else "_" for letter in step.name)
        if name in named or not name.isidentifier() or name == "extra":
            raise InputError(
                f"the name {step.name!r} cannot be told from others as an option: take another."
            )
        named[name] = step
    return named


def _with_learners(config: Config, arguments: list[str]) -> tuple[Config, list[str]]:
    """Takes `--learners NAME ...` out, which says which learners there are."""
    if isinstance(config, tuple):
        changed, rest = [], arguments
        for name, step in _steps(config).items():
            one, rest = _with_learners_of(step, rest, f"--{name}.learner")
            changed.append(one)
        return tuple(changed), rest
    return _with_learners_of(config, arguments, "--learner")


def _with_learners_of(step: Any, arguments: list[str], flag: str) -> tuple[Any, list[str]]:
    several = isinstance(step, Experiment)
    flag = f"{flag}s" if several else flag
    if flag not in arguments:
        return step, arguments
    first = arguments.index(flag)
    last = first + 1
    while last < len(arguments) and not arguments[last].startswith("--"):
        last += 1
    words = arguments[first + 1 : last]
    if not words or (not several and len(words) > 1):
        raise InputError(f"{flag} takes {'one or more names' if several else 'one name'}.")
    rest = [*arguments[:first], *arguments[last:]]
    if several:
        learners = dict(learner_of(word, step.learners) for word in words)
        return dataclasses.replace(step, learners=learners), rest
    return dataclasses.replace(step, learner=learner_of(words[0], {})[1]), rest


def _words(
    read: Callable[[list[str]], Any], show: Callable[[Any], list[str]], metavar: str, many: bool
) -> Any:
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs="*" if many else 1,
        metavar=metavar,
        instance_from_str=read,
        is_instance=lambda value: True,
        str_from_instance=show,
    )


def _options_type(step: Experiment | Training, common: bool) -> type:
    """The step's class, with its fields' types as a command line reads them."""
    source = _words(lambda words: words[0], lambda value: [as_name(value)], "SOURCE", False)
    data = _variant(Data, {"source": Annotated[Any, source]}, common)
    fixed = tyro.conf.Fixed[Any]
    if isinstance(step, Training):
        kinds = {
            "data": data,
            "agent": type(step.agent) if _is_form(step.agent) else fixed,
            "learner": type(step.learner) if _is_form(step.learner) else fixed,
            "execution": Annotated[_variant(type(step.execution), {}, common), _FLAT],
        }
        return _variant(Training, kinds, common)
    queries = {query.name: query for query in step.queries}
    reading = _words(
        lambda words: tuple(query_of(word, queries) for word in words),
        lambda value: [query_words(query) for query in value],
        "QUERY ...",
        True,
    )
    metrics = _words(tuple, lambda value: [as_name(one) for one in value], "METRIC ...", True)
    start = _words(
        lambda words: start_of(words[0]), lambda value: [start_words(value)], "START", False
    )
    protocol = _variant(
        Protocol, {"start": Annotated[Any, start], "metrics": Annotated[Any, metrics]}, common
    )
    named = _words(tuple, lambda value: [*value], "LEARNER ...", True)
    kinds = {
        "data": data,
        "learners": Annotated[Any, named] if common else _learners_type(step.learners),
        "queries": Annotated[Any, reading],
        "protocol": Annotated[protocol, _FLAT],
        "execution": Annotated[_variant(type(step.execution), {}, common), _FLAT],
        "shown": Annotated[_variant(type(step.shown), {}, common), _FLAT],
    }
    return _variant(Experiment, kinds, common)


def _is_form(value: Any) -> bool:
    """Whether each of its fields can be an option."""
    return dataclasses.is_dataclass(value) and type(value).__module__.startswith("jal.")


def _learners_type(learners: Mapping[str, Any]) -> Any:
    forms = {name: one for name, one in learners.items() if _is_form(one) and name.isidentifier()}
    if not forms:
        return tyro.conf.Fixed[Any]
    fields: list[Any] = [
        (name, type(one), dataclasses.field(default=one)) for name, one in forms.items()
    ]
    return dataclasses.make_dataclass("Learners", fields, frozen=True)


def _variant(base: type, kinds: Mapping[str, Any], common: bool) -> type:
    """The dataclass with other types of some fields; of the common help those alone that count."""
    described: dict[str, Any] = {"__module__": base.__module__, "__doc__": base.__doc__}
    hints: dict[str, Any] = {}
    for field in dataclasses.fields(base):
        kind = kinds.get(field.name, None)
        if common and field.name not in _COMMON and not _holds_common(field.name):
            kind = tyro.conf.Suppress[kind or _hint(base, field.name)]
        if kind is None:
            continue
        hints[field.name] = kind
        if field.default is not dataclasses.MISSING:
            described[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            described[field.name] = dataclasses.field(default_factory=field.default_factory)
    described["__annotations__"] = hints
    described["__post_init__"] = lambda self: None
    return dataclasses.dataclass(frozen=True)(type(base.__name__, (base,), described))


def _holds_common(name: str) -> bool:
    return name in ("data", "protocol", "execution", "shown")


def _hint(base: type, name: str) -> Any:
    return typing.get_type_hints(base, include_extras=True)[name]


def _as(kind: type, step: Any) -> Any:
    """The step as an instance of its variant."""
    fields = {}
    for field in dataclasses.fields(step):
        value = getattr(step, field.name)
        own = _inner(kind, field.name)
        if field.name == "learners" and dataclasses.is_dataclass(own):
            value = own(**{f.name: value[f.name] for f in dataclasses.fields(own)})  # pyright: ignore
        elif (
            isinstance(own, type)
            and dataclasses.is_dataclass(own)
            and isinstance(value, own.__mro__[1])
        ):
            value = _as(own, value)
        fields[field.name] = value
    return kind(**fields)


def _inner(kind: type, name: str) -> Any:
    """The class that a variant has for a field, without its marks."""
    hint = inspect.get_annotations(kind).get(name)
    return getattr(hint, "__origin__", hint)


def _restored(found: Any, step: Any) -> Any:
    """What was parsed, as an instance of the step's own class."""
    fields = {}
    for field in dataclasses.fields(step):
        before, value = getattr(step, field.name), getattr(found, field.name)
        if field.name == "learners" and dataclasses.is_dataclass(value):
            changed = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            value = {**before, **changed}
        elif type(value).__mro__[1] is type(before) and dataclasses.is_dataclass(value):
            value = _restored(value, before)
        fields[field.name] = value
    return type(step)(**fields)
