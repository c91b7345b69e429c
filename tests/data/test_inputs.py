"""Inputs of any kind become numbers, or are refused by the column with what would work."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from jal.data import from_arrays, load, take
from jal.data.features import pca_features
from jal.data.imbalance import imbalanced
from jal.data.sources import fingerprint
from jal.types import InputError

N = 40
Y = np.arange(N) % 2
X = np.random.default_rng(0).random((N, 3)).astype(np.float32)
BYTES = (X * 255).astype(np.uint8)
FRAME = pd.DataFrame(X, columns=["height", "weight", "age"])


def inputs_of(x, x_test=None):
    return from_arrays(x, Y, x if x_test is None else x_test, Y)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (X > 0.5, X > 0.5),
        (X.tolist(), X),
        (X.astype(object), X),
        (jnp.asarray(X), X),
        (jnp.asarray(X, jnp.bfloat16), jnp.asarray(X, jnp.bfloat16)),
        (FRAME, X),
        (FRAME.assign(age=Y > 0), np.column_stack([X[:, :2], Y])),
        (FRAME.assign(age=pd.array(Y, dtype="Int64")), np.column_stack([X[:, :2], Y])),
        (FRAME.set_axis(["a", "a", "a"], axis=1), X),
        ((X > 0.5).astype(np.uint8), X > 0.5),  # flat 0s and 1s are numbers
        (np.zeros((N, 3, 8, 3)), np.zeros((N, 3, 8, 3))),  # three rows
        (np.zeros((N, 1, 128, 9)), np.zeros((N, 1, 128, 9))),  # a series of nine channels
        (np.zeros((N, 4, 4, 64)), np.zeros((N, 4, 4, 64))),
        (np.zeros((N, 1, 1, 64)), np.zeros((N, 1, 1, 64))),
    ],
    ids=range(14),
)
def test_numbers_and_bools_become_float32(x, expected):
    found = inputs_of(x)
    np.testing.assert_array_equal(found.train.x, np.asarray(expected, np.float32), strict=True)
    np.testing.assert_array_equal(found.test.x, found.train.x)
    assert found.notes == ()


@pytest.mark.parametrize("x", [BYTES, BYTES[:, :, None], BYTES.reshape(N, 1, 3, 1)])
def test_bytes_stay_bytes(x):
    found = inputs_of(x)
    np.testing.assert_array_equal(found.train.x, x, strict=True)
    np.testing.assert_array_equal(found.test.x, x, strict=True)
    # With a test set of which none is above 1.
    found = inputs_of(x, x // 128)
    assert (found.train.x.dtype, found.test.x.dtype) == (np.uint8, np.uint8)


def test_flat_bytes_are_kept_by_the_split_and_what_follows(tmp_path):
    np.savez(tmp_path / "data.npz", x=BYTES, y=Y)
    found = load(f"npz:{tmp_path / 'data.npz'}", 10)
    assert (found.train.x.dtype, found.test.x.dtype) == (np.uint8, np.uint8)
    np.testing.assert_array_equal(found.train.x, BYTES[found.rows])
    fewer = imbalanced(found, np.array([4, 2]), 0)
    np.testing.assert_array_equal(fewer.train.x, BYTES[fewer.rows], strict=True)
    scaled = from_arrays(found.train.x / 255, found.train.y, found.test.x / 255, found.test.y)
    assert fingerprint(scaled) != fingerprint(found)
    wanted = pca_features(scaled, 2)
    np.testing.assert_allclose(pca_features(found, 2).train.x, wanted.train.x, atol=1e-5)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (sparse.csr_array(X), r"are a sparse matrix: give x\.toarray\(\), 0 MiB as float32, or"),
        (sparse.csr_matrix(X), r"are a sparse matrix: give x\.toarray\(\)"),
        ([[1, 2], [3]] * 20, r"make no array, for example 1 has shape \(1,\) and example 0 \(2,\)"),
        (np.array([X[0], X[0, :2]] * 20, object), r"example 1 has shape \(2,\) .*: pad them"),
        (pd.Series(list(X)), r"are 40 Python objects: give np\.stack\(x\)"),
        (np.ma.masked_less(X, 0.5), r"are masked in places: fill them, as x\.filled\(0\)"),
        (X * 1j, r"must be numbers, got complex64: give their real"),
        (np.full((N, 2), "2020", "M8[D]"), r"got datetime64\[D\]: give \(t - t\.min\(\)\) / np\."),
        (np.zeros((N, 2), "m8[D]"), r"got timedelta64\[D\]: give t / np\."),
        (np.zeros(N, [("a", float), ("b", int)]), r"are records of a, b: give numpy\.lib\.rec"),
        (X.astype(str), r"must be numbers, got <U32: give x\.astype\(np\.float32\)"),
        (np.array([["1", "cat"]] * N), "column 1 of training features must be numbers, got 'cat'"),
        (np.array([[1, "cat"]] * N, object), "column 1 of .* holds 'cat': encode it, as pandas"),
        (np.where(X.mean() < X, X, None), "column 0 of .* holds None: give numbers, and impute"),
        (FRAME.assign(sex="m"), "column 'sex' of training features holds 'm': encode it"),
        (FRAME.assign(sex=pd.Categorical(["m"] * N)), "column 'sex' of .* holds 'm': encode it"),
        (FRAME.assign(born=pd.Timestamp("2020")), r"column 'born' of .* got datetime64\["),
        (FRAME.assign(n=pd.array([1, None] * 20, "Int64")), "column 'n'"),  # NaN, or pandas' NA
        (FRAME.assign(age=np.nan), "first number 0, hold NaN or infinity in column 'age': impute"),
        (np.where(np.arange(3) == 1, np.inf, X), "hold NaN or infinity in column 1: impute"),
        (X[:, 0], r"got shapes \(40,\) and \(40,\): give x\[:, None\] if each"),
        (X.T, r"got shapes \(3, 40\) and \(40,\): give np\.moveaxis\(x, -1, 0\)"),
        (np.zeros((8, 8, 3, N)), r"got shapes .*: give np\.moveaxis\(x, -1, 0\)"),
        (X[:, :0], r"training examples have no features: their shape is \(0,\)"),
        (
            np.zeros((N, 3, 32, 32)),
            r"\(3, 32, 32\), channels first: give x\.transpose\(0, 2, 3, 1\); or x\.reshape\(",
        ),
        (np.zeros((N, 1, 8, 8), np.uint8), r"\(1, 8, 8\), channels first: give x\.transpose"),
        (np.zeros((N, 3, 20, 40)), r"\(3, 20, 40\), channels first"),
        ("nothing", "must be numbers, got 'nothing'"),
        (None, "holds None: give numbers"),
    ],
    ids=range(29),
)
def test_inputs_that_are_no_numbers(x, message):
    with pytest.raises(InputError, match=message):
        inputs_of(x)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ((X > 0.5).astype(np.uint8), np.full_like(X, np.nan), "hold NaN or infinity"),
        (BYTES, X, r"features are uint8 but test features float32, and bytes \(uint8\) are scaled"),
        (X, BYTES, r"features are float32 but test features uint8"),
        (BYTES, BYTES.astype(int), "features are uint8 but test features int64"),
        (np.zeros((N, 8, 8, 1), np.uint8), np.zeros((N, 8, 8, 1)), "are uint8 but .* float64"),
        (FRAME, FRAME[["weight", "height", "age"]], r"another order .* x_test\[x_train\.columns\]"),
        (FRAME, FRAME.rename(columns={"age": "old"}), "'age' is a column of training or of test"),
        (FRAME[["age"]], FRAME, "'height' is a column of training or of test"),
        (X, X[:, :2], r"training examples have shape \(3,\) but test examples \(2,\)"),
    ],
)
def test_train_and_test_must_be_of_one_kind(train, test, message):
    with pytest.raises(InputError, match=message):
        inputs_of(train, test)


def test_flat_zeros_and_ones_are_of_one_kind_with_floats():
    bits = (X > 0.5).astype(np.uint8)
    assert inputs_of(bits, bits * 1.0).train.x.dtype == np.float32
    assert inputs_of(bits, X).test.x.dtype == np.float32


def merged(column) -> tuple[str, ...]:
    column = np.asarray(column)
    x = np.column_stack([np.linspace(0, 1, len(column)), column])
    x = x.astype(column.dtype) if column.dtype.kind == "i" else x
    y = np.arange(len(column)) % 2
    return from_arrays(x, y, x, y).notes


def test_columns_that_float32_merges_are_said():
    seconds = 1_700_000_000 + np.arange(306)
    (note,) = merged(seconds)
    assert note == (
        "column 1 has 306 different values, of which float32 keeps 3: subtract its least, "
        "1700000000, or scale it"
    )
    assert merged(seconds * 1.0) == (note.replace("00, or", "00.0, or"),)
    assert merged(seconds - seconds[0]) == ()
    assert merged(np.where(np.arange(306) % 2, seconds, 0)) != ()
    assert merged(2**24 + np.arange(10)) != () == merged(2**24 - np.arange(10))
    random = np.random.default_rng(0)
    assert merged(random.random(100_000)) == ()
    within_a_year = 1.7e9 + random.integers(0, 3e7, 100_000)  # float32 is 128 s apart there
    (note,) = merged(within_a_year)
    assert note.startswith(f"column 1 has {len(set(within_a_year)):,} different values, of which")
    assert f"keeps {len(set(within_a_year.astype(np.float32))):,}: " in note
    frame = FRAME.assign(time=1.7e9 + np.arange(N))
    assert inputs_of(frame).notes[0].startswith("column 'time' has 40 different values, of which")


def test_inputs_of_an_odd_scale_are_said():
    (note,) = inputs_of(X * 255, X).notes
    assert note.startswith("training features deviate 255 times as much as test features")
    assert inputs_of(X, X * 255).notes[0].startswith("training features deviate 0.00392 times")
    assert inputs_of(X * 3, X).notes == from_arrays(X, Y, X[:2] * 99, Y[:2]).notes == ()
    (note,) = inputs_of((X * 17).astype(np.uint8)).notes
    assert note.startswith(
        "training bytes are at most 16 of 255, so that learners see at most 0.06"
    )


def test_rows_say_where_examples_come_from(tmp_path):
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    found = load(f"npz:{tmp_path / 'data.npz'}", 10, split_seed=3)
    assert sorted(found.rows) != found.rows.tolist() and len(set(found.rows)) == 30
    np.testing.assert_array_equal(found.train.x, X[found.rows])
    part = take(found, np.array([5, 2, 9]))
    np.testing.assert_array_equal(part.train.x, X[part.rows])
    np.testing.assert_array_equal(part.train.y, Y[part.rows])
    np.testing.assert_array_equal(part.test.x, found.test.x)
    np.testing.assert_array_equal(take(part, np.array([2, 0])).rows, found.rows[[9, 5]])
    np.testing.assert_array_equal(inputs_of(X).rows, np.arange(N))
