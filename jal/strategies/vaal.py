"""VAAL: a discriminator in a VAE's latent space tells what looks unlabelled."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jal import select
from jal.parallel import in_chunks
from jal.strategies.strategy import Registered, check_positive, stateless
from jal.types import Array, Labels, Network, NetworkVariables, PyTree, Round, Strategy

__all__ = ["as_labelled_loss", "discriminator_loss", "evidence_loss", "members", "vaal"]


class _VAE(NamedTuple):
    encoder: PyTree
    decoder: PyTree


class _Carry(NamedTuple):
    vae: _VAE
    discriminator: PyTree
    vae_moments: PyTree
    discriminator_moments: PyTree


def vaal(
    *,
    latent: int = 32,
    hidden: tuple[int, ...] = (512, 256),
    discriminator: tuple[int, ...] = (512, 512, 512, 512),
    steps: int = 500,
    batch_size: int = 128,
    learning_rate: float = 5e-4,
    beta: float = 1.0,
    adversary: float = 1.0,
    chunk: int = 1024,
) -> Strategy:
    """Variational adversarial active learning (Sinha et al., 2019).

    A VAE encodes labelled and unlabelled inputs and learns to make both look labelled to a
    discriminator D of the latent means, which learns to answer 1 for labelled and 0 for unlabelled
    ones. Picked are the lowest D. All is trained anew within each query, as in the published code,
    and reads no output of the learner.

    A step draws `batch_size` points of each kind uniformly and moves first the VAE, then D, by
    Adam: the VAE by the negative evidence bound under a Gaussian of unit variance (squared error
    and KL divergence both summed over an example; the published code averages the one and sums the
    other over the batch) plus `adversary` times the cross-entropy of D against "labelled" for both
    kinds; D by its cross-entropy.

    Encoder and decoder are MLPs of the flattened inputs, images too, where the paper has
    convolutions. Inputs, bytes or floats, are centred and divided by the pool's one standard
    deviation. The paper trains for 100 epochs of the whole pool, many more steps.

    Args:
      latent: dimensions of the latent space.
      hidden: widths of the encoder; reversed, of the decoder.
      discriminator: widths of its hidden layers.
      steps: minibatches in each query.
      batch_size: of labelled and of unlabelled points, each.
      learning_rate: of both Adams.
      beta: of the KL divergence.
      adversary: the paper's lambda_2.
      chunk: points scored at a time.
    """

    check_positive(
        "vaal",
        latent=latent,
        hidden=hidden,
        discriminator=discriminator,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        chunk=chunk,
    )

    from jal.networks import mlp  # with Flax

    def pick(key: Array, round: Round, k_max: int) -> Array:
        x, labels = round.x, round.labels
        inputs = math.prod(x.shape[1:])
        encoder = mlp((inputs,), 2 * latent, hidden)
        decoder = mlp((latent,), inputs, hidden[::-1])
        critic = mlp((latent,), 1, discriminator)
        rule = optax.adam(learning_rate)
        vectors = _vectors(x)

        def encode(params: _VAE, x: Array) -> tuple[Array, Array]:
            mean, log_variance = jnp.split(_apply(encoder, params.encoder, x), 2, axis=1)
            return mean, jnp.clip(log_variance, -10.0, 10.0)  # an outlier's would overflow

        def judge(params: PyTree, means: Array) -> Array:
            return _apply(critic, params, means)[:, 0]

        def vae_loss(params: _VAE, critic: PyTree, key: Array, x: Array) -> Array:
            mean, log_variance = encode(params, x)
            noise = jax.random.normal(key, mean.shape)
            decoded = _apply(decoder, params.decoder, mean + jnp.exp(0.5 * log_variance) * noise)
            bound = evidence_loss(x, decoded, mean, log_variance, beta)
            # Twice the mean over both kinds: the sum of a mean over each.
            return 2.0 * jnp.mean(bound + adversary * as_labelled_loss(judge(critic, mean)))

        def critic_loss(params: PyTree, means: Array) -> Array:
            return discriminator_loss(*jnp.split(judge(params, means), 2))

        def moved(params: PyTree, gradient: PyTree, moments: PyTree) -> tuple[PyTree, PyTree]:
            update, moments = rule.update(gradient, moments)
            return optax.apply_updates(params, update), moments

        key_encoder, key_decoder, key_critic, key_steps, key_ties = jax.random.split(key, 5)

        def step(i: Array, carry: _Carry) -> _Carry:
            vae, critic, moments, critic_moments = carry
            key_draw, key_noise = jax.random.split(jax.random.fold_in(key_steps, i))
            both = vectors(x[_draw(key_draw, labels, batch_size)])
            gradient = jax.grad(vae_loss)(vae, critic, key_noise, both)
            vae, moments = moved(vae, gradient, moments)
            gradient = jax.grad(critic_loss)(critic, encode(vae, both)[0])
            critic, critic_moments = moved(critic, gradient, critic_moments)
            return _Carry(vae, critic, moments, critic_moments)

        vae = _VAE(encoder.init(key_encoder).params, decoder.init(key_decoder).params)
        params = critic.init(key_critic).params
        start = _Carry(vae, params, rule.init(vae), rule.init(params))
        end = jax.lax.fori_loop(0, steps, step, start)
        # The logit of D ranks as D does, and does not saturate.
        logit = in_chunks(
            lambda x: judge(end.discriminator, encode(end.vae, vectors(x))[0]), x, chunk
        )
        # What is equal but for rounding counts as equal.
        return select.top_k(jnp.round(-logit * 1e5), round.labelled, k_max, key=key_ties)

    return stateless(pick)._replace(uses_outputs=False)


def evidence_loss(
    x: Array, decoded: Array, mean: Array, log_variance: Array, beta: float = 1.0
) -> Array:
    """A VAE's negative evidence bound, up to a constant, for a Gaussian of unit variance.

    Args:
      x: `[M, D]` float, encoded.
      decoded: `[M, D]` float, from a draw of the latent Gaussian.
      mean: `[M, Z]` float, of that Gaussian.
      log_variance: `[M, Z]` float, likewise.
      beta: of the KL divergence from a standard normal.

    Returns:
      `[M]` float (Kingma and Welling, 2014; beta: Higgins et al., 2017).
    """
    error = 0.5 * jnp.sum(jnp.square(decoded - x), axis=1)
    divergence = jnp.square(mean) + jnp.exp(log_variance) - 1.0 - log_variance
    return error + 0.5 * beta * jnp.sum(divergence, axis=1)


def as_labelled_loss(logits: Array) -> Array:
    """Cross-entropy of the answer "labelled", from D's `logits [M]`: `[M]`, what the VAE lowers."""
    return jax.nn.softplus(-logits)


