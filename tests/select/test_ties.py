import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jal.select import galaxy, top_k
from jal.select.ties import argmax, k_largest, predicted_classes, priorities

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


@pytest.mark.parametrize("k", [1, 3, 7, 8])
def test_k_largest_as_a_sort_has_them(k):
    """Without ties, with some inside, at the edge or beyond it, of all; each alone and vmapped."""
    values = np.array(
        [
            [7, 3, 5, 0, 1, 6, 2, 4],
            [7, 3, 7, 0, 1, 6, 2, 4],
            [7, 3, 5, 6, 1, 6, 5, 5],
            [7, 0, 5, 0, 1, 6, 2, 4],
            [2, 2, 2, 2, 2, 2, 2, 2],
            [-np.inf, 3, -np.inf, 0, 1, np.inf, np.inf, 4],
        ],
        np.float32,
    )
    keys = KEYS[: len(values)]
    orders = np.stack([np.asarray(priorities(key, 8)) for key in keys])
    expected = [np.lexsort((-p, -v))[:k] for p, v in zip(orders, values, strict=True)]
    pick = functools.partial(k_largest, k=k)
    found = jax.jit(jax.vmap(lambda values, key: pick(values, key=key)))(values, keys)
    np.testing.assert_array_equal(found, expected)
    for i, alone in enumerate(map(jax.jit(lambda v, key: pick(v, key=key)), values, keys)):
        np.testing.assert_array_equal(alone, expected[i])
        unkeyed = pick(jnp.asarray(values[i]), key=None)
        np.testing.assert_array_equal(unkeyed, np.argsort(-values[i], stable=True)[:k])


@pytest.mark.parametrize("lanes", [(), (3,), (3, 2)])
def test_where_no_lane_ties_nothing_is_drawn(lanes):
    """One predicate for all lanes: a batched one would run both branches."""
    pick = lambda values, key: k_largest(values, 3, key)  # noqa: E731
    for _ in lanes:
        pick = jax.vmap(pick)
    keys = jax.random.split(jax.random.key(0), lanes)
    program = jax.make_jaxpr(pick)(jnp.zeros((*lanes, 8)), keys).jaxpr
    drawing = [e.primitive.name for e in program.eqns if "_uniform" in str(e.params)]
    predicates = [e.invars[0].aval.shape for e in program.eqns if e.primitive.name == "cond"]
    assert drawing == ["cond"] and predicates == [()]


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
