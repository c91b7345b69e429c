"""Programs over many seeds that are advanced in segments: compiled, and found to fit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from jal.memory import check_program
from jal.parallel import over_seeds
from jal.types import PyTree

__all__ = ["Arguments", "Program", "compile_program", "compiler_options", "seeds_at_once"]


class Program(NamedTuple):
    """All seeds of one computation; leaves of a state have a leading axis `[S]`.

    Attributes:
      begin: `(per_seed, *shared) -> state`.
      advance: `(state, per_seed, start, stop, *shared) -> state`: steps start to stop - 1; the
        state is donated.
      like: shapes, dtypes and shardings of a state.
      seconds: of compiling both.
    """

    begin: Callable[..., PyTree]
    advance: Callable[..., PyTree]
    like: PyTree
    seconds: float


class Arguments(NamedTuple):
    """Of one function of a program: what each seed has its own, `[S, ...]`, and what all share."""

    per_seed: PyTree
    shared: Sequence[PyTree]


def compile_program(
    begin: Callable[..., PyTree],
    first: Arguments,
    advance: Callable[..., PyTree],
    following: Arguments,
    *,
    name: str,
    mesh: Mesh,
    at_once: int | None,
    levels: tuple[int, int],
) -> Program:
    """Compiles both, once for all lengths of segments.

    Args:
      begin: `(own, *shared) -> state` of one seed.
      first: its arguments.
      advance: `(state, own, start, stop, *shared) -> state` of one seed.
      following: its arguments, but for state, start and stop.
      name: what errors call the program.
      mesh: the devices.
      at_once: seeds vmapped together on one of them, see `over_seeds`.
      levels: how hard XLA works on each.

    Raises:
      InputError: where they need more memory than is free, with what would fit.
    """
    began = time.perf_counter()
    devices = list(mesh.devices.flat)
    platform = devices[0].platform
    count = jax.tree.leaves(first.per_seed)[0].shape[0]
    shard = -(-count // mesh.size)

    def check(compiled: Any) -> None:
        check_program(compiled, name, min(at_once or shard, shard), devices)

    jitted = jax.jit(over_seeds(begin, mesh, at_once), **compiler_options(platform, levels[0]))
    lowered = jitted.lower(first.per_seed, *first.shared)
    compiled = lowered.compile()
    check(compiled)
    like = jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        lowered.out_info,
        compiled.output_shardings,
    )

    def one(seed: tuple[PyTree, PyTree], *shared: Any) -> PyTree:
        return advance(*seed, *shared)

    def all_seeds(state: PyTree, per_seed: PyTree, *shared: Any) -> PyTree:
        return over_seeds(one, mesh, at_once)((state, per_seed), *shared)

    run = jax.jit(all_seeds, donate_argnums=0, **compiler_options(platform, levels[1]))
    none = np.int32(0)
    advanced = run.lower(like, following.per_seed, none, none, *following.shared).compile()
    check(advanced)
    return Program(compiled, advanced, like, time.perf_counter() - began)


def seeds_at_once(given: int | None, mesh: Mesh) -> int | None:
    """As given; else one on CPUs, and all on other devices."""
    return given or (1 if mesh.devices.flat[0].platform == "cpu" else None)


def compiler_options(platform: str, level: int) -> dict[str, Any]:
    """For `jax.jit`: the optimisation level of XLA's back end, on CPUs.

    Level 1 compiles in half the time of the default, to code that runs as fast; 0 is for what runs
    once. A level that XLA_FLAGS names stands.
    """
    flag = "xla_backend_optimization_level"
    if platform != "cpu" or flag in os.environ.get("XLA_FLAGS", ""):
        return {}
    return {"compiler_options": {flag: level}}
