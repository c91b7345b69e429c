import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracles

from jal.select.gradients import directions, residuals, similarities, unit_rows

N, K, D = 12, 4, 3


def a_pool(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = (N, K), (N, D)
    return tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes)


def test_residuals_are_minus_the_loss_gradient():
    logits, _ = a_pool()
    y = jnp.arange(N) % K

    def loss(logits):
        return -jax.nn.log_softmax(logits)[jnp.arange(N), y].sum()

    found = residuals(jnp.asarray(logits), y)
    np.testing.assert_allclose(found, -jax.grad(loss)(jnp.asarray(logits)), atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_similarities_are_those_of_the_gradients(scale):
    logits, features = a_pool()
    gradients = oracles.gradient_embeddings(logits, features)
    gradients /= np.linalg.norm(gradients, axis=1, keepdims=True)
    scaled = jnp.asarray(features * np.float32(scale))
    found = directions(jnp.asarray(logits), scaled, jnp.argmax(logits, axis=1))
    expected = (1 + gradients @ gradients.T) / 2
    np.testing.assert_allclose(similarities(found, found), expected, atol=1e-6)


def test_a_gradient_of_zero_is_half_like_everything():
    logits, features = a_pool()
    features[0] = 0
    logits[1] = [1000, 0, 0, 0]  # certain: no residual
    found = directions(jnp.asarray(logits), jnp.asarray(features), jnp.argmax(logits, axis=1))
    found = np.asarray(similarities(found, found))
    assert (found[:2] == 0.5).all() and (found[:, :2] == 0.5).all()
    assert np.isfinite(found).all()


def test_unit_rows():
    rows = unit_rows(jnp.array([[3.0, 4.0], [0.0, 0.0], [1e-36, 0.0], [-1e36, 1e36]]))
    expected = [[0.6, 0.8], [0, 0], [1, 0], [-(0.5**0.5), 0.5**0.5]]
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    slope = jax.grad(lambda values: unit_rows(values)[:, 0].sum())
    # d (3 / 5) = (16, -12) / 125; a row of zeros is finite too.
    np.testing.assert_allclose(slope(jnp.array([[3.0, 4.0]])), [[0.128, -0.096]], rtol=1e-5)
    assert jnp.isfinite(slope(jnp.zeros((1, 2)))).all()


def test_confident_predictions_keep_their_direction():
    logits = np.array([[0.0, -30.0, -31.0, -40.0]], np.float32)
    found = unit_rows(residuals(jnp.asarray(logits), jnp.array([0])))
    others = np.exp(np.float64(logits[0, 1:]))
    expected = np.array([others.sum(), *-others])
    np.testing.assert_allclose(found[0], expected / np.linalg.norm(expected), rtol=1e-5)
