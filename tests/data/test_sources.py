import io

import numpy as np
import pytest
from sklearn import datasets
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from jal.data import from_arrays, load
from jal.data.sources import fingerprint
from jal.types import InputError

X = np.random.default_rng(0).random((20, 3)).astype(np.float32)
Y = np.arange(20) % 2


def npz(folder, **arrays: np.ndarray) -> str:
    np.savez(folder / "data.npz", **arrays)
    return f"npz:{folder / 'data.npz'}"


def with_value(array: np.ndarray, place: int, value: float) -> np.ndarray:
    array = array.copy()
    array[place] = value
    return array


def test_digits():
    digits = load("sklearn:digits")
    assert digits.train.x.shape == (1000, 64)
    assert digits.test.x.shape == (797, 64)
    assert digits.num_classes == 10
    raw = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        raw.data / 16, raw.target, test_size=797, random_state=0, stratify=raw.target
    )
    np.testing.assert_array_equal(digits.train.x, x_train.astype(np.float32))
    np.testing.assert_array_equal(digits.train.y, y_train)
    np.testing.assert_array_equal(digits.test.x, x_test.astype(np.float32))
    np.testing.assert_array_equal(digits.test.y, y_test)
    assert (digits.train.x.max(), digits.train.x.dtype) == (1.0, np.float32)
    assert digits.train.y.dtype == np.int32


def test_npz_with_its_own_split(tmp_path):
    source = npz(tmp_path, x_train=X[:15], y_train=Y[:15], x_test=X[15:], y_test=Y[15:])
    found = load(source, test_size=3)  # has no say
    np.testing.assert_array_equal(found.train.x, X[:15])
    np.testing.assert_array_equal(found.train.y, Y[:15])
    np.testing.assert_array_equal(found.test.x, X[15:])
    np.testing.assert_array_equal(found.test.y, Y[15:])
    assert found.num_classes == 2


def test_npz_is_split_by_class(tmp_path):
    source = npz(tmp_path, x=X, y=Y)
    found = load(source, test_size=6, split_seed=1)
    np.testing.assert_array_equal(np.bincount(found.test.y), [3, 3])
    together = np.concatenate([found.train.x, found.test.x])
    assert {*map(tuple, together)} == {*map(tuple, X)}
    place = {tuple(x): y for x, y in zip(X, Y, strict=True)}  # each keeps its own label
    assert [place[tuple(x)] for x in found.train.x] == found.train.y.tolist()
    again, other = load(source, 6, split_seed=1), load(source, 6, split_seed=2)
    assert fingerprint(found) == fingerprint(again) != fingerprint(other)


def test_test_sets_are_a_fifth_or_what_is_said(tmp_path):
    source = npz(tmp_path, x=X, y=Y)
    assert [len(load(source, size).test.y) for size in (None, 0.5, 6)] == [4, 10, 6]


def test_class_names_are_kept_but_not_data():
    named = from_arrays(X, Y, X, Y, class_names=["cat", "dog"])
    assert named.class_names == ("cat", "dog")
    assert fingerprint(named) == fingerprint(from_arrays(X, Y, X, Y))


@pytest.mark.parametrize("source", ["sklearn:digits", "npz:data.npz", "keel:iris"])
def test_image_size_is_for_images(source):
    with pytest.raises(InputError, match=f"image_size is for .*tfds, hf, folder; '{source}' is"):
        load(source, image_size=8)


def test_classes_absent_from_the_pool_count_when_given():
    assert from_arrays(X, Y, X, Y).num_classes == 2
    assert from_arrays(X, Y, X, Y + 1, num_classes=3).num_classes == 3


def test_bytes_stay_bytes_and_numbers_become_float32():
    images = np.arange(20 * 4, dtype=np.uint8).reshape(20, 2, 2, 1)
    found = from_arrays(images, Y, images, Y)
    np.testing.assert_array_equal(found.train.x, images)
    assert found.train.x.dtype == np.uint8
    for dtype in (np.float64, np.float16, np.int64):
        assert from_arrays(X.astype(dtype), Y, X, Y).train.x.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64, np.int64])
