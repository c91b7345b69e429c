"""A pool and a test set of each seed's own."""

import numpy as np
import pytest

from jal.data import from_arrays
from jal.data.dataset import Examples, Parts, assemble, of_classes
from jal.data.seed_splits import class_balanced, of_seed, seed_splits, whole
from jal.data.statistics import standardised
from jal.types import InputError

X = np.arange(10, dtype=np.float32)[:, None] * [1.0, -2.0]
Y = np.array([0, 1] * 5)
DRAWN = assemble(Parts(Examples(X, Y)), 4, split_seed=3)


def given(*splits):
    """A function of the splits of seeds 0, 1 and so on."""
    return lambda y, seed: splits[seed]


def test_a_drawn_test_set_goes_back_to_its_places():
    found = whole(DRAWN)
    np.testing.assert_array_equal(found.train.x, X)
    np.testing.assert_array_equal(found.train.y, Y)
    np.testing.assert_array_equal(found.rows, np.arange(10))
    assert found.test.x.shape == (0, 2) and found.test.y.shape == (0,)


def test_of_some_classes_it_goes_back_among_those():
    three = assemble(Parts(Examples(np.arange(12.0)[:, None], np.arange(12) % 3)), 6)
    found = whole(of_classes(three, (2, 0)))
    np.testing.assert_array_equal(found.rows, [0, 2, 3, 5, 6, 8, 9, 11])
    np.testing.assert_array_equal(found.train.x[:, 0], found.rows)
    np.testing.assert_array_equal(found.train.y, [1, 0] * 4)


def test_a_test_set_of_its_own_comes_behind_and_has_no_files():
    dataset = from_arrays(X, Y, X[:2] + 100, Y[:2])._replace(files=tuple("abcdefghij"))
    found = whole(dataset)
    np.testing.assert_array_equal(found.train.x, np.concatenate([X, X[:2] + 100]))
    np.testing.assert_array_equal(found.rows, np.arange(12))
    assert found.files == () and "no files" in found.notes[-1]


def test_a_seed_has_the_split_that_a_data_set_of_its_number_has():
    splits = seed_splits(whole(DRAWN), class_balanced(4), [3, 5])
    for place, seed in enumerate((3, 5)):
        other = assemble(Parts(Examples(X, Y)), 4, split_seed=seed)
        found = of_seed(whole(DRAWN), splits, place)
        np.testing.assert_array_equal(splits.pool[place], other.rows)
        np.testing.assert_array_equal(found.rows, other.rows)
        np.testing.assert_array_equal(found.test_rows, other.test_rows)
        for one, same in ((found.train, other.train), (found.test, other.test)):
            np.testing.assert_array_equal(one.x, same.x)
            np.testing.assert_array_equal(one.y, same.y)
    assert splits.mean is None


def test_given_splits_are_kept_in_their_order():
    splits = seed_splits(whole(DRAWN), given(([7, 2, 9], [0]), ([1, 3, 5], [8])), [0, 1])
    np.testing.assert_array_equal(splits.pool, [[7, 2, 9], [1, 3, 5]])
    np.testing.assert_array_equal(splits.test, [[0], [8]])
    assert splits.pool.dtype == splits.test.dtype == np.int32


def test_each_pool_is_thinned_out():
    split = given(([7, 2, 9, 4], [0]), ([1, 3, 5, 6], [8]))
    splits = seed_splits(
        whole(DRAWN), split, [0, 1], lambda y, seed: np.flatnonzero(y == seed)[-1:]
    )
    np.testing.assert_array_equal(splits.pool, [[4], [5]])
    np.testing.assert_array_equal(splits.test, [[0], [8]])


def test_inputs_are_standardised_by_the_pool_alone():
    constant = X.copy()
    constant[:, 1] = 4.0
    dataset = whole(from_arrays(constant, Y, constant[:1], Y[:1]))
    splits = seed_splits(dataset, given(([0, 2, 4], [9]), ([5, 7, 9], [0])), [0, 1], None, True)
    np.testing.assert_allclose(splits.mean, [[2, 4], [7, 4]])
    np.testing.assert_allclose(splits.std, [[np.sqrt(8 / 3), 1]] * 2, rtol=1e-6)
    found = of_seed(dataset, splits, 1)
    np.testing.assert_allclose(found.train.x[:, 0], np.array([-2, 0, 2]) / np.sqrt(8 / 3), 1e-6)
    np.testing.assert_allclose(found.test.x, [[-7 / np.sqrt(8 / 3), 0]], rtol=1e-6)


def test_a_data_set_is_standardised_as_scikit_learn_does():
    from sklearn.preprocessing import StandardScaler

    x = np.random.default_rng(0).lognormal(size=(30, 4)).astype(np.float32) * [1, 10, 1e3, 0]
    dataset = from_arrays(x[:20], np.arange(20) % 2, x[20:], np.arange(10) % 2)
    found, scaler = standardised(dataset), StandardScaler().fit(dataset.train.x)
    np.testing.assert_allclose(found.train.x, scaler.transform(dataset.train.x), atol=1e-5)
    np.testing.assert_allclose(found.test.x, scaler.transform(dataset.test.x), atol=1e-5)


def test_bytes_are_standardised_as_numbers_in_0_1():
    x = np.array([[0], [255], [0], [255]], np.uint8)
    found = standardised(from_arrays(x, [0, 1, 0, 1], x[:2], [0, 1]))
    np.testing.assert_allclose(found.train.x[:, 0], [-1, 1, -1, 1])
    assert found.test.x.dtype == np.float32


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (([0, 1],), "a pool and a test set"),
        (7, "a pool and a test set"),
        (([0.0, 1.0], [2]), "must be indices [n], whole numbers, got float64"),
        (([[0, 1]], [2]), "of shape (1, 2)"),
        (([0, 1], []), "the test set of seed 0"),
        (([True, False], [2]), "whole numbers, got bool"),
        (([0, 10], [2]), "index 10 of seed 0's split is outside the data's 0..9"),
        (([0, -1], [2]), "index -1 of seed 0's split"),
        (([0, 1], [1]), "index 1 is twice in seed 0's split"),
    ],
)
def test_a_split_that_is_none_is_refused(split, said):
    with pytest.raises(InputError) as raised:
        seed_splits(whole(DRAWN), lambda y, seed: split, [0])
    assert said in str(raised.value)


def test_seeds_have_pools_of_one_size():
    with pytest.raises(InputError, match="the pool of seed 1 has 1 examples, and that of seed 0"):
        seed_splits(whole(DRAWN), given(([0, 1], [2]), ([0], [2])), [0, 1])
    with pytest.raises(InputError, match="the test set of seed 1 has 2 examples"):
        seed_splits(whole(DRAWN), given(([0, 1], [2]), ([0, 1], [2, 3])), [0, 1])
