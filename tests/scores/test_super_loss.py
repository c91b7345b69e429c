import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import lambertw

from jal.scores import super_loss, super_loss_weight

LOG10 = float(np.log(10))
LOSSES = np.concatenate([np.linspace(0, 12, 481), [1e-6, 30.0, 200.0]]).astype(np.float32)
SETTINGS = [(np.log(2), 1.0), (LOG10, 0.25), (LOG10, 1.0), (np.log(100), 0.25), (0.0, 2.0)]


def sigmas(losses, tau, lambda_):
    return np.asarray(jax.vmap(lambda one: super_loss_weight(one, tau, lambda_))(losses))


def values(losses, tau, lambda_):
    return np.asarray(jax.vmap(lambda one: super_loss(one, tau, lambda_))(losses))


def in_float64(losses, tau, lambda_):
    """sigma and the super loss of the paper's formulas."""
    losses = losses.astype(np.float64)
    w = np.real(lambertw(0.5 * np.maximum(-2 / np.e + 1e-15, (losses - tau) / lambda_)))
    return np.exp(-w), (losses - tau) * np.exp(-w) + lambda_ * w**2


@pytest.mark.parametrize(("tau", "lambda_"), SETTINGS)
def test_agrees_with_scipy(tau, lambda_):
    sigma, loss = in_float64(LOSSES, tau, lambda_)
    np.testing.assert_allclose(sigmas(LOSSES, tau, lambda_), sigma, rtol=3e-4)
    far = np.abs(0.5 * (LOSSES - tau) / lambda_ + 1 / np.e) > 1e-3  # tau and ratio are rounded
    np.testing.assert_allclose(sigmas(LOSSES, tau, lambda_)[far], sigma[far], rtol=5e-6)
    np.testing.assert_allclose(values(LOSSES, tau, lambda_), loss, rtol=2e-6, atol=3e-6)


@pytest.mark.parametrize("lambda_", [0.25, 1.0, 2.0, 1e6])
@pytest.mark.parametrize("tau", [0.0, np.log(2), LOG10])
def test_a_loss_of_tau_counts_as_it_is(tau, lambda_):
    tau = np.float32(tau)
    assert float(super_loss_weight(tau, tau, lambda_)) == 1.0
    assert float(super_loss(tau, tau, lambda_)) == 0.0


def test_two_classes_and_no_loss():
    """sigma is 2: W0(-log 2 / 2) is -log 2."""
    tau = float(np.log(2))
    np.testing.assert_allclose(super_loss_weight(0.0, tau, 1.0), 2.0, rtol=1e-6)
    expected = -2 * np.log(2) + np.log(2) ** 2
    np.testing.assert_allclose(expected, -0.9058, atol=1e-4)
    np.testing.assert_allclose(super_loss(0.0, tau, 1.0), expected, rtol=1e-6)