def test_labels_of_any_integer_type(dtype):
    found = from_arrays(X, Y.astype(dtype), X, Y.astype(dtype))
    np.testing.assert_array_equal(found.train.y, Y)
    assert (found.train.y.dtype, found.num_classes) == (np.int32, 2)


def test_lists_are_taken():
    found = from_arrays([[0.5], [1.5]], [0, 1], [[2.5]], [1])
    np.testing.assert_array_equal(found.train.x, [[0.5], [1.5]])
    assert found.num_classes == 2


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("x_train", {"x_train": with_value(X, (3, 1), 0.5)}),
        ("y_train", {"y_train": with_value(Y, 3, 0)}),
        ("x_test", {"x_test": with_value(X, (19, 2), 0.5)}),
        ("y_test", {"y_test": with_value(Y, 19, 0)}),
        ("shape", {"x_train": X.reshape(20, 3, 1), "x_test": X.reshape(20, 3, 1)}),
    ],
)
def test_fingerprint_changes_with_one_value(part, changed):
    arrays = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y}
    assert fingerprint(from_arrays(**arrays | changed)) != fingerprint(from_arrays(**arrays))


def test_fingerprint_is_of_the_values():
    of_values = fingerprint(from_arrays(X, Y, X[:5], Y[:5]))
    in_columns = from_arrays(np.asfortranarray(X, np.float64), Y.astype(np.int64), X[:5], Y[:5])
    assert fingerprint(in_columns) == of_values
    two = from_arrays(np.array([[0.0], [1.0]]), np.array([0, 1]), np.zeros((1, 1)), np.array([1]))
    # Fixed: a run is resumed only on the data that it began with, also after an upgrade of jal.
    assert fingerprint(two) == "497e774a9df5bb0930a0627f73b452b77ff11a9990d486587411ee661377d056"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x_train": with_value(X, (7, 2), np.nan)}, "training features of 1 examples, .* 7, hold"),
        ({"x_test": with_value(X, (4, 0), np.inf)}, "test features of 1 examples, .* number 4, "),
        (
            {"y_train": with_value(Y, 5, -1), "num_classes": 2},
            r"label -1 of example 5 is outside 0",
        ),
        ({"y_test": with_value(Y, 2, 2)}, r"test label 2 of example 2 is outside 0\.\.1\."),
        ({"y_train": with_value(Y, 2, 9), "num_classes": 4}, r"label 9 of example 2 .* 0\.\.3\."),
        ({"x_train": X[:19]}, r"training data must be .* got shapes \(19, 3\) and \(20,\)"),
        ({"y_test": Y[:, None]}, r"test data must be .* shapes \(20, 3\) and \(20, 1\)"),
        ({"x_train": X[:, 0]}, r"training data must be .* got shapes \(20,\) and \(20,\)"),
        ({"x_test": X[:, :2]}, r"training examples have shape \(3,\) but test examples \(2,\)"),
        ({"x_train": with_value(X.astype(float), 0, 1e300)}, "hold NaN or infinity"),
    ],
)
def test_arrays_that_cannot_be_learned_from(changed, message):
    arrays = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y}
    with pytest.raises(InputError, match=message):
        from_arrays(**arrays | changed)


@pytest.mark.parametrize("source", ["digits", "sklearn:irys", "npz:", "npz", ""])
def test_unknown_source(source):
    with pytest.raises(
        InputError, match=rf"unknown dataset '{source}': give sklearn:NAME \(digits"
    ):
        load(source)


