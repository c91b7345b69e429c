"""SAAL: points whose loss is high where an adversary moves the parameters."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jal.select.checks import check_key, check_pool, pad_picks, take_picks
from jal.select.options import counts, reals, takes
from jal.select.seeding import k_means_plus_plus
from jal.select.top_k import top_k
from jal.types import Array, PyTree

__all__ = ["perturbed_losses", "saal"]


@takes(rho=reals(least=0), sample=counts(), chunk=counts())
def saal(
    key: Array,
    logits_of: Callable[[PyTree, Array], Array],
    params: PyTree,
    x: Array,
    labelled: Array,
    k: int,
    *,
    rho: float = 0.05,
    sample: int = 2000,
    maximum: bool = False,
    chunk: int = 16,
) -> Array:
    """k-means++ on the perturbed losses of a random subset of the unlabelled points.

    Source: SAAL (Kim et al., 2023). The first pick has the largest loss; each next one is drawn by
    its squared difference to the nearest loss picked.

    Args:
      key: a PRNG key.
      logits_of: `(params, x [1, ...]) -> [1, K]`, differentiable in the floats of params.
      params: what is perturbed.
      x: `[N, ...]` inputs.
      labelled: `[N]` bool; True is never picked.
      k: how many, static; at most the number of unlabelled points.
      rho: size of the perturbation.
      sample: points of the subset, static; k where that is more.
      maximum: take the k largest losses instead.
      chunk: examples whose gradients are held at once; bounds memory.

    Returns:
      `[k]` int32 in order of picking.
    """
    key = check_key("saal", key)
    labelled, x = check_pool("saal", labelled, k, x=x)
    key_subset, key_seeds = jax.random.split(key)
    n = labelled.shape[0]
    size = min(max(sample, k), n)
    draw = jnp.where(labelled, -1.0, jax.random.uniform(key_subset, (n,), jnp.float32))
    subset = jax.lax.top_k(draw, size)[1].astype(jnp.int32)
    free = ~labelled[subset]  # where fewer are unlabelled, the last ones are not
    losses = perturbed_losses(logits_of, params, x[subset], rho=rho, chunk=chunk)
    losses = jnp.where(jnp.isfinite(losses), losses, 0.0)
    if maximum:
        return take_picks(subset, top_k(losses, ~free, k), n)
    first = jnp.argmax(jnp.where(free, losses, -1.0)).astype(jnp.int32)
    distance = lambda chosen: jnp.square(losses - losses[chosen])  # noqa: E731
    return pad_picks(subset[k_means_plus_plus(key_seeds, distance, first, free, k)], labelled)


def perturbed_losses(
    logits_of: Callable[[PyTree, Array], Array],
    params: PyTree,
    x: Array,
    *,
    rho: float = 0.05,
    chunk: int = 16,
) -> Array:
    """`[M]`: each example's loss after a step of the parameters up its own loss.

    The loss l is the cross-entropy of the predicted class, its mean where several tie, and the step
    rho w^2 dl / |w dl|, with w the parameters and dl the gradient: of all changes of length rho
    relative to w, the one that raises the loss most (adaptive sharpness, Kwon et al., 2021).
    rho = 0 gives the plain loss.

    Args:
      logits_of: `(params, x [1, ...]) -> [1, K]`.
      params: a pytree; its leaves that are not floats stay as they are.
      x: `[M, ...]`.
      rho: size of the step.
      chunk: examples at once.
    """
    leaves, tree = jax.tree.flatten(params)
    is_float = [jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves]
    moving = [
        jnp.asarray(leaf, jnp.float32)
        for leaf, moves in zip(leaves, is_float, strict=True)
        if moves
    ]

    def logits(moving: list[Array], one: Array) -> Array:
        rest = iter(moving)
        merged = [
            next(rest) if moves else leaf for leaf, moves in zip(leaves, is_float, strict=True)
        ]
        return logits_of(jax.tree.unflatten(tree, merged), one[None])[0].astype(jnp.float32)

    def of_one(one: Array) -> Array:
        def loss(moving: list[Array], predicted: Array | None) -> tuple[Array, Array]:
            values = logits(moving, one)
            predicted = values == jnp.max(values) if predicted is None else predicted
            return -jnp.mean(jax.nn.log_softmax(values), where=predicted), predicted

        (_, predicted), gradient = jax.value_and_grad(loss, has_aux=True)(moving, None)
        scaled = [jnp.abs(w) * g for w, g in zip(moving, gradient, strict=True)]
        length = jnp.sqrt(sum(jnp.sum(jnp.square(part)) for part in scaled))
        factor = rho / (length + 1e-12)
        moved = [w + factor * jnp.abs(w) * s for w, s in zip(moving, scaled, strict=True)]
        return loss(moved, predicted)[0]

    return jax.lax.map(of_one, x, batch_size=chunk)
