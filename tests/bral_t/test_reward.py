"""The reward network: what it is, what it learns from and when."""

import jax
import jax.numpy as jnp
import numpy as np

from jal.bral_t import Reward, init_reward, predict, train_reward
from jal.bral_t.reward import Layer

KEY = jax.random.key(0)


def _samples(r=6, m=20, f=3):
    """Targets that are linear in the inputs."""
    x = jax.random.normal(jax.random.key(1), (r, m, f))
    return x, x @ jnp.array([2.0, -1.0, 0.0]) + 5.0, jnp.ones((r, m), bool)


def test_a_prediction_by_hand():
    layers = (
        Layer(jnp.array([[1.0, -1.0]]), jnp.array([0.0, 1.0])),
        Layer(jnp.array([[2.0], [3.0]]), jnp.array([0.5])),
    )
    moments = (jnp.array([10.0]), jnp.array([2.0]), jnp.array(-4.0), jnp.array(2.0))
    reward = Reward(layers, *moments, jnp.array([6.0]), jnp.array([14.0]))
    # (14 - 10) / 2 = 2; ReLU of (2, -1) is (2, 0); 2 * 2 + .5 = 4.5; 4.5 * 2 - 4 = 5.
    assert predict(reward, jnp.array([14.0])) == 5.0
    # Of at most 14. (6 - 10) / 2 = -2; ReLU of (-2, 3) is (0, 3); 9.5 * 2 - 4 = 15.
    np.testing.assert_array_equal(predict(reward, jnp.array([[20.0], [-9.0]])), [5.0, 15.0])
    assert predict(reward, jnp.zeros((4, 2, 1))).shape == (4, 2)


def test_layers_are_drawn_as_pytorch_draws_them():
    reward = init_reward(KEY, 400, (100,))
    for layer, bound in zip(reward.layers, (1 / 20, 1 / 10), strict=True):
        values = np.concatenate([np.ravel(layer.kernel), layer.bias])
        assert np.abs(values).max() <= bound
    # Uniform in -b..b: the standard deviation is b / sqrt 3.
    np.testing.assert_allclose(np.std(reward.layers[0].kernel), 1 / 20 / np.sqrt(3), rtol=0.01)
    assert [layer.kernel.shape for layer in reward.layers] == [(400, 100), (100, 1)]


def test_it_learns_what_can_be_learned():
    x, y, known = _samples()
    reward, losses = train_reward(
        KEY, x, y, known, steps=50, batch_size=64, learning_rate=0.1, hidden=(32,)
    )
    assert losses.shape == (300,) and losses[-20:].mean() < 0.05 < 0.5 < losses[0]
    # Standardised targets: a loss of 1 is that of their mean.
    apart = np.abs(predict(reward, x) - y)
    assert apart.mean() < 0.2 * np.std(y)


def test_a_unit_that_was_dead_in_training_blows_up_no_prediction():
    """Its deviation of 1.6e-11 would make .03 two billion."""
    x = jax.random.normal(KEY, (1, 40, 2)).at[..., 1].set(0.0).at[0, 0, 1].set(1e-10)
    options = {"steps": 5, "batch_size": 8, "hidden": (4,)}
    known = jnp.ones((1, 40), bool)
    reward, _ = train_reward(KEY, x, x[..., 0], known, **options)
    assert reward.scale[1] < 1e-10
    np.testing.assert_array_equal(reward.low, x.min(axis=(0, 1)))
    np.testing.assert_array_equal(reward.high, x.max(axis=(0, 1)))
    np.testing.assert_array_equal(
        predict(reward, jnp.array([0.5, 0.03])), predict(reward, jnp.array([0.5, 1e-10]))
    )
    # What is not defined has no say in the bounds; of nothing there are none.
    fewer = train_reward(KEY, x, x[..., 0], known.at[0, 0].set(False), **options)[0]
    assert fewer.high[1] == 0.0
    none = train_reward(KEY, x, x[..., 0], jnp.zeros((1, 40), bool), **options)[0]
    assert jnp.isinf(none.low).all() and jnp.isfinite(predict(none, x)).all()


def test_a_step_sees_the_samples_up_to_now():
    x, y, known = _samples()
    late = known.at[:4].set(False)
    losses = train_reward(KEY, x, y, late, steps=5, batch_size=8, hidden=(4,))[1]
    assert (losses[:20] == 0).all() and (losses[20:] > 0).all()
    # What comes later does not change what was: as long as the moments are the same.
    other = x.at[4:].set(x[4:, ::-1]), y.at[4:].set(y[4:, ::-1])
    options = {"steps": 5, "batch_size": 8, "hidden": (4,)}
    before = train_reward(KEY, x, y, known, **options)[1]
    after = train_reward(KEY, *other, known, **options)[1]
    np.testing.assert_allclose(before[:20], after[:20], rtol=1e-4)
    assert not np.allclose(before[20:], after[20:], rtol=1e-2)


def test_what_is_not_defined_is_never_read():
    x, y, known = _samples()
    some = known.at[:, ::2].set(False)
    nan = jnp.where(some[..., None], x, jnp.nan), jnp.where(some, y, jnp.nan)
    options = {"steps": 5, "batch_size": 8, "hidden": (4,)}
    expected = train_reward(KEY, x, y, some, **options)
    found = train_reward(KEY, *nan, some, **options)
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    # The moments are those of the others alone.
    kept = np.asarray(x)[:, 1::2].reshape(-1, 3)
    np.testing.assert_allclose(found[0].mean, kept.mean(0), atol=1e-6)
    np.testing.assert_allclose(found[0].scale, kept.std(0), rtol=1e-5)
    np.testing.assert_allclose(found[0].target_scale, np.asarray(y)[:, 1::2].std(), rtol=1e-5)


def test_nothing_defined():
    x, y, known = _samples()
    reward, losses = train_reward(KEY, x, y, ~known, steps=2, hidden=(4,))
    assert (losses == 0).all() and np.isfinite(predict(reward, x)).all()


def test_scale_and_shift_of_inputs_and_targets_do_not_matter():
    x, y, known = _samples()
    options = {"steps": 5, "batch_size": 8, "hidden": (4,)}
    plain = predict(train_reward(KEY, x, y, known, **options)[0], x)
    for scale, shift in ((1e-4, 0.0), (1e4, 3e4), (1e25, 0.0), (1e-25, 0.0)):
        moved = scale * x + shift
        reward = train_reward(KEY, moved, scale * y - shift, known, **options)[0]
        np.testing.assert_allclose(
            (predict(reward, moved) + shift) / scale, plain, atol=0.02 * np.std(y)
        )


def test_inputs_that_are_all_alike_stay_as_they_are():
    """Up to rounding: a deviation of 1e-7 is no unit to measure by."""
    x, y, known = _samples()
    x = x.at[..., 2].set(0.1 + 1e-8 * x[..., 2])
    reward = train_reward(KEY, x, y, known, steps=2, hidden=(4,))[0]
    assert reward.scale[2] == 1.0
