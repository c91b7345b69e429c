"""SGD of the reward network's first kernel by what each row took from it: the same network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.bral_t import init_reward, reward, train_reward


@pytest.mark.parametrize("hidden", [(), (8, 4)])
@pytest.mark.parametrize("block", [7, 64])
def test_kernels_agree(monkeypatch, hidden, block):
    """More inputs than rows, in blocks that do not divide them, some rows not defined."""
    x = jax.random.normal(jax.random.key(1), (6, 5, 40)) * 3.0 + 7.0
    y = x[..., 0] - 2.0 * x[..., 1]
    known = jax.random.bernoulli(jax.random.key(2), 0.8, y.shape)
    x = jnp.where(known[..., None], x, jnp.nan)
    options = {"steps": 10, "batch_size": 16, "learning_rate": 0.02, "hidden": hidden}
    monkeypatch.setattr(reward, "_BLOCK", block)
    found = train_reward(jax.random.key(0), x, y, known, **options)
    monkeypatch.setattr(reward, "_in_rows", reward._in_columns)
    expected = train_reward(jax.random.key(0), x, y, known, **options)
    begun = init_reward(jax.random.split(jax.random.key(0))[0], 40, hidden).layers[0].kernel
    assert np.abs(expected[0].layers[0].kernel - begun).max() > 0.01  # it moves

    def close(a, b):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)

    jax.tree.map(close, found, expected)


def test_which_kernel(monkeypatch):
    """That of fewer operations; the other is not run."""
    known = jnp.ones((2, 3), bool)
    for width, other in ((5, "_in_rows"), (6, "_in_columns")):
        with monkeypatch.context() as patch:
            patch.setattr(reward, other, None)
            train_reward(jax.random.key(0), jnp.ones((2, 3, width)), known * 1.0, known, steps=1)
