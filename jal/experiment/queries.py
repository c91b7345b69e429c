"""What an experiment compares: query strategies with their options, and trained agents."""

from __future__ import annotations

import contextlib
import inspect
import math
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from jal.code import find, name_of
from jal.experiment.form import Option, Parser, as_name, check_keys, parse, shown
from jal.experiment.named_learners import read_learners
from jal.strategies import registry
from jal.strategies.strategy import Registered
from jal.types import Array, InputError, Learner, PyTree, Round, Strategy

__all__ = [
    "Learned",
    "Query",
    "QueryConfig",
    "as_query",
    "check_names",
    "joined",
    "learners_in",
    "make",
    "read_strategy",
    "registered_name",
]

_LONGEST = 100  # of a name, in bytes: file systems allow 255, of which folders take more than one


def read_strategy(tree: Any, where: str) -> Any:
    """A strategy's name, or the thing itself; InputError for what is none."""
    if isinstance(tree, str | Strategy) or callable(tree):
        return tree
    raise InputError(
        f"{where} must be a name, a function that makes a Strategy or a Strategy, got "
        f"{shown(tree)}."
    )


def _read_options(tree: Any, where: str) -> dict[str, Any]:
    """Options of a strategy; those that are dicts are of learners by name."""
    if not isinstance(tree, dict):
        return parse(dict[str, Option | None], tree, where)
    check_keys(tree, where)
    return {
        name: read_learners(value, f"{where}.{name}")
        if isinstance(value, Mapping)
        else parse(Option | None, value, f"{where}.{name}")
        for name, value in tree.items()
    }


@dataclass(frozen=True, init=False)
class Query:
    """A query strategy: `Query("bald", passes=50)`, `Query("margin", batch=1, name="margin_1")`."""

    variant: ClassVar[bool] = True

    strategy: Annotated[Any, Parser(read_strategy)]
    """A name in jal.strategies.registry, package.module:attribute of a function that makes a
    Strategy, or that function, or a Strategy itself."""
    name: str
    """What it is called in tables; the strategy's name if not given."""
    batch: int | tuple[int, ...] | None
    """Labels bought in each round where that differs from the protocol's; for a strategy that
    chooses its batches, the most."""
    learners: tuple[str, ...]
    """The learners that it runs with; all of them if empty."""
    options: Annotated[dict[str, Any], Parser(_read_options)]
    """The strategy's, beside their defaults; where it takes Learners, name -> their configs."""

    def __init__(
        self,
        strategy: Any,
        name: str | None = None,
        batch: int | tuple[int, ...] | None = None,
        learners: tuple[str, ...] = (),
        options: Mapping[str, Any] | None = None,
        **more: Any,
    ):
        strategy = registered_name(strategy)
        given = name_of(strategy) if not isinstance(strategy, str) else strategy
        name = given.rpartition(":")[2] if name is None else name
        _set(self, strategy=strategy, name=name, batch=batch)
        _set(self, learners=_names(learners), options=joined(options, more))


@dataclass(frozen=True, init=False)
class Learned:
    """An agent that was trained before: `Learned("runs/my_agent")`."""

    variant: ClassVar[bool] = True

    training: str
    """The folder of a Training that is finished; or the name of one that the same config lists
    before the experiment."""
    name: str
    """What it is called in tables; the folder's name if not given."""
    batch: int | tuple[int, ...] | None
    """Labels bought in each round where that differs from the protocol's; of an agent that chooses
    its batches, the most."""
    learners: tuple[str, ...]
    """The learners that it runs with; all of them if empty."""

    def __init__(
        self,
        training: str,
        name: str | None = None,
        batch: int | tuple[int, ...] | None = None,
        learners: tuple[str, ...] = (),
    ):
        last = str(training).rstrip("/").rpartition("/")[2]
        _set(self, training=str(training), name=last if name is None else name, batch=batch)
        _set(self, learners=_names(learners))


QueryConfig = Query | Learned


def _set(config: Any, **fields: Any) -> None:
    for name, value in fields.items():
        object.__setattr__(config, name, value)


# What is of another type is left for `parse` to find.
def _names(learners: Any) -> Any:
    if isinstance(learners, str):
        return (learners,)
    return tuple(learners) if isinstance(learners, list) else learners


def joined(options: Any, more: dict[str, Option | None]) -> Any:
    """Options by a dict and by keywords as one dict."""
    if options is not None and not isinstance(options, Mapping):
        return options
    return {**(options or {}), **more}


def registered_name(given: Any) -> Any:
    """The name of a member of jal.strategies.registry; anything else as it is."""
    known = isinstance(given, Registered) and registry.get(given.name) is given
    return given.name if known else given


