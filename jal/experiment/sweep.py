"""A sweep: an experiment over all combinations of values of its fields, as one table."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd

from jal.experiment.config import Experiment
from jal.experiment.data_config import Data
from jal.experiment.folder import replace_file
from jal.experiment.form import Code
from jal.experiment.queries import Query
from jal.experiment.results import Results
from jal.types import InputError

__all__ = ["Sweep", "expand", "save_sweep", "swept"]

_TABLE = "sweep.parquet"


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Experiments that together try all combinations.

    Values of a learner's or a query's fields are learners and queries beside each other in one
    experiment: those that differ in traced hyper-parameters share one compiled program. Values of
    any other field are experiments one after another.

    Attributes:
      experiments: to be run as a list.
      columns: (experiment, learner, query) by names -> swept field -> value.
      named: renamed learner or query -> the one that it is of.
    """

    experiments: tuple[Experiment, ...]
    columns: dict[tuple[str, str, str], dict[str, Any]]
    named: dict[str, str]


def expand(experiment: Experiment, over: Mapping[str, Sequence[Any]]) -> Sweep:
    """The sweep of an experiment.

    Args:
      experiment: the values of all else.
      over: field, such as learners.mlp.learning_rate, queries.bald.passes, protocol.batch or
        data.train_share -> its values.

    Raises:
      InputError: for a field that is none, or fewer than one value.
    """
    for field, values in over.items():
        if not values or len({repr(value) for value in values}) < len(values):
            raise InputError(f"{field} takes one or more different values, got {list(values)}.")
    learners, of_learner = _variants(
        experiment.learners, "learners", over, lambda one, field, value: _with(one, field, value)
    )
    named = {query.name: query for query in experiment.queries}
    if len(named) < len(experiment.queries) and any(f.startswith("queries.") for f in over):
        raise InputError("queries of one name on different learners cannot be swept.")
    queries, of_query = _variants(named, "queries", over, _with_option)
    renamed = {name: [new for new, (old, _) in of_learner.items() if old == name] for name in
               experiment.learners}  # fmt: skip
    if any(field.startswith("queries.") for field in over):
        kept = [_called(query, name, renamed) for name, query in queries.items()]
    else:
        kept = [_called(query, query.name, renamed) for query in experiment.queries]
        of_query = {query.name: (query.name, {}) for query in experiment.queries}
    if learners.keys() != experiment.learners.keys() or queries.keys() != named.keys():
        # What a paper reports is of the names before.
        shown = dataclasses.replace(experiment.shown, reported={})
        experiment = dataclasses.replace(experiment, shown=shown)
    outer = {f: v for f, v in over.items() if f.split(".")[0] not in ("learners", "queries")}
    experiments, columns = [], {}
    for values in itertools.product(*outer.values()):
        setting = dict(zip(outer, values, strict=True))
        name = ",".join(f"{f.split('.')[-1]}={_short(v)}" for f, v in setting.items())
        one = dataclasses.replace(
            experiment, name=name or experiment.name, learners=learners, queries=tuple(kept)
        )
        for field, value in setting.items():
            one = _with(one, field, value)
        one = Experiment.checked(one)
        experiments.append(one)
        for learner, query in one.cells():
            found = setting | of_learner[learner][1] | of_query[query.name][1]
            columns[one.name, learner, query.name] = {field: found.get(field) for field in over}
    names = {new: old for new, (old, _) in (of_learner | of_query).items()}
    return Sweep(tuple(experiments), columns, names)


def swept(sweep: Sweep, found: Sequence[Results]) -> pd.DataFrame:
    """The tidy table of all results, with a column for each swept field."""
    parts = []
    for results in found:
        for named, rows in results.frame.groupby(["learner", "strategy"], sort=False):
            learner, query = cast(tuple[str, str], named)
            values = sweep.columns[results.experiment.name, learner, query]
            plain = {
                "learner": sweep.named.get(learner, learner),
                "strategy": sweep.named.get(query, query),
            }
            parts.append(rows.assign(**plain, **{f: _cell(v) for f, v in values.items()}))
    return pd.concat(parts, ignore_index=True)


def save_sweep(folder: Path, table: pd.DataFrame) -> Path:
    """Writes the table of `swept` into the folder of the sweep's runs; returns its path."""
    replace_file(folder / _TABLE, lambda path: table.to_parquet(path, index=False))
    return folder / _TABLE


def _variants(
    given: Mapping[str, Any], room: str, over: Mapping[str, Sequence[Any]], change: Any
) -> tuple[dict[str, Any], dict[str, tuple[str, dict[str, Any]]]]:
    """Each of the given with all combinations of its own swept fields, by name."""
    fields: dict[str, dict[str, Sequence[Any]]] = {name: {} for name in given}
    for field, values in over.items():
        first, _, rest = field.partition(".")
        if first != room:
            continue
        name, _, own = rest.rpartition(".")
        if name not in given or not own:
            raise InputError(
                f"{field} is no field of {room}: give {room}.NAME.FIELD, of {', '.join(given)}."
            )
        fields[name][own] = values
    made, of = {}, {}
    for name, one in given.items():
        for values in itertools.product(*fields[name].values()):
            setting = dict(zip(fields[name], values, strict=True))
            new = one
            for own, value in setting.items():
                new = change(new, own, value)
            shown = ",".join(f"{own}={_short(value)}" for own, value in setting.items())
            called = f"{name} {shown}" if shown else name
            made[called] = new
            of[called] = (name, {f"{room}.{name}.{own}": v for own, v in setting.items()})
    return made, of


def _with(config: Any, path: str, value: Any) -> Any:
    """The dataclass with another value at the dotted path, or the Code with another option."""
    if isinstance(config, Code):
        return Code(config.target, {**config.options, path: value})
    first, _, rest = path.partition(".")
    is_form = dataclasses.is_dataclass(config)
    known = [field.name for field in dataclasses.fields(config)] if is_form else []
    if first not in known:
        raise InputError(
            f"{type(config).__name__} has no field {first!r}: known are {', '.join(known)}."
        )
    new = _with(getattr(config, first), rest, value) if rest else value
    changed: Any = config
    return dataclasses.replace(changed, **{first: new})


def _with_option(query: Any, option: str, value: Any) -> Any:
    if option == "batch":
        return dataclasses.replace(query, batch=value)
    if not isinstance(query, Query):
        raise InputError(f"{query.name} is a trained agent, of which only the batch can be swept.")
    return dataclasses.replace(query, options={**query.options, option: value})


def _called(query: Any, name: str, renamed: Mapping[str, list[str]]) -> Any:
    learners = tuple(new for old in query.learners for new in renamed[old])
    return dataclasses.replace(query, name=name, learners=learners)


def _short(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "x".join(map(_short, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Data):
        fields = [getattr(value, field.name) for field in dataclasses.fields(value)]
        return " ".join([type(value).__name__.lower(), *[str(one) for one in fields if one]])
    return str(value).replace("/", "_")


def _cell(value: Any) -> Any:
    """A swept value as a table has it."""
    return value if isinstance(value, bool | int | float | str) or value is None else _short(value)
