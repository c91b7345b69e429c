"""GALAXY: bisection between differently labelled points in each class's order by margin."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.select.checks import check_optional_key, check_pool, pad_picks
from jal.select.ties import predicted_classes, random_order, split
from jal.types import Array

__all__ = ["galaxy"]

_BLOCK = 128  # places that run one after another, the blocks of them side by side


def galaxy(logits: Array, y: Array, labelled: Array, k: int, *, key: Array | None = None) -> Array:
    """GALAXY (Zhang et al., 2022): bisects linear graphs, one per class, in turns.

    Graph c holds the pool in the order of p_c - max of the other classes' p, neighbours joined; a
    point's label in it is whether its class is c. Each pick takes the next graph, in an order of
    the classes that the key draws, so that fewer picks than classes favour none; and there

    1. the middle of the shortest path of unlabelled points between two of different labels;
    2. where no such path is left, the unlabelled point that is nearest to both labels: joining
       points further and further apart, as the paper does then, makes it the first path;
    3. where the labelled points are all of one label, the point nearest to the model's own cut
       between c and the rest (the published code draws one at random).

    The paper sees each label before the next pick; within a batch, a pick's label is unknown here
    and the predicted class stands for it. The published code draws each pick's graph at random,
    here without repetition within K picks, and orders the points predicted as c by their
    confidence. Time N (K log N + k), memory N K.

    Args:
      logits: `[N, K]` float; points with NaN stand at the end of each graph.
      y: `[N]` int, the classes of the labelled points, a negative one being another than any; not
        read elsewhere.
      labelled: `[N]` bool; True is never picked.
      k: how many, static; at most the number of unlabelled points.
      key: a PRNG key that orders the classes, and equal points in each graph, at random; both in
        their own order if None.

    Returns:
      `[k]` int32 in order of picking; of equal paths the one that is least of class c.
    """
    key = check_optional_key("galaxy", key)
    labelled, logits, y = check_pool("galaxy", labelled, k, logits=logits, y=y)
    n, classes = logits.shape
    key_turns, key_classes, key_points = split(key, 3)
    turns = random_order(key_turns, classes)
    predicted = predicted_classes(key_classes, logits)
    shuffled = random_order(key_points, n)
    margins = _margins(logits)  # [K, N]
    order = shuffled[jnp.argsort(margins[:, shuffled], axis=1, stable=True)]
    place = jnp.arange(n, dtype=jnp.int32)
    none = jnp.int32(4 * n)

    def pick(known: Array, turn: Array) -> tuple[Array, Array]:
        c = turns[turn % classes]
        here = known[order[c]]
        is_c, is_other = here == c, (here >= 0) & (here != c)
        # The nearest of each label on both sides; without one, further away than any.
        marks = jnp.stack([is_c, is_other])
        ahead = _last_marked(jnp.concatenate([marks, marks[:, ::-1]]))
        before = jnp.where(ahead[:2] >= 0, ahead[:2], -none)
        after = jnp.where(ahead[2:] >= 0, n - 1 - ahead[2:], none)[:, ::-1]
        left, right = jnp.max(before, axis=0), jnp.min(after, axis=0)
        differ = (before[0] > before[1]) != (after[0] < after[1])
        path = differ & (left >= 0) & (right < n)
        both = jnp.max(jnp.minimum(place - before, after - place), axis=0)
        length = jnp.where(path, right - left, n + jnp.minimum(both, none))
        length = jnp.where(here < 0, length, 2 * none)
        shortest = jnp.argmin(length)
        middle = jnp.where(path[shortest], (left[shortest] + right[shortest]) // 2, shortest)
        own_cut = jnp.argmin(jnp.where(here < 0, jnp.abs(margins[c][order[c]]), jnp.inf))
        one_label = ~(jnp.any(is_c) & jnp.any(is_other))
        chosen = order[c, jnp.where(one_label, own_cut, middle)]
        return known.at[chosen].set(predicted[chosen]), chosen

    # A labelled point of no known class is of another class than any.
    known = jnp.where(labelled, jnp.where(y < 0, classes, y), -1)
    return pad_picks(jax.lax.scan(pick, known, jnp.arange(k, dtype=jnp.int32))[1], labelled)


def _margins(logits: Array) -> Array:
    """`[K, N]`: each class's probability less the largest of the others'; NaN is 2, above all."""
    p = jax.nn.softmax(logits, axis=1).T
    classes = jnp.arange(p.shape[0])[:, None]
    best = jnp.argmax(p, axis=0)
    second = jnp.max(jnp.where(classes == best, -jnp.inf, p), axis=0)
    margins = p - jnp.where(classes == best, second, jnp.max(p, axis=0))
    return jnp.where(jnp.isnan(margins), 2.0, margins)


def _last_marked(marks: Array) -> Array:
    """The nearest place at or before each that is marked, -1 for none; `[M, N]` bool to int32.

    As `jax.lax.cummax`, which takes several times as long on a CPU: here all blocks of places run
    side by side.
    """
    rows, n = marks.shape
    places = jnp.where(marks, jnp.arange(n, dtype=jnp.int32), -1)
    blocks = jnp.pad(places, ((0, 0), (0, -n % _BLOCK)), constant_values=-1)
    blocks = blocks.reshape(rows, -1, _BLOCK)
    ends = jax.lax.cummax(jnp.max(blocks, axis=2), axis=1)
    start = jnp.pad(ends[:, :-1], ((0, 0), (1, 0)), constant_values=-1)

    def step(last: Array, here: Array) -> tuple[Array, Array]:
        last = jnp.maximum(last, here)
        return last, last

    _, last = jax.lax.scan(step, start, jnp.moveaxis(blocks, 2, 0))
    return jnp.moveaxis(last, 0, 2).reshape(rows, -1)[:, :n]