def as_query(given: Any) -> Any:
    """A query of a name, a function or a Strategy; what is one already, and JSON, as it is."""
    if isinstance(given, Query | Learned | dict):
        return given
    return Query(given)


def check_names(what: str, names: list[str], slash: bool = False) -> None:
    """Raises InputError where names cannot be parts of files' names; some may have a slash."""
    for name in names:
        if not name or not name.isprintable() or ("/" in name and not slash):
            without = "" if slash else " without a slash"
            raise InputError(f"{what} must be of printable characters{without}, got {name!r}.")
        if name in (".", ".."):
            raise InputError(f"{what} must be another than {name!r}, which is a folder's.")
        if len(name.encode()) > _LONGEST:
            raise InputError(
                f"{what} must have at most {_LONGEST} bytes, got {len(name.encode())}: "
                f"{name[:20]!r}..."
            )


def learners_in(query: QueryConfig) -> dict[str, Any]:
    """The configs of the learners among a query's options, by "QUERY.OPTION.NAME"."""
    options = query.options if isinstance(query, Query) else {}
    return {
        f"{query.name}.{option}.{name}": config
        for option, value in options.items()
        if isinstance(value, Mapping)
        for name, config in value.items()
    }


def make(
    query: Query, allow_code: bool, build: Callable[[str, Any], Learner] | None = None
) -> Strategy:
    """The query's strategy, once its options are found to be ones that it has.

    Args:
      query: whose.
      allow_code: whether modules that it names may be imported.
      build: `(name, config) -> Learner` of the learners among its options; None where there can be
        none.

    Raises:
      InputError: where there is no such strategy, or it refuses its options; from the strategy
        itself, where its selector refuses them, which is when it is compiled.
    """
    found = find("strategy", query.strategy, registry, allow_code)
    if isinstance(found, Strategy):
        if query.options:
            raise InputError(
                f"{query.name} is a Strategy already, which takes no options: give the function "
                "that makes it."
            )
        return _called(query.name, found)
    if not callable(found):
        raise InputError(
            f"strategy {as_name(query.strategy)} must be a name, a function that makes a Strategy "
            f"or a Strategy, got a {type(found).__name__}."
        )
    with _named(query.name):
        made = found(**_options(query, found, build))
    if not isinstance(made, Strategy):
        raise InputError(
            f"strategy {as_name(query.strategy)} must make a Strategy, and makes a "
            f"{type(made).__name__}."
        )
    return _called(query.name, made)


def _called(name: str, made: Strategy) -> Strategy:
    """The strategy, whose errors begin with its name in the experiment."""

    def select(key: Array, state: PyTree, round: Round, k_max: int) -> tuple[Array, PyTree]:
        with _named(name):
            return made.select(key, state, round, k_max)

    return made._replace(select=select, name=name)


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        says = str(error)
        raise InputError(says if says.startswith(name) else f"{name}: {says}") from error


def _options(
    query: Query, factory: Callable[..., Any], build: Callable[[str, Any], Learner] | None
) -> dict[str, Any]:
    """Keyword arguments of the strategy's factory; InputError where they cannot be."""
    function = factory.make if isinstance(factory, Registered) else factory
    parameters = inspect.signature(function).parameters.values()
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    known = [parameter.name for parameter in named]
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        for option in query.options:
            if option not in known:
                has = f"known are {', '.join(known)}" if known else "it has none"
                raise InputError(f"unknown option {option!r} of {query.name}: {has}.")
    for parameter in named:
        if parameter.default is parameter.empty and parameter.name not in query.options:
            raise InputError(
                f"{query.name} needs the option {parameter.name}: give it in its Query."
            )
    hints = _hints(function)

    def value(option: str, given: Any) -> Any:
        hint, where = hints.get(option), f"{option} of {query.name}"
        if build is not None and isinstance(given, Mapping) and _takes_learners(hint):
            return {name: build(f"{name} in {where}", config) for name, config in given.items()}
        return value_of(hint, given, where)

    return {option: value(option, given) for option, given in query.options.items()}


def _takes_learners(hint: Any) -> bool:
    kinds = (hint, *typing.get_args(hint))
    return hint is None or any(typing.get_origin(kind) in (Mapping, dict) for kind in kinds)


def value_of(hint: Any, value: Any, where: str) -> Any:
    """An option's value in the form that the annotation asks for, if there is one."""
    values = value if isinstance(value, tuple | list) else (value,)
    if any(isinstance(one, float) and not math.isfinite(one) for one in values):
        raise InputError(f"{where} must be finite, got {value!r}.")
    if hint is None:
        return tuple(value) if isinstance(value, list) else value
    # A list of one is a number on the command line.
    return parse(hint, values if typing.get_origin(hint) is tuple else value, where)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function, as far as they can be resolved."""
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):
        return {}
