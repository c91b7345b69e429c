"""An experiment's strategies, made with the options that it gives them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from jal.experiment.config import Experiment, parse
from jal.strategies.strategy import Registered
from jal.types import InputError, Strategy

__all__ = ["Factories", "check_options", "known_strategies", "make_strategies"]

Factories = Mapping[str, Callable[..., Strategy]]

BASE = "strategy"  # the option by which an experiment's own name says whose it is


def known_strategies(experiment: Experiment, factories: Factories) -> list[str]:
    """Names that the experiment may list: those of the factories and those that it makes up."""
    own = [name for name, options in experiment.options.items() if BASE in options]
    return list(dict.fromkeys((*factories, *own)))


def make_strategies(experiment: Experiment, factories: Factories) -> dict[str, Strategy]:
    """The strategies that the experiment lists, by name.

    Raises:
      InputError: where a factory refuses its options.
    """
    return {name: _make(name, experiment, factories) for name in experiment.strategies}


def check_options(experiment: Experiment, factories: Factories) -> None:
    """Raises InputError for options that their strategies do not have, or of another type."""
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
        _check_signature(name, _without_base(options), factories[base])
    for name in experiment.strategies:
        if name in factories and name not in experiment.options:
            _check_signature(name, {}, factories[name])


def _make(name: str, experiment: Experiment, factories: Factories) -> Strategy:
    options = experiment.options.get(name, {})
    try:
        return factories[str(options.get(BASE, name))](**_without_base(options))
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error


def _without_base(options: dict[str, Any]) -> dict[str, Any]:
    return {option: value for option, value in options.items() if option != BASE}


def _check_signature(name: str, options: dict[str, Any], factory: Callable[..., Strategy]) -> None:
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
    for option, value in options.items():
        if option in hints:
            parse(hints[option], value, f"options.{name}.{option}")


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function, as far as they can be resolved."""
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):
        return {}
