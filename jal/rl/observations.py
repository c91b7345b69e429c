"""What an agent sees: the classifier on a state set, and the actions' own features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jal import scores
from jal.parallel import in_chunks
from jal.rl.dqn import Candidates
from jal.rl.env import Observer
from jal.select.seeding import squared_distances
from jal.types import Array, Outputs, PyTree, Round

__all__ = [
    "Batches",
    "Points",
    "batch_candidates",
    "candidate_features",
    "draw_candidates",
    "largest_batch",
    "observe_batches",
    "observe_points",
    "point_candidates",
    "point_features",
    "sorted_scores",
    "with_clock",
]

Score = Literal["margin", "probability", "largest"]
Distance = Literal["euclidean", "cosine"]
Reduce = Literal["mean", "min"]
Space = Literal["inputs", "features"]
Scale = Literal["pool", "cap", "count"]

_ROWS = 512  # points whose distances to the whole pool are in memory at once


class Batches(NamedTuple):
    """For an agent that chooses a batch's size; points that are unlabelled, int32.

    Attributes:
      state: `[S]`.
      unlabelled: `[]`, |U_t|, those left.
      begun: `[]`, |U_0|, those that the episode began with.
    """

    state: Array
    unlabelled: Array
    begun: Array


class Points(NamedTuple):
    """For an agent that chooses points: `state [S]`, the candidates' `features [A, 3]` and mask.

    Features are a candidate's score, its distance to the labelled and to the unlabelled points.
    """

    state: Array
    features: Array
    mask: Array


def sorted_scores(score: Score = "margin", size: int | None = None) -> Callable[[Array], Array]:
    """`(logits [V, K]) -> [S]`: the scores on the state set, ascending.

    Its size does not depend on the classes, nor its values on the order of the examples.

    Args:
      score: "margin", the two largest probabilities' difference (ABAS-RAL, section 3.2);
        "largest", the largest probability (Slade and Branson); or "probability", of the second
        class of two (LAL-RL), which is the largest for more.
      size: S evenly spaced quantiles, linearly interpolated, instead of all V.
    """

    def state(logits: Array) -> Array:
        ascending = jnp.sort(_score(score, logits))
        if size is None:
            return ascending
        last = ascending.shape[0] - 1
        return jnp.interp(jnp.linspace(0.0, last, size), jnp.arange(last + 1.0), ascending)

    return state


def observe_batches(state: Callable[[Array], Array]) -> Observer:
    """An Observer for batch sizes; `state` is of `sorted_scores`."""

    def observe(key: Array, round: Round, outputs: Outputs, start: Array) -> tuple[Batches, PyTree]:
        del key
        size = jnp.int32(round.labelled.shape[0])
        return Batches(state(outputs.logits), size - round.labels.n, size - start), ()

    return observe


def largest_batch(unlabelled: Array | int, share: float = 0.1) -> Array:
    """floor(share * unlabelled), at least 1: the most that one step may label, int32."""
    # Not to fall below a whole number by rounding: .1 times 30 is 3.
    return jnp.maximum(jnp.floor(jnp.asarray(unlabelled) * share + 1e-3), 1).astype(jnp.int32)


def batch_candidates(
    actions: int, share: float = 0.1, *, scale: Scale = "pool", progress: bool = False
) -> Callable[[Batches], Candidates]:
    """Batch sizes 1..A as candidates: action a labels k = a + 1 points.

    Args:
      actions: A, at least `largest_batch(|U_0|)` of the largest pool, static.
      share: of the unlabelled points that one step may label.
      scale: an action's feature: "pool", k / |U_0|; "cap", k / (share * |U_0|), which reaches up to
        1; or "count", k itself (ABAS-RAL's public code; its paper does not say).
      progress: whether the state also has 1 - |U_t| / |U_0|, the share labelled since the start.
    """

    def candidates(seen: Batches) -> Candidates:
        size = jnp.arange(1, actions + 1)
        allowed = size <= largest_batch(seen.unlabelled, share)
        whole = {"pool": seen.begun, "cap": seen.begun * share, "count": 1.0}[scale]
        state = seen.state
        if progress:
            state = jnp.append(state, 1.0 - seen.unlabelled / seen.begun)
        return Candidates(state, (size / whole)[:, None], allowed)

    return candidates


def observe_points(
    state: Callable[[Array], Array],
    score: Score = "margin",
    distance: Distance = "euclidean",
    space: Space = "features",
    reduce: Reduce = "mean",
    *,
    candidates: int | None = None,
    clock: int | None = None,
) -> Observer:
    """An Observer for points, which it offers as pool indices `[A]`.

    Args:
      state: of `sorted_scores`.
      score: as in `sorted_scores`.
      distance: see `point_features`.
      space: where distances are taken: the inputs (LAL-RL) or the classifier's features.
      reduce: see `point_features`.
      candidates: A, how many unlabelled points are drawn to choose from; the whole pool if None.
      clock: the labels that an episode buys, for a state with `with_clock`; without if None.
    """

    def observe(key: Array, round: Round, outputs: Outputs, start: Array) -> tuple[Points, Array]:
        points = draw_candidates(key, round.labelled, candidates)
        features = candidate_features(round, points, score, distance, space, reduce)
        seen = with_clock(state(outputs.logits), round.labels.n - start, clock)
        return Points(seen, features, ~round.labelled[points]), points

    return observe


def draw_candidates(key: Array, labelled: Array, n: int | None) -> Array:
    """`[n]` int32, unlabelled points in random order, then labelled ones; all `[N]` if n is None.

    Args:
      key: a PRNG key.
      labelled: `[N]` bool.
      n: static; of more than there are all are taken, in their own order.
    """
    size = labelled.shape[0]
    if n is None or n >= size:
        return jnp.arange(size, dtype=jnp.int32)
    drawn = jnp.where(labelled, -1.0, jax.random.uniform(key, (size,)))
    return jax.lax.top_k(drawn, n)[1].astype(jnp.int32)


def with_clock(state: Array, bought: Array, budget: int | None) -> Array:
    """`state [S]` and, where there is a budget, the share of it that is left to buy."""
    if budget is None:
        return state
    return jnp.append(state, jnp.maximum(1.0 - bought / budget, 0.0))


def candidate_features(
    round: Round, points: Array, score: Score, distance: Distance, space: Space, reduce: Reduce
) -> Array:
    """`point_features` of a round's `points [A]`, `[A, 3]`; see `observe_points`."""
    place = round.x.reshape(round.x.shape[0], -1) if space == "inputs" else round.features
    values = _score(score, round.logits)
    return point_features(values, place, round.labelled, points, distance, reduce)


def point_features(
    score: Array,
    place: Array,
    labelled: Array,
    points: Array,
    distance: Distance = "euclidean",
    reduce: Reduce = "mean",
) -> Array:
    """The features of candidate points: score, distance to labelled and to unlabelled points.

    Args:
      score: `[N]` of the pool.
      place: `[N, D]`, where distances are taken; bytes count as 0..1.
      labelled: `[N]` bool, with at least one True and one False.
      points: `[A]` int32, the candidates.
      distance: "euclidean", or "cosine": 1 less the angle's cosine.
      reduce: over the points of a set: their mean, itself included as in LAL-RL's code, or the
        nearest ("min", the k-center option), itself excluded.

    Returns:
      `[A, 3]` float32.
    """
    place = place.astype(jnp.float32) / (255.0 if place.dtype == jnp.uint8 else 1.0)
    in_sets = jnp.stack([labelled, ~labelled]).astype(jnp.float32)
    sizes = jnp.maximum(jnp.sum(in_sets, axis=1), 1.0)
    if distance == "cosine":
        norms = jnp.sqrt(jnp.sum(jnp.square(place), axis=1, keepdims=True))
        place = place / jnp.maximum(norms, 1e-12)
        if reduce == "mean":  # linear: no distance of a pair is needed
            means = jnp.matmul(in_sets, place, precision="highest") / sizes[:, None]
            away = 1.0 - jnp.matmul(place[points], means.T, precision="highest")
            return jnp.concatenate([score[points, None], away], axis=1)
    else:
        place = place - jnp.mean(place, axis=0)  # for the digits of the distances

    def of_rows(rows: Array) -> Array:
        away = squared_distances(place[rows], place)
        # Unit vectors: half the squared distance is 1 less the cosine.
        away = away / 2 if distance == "cosine" else jnp.sqrt(away)
        if reduce == "mean":
            return jnp.matmul(away, in_sets.T, precision="highest") / sizes
        other = rows[:, None] != jnp.arange(place.shape[0])
        nearest = [
            jnp.min(jnp.where((member > 0) & other, away, jnp.inf), axis=1) for member in in_sets
        ]
        # The last unlabelled point has no other.
        return jnp.where(jnp.isinf(jnp.stack(nearest, axis=1)), 0.0, jnp.stack(nearest, axis=1))

    return jnp.concatenate([score[points, None], in_chunks(of_rows, points, _ROWS)], axis=1)


def point_candidates(seen: Points) -> Candidates:
    """Points as candidates."""
    return Candidates(*seen)


def _score(score: Score, logits: Array) -> Array:
    """`[M]`, of logits `[M, K]`."""
    if score == "margin":
        return jax.vmap(scores.margin)(logits)
    probabilities = jax.nn.softmax(logits)
    if score == "probability" and logits.shape[1] == 2:
        return probabilities[:, 1]
    return jnp.max(probabilities, axis=1)
