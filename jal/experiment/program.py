"""An experiment's cells, pairs of a learner and a query, in blocks that run as one program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jal.data.dataset import Examples
from jal.data.seed_splits import SeedSplits
from jal.data.statistics import brought_to
from jal.episode import Episode, EpisodeState, episode
from jal.experiment.checks import Checked
from jal.experiment.compiled import (
    Arguments,
    Program,
    compile_program,
    compiler_options,
    seeds_at_once,
)
from jal.experiment.config import Experiment
from jal.experiment.named_learners import program_of
from jal.experiment.queries import QueryConfig
from jal.experiment.starts import Chosen
from jal.memory import check_data, check_prepared
from jal.metrics import evaluator, of_labelled
from jal.parallel import replicate, seed_mesh
from jal.strategies import is_shareable, one_of
from jal.types import Array, Parameters, Pool, PyTree, Strategy

__all__ = ["Block", "blocks_of", "cut", "experiment_mesh"]


class Block(NamedTuple):
    """One or more learners with one query, over all seeds: lanes that run side by side.

    Learners stand in one block, each lane with its own hyper-parameters, where these are all that
    tells them apart. Queries that follow the schedule share a learner's program, in which a traced
    index chooses among them: fitting is the bulk of what must be compiled. Their largest batch must
    agree, for it is the number of picks asked for. A query that chooses its own batch sizes or
    trains an auxiliary has a program for itself.

    Attributes:
      learners: their names.
      query: its name.
      group: what tells its program from others.
      compile: `() -> Program` of the group, whose lanes are the first learner's seeds, then the
        next one's; raises InputError where that does not fit.
      first: `() -> Arguments` of the program's `begin`.
      following: likewise of its `advance`.
      labelled: `(state) -> [lanes, n]` int32: indices of the data set's training examples in order
        of labelling, then -1.
    """

    learners: tuple[str, ...]
    query: str
    group: tuple[str, ...]
    compile: Callable[[], Program]
    first: Callable[[], Arguments]
    following: Callable[[], Arguments]
    labelled: Callable[[EpisodeState], np.ndarray]


def blocks_of(
    experiment: Experiment,
    checked: Checked,
    starts: Mapping[str, PyTree],
    mesh: Mesh,
) -> list[Block]:
    """The experiment's blocks; nothing is compiled yet.

    Args:
      experiment: the config.
      checked: its data, learners, strategies and metrics.
      starts: learner -> variables `[T, ...]` that seeds start from, instead of untrained ones; seed
        i has entry i modulo T.
      mesh: the devices.

    Raises:
      InputError: where the data do not fit on the devices.
    """
    devices, dataset, splits = list(mesh.devices.flat), checked.dataset, checked.splits
    check_data(sum(array.nbytes for array in (*dataset.train, *dataset.test)), devices)
    pool, test = (replicate(_as_pool(part), mesh) for part in (dataset.train, dataset.test))
    points = len(dataset.train.y) if splits is None else splits.pool.shape[1]
    classes = dataset.num_classes
    start, numbers = experiment.protocol.start, np.array(experiment.seed_numbers(), np.int32)
    initial, draw = start.size(points, classes), start.draw(points, classes)
    chosen = isinstance(start, Chosen)
    at_once = seeds_at_once(experiment.execution.seeds_at_once, mesh)
    starts = {name: replicate(one, mesh) for name, one in starts.items()}
    structure = {name: program_of(name, one) for name, one in experiment.learners.items()}
    number = {
        (learner, query.name): experiment.queries.index(query)
        for learner, query in experiment.cells()
    }
    prepared: dict[str, PyTree] = {}

    def prepare(name: str) -> PyTree:
        """What a learner needs of the pool that all seeds have; made once."""
        if splits is not None:
            return ()
        alike = structure[name]
        if alike not in prepared:
            options = compiler_options(devices[0].platform, level=1)
            jitted = jax.jit(checked.learners[name].prepare, **options)
            compiled = jitted.lower(pool.x).compile()
            check_prepared(compiled, name, devices)
            prepared[alike] = replicate(compiled(pool.x), mesh)
        return prepared[alike]

    def block(names: tuple[str, ...], query: QueryConfig) -> Block:
        learner, lanes = names[0], len(names) * len(numbers)
        called = learner if len(names) == 1 else f"{learner} and {len(names) - 1} like it"
        members = _members(query, checked, learner)
        made = checked.learners[learner]
        parameters = checked.strategies[learner, query.name].parameters
        parameters = None if parameters is None else replicate(parameters, mesh)
        index, most = members.index(query.name), max(checked.batches[query.name])

        def played(index: Array) -> Episode:
            strategies = [checked.strategies[learner, name] for name in members]
            tested, trained = of_labelled(checked.metrics)
            return episode(
                made,
                one_of(strategies, index),
                evaluator(tested),
                experiment.protocol.rounds,
                most,
                evaluator(trained) if trained else None,
            )

        def seen(
            split: SeedSplits | None, pool: Pool, test: Pool, data: PyTree
        ) -> tuple[Pool, Pool, PyTree]:
            """One seed's pool, test set, and what the learner needs of the former."""
            if split is None:
                return pool, test, data
            pool, test = cut(pool, split)
            return pool, test, made.prepare(pool.x)

        def begin(
            own: Any, index: Array, pool: Pool, test: Pool, data: PyTree, variables: PyTree
        ) -> EpisodeState:
            number, seed, member, split = own
            pool, _, data = seen(split, pool, test, data)
            key_start, key = jax.random.split(jax.random.key(number))
            order = draw(key_start, pool.y, seed)
            one = played(index)
            state = one.init(key, order, jnp.int32(initial), pool, data)
            if learner in starts:
                own_variables = jax.tree.map(lambda leaf: leaf[member], variables)
                state = state._replace(variables=own_variables)
            if not chosen:
                return state
            return one.choose(key_start, state, initial, pool.x, data, checked.chooser)

        def advance(
            state: EpisodeState,
            own: tuple[Array, PyTree, SeedSplits | None],
            start: Array,
            stop: Array,
            index: Array,
            parameters: Parameters | None,
            pool: Pool,
            data: PyTree,
            test: Pool,
            schedule: Array,
        ) -> EpisodeState:
            member, hyper, split = own
            pool, test, data = seen(split, pool, test, data)
            if parameters is not None:
                parameters = parameters._replace(
                    own=jax.tree.map(lambda leaf: leaf[member], parameters.own)
                )
            run = played(index).run
            return run(state, start, stop, pool, data, test, hyper, schedule, parameters)

        def first() -> Arguments:
            variables = starts.get(learner, ())
            seeds = np.arange(len(numbers), dtype=np.int32)
            own = (numbers, seeds, _members_of(variables, len(numbers)), splits)
            shared = (np.int32(index), pool, test, prepare(learner), variables)
            return Arguments(_repeated(own, len(names)), shared)

        def following() -> Arguments:
            schedule = initial + np.cumsum((0, *checked.batches[query.name]))
            shared = (np.int32(index), parameters, pool, prepare(learner), test)
            own = () if parameters is None else parameters.own
            member = np.tile(_members_of(own, len(numbers)), len(names))
            hyper = jax.tree.map(
                lambda *values: np.repeat(np.asarray(values, np.float32), len(numbers), 0),
                *[checked.learners[name].hyper for name in names],
            )
            each = (member, hyper, _repeated(splits, len(names)))
            return Arguments(each, (*shared, schedule.astype(np.int32)))

        def compile_() -> Program:
            # What begins is level 0's to compile, but where it has a strategy to run.
            return compile_program(
                begin, first(), advance, following(),
                name=called, mesh=mesh, at_once=at_once, levels=(int(chosen), 1),
            )  # fmt: skip

        def labelled(state: EpisodeState) -> np.ndarray:
            order, n = (np.asarray(leaf) for leaf in state.labels)
            order = order[:, : checked.max_labels]
            if splits is not None:
                own_pools = _repeated(splits.pool, len(names))
                order = np.take_along_axis(own_pools, order, axis=1)
            return np.where(np.arange(order.shape[1]) < n[:, None], order, np.int32(-1))

        # By number: two learners may have queries of one name that are not the same.
        kinds = [f"{number[learner, name]}:{name}" for name in members]
        group = (structure[learner], str(learner in starts), str(lanes), *kinds)
        return Block(names, query.name, group, compile_, first, following, labelled)

    return [block(names, query) for names, query in experiment.blocks()]


