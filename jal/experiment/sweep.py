"""A sweep: an experiment over all combinations of values of its fields."""

from __future__ import annotations

import dataclasses
import itertools
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from jal.experiment.config import Experiment
from jal.experiment.data_config import Data
from jal.experiment.form import Code, Form, Parser, as_name
from jal.experiment.queries import Query
from jal.types import InputError

__all__ = ["Expanded", "Sweep", "expand", "short"]


def _over(tree: Any, where: str) -> dict[str, tuple[Any, ...]]:
    if not isinstance(tree, Mapping):
        raise InputError(f"{where} must be a dict of fields and their values, got {tree!r}.")
    for field, values in tree.items():
        if not isinstance(field, str) or not isinstance(values, list | tuple):
            raise InputError(f"{where} must have lists of values, got {values!r} for {field!r}.")
    return {field: tuple(map(_plain, values)) for field, values in tree.items()}


def _plain(value: Any) -> Any:
    """A list, as JSON has it, as the tuple that it is."""
    return tuple(value) if isinstance(value, list) else value


@dataclasses.dataclass(frozen=True)
class Sweep(Form):
    """An experiment over all combinations of values of its fields."""

    experiment: Experiment
    """The values of all else."""
    over: Annotated[Any, Parser(_over)]
    """Field, such as learners.mlp.learning_rate, queries.bald.passes, protocol.batch or
    data.train_share -> its values."""

    @property
    def name(self) -> str:
        """The experiment's."""
        return self.experiment.name

    def check(self) -> None:
        """Raises InputError for the first thing that cannot be, whatever the data are."""
        for experiment in expand(self).experiments:
            experiment.check()


class Expanded(NamedTuple):
    """Experiments that together try all combinations.

    Values of a learner's or a query's fields are learners and queries beside each other in one
    experiment: learners that differ in traced hyper-parameters run side by side in one program.
    Values of any other field are experiments one after another.

    Attributes:
      experiments: in turn.
      columns: (experiment, learner, query) by names -> swept field -> value; without the fields of
        other learners and queries.
      named: renamed learner or query -> the one that it is of.
    """

    experiments: tuple[Experiment, ...]
    columns: dict[tuple[str, str, str], dict[str, Any]]
    named: dict[str, str]


def expand(sweep: Sweep) -> Expanded:
    """The experiments of a sweep; InputError for a field that is none, or no value of it."""
    experiment, over = sweep.experiment, sweep.over
    if not over:
        raise InputError("a sweep is over one or more fields, got none.")
    for field, values in over.items():
        if not values or len({short(value) for value in values}) < len(values):
            written = f"[{', '.join(map(short, values))}]"
            raise InputError(f"{field} takes one or more different values, got {written}.")
    learners, of_learner = _variants(experiment.learners, "learners", over, _with)
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
    outer = {
        field: [_typed(experiment, field, value) for value in values]
        for field, values in over.items()
        if field.partition(".")[0] not in ("learners", "queries")
    }
    experiments, columns = [], {}
    for values in itertools.product(*outer.values()):
        setting = dict(zip(outer, values, strict=True))
        name = ",".join(f"{f.split('.')[-1]}={short(v)}" for f, v in setting.items())
        one = dataclasses.replace(
            experiment, name=name or experiment.name, learners=learners, queries=tuple(kept)
        )
        for field, value in setting.items():
            one = _with(one, field, value)
        one = Experiment.checked(one)
        experiments.append(one)
        for learner, query in one.cells():
            found = setting | of_learner[learner][1] | of_query[query.name][1]
            columns[one.name, learner, query.name] = {f: found[f] for f in over if f in found}
    names = {new: old for new, (old, _) in (of_learner | of_query).items()}
    return Expanded(tuple(experiments), columns, names)


def _typed(experiment: Experiment, field: str, value: Any) -> Any:
    """The value as the field holds it: also of one that was read from JSON."""
    found: Any = Experiment.checked(_with(experiment, field, value))
    for name in field.split("."):
        found = getattr(found, name)
    return found


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
            shown = ",".join(f"{own}={short(value)}" for own, value in setting.items())
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
    changed, before = config, getattr(config, first)
    if rest and before is None:
        before = _of_none(config, first)
    new = _with(before, rest, value) if rest else value
    return dataclasses.replace(changed, **{first: new})


def _of_none(config: Any, field: str) -> Any:
    """What stands for None where one of its own fields is given: that kind's defaults."""
    kinds = typing.get_args(typing.get_type_hints(type(config))[field])
    return next((kind() for kind in kinds if hasattr(kind, "__dataclass_fields__")), None)


def _with_option(query: Any, option: str, value: Any) -> Any:
    if option == "batch":
        return dataclasses.replace(query, batch=value)
    if not isinstance(query, Query):
        raise InputError(f"{query.name} is a trained agent, of which only the batch can be swept.")
    return dataclasses.replace(query, options={**query.options, option: value})


def _called(query: Any, name: str, renamed: Mapping[str, list[str]]) -> Any:
    learners = tuple(new for old in query.learners for new in renamed[old])
    return dataclasses.replace(query, name=name, learners=learners)


def _field(value: Any) -> str:
    """Of a dataclass: a dict of options by name, what is called by its own."""
    if isinstance(value, Mapping):
        return " ".join(f"{name}={short(one)}" for name, one in value.items())
    return short(value) if callable(value) else str(value)


def short(value: Any) -> str:
    """A value as it stands in names."""
    if isinstance(value, tuple | list):
        return "x".join(map(short, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Data):
        fields = [getattr(value, field.name) for field in dataclasses.fields(value)]
        shown = [_field(one) for one in fields if one]
        return " ".join([type(value).__name__.lower(), *shown])
    if isinstance(value, Mapping):  # a kind's JSON, where it was read from a folder
        return short(tuple(value.values()))
    plain = value is None or isinstance(value, bool | int | float | str)
    return str(value if plain else as_name(value)).replace("/", "_")
