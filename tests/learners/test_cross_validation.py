"""Folds, and the choice of C from their scores."""

import jax
import jax.numpy as jnp
import numpy as np

from jal.learners.cross_validation import grid_search, stratified_folds

RNG = np.random.default_rng(0)
Y = jnp.asarray(RNG.permutation(np.repeat(np.arange(4), (48, 25, 13, 4))), jnp.int32)
LABELLED = jnp.asarray(RNG.random(90) < 0.7)


def test_folds_are_even_in_size_and_in_every_class():
    fold = np.asarray(stratified_folds(jax.random.key(0), jnp.where(LABELLED, Y, -1), 5))
    for classes in ([0, 1, 2, 3], [0], [1], [2], [3]):
        inside = LABELLED & jnp.isin(Y, jnp.asarray(classes))
        counts = np.bincount(fold[np.asarray(inside)], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_folds_are_random_in_the_key():
    keys = jax.random.split(jax.random.key(1), 400)
    folds = jax.vmap(lambda key: stratified_folds(key, jnp.where(LABELLED, Y, -1), 5))(keys)
    share = np.mean(np.asarray(folds)[:, np.asarray(LABELLED & (Y == 0))] == 0, axis=0)
    np.testing.assert_allclose(share, 0.2, atol=0.1)


def search(decide, grid, folds=5, balanced=False, labelled=LABELLED):
    chosen, info = grid_search(
        jax.random.key(0),
        decide,
        jnp.asarray(grid, jnp.float32),
        Y,
        labelled,
        folds=folds,
        balanced=balanced,
    )
    assert info["C"] == chosen
    return float(chosen), float(info["cv_accuracy"])


def right_on(points):
    """Logits that are right on some points and wrong on all others."""
    return jax.nn.one_hot(jnp.where(points, Y, (Y + 1) % 4), 4)


def test_of_equal_scores_the_first_wins():
    assert search(lambda C, on: right_on(Y >= 0), [0.1, 1.0, 10.0]) == (np.float32(0.1), 1.0)


def test_only_points_held_out_are_scored():
    assert search(lambda C, on: right_on((C > 0.5) & ~on), [0.1, 1.0]) == (1.0, 1.0)
    assert search(lambda C, on: right_on(on | ~LABELLED), [0.1, 1.0])[1] == 0.0


def test_balanced_score_gives_rare_classes_the_same_say():
    def decide(C, on):
        return jnp.where(C < 0.5, right_on(Y == 0), right_on(Y != 0))

    everyone = jnp.ones(90, bool)
    plain = search(decide, [0.1, 1.0], folds=2, labelled=everyone)
    balanced = search(decide, [0.1, 1.0], folds=2, labelled=everyone, balanced=True)
    assert plain[0] == np.float32(0.1) and np.isclose(plain[1], 48 / 90, atol=1e-6)
    assert balanced[0] == 1.0 and np.isclose(balanced[1], 3 / 4, atol=1e-6)


def test_fewer_points_than_folds():
    few = jnp.arange(90) < 3
    chosen, score = search(lambda C, on: right_on(C > 0.5), [0.1, 1.0], labelled=few)
    assert chosen == 1.0 and np.isclose(score, 1.0)  # the two folds that hold none do not count


def test_where_every_choice_is_wrong_the_middle_is_taken():
    few = jnp.arange(90) < 3
    chosen, score = search(lambda C, on: right_on(C < 0), [0.1, 1.0, 10.0], labelled=few)
    assert (chosen, score) == (1.0, 0.0)


def test_without_a_choice_nothing_is_trained():
    def never(C, on):
        raise AssertionError

    C, info = grid_search(
        jax.random.key(0), never, jnp.array([0.3]), Y, LABELLED, folds=5, balanced=False
    )
    assert jnp.float32(0.3) == C and info == {}
