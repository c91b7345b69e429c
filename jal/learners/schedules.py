"""Learning-rate schedules over the epochs of one fit.

optax's count steps towards a static number of them; here an epoch has as many as the labels ask
for, which is traced. So its cosine cannot be taken, nor its reduce_on_plateau, which averages the
loss over a static number of steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from jal.types import Array, PyTree

__all__ = ["Schedule", "constant", "cosine", "plateau"]


class Schedule(NamedTuple):
    """A factor on the learning rate.

    Attributes:
      init: `() -> state`.
      factor: `(state, progress) -> []` float32; progress is the share of the fit's steps done.
      after_epoch: `(state, loss) -> state`, given the epoch's mean training loss.
    """

    init: Callable[[], PyTree]
    factor: Callable[[PyTree, Array], Array]
    after_epoch: Callable[[PyTree, Array], PyTree]


def constant() -> Schedule:
    """1 throughout."""
    return Schedule(lambda: (), lambda state, progress: jnp.float32(1), lambda state, loss: state)


def cosine(warmup: float = 0.0) -> Schedule:
    """Half a cosine from 1 down to 0, after a linear rise over the share `warmup` of the steps."""

    def factor(state: PyTree, progress: Array) -> Array:
        rise = progress / max(warmup, 1e-9)
        fall = 0.5 * (1.0 + jnp.cos(jnp.pi * (progress - warmup) / (1.0 - warmup)))
        return jnp.where(progress < warmup, rise, fall)

    return Schedule(lambda: (), factor, lambda state, loss: state)


class _Plateau(NamedTuple):
    factor: Array
    best: Array
    waited: Array


def plateau(patience: int = 10, decay: float = 0.1, threshold: float = 1e-4) -> Schedule:
    """Times `decay` where the training loss has not fallen for more than `patience` epochs.

    The rule of PyTorch's ReduceLROnPlateau; a fall counts where the loss is less than
    `1 - threshold` times the best.
    """

    def init() -> _Plateau:
        return _Plateau(jnp.float32(1), jnp.float32(jnp.inf), jnp.int32(0))

    def after_epoch(state: _Plateau, loss: Array) -> _Plateau:
        fell = loss < state.best * (1.0 - threshold)
        waited = jnp.where(fell, 0, state.waited + 1)
        due = waited > patience
        return _Plateau(
            jnp.where(due, decay, 1.0) * state.factor,
            jnp.where(fell, loss, state.best),
            jnp.where(due, 0, waited),
        )

    return Schedule(init, lambda state, progress: state.factor, after_epoch)
