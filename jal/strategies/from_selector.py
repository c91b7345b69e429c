"""Registered strategies made of selectors: a selector's signature is its strategy."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, get_type_hints

from jal.select.options import check_options
from jal.strategies.strategy import Registered, stateless
from jal.types import Array, Round, Strategy

__all__ = ["from_selector"]

_NONE: Mapping[str, Any] = MappingProxyType({})
_OF_EACH_QUERY = ("key", "k")
_K = "Here k is the most that a round may buy; of fewer the first picks are labelled."


def from_selector(
    selector: Callable[..., Array],
    *,
    paper: str = "",
    cost: str = "",
    defaults: Mapping[str, str] | None = None,
    name: str | None = None,
    summary: str = "",
    own: Mapping[str, Any] = _NONE,
    made: Mapping[str, Callable[[Round], Any]] = _NONE,
    needs: Collection[str] = (),
    cold_start: bool = False,
) -> Registered:
    """The strategy that hands a round's arrays to a selector of `jal.select`.

    The selector's positional parameters are fields of the Round, of which those beside `labelled`
    are what the strategy reads; `key` and `k`, the most that the schedule may buy at once, are the
    query's. Its keyword-only parameters are the strategy's options, with their defaults, their
    ranges and what the selector's docstring says of them.

    Args:
      selector: `(arrays, ..., k, *, options) -> picks [k]`.
      paper: as in Registered.
      cost: likewise.
      defaults: likewise; an option of the selector that is not among them is none of the strategy.
        None: all of its options are the strategy's.
      name: of the strategy; the selector's if None.
      summary: in place of what the selector's docstring says before its arguments.
      own: values of options in place of the selector's defaults.
      made: for positional parameters that are no fields of the Round, what makes them of it.
      needs: fields that a learner must have though they are not read.
      cold_start: whether the selector is defined with nothing labelled.

    Raises:
      TypeError: for a parameter that is neither, or an option that the selector lacks. The strategy
        itself is refused when it is made, an InputError, where the selector refuses its options.
    """
    name = name or selector.__name__
    parameters = inspect.signature(selector).parameters
    arrays = [p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY]
    fields = [array for array in arrays if array not in (*_OF_EACH_QUERY, *made)]
    unknown = [field for field in fields if field not in Round._fields]
    if defaults is None:
        offered = [p.name for p in parameters.values() if p.kind is p.KEYWORD_ONLY]
        offered = [option for option in offered if option not in _OF_EACH_QUERY]
    else:
        offered = [*defaults]
    unknown += [what for what in (*offered, *own, *made) if what not in parameters]
    if unknown:
        raise TypeError(f"the strategy {name} knows no {unknown[0]} of {selector.__name__}.")
    hints = get_type_hints(selector)
    options = [
        p.replace(default=own.get(p.name, p.default), annotation=hints.get(p.name, p.annotation))
        for p in parameters.values()
        if p.name in offered
    ]
    signature = inspect.Signature(options, return_annotation=Strategy)

    def make(**options: Any) -> Strategy:
        signature.bind(**options)  # a TypeError for others, as of any function
        check_options(name, selector, options)

        def pick(key: Array, round: Round, k_max: int) -> Array:
            query = {"key": key, "k": k_max}
            given = {what: query[what] for what in _OF_EACH_QUERY if what in parameters}
            given |= {field: getattr(round, field) for field in fields}
            given |= {what: of_round(round) for what, of_round in made.items()}
            return selector(**given, **{**own, **options})

        return stateless(pick)._replace(needs=frozenset(needs))

    make.__name__ = make.__qualname__ = name
    make.__doc__ = _doc(selector, summary, [p.name for p in options])
    make.__annotations__ = {p.name: p.annotation for p in options} | {"return": Strategy}
    vars(make)["__signature__"] = signature
    reads = tuple(field for field in fields if field != "labelled")
    return Registered(make, paper, reads, cost, defaults=defaults or _NONE, cold_start=cold_start)


def _doc(selector: Callable[..., Array], summary: str, options: Collection[str]) -> str:
    """The selector's docstring with no other arguments than the options."""
    before, _, arguments = (inspect.getdoc(selector) or "").partition("\n\nArgs:\n")
    says = dict(re.findall(r"^  (\w+)(:.*(?:\n    .*)*)", arguments, re.MULTILINE))
    shown = [f"  {option}{says[option]}" for option in options if option in says]
    text = f"{summary or before}\n\n{_K}\n"
    return text + "\n".join(["\nArgs:", *shown]) + "\n" if shown else text
