"""Spreading seeds over devices, and examples over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jal.types import Array, InputError, PyTree

__all__ = ["in_chunks", "over_seeds", "replicate", "seed_mesh"]


def seed_mesh(devices: int | None = None) -> Mesh:
    """A mesh with one axis, `seed`, over the first `devices` devices; all of them if None.

    Raises:
      InputError: where there are fewer.
    """
    present = jax.devices()
    if devices is not None and not 1 <= devices <= len(present):
        raise InputError(
            f"devices must be between 1 and the {len(present)} present, got {devices}."
        )
    chosen = present[: devices or len(present)]
    return jax.make_mesh((len(chosen),), ("seed",), axis_types=(AxisType.Auto,), devices=chosen)


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """The arrays of `tree` once on every device of the mesh."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def over_seeds(
    f: Callable[..., PyTree], mesh: Mesh, at_once: int | None = 1
) -> Callable[..., PyTree]:
    """`f(one_seed, *shared)` for every seed: sharded over the mesh, then mapped or vmapped.

    With `at_once=1` seeds are mapped: each result is, bit for bit, the same whatever seeds run
    beside it. With more, they are vmapped in groups and equal up to rounding. Another number of
    devices gives the same bits wherever XLA fuses the partitioned program alike: so it does for
    jal's learners, which is tested. The seed count need not divide by anything: the last seed pads.

    Args:
      f: pure function of one seed's pytree and of arrays that all seeds share.
      mesh: see `seed_mesh`.
      at_once: seeds vmapped together on one device; None for all of them.

    Returns:
      `g(seeds, *shared)`: every leaf of `seeds` has a leading seed axis, as have the results.
    """
    shards = mesh.devices.size

    def on_one_device(seeds: PyTree, *shared: Any) -> PyTree:
        def one(seed: PyTree) -> PyTree:
            return f(seed, *shared)

        count = _count(seeds)
        groups = 1 if at_once is None else -(-count // at_once)
        size = -(-count // groups)
        if size == 1:
            return jax.lax.map(one, seeds)
        if groups == 1:
            return jax.vmap(one)(seeds)
        grouped = jax.tree.map(
            lambda leaf: leaf.reshape(groups, size, *leaf.shape[1:]), _pad(seeds, groups * size)
        )
        results = jax.lax.map(jax.vmap(one), grouped)
        return jax.tree.map(
            lambda leaf: leaf.reshape(groups * size, *leaf.shape[2:])[:count], results
        )

    def spread(seeds: PyTree, *shared: Any) -> PyTree:
        count = _count(seeds)
        sharded = jax.shard_map(
            on_one_device,
            mesh=mesh,
            in_specs=(PartitionSpec("seed"), *[PartitionSpec()] * len(shared)),
            out_specs=PartitionSpec("seed"),
            # Else gradients of parameters that start constant are summed over devices
            # (jax issue 36886).
            check_vma=False,
        )
        results = sharded(_pad(seeds, -(-count // shards) * shards), *shared)
        return jax.tree.map(lambda leaf: leaf[:count], results)

    return spread


def in_chunks(f: Callable[[Array], PyTree], x: Array, size: int) -> PyTree:
    """`f(x)` computed `size` rows at a time, so that memory is bounded by one chunk and the result.

    Args:
      f: row by row: `[size, ...]` to a pytree of arrays `[size, ...]`.
      x: `[N, ...]`.
      size: rows in a chunk, static.
    """
    count = x.shape[0]
    if count <= size:
        return f(x)

    def chunk(i: Array, results: PyTree) -> PyTree:
        start = jnp.minimum(i * size, count - size)  # the last one overlaps the one before
        part = f(jax.lax.dynamic_slice_in_dim(x, start, size))
        return jax.tree.map(
            lambda whole, rows: jax.lax.dynamic_update_slice_in_dim(whole, rows, start, 0),
            results,
            part,
        )

    shapes = jax.eval_shape(f, jax.ShapeDtypeStruct((size, *x.shape[1:]), x.dtype))
    empty = jax.tree.map(lambda s: jnp.zeros((count, *s.shape[1:]), s.dtype), shapes)
    return jax.lax.fori_loop(0, -(-count // size), chunk, empty)


def _count(seeds: PyTree) -> int:
    return jax.tree.leaves(seeds)[0].shape[0]


def _pad(seeds: PyTree, size: int) -> PyTree:
    missing = size - _count(seeds)
    if missing == 0:
        return seeds
    return jax.tree.map(lambda leaf: jnp.concatenate([leaf, *[leaf[-1:]] * missing]), seeds)
