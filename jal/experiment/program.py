"""An experiment's compiled programs: one for each learner, shared by all strategies."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jal.data.sources import Dataset, Examples
from jal.episode import Episode, EpisodeState, episode
from jal.experiment.checks import check_pair
from jal.experiment.compiling import compiler_options
from jal.experiment.config import RARE_SHARE, Experiment
from jal.experiment.strategy_options import Factories, make_strategies
from jal.labels import balanced_start, random_start, start_from, twisted_start
from jal.memory import check_data, check_prepared, check_program
from jal.metrics import evaluator
from jal.parallel import over_seeds, replicate, seed_mesh
from jal.strategies import is_shareable, one_of
from jal.types import Array, Given, Pool, PyTree

__all__ = ["Program"]


class Program:
    """Starts and advances the cells (pairs of learner and strategy) of an experiment.

    Strategies that follow the schedule share a learner's program, in which a traced index chooses
    among them: fitting is the bulk of what must be compiled. Their largest batch must agree, for
    it is the number of picks asked for. A strategy that chooses its own batch sizes or trains an
    auxiliary has a program for itself.

    Attributes:
      experiment: the config.
      cells: `(learner, strategy)` names, learners in the outer loop.
      mesh: the devices.
      points: in the pool.
      compile_seconds: spent so far on tracing, compiling and first executions.
    """

    def __init__(
        self,
        experiment: Experiment,
        dataset: Dataset,
        factories: Factories,
        learned: Mapping[tuple[str, str], Given] | None = None,
        starts: Mapping[str, PyTree] | None = None,
    ):
        """Builds everything and checks it; nothing is compiled yet.

        Args:
          experiment: the config.
          dataset: the pool and the test set.
          factories: of its strategies.
          learned: cell -> what its strategy brings along, where that depends on the learner.
          starts: learner -> variables `[T, ...]` that seeds start from, instead of untrained ones;
            seed i has entry i modulo T.
        """
        self.experiment = experiment
        self._given: dict[tuple[str, str], Given] = {}
        self._starts: dict[str, PyTree] = {}
        self.cells = experiment.cells()
        devices = experiment.devices
        self.mesh = seed_mesh(
            min(len(experiment.seed_numbers()), jax.device_count()) if devices is None else devices
        )
        self.compile_seconds = 0.0
        self._num_classes = dataset.num_classes
        self.points = len(dataset.train.y)
        parts = (*dataset.train, *dataset.test)
        check_data(sum(array.nbytes for array in parts), list(self.mesh.devices.flat))
        self._pool, self._test = (
            replicate(_as_pool(part), self.mesh) for part in (dataset.train, dataset.test)
        )
        self._strategies = make_strategies(experiment, factories)
        self._platform = self.mesh.devices.flat[0].platform
        self._at_once = experiment.seeds_at_once or (1 if self._platform == "cpu" else None)
        self._initial = experiment.start_size(len(dataset.train.y), dataset.num_classes)
        self._max_labels = min(
            len(dataset.train.y),
            self._initial + max(sum(self._batches(name)) for name in experiment.strategies),
        )
        self._learners = {
            name: config.build(dataset, self._max_labels)
            for name, config in experiment.learners.items()
        }
        for learner, strategy in self.cells:
            config, built = experiment.learners[learner], self._learners[learner]
            check_pair(learner, config, built, strategy, self._strategies[strategy], self._pool)
        own = {cell: self._strategies[cell[1]].given for cell in self.cells}
        given = {cell: one for cell, one in own.items() if one is not None}
        self.supply(given | dict(learned or {}), starts or {})
        self._data: dict[str, PyTree] = {}
        self._begins: dict[tuple, Any] = {}
        self._runs: dict[tuple, Callable[..., EpisodeState]] = {}

    def supply(
        self, learned: Mapping[tuple[str, str], Given], starts: Mapping[str, PyTree]
    ) -> None:
        """Replaces what strategies bring along and seeds start from, by arrays of these shapes."""
        self._given |= {cell: replicate(given, self.mesh) for cell, given in learned.items()}
        self._starts |= {name: replicate(start, self.mesh) for name, start in starts.items()}

    def start(self, cell: int) -> EpisodeState:
        """The state of all seeds before the first round; leaves have a leading seed axis.

        It is there when this returns, so that nobody who times the rounds waits for it.
        """
        begin = self._begins[self._group(cell)]
        return jax.block_until_ready(begin(*self._begin_arguments(cell)))

    def compiled(self, cell: int) -> bool:
        """Whether the cell's program is ready."""
        return self._group(cell) in self._runs

    def compile(self, cell: int) -> None:
        """Compiles the cell's programs, once for all lengths of segments, and warms them up.

        The first execution of a program also loads it and makes its buffers: that is of no rounds.

        Raises:
          InputError: where they need more memory than is free, with what would fit.
        """
        began = time.perf_counter()
        begin = self._begin(cell).lower(*self._begin_arguments(cell))
        compiled_begin = begin.compile()
        self._check_memory(cell, compiled_begin)
        start = jax.tree.map(
            lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
            begin.out_info,
            compiled_begin.output_shardings,
        )

        def one(seed: tuple[EpisodeState, Array], index: Array, given: Given | None, *rest: Any):
            state, member = seed
            if given is not None:
                given = given._replace(own=jax.tree.map(lambda leaf: leaf[member], given.own))
            return self._episode(cell, index).run(state, *rest, given)

        def advance(state: EpisodeState, members: Array, *shared: Any) -> EpisodeState:
            return over_seeds(one, self.mesh, self._at_once)((state, members), *shared)

        run = self._jit(advance, level=1, donate_argnums=0)
        compiled = run.lower(start, *self._shared(cell, 0, 0)).compile()
        self._check_memory(cell, compiled)
        self._begins[self._group(cell)] = compiled_begin
        self._runs[self._group(cell)] = compiled
        self.advance(cell, self.start(cell), 0, 0)
        self.compile_seconds += time.perf_counter() - began

    def advance(self, cell: int, state: EpisodeState, start: int, stop: int) -> EpisodeState:
        """Rounds start to stop - 1 of all seeds; `state` is donated."""
        run = self._runs[self._group(cell)]
        return jax.block_until_ready(run(state, *self._shared(cell, start, stop)))

    def labelled(self, state: EpisodeState) -> np.ndarray:
        """`[S, n]` int32: pool indices in order of labelling, then -1."""
        order, n = (np.asarray(leaf) for leaf in state.labels)
        order = order[:, : self._max_labels]
        return np.where(np.arange(order.shape[1]) < n[:, None], order, np.int32(-1))

    def _begin(self, cell: int) -> Any:
        return self._jit(over_seeds(self._start_one(cell), self.mesh, self._at_once), level=0)

    def _check_memory(self, cell: int, compiled: Any) -> None:
        shard = -(-len(self.experiment.seed_numbers()) // self.mesh.size)
        seeds = min(self._at_once or shard, shard)
        check_program(compiled, self.cells[cell][0], seeds, list(self.mesh.devices.flat))

    def _prepare(self, cell: int) -> PyTree:
        """What the cell's learner needs of the pool; made once.

        Raises:
          InputError: where it would need more memory than is free.
        """
        learner = self.cells[cell][0]
        if learner not in self._data:
            prepare = self._jit(self._learners[learner].prepare, level=1)
            compiled = prepare.lower(self._pool.x).compile()
            check_prepared(compiled, learner, list(self.mesh.devices.flat))
            self._data[learner] = replicate(compiled(self._pool.x), self.mesh)
        return self._data[learner]

    def _begin_arguments(self, cell: int) -> tuple[Any, ...]:
        numbers = np.array(self.experiment.seed_numbers(), np.int32)
        given = self.experiment.initial_indices or [()] * len(numbers)
        variables = self._starts.get(self.cells[cell][0], ())
        seeds = (numbers, np.asarray(given, np.int32), _members_of(variables, len(numbers)))
        return seeds, self._pool, self._prepare(cell), variables

    def _jit(self, f: Callable[..., Any], level: int, **options: Any) -> Callable[..., Any]:
        return jax.jit(f, **options, **compiler_options(self._platform, level))

    def _group(self, cell: int) -> tuple[str, ...]:
        """What tells the cell's program from others: the learner, and who shares it."""
        return (self.cells[cell][0], *self._members(cell))

    def _members(self, cell: int) -> list[str]:
        """Names of the strategies that share the cell's program."""
        strategy = self.cells[cell][1]
        if not is_shareable(self._strategies[strategy]):
            return [strategy]
        most = max(self._batches(strategy))
        return [
            name
            for name, s in self._strategies.items()
            if is_shareable(s) and max(self._batches(name)) == most
        ]

    def _batches(self, strategy: str) -> tuple[int, ...]:
        if self._strategies[strategy].batch_size is None:
            return self.experiment.batches(strategy)
        batches = dataclasses.replace(self.experiment, budget=None).batches(strategy)
        return (max(batches),) * len(batches)  # the most that it may choose

    def _episode(self, cell: int, index: Array) -> Episode:
        members = self._members(cell)
        return episode(
            self._learners[self.cells[cell][0]],
            one_of([self._strategies[name] for name in members], index),
            evaluator(list(dict.fromkeys(("accuracy", *self.experiment.metrics)))),
            self.experiment.rounds,
            max(max(self._batches(name)) for name in members),
        )

    def _start_one(self, cell: int) -> Callable[..., EpisodeState]:
        def start(
            seed: tuple[Array, Array, Array], pool: Pool, data: PyTree, variables: PyTree
        ) -> EpisodeState:
            number, given, member = seed
            key_start, key = jax.random.split(jax.random.key(number))
            order = self._order(key_start, given, pool.y)
            n = jnp.int32(self._initial)
            state = self._episode(cell, jnp.int32(0)).init(key, order, n, pool, data)
            if self.cells[cell][0] not in self._starts:
                return state
            return state._replace(variables=jax.tree.map(lambda leaf: leaf[member], variables))

        return start

    def _order(self, key: Array, given: Array, y: Array) -> Array:
        """The pool in an order that begins with a seed's first labels."""
        if self.experiment.initial_indices:
            return start_from(given, y.shape[0])
        if self.experiment.start == "balanced":
            return balanced_start(key, y, self._num_classes, int(self.experiment.initial))
        if self.experiment.start == "random":
            return random_start(key, y.shape[0], self._initial)
        rare_share = RARE_SHARE[self.experiment.start]
        return twisted_start(key, y, self._num_classes, self._initial, rare_share)

    def _shared(self, cell: int, start: int, stop: int) -> tuple[Any, ...]:
        learner, strategy = self.cells[cell]
        schedule = self._initial + np.cumsum((0, *self._batches(strategy)))
        given = self._given.get((learner, strategy))
        own = () if given is None else given.own
        return (
            _members_of(own, len(self.experiment.seed_numbers())),
            np.int32(self._members(cell).index(strategy)),
            given,
            np.int32(start),
            np.int32(stop),
            self._pool,
            self._prepare(cell),
            self._test,
            jax.tree.map(np.float32, self._learners[learner].hyper),
            schedule.astype(np.int32),
        )


def _members_of(stacked: PyTree, seeds: int) -> np.ndarray:
    """`[S]` int32: which of T entries, the leaves' first axis, each seed has."""
    leaves = jax.tree.leaves(stacked)
    count = leaves[0].shape[0] if leaves else 1
    return (np.arange(seeds) % count).astype(np.int32)


def _as_pool(examples: Examples) -> Pool:
    return Pool(jnp.asarray(examples.x), jnp.asarray(examples.y))
