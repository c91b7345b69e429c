"""A config as the options of a command line: every field can be overridden."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tyro

from jal.cli.fields import (
    Field,
    RefusedError,
    changed,
    flag_name,
    options_class,
    own_fields,
    worded,
)
from jal.cli.words import learner_of, query_of, start_of, start_words
from jal.experiment import Data, Experiment, Parts, Protocol, Training
from jal.experiment.form import as_name
from jal.types import InputError

__all__ = ["Config", "parse_options"]

Config = Experiment | Training | tuple[Experiment | Training, ...]

# What --help shows; --help-all shows every field.
_COMMON = {
    *("name", "seeds", "rounds", "batch", "budget", "start", "metrics", "splits"),
    *("source", "queries", "devices", "segment", "confidence"),
    *("data", "protocol", "execution", "shown"),
}
_LEARNERS = worded(lambda words: words, lambda value: value, "LEARNER ...", True)
_LEARNERS_HELP = """Learners to run instead of the config's: names of the config's or of jal's, or
package.module:attribute, each with the options that change, as in mlp:hidden=[64],epochs=20."""
_QUERIES_HELP = """Queries to compare instead of the config's: names of the config's or of jal's
strategies, or package.module:attribute, each with the options that change, as in
bald:passes=50,name=bald_50; or trained agents, as learned:FOLDER."""
_LEARNER = worded(lambda words: words, lambda value: value, "LEARNER", False)
_LEARNER_HELP = "The learner instead of the config's, as in mlp:hidden=[64]."
# Groups whose options stand alone: --seeds, not --protocol.seeds.
_FLAT = ("protocol", "execution", "shown")


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
      InputError: for a name or a word that is none, or an option that is given twice.
    """
    everything = "--help-all" in arguments
    arguments = ["--help" if one == "--help-all" else one for one in arguments]
    common = not everything and bool({"--help", "-h"} & set(arguments))
    _check_once(arguments)
    alone = isinstance(config, Experiment | Training)
    steps, flags = [config] if alone else [*config], [""]
    if not alone:
        flags = [flag_name(step.name) for step in steps]
        twice = [step.name for step, flag in zip(steps, flags, strict=True) if
                 flags.count(flag) > 1 or not flag]  # fmt: skip
        if twice:
            raise InputError(
                f"the name {twice[0]!r} cannot be told from others as an option: take another."
            )
    groups = []
    for number, (step, flag) in enumerate(zip(steps, flags, strict=True)):
        step, arguments = _prepared(step, arguments, f"--{flag}." if flag else "--")
        steps[number] = step
        made = options_class(type(step).__name__, type(step).__doc__, _fields(step, common))
        groups.append(Field(flag or step.name, flag, made, made()))
    more = own_fields(extra())
    made = options_class("Extra", extra.__doc__, more)
    groups.append(Field("extra", "", made, made()))
    try:
        found = tyro.cli(
            options_class("Options", None, groups),
            args=arguments,
            prog=prog,
            description=description,
        )
    except RefusedError as refused:
        raise InputError(str(refused)) from None
    *made_steps, made_extra = (getattr(found, one.name) for one in dataclasses.fields(found))
    new = [changed(step, one) for step, one in zip(steps, made_steps, strict=True)]
    new = tuple(map(_reported_of_those, [config] if alone else config, new))
    return (new[0] if alone else new), changed(extra(), made_extra)


def _reported_of_those(before: Any, after: Any) -> Any:
    """The config after the options, without what a paper reports of queries and learners that it
    had before them and has no longer."""
    if not isinstance(after, Experiment):
        return after
    had, has = ({f"{name}/{query.name}" for name, query in one.cells()} for one in (before, after))
    reported = after.shown.reported
    kept = {cell: values for cell, values in reported.items() if cell in has or cell not in had}
    return dataclasses.replace(after, shown=dataclasses.replace(after.shown, reported=kept))


def _check_once(arguments: Sequence[str]) -> None:
    """Raises InputError for an option that is given twice: of two only the last would count."""
    flags = [_flag(one.partition("=")[0]) for one in arguments if one.startswith("--")]
    twice = next((flag for flag in flags if flags.count(flag) > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is given twice: give all of it at once.")


def _prepared(step: Any, arguments: list[str], prefix: str) -> tuple[Any, list[str]]:
    """What must be known before the options are: which learners there are, and whether parts."""
    step, rest = _with_learners(step, arguments, prefix)
    parts = f"{prefix}data.parts."
    if step.data.parts is None and any(_flag(one).startswith(_flag(parts)) for one in rest):
        step = dataclasses.replace(step, data=dataclasses.replace(step.data, parts=Parts()))
    return step, rest


def _with_learners(step: Any, arguments: list[str], prefix: str) -> tuple[Any, list[str]]:
    """Takes `--learners NAME ...` out."""
    several = isinstance(step, Experiment)
    flag = f"{prefix}{'learners' if several else 'learner'}"
    found, rest, taking = None, [], False
    for one in arguments:
        name, equals, value = one.partition("=")
        if _flag(name) == _flag(flag):
            found, taking = [value] if equals else [], not equals
        elif taking and found is not None and not one.startswith("--"):
            found.append(one)
        else:
            taking = False
            rest.append(one)
    if found is None:
        return step, rest
    if not found or (not several and len(found) > 1):
        raise InputError(f"{flag} takes {'one or more names' if several else 'one name'}.")
    if not several:
        return dataclasses.replace(step, learner=learner_of(found[0], {})[1]), rest
    named = [learner_of(word, step.learners) for word in found]
    learners = dict(named)
    if len(learners) < len(named):
        raise InputError(f"{flag} takes different names, got {' '.join(found)}: give name=...")
    return dataclasses.replace(step, learners=learners), rest


def _flag(word: str) -> str:
    """As tyro compares them."""
    return word.replace("_", "-")


def _fields(step: Experiment | Training, common: bool) -> list[Field]:
    """The step's fields as options; and first which learners there are."""
    fields = own_fields(step, _kind, lambda name: not common or name in _COMMON, _FLAT)
    if isinstance(step, Experiment):
        fields = [
            one._replace(help=_QUERIES_HELP) if one.name == "queries" else one for one in fields
        ]
        names = Field("learners", "learners", _LEARNERS, [*step.learners], _LEARNERS_HELP)
    else:
        name = getattr(type(step.learner), "learner", None) or as_name(step.learner)
        names = Field("learner", "learner", _LEARNER, [name], _LEARNER_HELP)
    return [fields[0], names._replace(name=""), *fields[1:]]


def _kind(config: Any, name: str) -> Any:
    """The type of a field whose words are none of tyro's."""
    if isinstance(config, Data) and name in ("source", "split"):
        return worded(lambda words: words[0], lambda value: [as_name(value)], name.upper(), False)
    if isinstance(config, Protocol) and name == "metrics":
        return worded(tuple, lambda value: [as_name(one) for one in value], "METRIC ...", True)
    if isinstance(config, Protocol) and name == "start":
        read, show = lambda words: start_of(words[0]), lambda value: [start_words(value)]
        return worded(read, show, "START", False)
    if isinstance(config, Experiment) and name == "queries":
        known = {query.name: query for query in config.queries}
        return worded(
            lambda words: tuple(query_of(word, known) for word in words),
            lambda value: [query.name for query in value],
            "QUERY ...",
            True,
        )
    return None