def experiment_mesh(experiment: Experiment) -> Mesh:
    """The devices that lanes are spread over: no more than there are of these, unless told."""
    devices = experiment.execution.devices
    if devices is None:
        lanes = max(len(names) for names, _ in experiment.blocks())
        devices = min(lanes * len(experiment.seed_numbers()), jax.device_count())
    return seed_mesh(devices)


def _members(query: QueryConfig, checked: Checked, learner: str) -> list[str]:
    """Names of the queries that share the program of this one with the learner."""
    strategies: dict[str, Strategy] = {
        name: made for (one, name), made in checked.strategies.items() if one == learner
    }
    if not is_shareable(strategies[query.name]):
        return [query.name]
    most = max(checked.batches[query.name])
    return [
        name
        for name, made in strategies.items()
        if is_shareable(made) and max(checked.batches[name]) == most
    ]


def _repeated(tree: PyTree, count: int) -> PyTree:
    """The leaves `[S, ...]` so many times, one after another: `[count S, ...]`."""
    return jax.tree.map(lambda leaf: np.concatenate([leaf] * count), tree)


def _members_of(stacked: PyTree, seeds: int) -> np.ndarray:
    """`[S]` int32: which of T entries, the leaves' first axis, each seed has."""
    leaves = jax.tree.leaves(stacked)
    count = leaves[0].shape[0] if leaves else 1
    return (np.arange(seeds) % count).astype(np.int32)


def cut(every: Pool, split: SeedSplits) -> tuple[Pool, Pool]:
    """The pool and the test set of one split, `[P]` and `[T]` indices, of all examples.

    One copy of the inputs for each seed that is at work at a time.
    """

    def at(places: Array) -> Pool:
        x = every.x[places]
        if split.mean is not None and split.std is not None:
            x = brought_to(x, split.mean, split.std)
        return Pool(x, every.y[places])

    return at(jnp.asarray(split.pool)), at(jnp.asarray(split.test))


def _as_pool(examples: Examples) -> Pool:
    return Pool(jnp.asarray(examples.x), jnp.asarray(examples.y))
