import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jal.select import galaxy, top_k
from jal.select.ties import argmax, predicted_classes

KEYS = jax.random.split(jax.random.key(0), 3000)
ALIKE = 1e-3  # of p-values


def test_top_k_draws_among_equals_and_orders_them_at_random():
    scores, labelled = jnp.array([1.0, 5, 1, 9, 1, 5, 0, 1]), jnp.arange(8) == 3
    picks = np.asarray(jax.jit(jax.vmap(lambda key: top_k(scores, labelled, 4, key=key)))(KEYS))
    assert (np.sort(picks[:, :2]) == [1, 5]).all() and np.isin(picks[:, 2:], [0, 2, 4, 7]).all()
    assert (picks[:, 2] != picks[:, 3]).all()
    for place, equals in enumerate(([1, 5], [1, 5], [0, 2, 4, 7], [0, 2, 4, 7])):
        assert stats.chisquare(np.bincount(picks[:, place], minlength=8)[equals]).pvalue > ALIKE
    np.testing.assert_array_equal(top_k(scores, labelled, 4), [1, 5, 0, 2])


def test_argmax_takes_the_highest_priority_among_equals():
    priority = jnp.array([0.9, 0.1, 0.5, 0.2])
    assert argmax(jnp.array([1.0, 2, 2, 0]), priority) == 2
    assert argmax(jnp.array([1.0, jnp.nan, 2, jnp.nan]), priority) == 3


def test_classes_that_tie_are_predicted_equally_often_and_alike():
    logits = jnp.array([[1.0, 3, 0, 3, 3], [2, 2, 0, 2, 2], [0, 0, 9, 0, 0]])
    found = np.asarray(jax.jit(jax.vmap(lambda key: predicted_classes(key, logits)))(KEYS))
    assert (found[:, 2] == 2).all() and np.isin(found[:, 0], [1, 3, 4]).all()
    assert stats.chisquare(np.bincount(found[:, 0])[[1, 3, 4]]).pvalue > ALIKE
    assert ((found[:, 1] == found[:, 0]) | (found[:, 1] == 0)).all()


def test_a_batch_smaller_than_the_classes_favours_none_of_galaxys_graphs():
    """With one label of each class, each graph has a first pick of its own."""
    rng = np.random.default_rng(3)
    logits, labelled = jnp.asarray(3 * rng.normal(size=(90, 3)), jnp.float32), jnp.arange(90) < 3
    logits = logits.at[:3].set(10 * jnp.eye(3))
    y = jnp.where(labelled, jnp.arange(90), -1)
    run = jax.jit(jax.vmap(lambda key: galaxy(logits, y, labelled, 2, key=key)))
    picks, times = np.unique(np.asarray(run(KEYS))[:, 0], return_counts=True)
    assert len(picks) == 3 and stats.chisquare(times).pvalue > ALIKE
