"""ALFA-Mix: points whose prediction changes when their features are mixed with a class's mean."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jal.select.checks import check_key, check_pool
from jal.select.gradients import residuals, unit_rows
from jal.select.kmeans import kmeans
from jal.select.options import counts, reals, takes
from jal.select.ties import predicted_classes
from jal.select.top_k import top_k
from jal.types import Array

__all__ = ["alfa_mix"]

Head = Callable[[Array], Array]


@takes(
    cap_step=reals(above=0, most=1, static=True),
    steps=counts(),
    learning_rate=reals(above=0),
    penalty=reals(least=0),
    chunk=counts(),
    iterations=counts(0),
)
def alfa_mix(
    key: Array,
    logits: Array,
    features: Array,
    y: Array,
    labelled: Array,
    k: int,
    head: Head,
    *,
    cap_step: float = 0.2,
    optimise: bool = False,
    steps: int = 5,
    learning_rate: float = 0.1,
    penalty: float = 0.01,
    chunk: int = 1024,
    iterations: int = 20,
) -> Array:
    """Candidates: h whose predicted class is not that of (1 - alpha) h + alpha h*, some h*.

    The anchors h* are the means of the labelled features of each class; a class without a label has
    none. alpha `[D]` is the closed form of the paper for a loss linear in h, with g the gradient of
    the cross-entropy of the predicted class: alpha = eps |h* - h| / |g| g / (h* - h), so that the
    mixture is h + eps |h* - h| g / |g|, but stays at h in coordinates where h* = h (both 0, say,
    behind a ReLU). eps = cap / sqrt(D), the cap being raised by `cap_step` until there are more
    than k candidates, to 1 at most. The candidates' features, scaled to length 1, are clustered by
    k-means into k clusters, and the point nearest to each centroid is picked, the largest cluster's
    first. Where there are fewer candidates than k, they come first, in random order, and random
    unlabelled points after. Source: ALFA-Mix (Parvaneh et al., 2022).

    Args:
      key: a PRNG key.
      logits: `[N, K]` float, head(features).
      features: `[N, D]` float.
      y: `[N]` int32, the class of labelled points; others are not read.
      labelled: `[N]` bool; True is never picked.
      k: how many, static; at most the number of unlabelled points.
      head: `features [M, D] -> logits [M, K]`, the learner's last layer, affine.
      cap_step: by how much the cap grows; the published code's is 0.2, and 0.03125 with `optimise`.
      optimise: learn alpha instead, as the paper's first form does: from normal numbers of mean and
        deviation cap / 2, `steps` steps up the cross-entropy, each of `learning_rate` in the sign
        of every coordinate (Adam, which the published code starts anew at each step), clipped to
        [1e-8, cap]; the last third of the steps is ten times smaller.
      steps: of the optimisation.
      learning_rate: of the optimisation.
      penalty: of the optimisation, on |alpha|.
      chunk: points optimised at once; bounds memory.
      iterations: of k-means.

    Returns:
      `[k]` int32. With nothing labelled there is no candidate.
    """
    key = check_key("alfa_mix", key)
    labelled, logits, features, y = check_pool(
        "alfa_mix", labelled, k, logits=logits, features=features, y=y
    )
    given = head
    head = lambda features: given(features).astype(jnp.float32)  # noqa: E731
    key_classes, key_alpha, key_means, key_fill = jax.random.split(key, 4)
    predicted = predicted_classes(key_classes, logits)
    own = jax.nn.one_hot(jnp.where(labelled, y, -1), logits.shape[1], dtype=features.dtype)
    size = own.T @ jnp.ones(own.shape[0], own.dtype)
    with jax.default_matmul_precision("highest"):
        anchors = own.T @ features / jnp.maximum(size, 1.0)[:, None]

    caps = math.ceil(1.0 / cap_step - 1e-6)
    if optimise:
        n = labelled.shape[0]
        rows = min(chunk, n)
        blocks = jnp.minimum(jnp.arange(n + (-n % rows)), n - 1).reshape(-1, rows)

        def changes(cap: Array, key: Array) -> Array:
            @jax.vmap
            def of_one(i: Array) -> Array:
                return _learnt(
                    jax.random.fold_in(key, i), features[i], predicted[i], anchors, size > 0,
                    cap, head, steps, learning_rate, penalty,
                )  # fmt: skip

            return jax.lax.map(of_one, blocks).reshape(-1)[:n]
    else:
        needed = _needed_cap(logits, features, predicted, anchors, size > 0, head)

        def changes(cap: Array, key: Array) -> Array:
            return needed < cap

    def raise_cap(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        tried, candidate = carry
        cap = jnp.minimum((tried + 1) * cap_step, 1.0)
        changed = changes(cap, jax.random.fold_in(key_alpha, tried))
        return tried + 1, candidate | (changed & ~labelled)

    def too_few(carry: tuple[Array, Array]) -> Array:
        tried, candidate = carry
        return (tried < caps) & (jnp.sum(candidate) <= k)

    start = jnp.int32(0), jnp.zeros(labelled.shape, bool)
    _, candidate = jax.lax.while_loop(too_few, raise_cap, start)
    return _spread(key_means, key_fill, features, candidate, labelled, k, iterations)


def _needed_cap(
    logits: Array, features: Array, predicted: Array, anchors: Array, present: Array, head: Head
) -> Array:
    """Above which cap a point's class changes, `[N]`: the least of any anchor, or infinity.

    The head is affine, so that each logit moves in proportion to the cap.
    """
    _, pull = jax.vjp(head, features)
    direction = unit_rows(pull(-residuals(logits, predicted))[0])
    own = predicted[:, None]
    ahead = jnp.take_along_axis(logits, own, axis=1) - logits

    def of_anchor(least: Array, given: tuple[Array, Array]) -> tuple[Array, None]:
        anchor, is_present = given
        way = anchor - features
        _, slope = jax.jvp(head, (features,), (jnp.where(way == 0, 0.0, direction),))
        reach = jnp.linalg.norm(way, axis=1, keepdims=True) / math.sqrt(features.shape[1])
        gained = reach * (slope - jnp.take_along_axis(slope, own, axis=1))
        needed = jnp.min(jnp.where(gained > 0, ahead / gained, jnp.inf), axis=1)
        return jnp.where(is_present, jnp.minimum(least, needed), least), None

    start = jnp.full(features.shape[0], jnp.inf, features.dtype)
    return jax.lax.scan(of_anchor, start, (anchors, present))[0]


def _learnt(
    key: Array,
    point: Array,
    predicted: Array,
    anchors: Array,
    present: Array,
    cap: Array,
    head: Head,
    steps: int,
    learning_rate: float,
    penalty: float,
) -> Array:
    """`[]` bool: whether the class of `point [D]` changes in any step, for any anchor."""

    def objective(alpha: Array, anchor: Array) -> tuple[Array, Array]:
        logits = head((point + alpha * (anchor - point))[None])[0]
        value = jax.nn.log_softmax(logits)[predicted] + penalty * jnp.linalg.norm(alpha)
        return value, logits[predicted] < jnp.max(logits)

    def of_anchor(changed: Array, given: tuple[Array, Array, Array]) -> tuple[Array, None]:
        key, anchor, is_present = given
        alpha = cap / 2.0 * (1.0 + jax.random.normal(key, point.shape, point.dtype))

        def step(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            alpha, changed = carry
            gradient, now = jax.grad(objective, has_aux=True)(alpha, anchor)
            rate = learning_rate * jnp.where(i < steps * 2 / 3, 1.0, 0.1)
            alpha = alpha - rate * gradient / (jnp.abs(gradient) + 1e-8)
            return jnp.clip(alpha, 1e-8, cap), changed | (now & is_present)

        start = jnp.clip(alpha, 1e-8, cap), changed
        return jax.lax.fori_loop(0, steps, step, start)[1], None

    keys = jax.random.split(key, anchors.shape[0])
    return jax.lax.scan(of_anchor, jnp.bool_(False), (keys, anchors, present))[0]


def _spread(
    key_means: Array,
    key_fill: Array,
    features: Array,
    candidate: Array,
    labelled: Array,
    k: int,
    iterations: int,
) -> Array:
    """The picks of k-means on the candidates; all of these and random points if fewer than k."""

    def enough() -> Array:
        return kmeans(key_means, unit_rows(features), ~candidate, k, iterations=iterations)

    def too_few() -> Array:
        fill = jax.random.uniform(key_fill, labelled.shape, jnp.float32)
        return top_k(fill + candidate, labelled, k)

    return jax.lax.cond(jnp.sum(candidate) >= k, enough, too_few)