@pytest.mark.parametrize(("tau", "lambda_"), SETTINGS)
def test_sigma_is_e_where_clamped_and_falls_beyond(tau, lambda_):
    losses = np.linspace(tau - 5, tau + 20, 2001).astype(np.float32)
    sigma = sigmas(losses, tau, lambda_)
    clamped = losses < tau - 2 * lambda_ / np.e - 1e-5
    assert 100 < clamped.sum() < 1000
    assert (sigma[clamped] == np.float32(np.e)).all()
    free = losses > tau - 2 * lambda_ / np.e + 1e-5
    assert (sigma[free] < np.e).all() and (np.diff(sigma[free]) < 0).all()
    assert (sigma > 0).all()
    loss = values(losses, tau, lambda_)
    np.testing.assert_allclose(
        loss[clamped], np.e * (losses[clamped] - tau) + lambda_, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(("lambda_", "share"), [(0.25, 0.120), (1.0, 0.209)])
def test_the_probability_from_which_sigma_is_clamped(lambda_, share):
    """With ten classes: a classifier that is a little better than chance is clamped already."""
    below, above = (
        float(super_loss_weight(-np.log(share + step), LOG10, lambda_)) for step in (-1e-3, 1e-3)
    )
    assert above == np.float32(np.e) and below < 0.99 * np.e


@pytest.mark.parametrize(("tau", "lambda_"), SETTINGS)
def test_the_derivative_is_sigma(tau, lambda_):
    found = jax.vmap(jax.grad(lambda one: super_loss(one, tau, lambda_)))(LOSSES)
    np.testing.assert_allclose(found, sigmas(LOSSES, tau, lambda_), rtol=1e-6)
    # Of the value too, in which sigma follows the loss.
    step = 1e-6
    ahead, behind = (
        in_float64(LOSSES.astype(np.float64) + s, tau, lambda_)[1] for s in (step, -step)
    )
    np.testing.assert_allclose(found, (ahead - behind) / (2 * step), rtol=1e-3, atol=1e-6)


def test_the_gradient_through_sigma_is_stopped():
    for argnum in range(3):
        gradient = jax.grad(super_loss_weight, argnum)(jnp.float32(3.0), jnp.float32(2.0), 0.5)
        assert float(gradient) == 0.0
    second = jax.grad(jax.grad(lambda one: super_loss(one, 2.0, 0.5)))(3.0)
    assert float(second) == 0.0
    at_the_clamp = LOG10 - 2 / np.e
    assert np.isfinite(jax.grad(lambda one: super_loss(one, LOG10, 1.0))(at_the_clamp))


@pytest.mark.parametrize("loss", [0.5, 1.8, 2.2, 4.0])
def test_sigma_is_a_local_minimum_and_for_easy_examples_no_global_one(loss):
    tau, lambda_ = LOG10, 1.0
    sigma = float(super_loss_weight(loss, tau, lambda_))

    def of(s):
        return (loss - tau) * s + lambda_ * np.log(s) ** 2

    np.testing.assert_allclose(super_loss(loss, tau, lambda_), of(sigma), rtol=1e-5)
    if loss >= tau - 2 * lambda_ / np.e:  # else there is no minimum, and sigma is clamped
        assert of(sigma) <= min(of(sigma * 1.01), of(sigma * 0.99))
    assert (of(1e6) < of(sigma)) == (loss < tau)


def test_the_limit_of_a_large_lambda_is_the_loss_less_tau():
    losses = LOSSES[LOSSES < 13]
    for lambda_ in (1e5, 1e10, 3e38):
        np.testing.assert_allclose(sigmas(losses, LOG10, lambda_), 1.0, rtol=1e-4)
        found = values(losses, LOG10, lambda_)
        np.testing.assert_allclose(found, losses - np.float32(LOG10), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "tau", "lambda_", "value", "sigma"),
    [
        (np.inf, LOG10, 1.0, np.inf, 0.0),
        (3e38, LOG10, 1.0, None, None),
        (-np.inf, LOG10, 1.0, -np.inf, np.e),
        (np.nan, LOG10, 1.0, np.nan, np.nan),
        (5.0, LOG10, 2e-38, 0.0, 0.0),
        (1.0, LOG10, 2e-38, np.e * (1 - LOG10), np.e),
        (0.0, 0.0, 2e-38, 0.0, 1.0),
    ],
)
def test_extremes(loss, tau, lambda_, value, sigma):
    found = float(super_loss(loss, tau, lambda_)), float(super_loss_weight(loss, tau, lambda_))
    if value is None:
        sigma, value = (float(v[0]) for v in in_float64(np.array([loss]), tau, lambda_))
    np.testing.assert_allclose(found, (value, sigma), rtol=1e-5, atol=1e-30)
    gradient = float(jax.grad(super_loss)(jnp.float32(loss), tau, lambda_))
    np.testing.assert_allclose(gradient, sigma, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.int32])
@pytest.mark.parametrize("score", [super_loss, super_loss_weight])
def test_dtypes(score, dtype):
    """Of the same numbers, in float32."""
    loss = jnp.array([0, 1, 2, 5], dtype)
    found = jax.vmap(lambda one: score(one, 2.0, 0.5))(loss)
    assert found.dtype == jnp.float32
    expected = jax.vmap(lambda one: score(one, 2.0, 0.5))(loss.astype(jnp.float32))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("score", [super_loss, super_loss_weight])
def test_lambda_may_be_traced(score):
    lambdas = jnp.array([0.25, 1.0, 2.0])
    found = jax.jit(jax.vmap(lambda one: score(3.0, 2.0, one)))(lambdas)
    expected = [float(score(3.0, 2.0, float(one))) for one in lambdas]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((jnp.zeros(3), 1.0, 1.0), r"one example's loss \[\], got shape \(3,\): write jax.vmap"),
        ((0.0, jnp.zeros(3), 1.0), r"one example's tau \[\], got shape \(3,\)"),
        ((0.0, 1.0, 0.0), r"lambda_ as a finite number above 0, got 0\.0\."),
        ((0.0, 1.0, -1), r"lambda_ as a finite number above 0, got -1\."),
        ((0.0, 1.0, np.nan), r"lambda_ as a finite number above 0, got nan\."),
        ((0.0, 1.0, np.inf), r"lambda_ as a finite number above 0, got inf\."),
        ((0.0, 1.0, 1e-60), r"lambda_ as a finite number above 0, got 1e-60\."),
        ((0.0, 1.0, "1"), r"lambda_ as an array of numbers, got str"),
        ((1j, 1.0, 1.0), r"loss of real numbers, got complex64"),
    ],
)
@pytest.mark.parametrize("score", [super_loss, super_loss_weight])
def test_errors(score, given, message):
    with pytest.raises(ValueError, match=f"^{score.__name__} takes {message}"):
        score(*given)
