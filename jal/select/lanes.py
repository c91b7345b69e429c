"""Predicates that stay scalars under vmap, where a batched `lax.cond` would run both branches."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.types import Array

__all__ = ["in_any_lane"]


@jax.custom_batching.custom_vmap
def in_any_lane(flag: Array) -> Array:
    """flag `[]` bool; under vmap whether any lane's holds, one `[]` for all of them."""
    return flag


@in_any_lane.def_vmap
def _in_any_lane_vmap(axis_size: int, in_batched: list[bool], flag: Array):
    del axis_size, in_batched
    return in_any_lane(jnp.any(flag)), False
