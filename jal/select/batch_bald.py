"""BatchBALD: greedy joint mutual information of a batch's labels with the model."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import entr

from jal.scores.checks import as_float32
from jal.scores.uncertainty import entropy
from jal.select.checks import check_key, check_pool
from jal.select.lazy_greedy import lazy_greedy
from jal.select.options import counts, takes
from jal.select.top_k import top_k
from jal.types import Array

__all__ = ["batch_bald"]

_NOTHING = 1e-5  # nats: what adds less adds nothing but rounding


@takes(cap=counts(), configurations=counts(), chunk=counts())
def batch_bald(
    key: Array,
    logits: Array,
    labelled: Array,
    k: int,
    *,
    cap: int = 100,
    configurations: int = 500,
    chunk: int = 256,
) -> Array:
    """BatchBALD (Kirsch et al., 2019): each pick adds most to I(labels of all picks; pass).

    The joint distribution of the picks' labels is exact while they have at most `configurations`
    values, K^m for m picks. From then on it is a sample of so many of them, of which the likeliest
    keep their own probability and the rest are drawn to share theirs evenly (Fearnhead and
    Clifford, 2003). Since what a point adds never grows as others are picked, only points that may
    still be the best are computed again: exactly so in the exact part, but for noise in the other.

    T passes carry at most log T nats. Points that add nothing to the picks before them (less than
    1e-5 nats) follow by their BALD score; so do all picks beyond `cap`.

    Args:
      key: a PRNG key, for the samples and for ties.
      logits: `[T, N, K]` float, of T passes; in each the same network for all points. Points with
        NaN come last.
      labelled: `[N]` bool; True is never picked.
      k: how many, static; at most the number of unlabelled points.
      cap: how many picks are made jointly, static.
      configurations: how many values of the picks' labels are kept, static.
      chunk: how many points are computed at once, static: bounds memory at
        T N K + chunk x configurations x K.

    Returns:
      `[k]` int32 in order of picking.

    Raises:
      ValueError: where logits are not `[T, N, K]`.
    """
    key = check_key("batch_bald", key)
    (labelled,) = check_pool("batch_bald", labelled, k)
    logits = as_float32("batch_bald", "logits", logits)
    n = labelled.shape[0]
    if logits.ndim != 3 or logits.shape[1] != n or logits.shape[0] < 1 or logits.shape[2] < 2:
        raise ValueError(
            f"batch_bald takes logits [T, N, K] of T passes with N = {n} and K >= 2, "
            f"got shape {logits.shape}."
        )
    passes, _, classes = logits.shape
    key_samples, key_joint, key_rest = jax.random.split(key, 3)

    # One pass at a time, which bounds what is held beside them.
    p, doubt = jax.lax.map(lambda z: (jax.nn.softmax(z), jax.vmap(entropy)(z)), logits)
    alone = _information(_nothing_known(1, passes), p, doubt)  # BALD
    alone = jnp.where(jnp.isnan(alone), -1.0, alone)
    below_zero = alone - 1.0 - jnp.log(jnp.float32(classes))  # ranks what adds nothing

    def value(gain: Array, index: Array | slice = slice(None)) -> Array:
        return jnp.where(gain > _NOTHING, gain, below_zero[index])

    def gain(state: tuple[_Joint, Array], index: Array) -> Array:
        return value(_information(state[0], p[:, index], doubt[:, index]), index)

    def update(state: tuple[_Joint, Array], chosen: Array) -> tuple[_Joint, Array]:
        joint, i = state
        return _extend(jax.random.fold_in(key_samples, i), joint, p[:, chosen]), i + 1

    start = _nothing_known(configurations, passes), jnp.int32(0)
    joint_picks = min(k, cap)
    picks = lazy_greedy(gain, update, start, value(alone), ~labelled, joint_picks, chunk, key_joint)
    if joint_picks == k:
        return picks
    taken = labelled.at[picks].set(True)
    return jnp.concatenate([picks, top_k(alone, taken, k - joint_picks, key=key_rest)])


class _Joint(NamedTuple):
    """Joint distribution of the picks' labels.

    Attributes:
      mass: `[M]`, the probability of each configuration of labels; 0 where there is none.
      posterior: `[M, T]`, the probability of each pass, given these labels.
    """

    mass: Array
    posterior: Array


def _nothing_known(configurations: int, passes: int) -> _Joint:
    mass = jnp.zeros(configurations, jnp.float32).at[0].set(1.0)
    return _Joint(mass, jnp.full((configurations, passes), 1.0 / passes, jnp.float32))


def _information(joint: _Joint, p: Array, doubt: Array) -> Array:
    """I(label; pass) given the picks' labels, `[C]`, for predictions `p [T, C, K]`.

    Their entropies, `doubt [T, C]`, are averaged under the same posteriors as the predictions: the
    sampling noise that both share cancels, and only rounding takes the difference below 0.
    """
    passes, points, classes = p.shape
    with jax.default_matmul_precision("highest"):
        predictive = joint.posterior @ p.reshape(passes, points * classes)
        entropies = jnp.sum((joint.mass @ entr(predictive)).reshape(points, classes), axis=1)
        return entropies - (joint.mass @ joint.posterior) @ doubt


def _extend(key: Array, joint: _Joint, p: Array) -> _Joint:
    """The joint with one more point of predictions `p [T, K]`, thinned to as many configurations.

    Thinning keeps every expectation: q becomes max(q, c) with probability min(q / c, 1), with c
    such that M remain.
    """
    mass, posterior = joint
    m, classes = mass.shape[0], p.shape[1]
    with jax.default_matmul_precision("highest"):
        q = (mass[:, None] * (posterior @ p)).reshape(-1)
    order = jnp.argsort(-q, stable=True)
    q = q[order]
    # The a largest stay as they are, the rest share M - a places: the first a for which c holds.
    tail = jnp.cumsum(q[::-1])[::-1][:m]
    c_of = tail / (m - jnp.arange(m, dtype=tail.dtype))
    c = jnp.where(q[m] > 0, c_of[jnp.argmax(q[:m] <= c_of)], 0.0)
    kept = jnp.where(c > 0, jnp.minimum(q / jnp.where(c > 0, c, 1.0), 1.0), q > 0)
    place = jnp.arange(m, dtype=q.dtype) + jax.random.uniform(key, (), q.dtype)
    at = jnp.minimum(jnp.searchsorted(jnp.cumsum(kept), place, side="right"), q.shape[0] - 1)
    q = jnp.where(q[at] > 0, jnp.maximum(q[at], c), 0.0)
    parent, label = jnp.divmod(order[at], classes)
    weights = posterior[parent] * p.T[label]
    total = jnp.sum(weights, axis=1, keepdims=True)
    posterior = jnp.where(total > 0, weights / jnp.where(total > 0, total, 1.0), posterior[parent])
    return _Joint(q / jnp.sum(q), posterior)
