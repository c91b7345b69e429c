"""SuperLoss: a loss that weighs easy examples up and hard ones down, in closed form."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal.scores.checks import one_number
from jal.scores.lambert_w import lambert_w0
from jal.types import Array

__all__ = ["super_loss", "super_loss_weight"]


def super_loss(loss: Array, tau: Array | float, lambda_: Array | float) -> Array:
    """`(loss - tau) sigma + lambda (log sigma)^2` with sigma of `super_loss_weight`.

    sigma is a constant to the gradient. The derivative by the loss is sigma all the same: sigma is
    where that by sigma is 0, or, where it is e, does not depend on the loss.

    Args:
      loss: `[]` float, in nats for a cross-entropy; inf gives inf.
      tau: `[]` float, the loss that counts as it is: log K for the cross-entropy of K classes.
      lambda_: `[]` float above 0; the larger, the nearer to `loss - tau`.

    Returns:
      `[]`, 0 for loss = tau and below 0 for less (Castells et al., 2020, eq. 1).

    Raises:
      ValueError: where one is no single number, or lambda_ is known not to be above 0.
    """
    loss, tau, lambda_ = _checked("super_loss", loss, tau, lambda_)
    w = _minus_log_sigma(loss, tau, lambda_)
    infinite = loss == jnp.inf
    excess = jnp.where(infinite, 0.0, loss - tau)
    return jnp.where(infinite, jnp.inf, excess * jnp.exp(-w) + lambda_ * jnp.square(w))


def super_loss_weight(loss: Array, tau: Array | float, lambda_: Array | float) -> Array:
    """SuperLoss's confidence: `sigma = exp(-W0(max(-2/e, (loss - tau) / lambda) / 2))`.

    The sigma of least super loss; where the loss is less than tau a local one, beyond which the
    super loss falls without bound. Its gradient is stopped.

    Args:
      loss: `[]` float; inf gives 0.
      tau: `[]` float, the loss of sigma 1.
      lambda_: `[]` float above 0.

    Returns:
      `[]` in [0, e]: it never rises with the loss, and is e wherever the loss is at most
      `tau - 2 lambda / e` (Castells et al., 2020, eq. 3; W0 is Lambert's).

    Raises:
      ValueError: where one is no single number, or lambda_ is known not to be above 0.
    """
    return jnp.exp(-_minus_log_sigma(*_checked("super_loss_weight", loss, tau, lambda_)))


def _checked(
    name: str, loss: Array, tau: Array | float, lambda_: Array | float
) -> tuple[Array, Array, Array]:
    return (
        one_number(name, "loss", loss),
        one_number(name, "tau", tau),
        one_number(name, "lambda_", lambda_, above=0.0),
    )


def _minus_log_sigma(loss: Array, tau: Array, lambda_: Array) -> Array:
    """W0, which is more exact than the log of its exp."""
    ratio = 0.5 * ((loss - tau) / lambda_)
    finite = jnp.minimum(ratio, jnp.finfo(jnp.float32).max)  # a tiny lambda's may overflow
    return jax.lax.stop_gradient(lambert_w0(jnp.where(loss == jnp.inf, jnp.inf, finite)))
