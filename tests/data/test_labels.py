"""Labels of any kind become classes 0..K-1 with names, or are refused with what would work."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from jal.data import from_arrays, load
from jal.types import InputError

N = 60
TURNS = np.arange(N)
X = np.random.default_rng(0).random((N, 2)).astype(np.float32)


def classes_of(y, y_test=None, **options):
    """The classes of some labels, their number, their names."""
    found = from_arrays(X, y, X, y if y_test is None else y_test, **options)
    return found.train.y.tolist(), found.num_classes, found.class_names


def of(*labels, dtype=None) -> np.ndarray:
    return np.array(labels, dtype)[TURNS % len(labels)]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (of(0, 1, 2), ()),
        (of(2.0, 0.0, 1.0), ()),
        (of(1, 2, 3), ("1", "2", "3")),
        (of(1, 2, 3, dtype=np.uint8), ("1", "2", "3")),
        (of(3.0, 1.0, 2.0), ("1", "2", "3")),
        (of(-1, 1), ("-1", "1")),
        (of(True, False), ("False", "True")),
        (of("dog", "cat", "emu"), ("cat", "dog", "emu")),
        (of(b"dog", b"cat"), ("cat", "dog")),
        (of("dog", "cat", dtype=object), ("cat", "dog")),
        (of(True, False, dtype=object), ("False", "True")),
        (of(2, 1, dtype=object), ("1", "2")),
        (pd.Series(of("dog", "cat"), dtype="category"), ("cat", "dog")),
        (pd.Categorical(of(7, 9).astype(str)), ("7", "9")),
        (pd.Series(of("dog", "cat"), dtype="string"), ("cat", "dog")),
        (pd.Series(of(1, 2), dtype="Int64"), ("1", "2")),
        (of("dog", "cat").tolist(), ("cat", "dog")),
        (of(0, 2, 5).astype(str), ("0", "2", "5")),
    ],
    ids=str,
)
def test_labels_are_numbered_in_order_and_keep_their_names(labels, names):
    y, num_classes, found = classes_of(labels)
    values, expected = np.unique(np.asarray(labels).astype(str), return_inverse=True)
    assert (y, num_classes, found) == (expected.tolist(), len(values), names)


def test_the_test_set_is_numbered_as_the_training_set():
    found = from_arrays(X, of("emu", "cat", "dog"), X[:2], ["emu", "dog"])
    np.testing.assert_array_equal(found.test.y, np.int32([2, 1]), strict=True)
    found = from_arrays(X, of(1, 2, 3), X[:2], [3, 3])
    np.testing.assert_array_equal(found.test.y, [2, 2])
    found = from_arrays(X, of(-1, 1), X[:2], [1.0, -1.0])
    np.testing.assert_array_equal(found.test.y, [1, 0])


def test_numbered_before_the_test_set_is_drawn(tmp_path):
    y = of("emu", "cat", "dog")
    np.savez(tmp_path / "data.npz", x=X, y=y)
    found = load(f"npz:{tmp_path / 'data.npz'}", 6)
    assert found.class_names == ("cat", "dog", "emu")
    place = {tuple(x): label for x, label in zip(X, y, strict=True)}
    for part in (found.train, found.test):
        names = [found.class_names[one] for one in part.y]
        assert names == [place[tuple(x)] for x in part.x]


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Index, pd.Series])
def test_class_names_may_be_of_any_kind(kind):
    y, _, names = classes_of(of(0, 1), class_names=kind(["dog", "cat"]))
    assert (y[:2], names) == ([0, 1], ("dog", "cat"))
    assert classes_of(of(1, 2), class_names=kind(["dog", "cat"]))[2] == ("dog", "cat")
    y, _, names = classes_of(of("cat", "dog"), class_names=kind(["dog", "cat"]))
    assert (y[:2], names) == ([1, 0], ("dog", "cat"))  # their order is the classes'
    assert classes_of(of(0, 1), class_names=kind([]))[2] == ()


def test_strings_are_numbered_in_the_order_of_their_names():
    names = ["emu", "bat", "ant", "dog", "cat"]
    y, _, found = classes_of(of(*sorted(names)), class_names=names)
    assert (y[:5], found) == ([2, 1, 4, 3, 0], tuple(names))


def test_five_examples_of_each_make_classes():
    y = np.arange(105) % 21
    x = np.zeros((105, 1))
    assert from_arrays(x, y, x, y).num_classes == 21
    with pytest.raises(InputError, match="104 training labels have 21 different values"):
        from_arrays(x[1:], y[1:], x, y)


def test_classes_without_examples_are_those_that_are_said():
    assert classes_of(of(0, 2), num_classes=4)[:2] == (of(0, 2).tolist(), 4)
    names = ("ant", "cat", "dog")
    assert classes_of(of("dog", "cat"), num_classes=3, class_names=names)[0][:2] == [2, 1]
    many = np.arange(30)[TURNS % 30]  # two of each
    assert classes_of(many, num_classes=30)[1] == 30
    assert classes_of(many.astype(str))[1] == 30
    assert classes_of(many, class_names=np.arange(30))[1] == 30
    assert classes_of(of(*range(12)))[1] == 12  # five of each


def test_an_archive_says_what_from_arrays_is_told(tmp_path):
    arrays = {"x": X, "y": of(0, 2), "num_classes": 3, "class_names": ["a", "b", "c"]}
    np.savez(tmp_path / "data.npz", **arrays, weights=X)
    found = load(f"npz:{tmp_path / 'data.npz'}", 6)
    assert (found.num_classes, found.class_names) == (3, ("a", "b", "c"))
    assert found.notes == ("arrays of data.npz not used: weights",)
    np.savez(tmp_path / "data.npz", **arrays | {"num_classes": [3]})
    with pytest.raises(InputError, match=r"num_classes of .* must be one whole number, got \[3\]"):
        load(f"npz:{tmp_path / 'data.npz'}", 6)


NAN = float("nan")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            of(0, 2, 5),
            r"labels are 0, 2, 5, and class 1 has no example: .* y\.astype\(str\).* 6 if",
        ),
        (of(1, 2, 4), r"labels are 1, 2, 4, and class 3 has no example: .*num_classes 5 if"),
        (of(0, 2**33), r"labels are 0, 8589934592, and class 1 has no example: .*numbered\.$"),
        (of(0, 2**64 - 1, dtype=np.uint64), "18446744073709551615, and class 1 has no example"),
        (of(0.0, 1e300), "and class 1 has no example"),
        (of(-1, 0, 1), "label -1 of example 0 is negative: drop the example if .* has no label"),
        (of(-2, 2), "label -2 of example 0 is negative"),
        (TURNS % 59 + 18, r"60 training labels have 59 different values, 18, .* 76: .*regression"),
        (TURNS, r"60 training labels have 60 different values, .* give y\.astype\(str\)"),
        (of(*range(13)) * 2.0, "class 1 has no example"),
        (X[:, 0], "is no whole number, so these may be a regression's targets.*np.digitize"),
        (of(0.0, 1.5), r"training label 1\.5 of example 1 is no whole number"),
        (of(0.0, np.inf), "training label inf of example 1 is no whole number"),
        (of(0.0, 1.0, NAN), "training label nan of example 2 is missing: drop the examples"),
        (of("a", None, dtype=object), "training label None of example 1 is missing"),
        (of("a", NAN, dtype=object), "training label nan of example 1 is missing"),
        (pd.Series(["a", pd.NA] * 30, dtype="string"), "training label <NA> of example 1 is miss"),
        (pd.Categorical(["a", None] * 30), "training label nan of example 1 is missing"),
        (np.ma.masked_equal(of(0, 1, 2), 2), "labels are masked in places"),
        (of("a", 1, dtype=object), "labels are objects of the kind int, str: give whole numbers"),
        ([[0], [0, 1]] * 30, "labels are lists of several lengths: give one class for each"),
        (np.eye(2, dtype=int)[TURNS % 2], r"and \(60, 2\): give np\.argmax\(y, axis=1\)\."),
        (np.ones((N, 2), int), r"and \(60, 2\): examples of several labels each cannot be learned"),
        (of(0, 1)[:, None], r"and \(60, 1\): give np\.ravel\(y\)\."),
        (sparse.csr_array(np.eye(2)[TURNS % 2]), "labels are a sparse matrix: give one class"),
        (of(0, 1) * 1j, "must be whole numbers or strings, got complex128"),
        (of("2020", "2021", dtype="M8[D]"), "must be whole numbers or strings, got datetime64"),
        (of(0), "labels must have at least two classes, got one"),
        (of(7), "labels must have at least two classes, got one"),
        (of("a"), "labels must have at least two classes, got one"),
    ],
    ids=range(30),
)
def test_labels_that_are_none(labels, message):
    with pytest.raises(InputError, match=message):
        from_arrays(X, labels, X, of(0, 1))


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (of(1, 2), of(0, 1), "test label 0 of example 0 is none of the training set's 2: 1, 2"),
        (of("a", "b"), of("a", "c"), "test label c of example 1 is none of the .* set's 2: a, b"),
        (of(0, 1), of(0, 1, 2), r"test label 2 of example 2 is outside 0\.\.1"),
        (of(0, 1), of("0", "1"), "test labels are texts or bools but the .* classes numbers"),
        (of("0", "1"), of(0, 1), "test labels are numbers but the training set's classes texts"),
    ],
)
def test_test_labels_that_the_training_set_has_not(train, test, message):
    with pytest.raises(InputError, match=message):
        from_arrays(X, train, X, test)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (of(0, 1), {"class_names": ["cat"]}, "1 class names were given for 2 classes: give one"),
        (of(0, 1), {"class_names": "ab"}, "class_names must be a list of names, got the text 'ab'"),
        (of(0, 1), {"class_names": ["a", "a"]}, "class name 'a' is given twice"),
        (of("a", "b"), {"class_names": ["a", "b", "c"]}, "3 .* for 2 .*, and num_classes 3 where"),
        (of("a", "b"), {"class_names": ["a", "c"]}, "label b of example 1 is none of .*: a, c"),
        (of("a", "b"), {"num_classes": 3}, "labels have 2 names for num_classes 3: give class_n"),
        (of(0, 2**33), {"num_classes": 2}, r"label 8589934592 of example 1 is outside 0\.\.1"),
        (of(0, 1), {"num_classes": 0}, "must have at least two classes, got num_classes 0"),
        (of(0, 1), {"num_classes": 1}, "must have at least two classes, got one"),
    ],
)
def test_names_and_numbers_of_classes_that_do_not_fit(labels, options, message):
    with pytest.raises(InputError, match=message):
        classes_of(labels, **options)
