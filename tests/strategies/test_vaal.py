"""VAAL: the evidence bound, the inputs' scale, and which points look unlabelled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.labels import labelled_mask
from jal.strategies.vaal import (
    _draw,
    _vectors,
    as_labelled_loss,
    discriminator_loss,
    evidence_loss,
    vaal,
)
from jal.types import InputError, Labels, Round

SMALL = {
    "latent": 4,
    "hidden": (32,),
    "discriminator": (32, 32),
    "batch_size": 32,
    "learning_rate": 2e-3,
}


def round_of(x, order, n):
    labels = Labels(jnp.asarray(order, jnp.int32), jnp.int32(n))
    mask = labelled_mask(labels)
    nothing = jnp.zeros((len(x), 2))
    return Round(x, jnp.where(mask, 0, -1), labels, mask, (), nothing, nothing)


@jax.jit
def select(key, round_):
    strategy = vaal(steps=300, chunk=50, **SMALL)
    return strategy.select(key, (), round_, 40)[0]


def test_evidence_loss_is_the_bound():
    """The KL divergence against an average over draws, the error against scipy's density."""
    rng = np.random.default_rng(0)
    x, decoded = rng.normal(size=(2, 3, 5))
    mean, log_variance = rng.normal(size=(2, 3, 2))
    z = mean + np.exp(0.5 * log_variance) * rng.normal(size=(200_000, 3, 2))
    log_q = -0.5 * ((z - mean) ** 2 / np.exp(log_variance) + log_variance)
    divergence = (log_q + 0.5 * z**2).sum(axis=2).mean(axis=0)
    error = 0.5 * ((x - decoded) ** 2).sum(axis=1)
    for beta in (0.0, 1.0, 4.0):
        found = evidence_loss(x, decoded, mean, log_variance, beta)
        np.testing.assert_allclose(found, error + beta * divergence, rtol=0.01)


def test_cross_entropies():
    labelled, unlabelled = np.random.default_rng(0).normal(size=(2, 6))
    d = lambda logits: 1 / (1 + np.exp(-logits))  # noqa: E731
    np.testing.assert_allclose(as_labelled_loss(labelled), -np.log(d(labelled)), rtol=1e-5)
    expected = -np.log(d(labelled)).mean() - np.log(1 - d(unlabelled)).mean()
    np.testing.assert_allclose(discriminator_loss(labelled, unlabelled), expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.float32])
def test_inputs_are_of_the_pools_scale(dtype):
    pool = jnp.asarray(np.random.default_rng(0).integers(0, 256, (30, 2, 3, 1)), dtype)
    vectors = _vectors(pool)(pool[:4])
    wanted = np.asarray(pool, np.float64) - np.asarray(pool).mean(axis=0)
    wanted /= np.sqrt((wanted**2).mean())
    np.testing.assert_allclose(vectors, wanted[:4].reshape(4, 6), atol=1e-5)
    assert (_vectors(pool[:1])(pool[:1]) == 0).all()  # no scale at all


def test_draws_of_both_kinds():
    order = np.random.default_rng(0).permutation(20)
    draw = jax.jit(lambda labels: _draw(jax.random.key(0), labels, 300))
    for n in (1, 7, 19):
        drawn = draw(Labels(jnp.asarray(order, jnp.int32), jnp.int32(n)))
        assert set(drawn[:300].tolist()) == set(order[:n].tolist())
        assert set(drawn[300:].tolist()) == set(order[n:].tolist())


@pytest.fixture(scope="module")
def clusters():
    """Labelled points are of the near cluster; unlabelled ones half near, half far."""
    far = np.random.default_rng(0).permutation(120) < 40
    x = jax.random.normal(jax.random.key(0), (120, 8, 8)) + jnp.where(far, 1.5, 0.0)[:, None, None]
    near = np.flatnonzero(~far)
    return x, far, np.r_[near, np.flatnonzero(far)]


def test_picks_the_cluster_without_labels_at_any_scale(clusters):
    """The same at another scale: exactly, for a power of 2."""
    x, far, order = clusters
    picks = select(jax.random.key(1), round_of(x, order, 40))
    assert far[picks].mean() > 0.9  # of half
    assert len(set(picks.tolist())) == 40
    scaled = select(jax.random.key(1), round_of(4096.0 * x, order, 40))
    np.testing.assert_array_equal(scaled, picks)


def test_the_vae_is_trained_to_hide_the_difference(clusters):
    """A discriminator beside it tells far from near less well than without the term."""
    x, far, order = clusters
    seen = round_of(x, order, 40)

    def among_first(adversary):
        strategy = vaal(steps=300, adversary=adversary, **SMALL)
        run = jax.jit(lambda key: strategy.select(key, (), seen, 20)[0])
        return far[np.asarray(jax.lax.map(run, jax.random.split(jax.random.key(2), 4)))].mean()

    assert among_first(0.0) > 0.95 and among_first(100.0) < 0.75  # of a third at random


def test_an_outlier_gives_no_nan(clusters):
    """The variance that the encoder gives it must not overflow: NaN would pick by the index."""
    x, _, order = clusters
    picks = select(jax.random.key(1), round_of(x.at[0, 0, 0].set(1e6), order, 40))
    assert set(picks.tolist()) != set(np.sort(order[40:])[:40].tolist())


def test_few_of_one_kind(clusters):
    x, _, order = clusters
    for n in (0, 1, 80):
        picks = select(jax.random.key(1), round_of(x, order, n))
        assert set(picks.tolist()) <= set(order[n:].tolist()) and len(set(picks.tolist())) == 40


def test_errors():
    for option, value in [("steps", -1), ("chunk", 0), ("hidden", (32, 0)), ("latent", 0)]:
        with pytest.raises(InputError, match=f"vaal takes a positive {option}, got"):
            vaal(**{option: value})


def test_reads_inputs_alone():
    assert vaal().uses_outputs is False and vaal().auxiliary is None
