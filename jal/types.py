"""The types that everything in jal shares: a pool, its labels, a learner, a strategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

__all__ = [
    "Array",
    "InputError",
    "Labels",
    "Learner",
    "Outputs",
    "Pool",
    "PyTree",
    "Round",
    "Strategy",
]

Array = jax.Array
PyTree = Any


class InputError(ValueError):
    """Something the user gave cannot work; the message is one sentence that says what would."""


class Pool(NamedTuple):
    """Examples and the oracle's answers, shared by all seeds.

    Attributes:
      x: `[N, ...]` inputs: float features or uint8 images.
      y: `[N]` int32 classes in 0..K-1.
    """

    x: Array
    y: Array


class Labels(NamedTuple):
    """Which pool points are labelled, for one seed.

    Attributes:
      order: `[N]` int32, a permutation of the pool; `order[:n]` is labelled, in order of labelling.
      n: `[]` int32, how many are labelled. The same for all seeds or different in each.
    """

    order: Array
    n: Array


class Outputs(NamedTuple):
    """What a learner says of examples: `logits [M, K]`, penultimate `features [M, D]`; float32."""

    logits: Array
    features: Array


class Round(NamedTuple):
    """What a strategy sees of one round; the compiler drops every field that it does not touch.

    Attributes:
      x: `[N, ...]` the pool's inputs.
      y: `[N]` int32, the class of labelled points and -1 elsewhere: a strategy cannot read ahead.
      labels: which points are labelled, in order of labelling.
      labelled: `[N]` bool, the same as a mask.
      variables: the learner's fitted variables.
      logits: `[N, K]` float32, of the fitted learner on the pool.
      features: `[N, D]` float32, likewise.
    """

    x: Array
    y: Array
    labels: Labels
    labelled: Array
    variables: PyTree
    logits: Array
    features: Array


class Learner(NamedTuple):
    """A classifier as pure functions; unbatched in the seed, so that the caller may vmap or map.

    Attributes:
      prepare: `(pool) -> data`: what `fit` needs of the pool, made once and shared by all seeds.
      init: `(key, data) -> variables`: untrained variables of one seed.
      fit: `(key, variables, data, labels, hyper) -> (variables, info)`: trained on
        `labels.order[:labels.n]`; info is a dict of scalars to report.
      predict: `(variables, x [M, ...]) -> Outputs`: in evaluation mode.
      hyper: the default hyper-parameters, a pytree of numbers that may be traced and vmapped.
    """

    prepare: Callable[[Pool], PyTree]
    init: Callable[[Array, PyTree], PyTree]
    fit: Callable[[Array, PyTree, PyTree, Labels, PyTree], tuple[PyTree, dict[str, Array]]]
    predict: Callable[[PyTree, Array], Outputs]
    hyper: PyTree


class Strategy(NamedTuple):
    """A query strategy as pure functions, unbatched in the seed.

    Attributes:
      init: `(key, x [N, ...]) -> state`: what the strategy carries from round to round.
      select: `(key, state, round, k_max) -> (picks, state)`: `picks [k_max]` int32, distinct
        unlabelled pool indices in order of preference, as far as there are any; k_max is static.
        The first k are labelled.
      batch_size: `(key, state, round) -> k`, for strategies that choose how many of the picks to
        label, in 1..k_max, in each seed for itself; None where the experiment's schedule says it.
      uses_outputs: whether `select` reads the round's logits or features: where False (also as a
        traced `[]` bool) the pool is not scored, and both are zeros.
    """

    init: Callable[[Array, Array], PyTree]
    select: Callable[[Array, PyTree, Round, int], tuple[Array, PyTree]]
    batch_size: Callable[[Array, PyTree, Round], Array] | None = None
    uses_outputs: bool | Array = True
