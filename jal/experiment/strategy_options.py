"""An experiment's strategies, made with the options that it gives them."""

from __future__ import annotations

import contextlib
import inspect
import math
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jal.experiment.config import Experiment, parse
from jal.strategies.strategy import Registered
from jal.types import Array, InputError, PyTree, Round, Strategy

__all__ = [
    "Factories",
    "check_options",
    "known_strategies",
    "largest_batches",
    "make_strategies",
]

Factories = Mapping[str, Callable[..., Strategy]]

BASE = "strategy"  # the option by which an experiment's own name says whose it is


def known_strategies(experiment: Experiment, factories: Factories) -> list[str]:
    """Names that the experiment may list: those of the factories and those that it makes up."""
    own = [name for name, options in experiment.options.items() if BASE in options]
    return list(dict.fromkeys((*factories, *own)))


def make_strategies(experiment: Experiment, factories: Factories) -> dict[str, Strategy]:
    """The strategies that the experiment lists, by name.

    Raises:
      InputError: where a factory refuses its options; from a strategy, where its selector refuses
        them, which is when it is compiled.
    """
    return {name: _make(name, experiment, factories) for name in experiment.strategies}


def largest_batches(
    experiment: Experiment, strategies: Mapping[str, Strategy], points: int
) -> dict[str, int]:
    """The most labels that each strategy which chooses its batches may buy in one.

    Args:
      experiment: whose `batch_of` may say less than a strategy could choose.
      strategies: by name.
      points: in the pool.

    Raises:
      InputError: where neither the strategy nor `batch_of` says it.
    """
    largest = {}
    for name, strategy in strategies.items():
        if strategy.batch_size is None:
            continue
        if name in experiment.batch_of:
            largest[name] = experiment.batch_of[name]
        elif strategy.largest is not None:
            largest[name] = strategy.largest(points)
        else:
            raise InputError(
                f"{name} chooses its batches and does not say their largest: give its Strategy "
                f"`largest`, or the experiment batch_of {name} and the most that it may label."
            )
    return largest


def check_options(experiment: Experiment, factories: Factories) -> None:
    """Raises InputError for options that strategies do not have, of another type or infinite."""
    for name, options in experiment.options.items():
        base = str(options.get(BASE, name))
        if base not in factories:
            raise InputError(
                f"options of {name} are those of an unknown strategy {base!r}: known are "
                f"{', '.join(factories)}."
            )
        if base != name and name in factories:
            raise InputError(
                f"options of {name} say strategy {base!r}, but {name} is one itself: take another "
                "name."
            )
        _options_of(name, experiment, factories)
    for name in experiment.strategies:
        _options_of(name, experiment, factories)


def _make(name: str, experiment: Experiment, factories: Factories) -> Strategy:
    factory = factories[_base(name, experiment)]
    with _named(name):
        made = factory(**_options_of(name, experiment, factories))

    def select(key: Array, state: PyTree, round: Round, k_max: int) -> tuple[Array, PyTree]:
        with _named(name):
            return made.select(key, state, round, k_max)

    return made._replace(select=select, name=name)


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Has errors of what a user gave begin with the strategy's name."""
    try:
        yield
    except ValueError as error:
        says = str(error)
        raise InputError(says if says.startswith(name) else f"{name}: {says}") from error


def _base(name: str, experiment: Experiment) -> str:
    return str(experiment.options.get(name, {}).get(BASE, name))


def _options_of(name: str, experiment: Experiment, factories: Factories) -> dict[str, Any]:
    """Keyword arguments of the strategy's factory; InputError where they cannot be."""
    given = experiment.options.get(name, {})
    options = {option: value for option, value in given.items() if option != BASE}
    factory = factories[_base(name, experiment)]
    function = factory.make if isinstance(factory, Registered) else factory
    parameters = inspect.signature(function).parameters.values()
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    known = [parameter.name for parameter in named]
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        for option in options:
            if option not in known:
                has = f"known are {', '.join(known)}" if known else "it has none"
                raise InputError(f"unknown option {option!r} of {name}: {has}.")
    for parameter in named:
        if parameter.default is parameter.empty and parameter.name not in options:
            raise InputError(
                f"{name} needs the option {parameter.name}: give it in the experiment's options."
            )
    hints = _hints(function)
    return {
        option: _value(hints.get(option), value, f"options.{name}.{option}")
        for option, value in options.items()
    }


def _value(hint: Any, value: Any, where: str) -> Any:
    """The value in the form that the annotation asks for, if there is one."""
    values = value if isinstance(value, tuple | list) else (value,)
    if any(isinstance(one, float) and not math.isfinite(one) for one in values):
        raise InputError(f"{where} must be finite, got {value!r}.")
    if hint is None:
        return value
    # A list of one is a number on the command line.
    return parse(hint, values if typing.get_origin(hint) is tuple else value, where)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function, as far as they can be resolved."""
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):
        return {}
