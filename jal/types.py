"""The types that everything in jal shares: a pool, its labels, a learner, a strategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

__all__ = [
    "Array",
    "Auxiliary",
    "InputError",
    "Labels",
    "Learner",
    "Minibatch",
    "Network",
    "NetworkVariables",
    "Outputs",
    "Parameters",
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
    """What a learner says of M examples; float32.

    Attributes:
      logits: `[M, K]`.
      features: `[M, D]`, penultimate.
      stages: `[M, D_s]` each, pooled activations of a network's stages; only in training, for an
        auxiliary's loss and score.
      auxiliary: `[M]`, an auxiliary's score; None without one.
    """

    logits: Array
    features: Array
    stages: tuple[Array, ...] = ()
    auxiliary: Array | None = None


class NetworkVariables(NamedTuple):
    """`params` are trained; `state` is everything else (BatchNorm statistics, dropout keys)."""

    params: PyTree
    state: PyTree


class Network(NamedTuple):
    """A network as pure functions.

    Attributes:
      init: `(key) -> NetworkVariables`.
      apply: `(variables, x [M, ...], train) -> (Outputs, state)`; train is static.
      head: `(variables, features [M, D]) -> logits [M, K]`: the last layer, in evaluation mode;
        None for a module without a method of that name.
      sample: `(key, variables, x [M, ...]) -> Outputs` of one network drawn by Monte-Carlo dropout:
        the same units are dropped for all examples, everything else is in evaluation mode (vmap it
        over keys for more); None without dropout.
    """

    init: Callable[[Array], NetworkVariables]
    apply: Callable[[NetworkVariables, Array, bool], tuple[Outputs, PyTree]]
    head: Callable[[NetworkVariables, Array], Array] | None = None
    sample: Callable[[Array, NetworkVariables, Array], Outputs] | None = None


class Parameters(NamedTuple):
    """Arrays that a strategy brings along, as arguments of the program and not as its constants.

    Attributes:
      own: a seed's own, such as a policy's weights: in a Strategy leaves `[T, ...]`, of which
        seed i has entry i modulo T; in a Round that entry.
      shared: the same for all seeds.
    """

    own: PyTree
    shared: PyTree


class Round(NamedTuple):
    """What a strategy sees of one round; the compiler drops every field that it does not touch.

    The last seven are None where there is no such thing; a strategy that reads one says so in
    its `needs`, and is then refused with such a learner beforehand.

    Attributes:
      x: `[N, ...]` the pool's inputs.
      y: `[N]` int32, the class of labelled points and -1 elsewhere: a strategy cannot read ahead.
      labels: which points are labelled, in order of labelling.
      labelled: `[N]` bool, the same as a mask.
      variables: the learner's fitted variables.
      logits: `[N, K]` float32, of the fitted learner on the pool.
      features: `[N, D]` float32, likewise.
      auxiliary: `[N]` float32, the score of the strategy's own auxiliary on the pool.
      head: `features [M, D] -> logits [M, K]`, the learner's last layer.
      sample: `(key) -> Outputs` on the pool of one network drawn by Monte-Carlo dropout, the same
        units dropped for all examples.
      fit: `(key, labels) -> variables`: the learner trained anew with the round's y, so that of
        `labels.order[:n]` only labelled points count; they may repeat (a bootstrap).
      predict: `(variables, x [M, ...]) -> Outputs`.
      parameters: the strategy's, with this seed's own.
      truth: `[N]` int32, the class of every point, for an oracle alone (Strategy's `oracle`).
    """

    x: Array
    y: Array
    labels: Labels
    labelled: Array
    variables: PyTree
    logits: Array
    features: Array
    auxiliary: Array | None = None
    head: Callable[[Array], Array] | None = None
    sample: Callable[[Array], Outputs] | None = None
    fit: Callable[[Array, Labels], PyTree] | None = None
    predict: Callable[[PyTree, Array], Outputs] | None = None
    parameters: Parameters | None = None
    truth: Array | None = None


class Minibatch(NamedTuple):
    """What an auxiliary sees of one training step.

    Attributes:
      labelled: outputs on the step's labelled points, in training mode, with stages.
      losses: `[B]`, the cross-entropy of each.
      weight: `[B]`, its weight in the loss, 0 on padding.
      unlabelled: outputs on as many unlabelled points, drawn uniformly; None unless asked for.
      epoch: `[]` int32, counted from 0.
    """

    labelled: Outputs
    losses: Array
    weight: Array
    unlabelled: Outputs | None
    epoch: Array


class Auxiliary(NamedTuple):
    """What a strategy trains within the learner's own steps: a head, a critic, a loss.

    Attributes:
      init: `(key, outputs of one example, with stages) -> params`.
      loss: `(key, params, minibatch) -> []`, added to the learner's loss. It is differentiated with
        respect to the network and to params, in one step of the learner's optimizer:
        `jax.lax.stop_gradient` says what each part trains.
      score: `(params, outputs [M, ...], with stages) -> [M]`, in evaluation mode.
      unlabelled: whether `loss` reads the minibatch's unlabelled outputs.
    """

    init: Callable[[Array, Outputs], PyTree]
    loss: Callable[[Array, PyTree, Minibatch], Array]
    score: Callable[[PyTree, Outputs], Array]
    unlabelled: bool = False


class Learner(NamedTuple):
    """A classifier as pure functions; unbatched in the seed, so that the caller may vmap or map.

    Attributes:
      prepare: `(x [N, ...]) -> data`: what `fit` needs of the pool's inputs, made once and shared
        by all seeds.
      init: `(key, data) -> variables`: untrained variables of one seed. Where they have a field
        `params`, that is what is trained; else all of them are.
      fit: `(key, variables, data, y [N], labels, hyper) -> (variables, info)`: trained on
        `labels.order[:labels.n]` with their classes in y. A point whose y is -1 has none, and no
        weight: y is -1 wherever the oracle was not asked. info is a dict of scalars to report.
      predict: `(variables, x [M, ...]) -> Outputs`: in evaluation mode.
      hyper: the default hyper-parameters, a pytree of numbers that may be traced and vmapped.
      head: `(variables, features [M, D]) -> logits [M, K]`: the last layer; None where logits are
        no function of the features.
      sample: `(key, variables, x [M, ...]) -> Outputs` of one network drawn by Monte-Carlo dropout;
        None without dropout.
      extend: `(auxiliary) -> Learner`: the learner that trains the auxiliary beside itself; None
        for learners that do not train by minibatches.
    """

    prepare: Callable[[Array], PyTree]
    init: Callable[[Array, PyTree], PyTree]
    fit: Callable[[Array, PyTree, PyTree, Array, Labels, PyTree], tuple[PyTree, dict[str, Array]]]
    predict: Callable[[PyTree, Array], Outputs]
    hyper: PyTree
    head: Callable[[PyTree, Array], Array] | None = None
    sample: Callable[[Array, PyTree, Array], Outputs] | None = None
    extend: Callable[[Auxiliary], Learner] | None = None


class Strategy(NamedTuple):
    """A query strategy as pure functions, unbatched in the seed.

    Attributes:
      init: `(key, x [N, ...]) -> state`: what the strategy carries from round to round.
      select: `(key, state, round, k_max) -> (picks, state)`: `picks [k_max]` int32, distinct
        unlabelled pool indices in order of preference, and N, the pool's size, after the last of
        them where there are fewer; k_max is static. The first k are labelled.
      batch_size: `(key, state, round) -> k`, for strategies that choose how many of the picks to
        label, in 1..k_max, in each seed for itself; None where the experiment's schedule says it.
      largest: `(points) -> k`, the most that `batch_size` says of a pool of so many; an experiment
        asks for as many picks. None: its query's batch.
      uses_outputs: whether `select` reads the round's logits or features: where False (also as a
        traced `[]` bool) the pool is not scored, and both are zeros.
      needs: fields of the round beyond those that every learner has: "head", "sample".
      auxiliary: what the learner is extended by; its score is the round's `auxiliary`.
      parameters: arrays for the round's `parameters`.
      init_from: `(key, outputs) -> state`, in place of `init` for a state whose shapes follow from
        the learner's; `outputs` are the shapes and dtypes of its Outputs on the pool
        (jax.ShapeDtypeStruct).
      oracle: whether it is given the classes that nobody bought, as the round's `truth`: a bound
        for strategies and none itself, so its name must have "oracle" in it.
      cold_start: whether `select` is defined where nothing is labelled, of what a learner says that
        was not fitted: then an experiment may let it choose the first labels. Not with an
        `auxiliary`, which nothing has trained, or `parameters`.
      name: what errors call it; the registry's, or an experiment's own.
    """

    init: Callable[[Array, Array], PyTree]
    select: Callable[[Array, PyTree, Round, int], tuple[Array, PyTree]]
    batch_size: Callable[[Array, PyTree, Round], Array] | None = None
    largest: Callable[[int], int] | None = None
    uses_outputs: bool | Array = True
    needs: frozenset[str] = frozenset()
    auxiliary: Auxiliary | None = None
    parameters: Parameters | None = None
    init_from: Callable[[Array, Outputs], PyTree] | None = None
    oracle: bool = False
    cold_start: bool = False
    name: str = "the strategy"