def discriminator_loss(labelled: Array, unlabelled: Array) -> Array:
    """D's cross-entropy `[]`, from its logits of labelled points `[M]` and of unlabelled ones."""
    return jnp.mean(jax.nn.softplus(-labelled)) + jnp.mean(jax.nn.softplus(unlabelled))


def _apply(network: Network, params: PyTree, x: Array) -> Array:
    return network.apply(NetworkVariables(params, {}), x, False)[0].logits


def _vectors(pool: Array) -> Callable[[Array], Array]:
    """`x [M, ...] -> [M, D]` float32, in units in which the pool has mean 0 and variance 1."""
    shift = jnp.mean(pool.astype(jnp.float32), axis=0)
    scale = jnp.sqrt(jnp.mean(jnp.square(pool - shift)))
    scale = jnp.where(scale > 0, scale, 1.0)
    return lambda x: ((x - shift) / scale).reshape(x.shape[0], -1)


def _draw(key: Array, labels: Labels, count: int) -> Array:
    """`count` labelled points, then as many unlabelled ones, uniformly with repetition.

    Where there is none of a kind, a point of the other stands in.
    """
    size = labels.order.shape[0]
    key_labelled, key_unlabelled = jax.random.split(key)
    labelled = jax.random.randint(key_labelled, (count,), 0, jnp.maximum(labels.n, 1))
    first = jnp.minimum(labels.n, size - 1)
    unlabelled = jax.random.randint(key_unlabelled, (count,), first, size)
    return labels.order[jnp.concatenate([labelled, unlabelled])]


members = (
    Registered(
        vaal,
        "Sinha et al., 2019",
        ("x", "labels"),
        "T batches through a VAE, then N; T steps",
        "a VAE and a discriminator, anew in each query",
        {
            "latent": "code",
            "hidden": "ours: for inputs of any shape; the code has four convolutions up to 1,024",
            "discriminator": "code",
            "steps": "ours: the code's 100 epochs of 50,000 images are 39,062, 78 times as long",
            "batch_size": "code",
            "learning_rate": "code",
            "beta": "code",
            "adversary": "code",
            "chunk": "ours: bounds memory, changes no result",
        },
    ),
)