@pytest.mark.parametrize(
    ("name", "shape", "names"),
    [
        ("breast_cancer", (569, 30), ("malignant", "benign")),
        ("iris", (150, 4), ("setosa", "versicolor", "virginica")),
        ("wine", (178, 13), ("class_0", "class_1", "class_2")),
    ],
)
def test_tables_of_scikit_learn(name, shape, names):
    found = load(f"sklearn:{name}", test_size=0.5)
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    assert found.rows is not None and found.test_rows is not None
    assert len(found.rows) + len(found.test_rows) == shape[0]
    np.testing.assert_array_equal(found.train.x, x[found.rows].astype(np.float32))
    np.testing.assert_array_equal(found.test.y, y[found.test_rows])
    assert found.class_names == names and found.train.x.shape[1] == shape[1]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("npz:" + 5000 * "a", r"dataset 'npz:a+' cannot be read: File name too long\."),
        ("folder:" + 5000 * "a", r"dataset 'folder:a+' cannot be read: File name too long\."),
        ("npz:a\0", "a name has no null bytes"),
        ("folder:a\0", "a name has no null bytes"),
    ],
    ids=range(4),
)
def test_names_that_no_file_has(source, message):
    with pytest.raises(InputError, match=message) as error:
        load(source)
    assert len(str(error.value)) < 200


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"dataset file .*nowhere\.npz does not exist"):
        load(f"npz:{tmp_path / 'nowhere.npz'}")


def bytes_of(save, *arrays, **named) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *arrays, **named)
    return buffer.getvalue()


WHOLE = bytes_of(np.savez, x=X, y=Y)


@pytest.mark.parametrize(
    "content",
    [
        b"x,y\n1,2\n",
        b"",
        WHOLE[:200],
        WHOLE.replace(X[3].tobytes(), bytes(12)),
        bytes_of(np.save, X),
    ],
    ids=["text", "empty", "cut", "damaged", "npy"],
)
def test_a_file_that_is_no_npz(tmp_path, content):
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"data\.npz is not a NumPy \.npz archive"):
        load(f"npz:{tmp_path / 'data.npz'}")


def test_arrays_of_objects(tmp_path):
    ragged = np.array([np.zeros(2), np.zeros(3)], dtype=object)
    with pytest.raises(InputError, match=r"data\.npz holds arrays of Python objects: save numbers"):
        load(npz(tmp_path, x=ragged, y=Y[:2]))


@pytest.mark.parametrize(
    ("arrays", "held"), [({"images": X, "label": Y}, "images, label"), ({}, "nothing")]
)
def test_wrong_keys(tmp_path, arrays, held):
    with pytest.raises(InputError) as error:
        load(npz(tmp_path, **arrays))
    message = str(error.value)
    assert message.count("holds") == 1, message
    assert f"holds {held}: it must hold x and y, or x_train, y_train, x_test" in message


@pytest.mark.parametrize(
    ("arrays", "test_size", "message"),
    [
        ({"x": with_value(X, (7, 2), np.nan), "y": Y}, 6, "features of 1 examples, .* number 7"),
        ({"x": X, "y": Y[:5]}, 6, r"got shapes \(20, 3\) and \(5,\)"),
        ({"x": X, "y": np.int64(3)}, 6, r"got shapes \(20, 3\) and \(\)"),
        ({"x": np.float32(3), "y": Y}, 6, r"got shapes \(\) and \(20,\)"),
        ({"x": X, "y": Y}, 20, "cannot draw 20 class-balanced test examples from 20: "),
        ({"x": X, "y": Y}, 1.5, r"cannot draw 1\.5 class-balanced test examples from 20: "),
        ({"x": X, "y": Y}, 1, "cannot draw 1 class-balanced test examples from 20: "),
        ({"x": X, "y": (np.arange(20) == 0).astype(int)}, 6, "cannot draw 6 class-balanced"),
    ],
)
def test_what_cannot_be_split(tmp_path, arrays, test_size, message):
    with pytest.raises(InputError, match=message):
        load(npz(tmp_path, **arrays), test_size)
