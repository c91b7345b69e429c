"""Sets that the tests make themselves, in the Hub's formats: no test machine has a network."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from requirements import require

from jal.data import load
from jal.types import InputError

require(importlib.util.find_spec("datasets") is not None, "datasets", 'pip install -e ".[hub]"')
import datasets

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 5, 4, 3), np.uint8)
PICTURES = [Image.fromarray(pixels) for pixels in IMAGES]
CLASSES = datasets.ClassLabel(names=["cat", "dog", "fox"])


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    monkeypatch.setenv("JAL_CACHE", str(tmp_path / "jal"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    datasets.disable_progress_bars()


def rows(begin: int, end: int, image="image", label="label", kind=CLASSES, **more):
    """Images begin to end, labelled i % 3."""
    columns = {image: PICTURES[begin:end], label: [i % 3 for i in range(begin, end)]}
    kinds = datasets.Features({image: datasets.Image(), label: kind})
    found = datasets.Dataset.from_dict(columns, kinds)
    for name, (values, feature) in more.items():
        found = found.add_column(name, values[: end - begin], feature=feature)
    return found


def saved(folder: Path, **splits: datasets.Dataset) -> str:
    datasets.DatasetDict(splits).save_to_disk(folder / "set")
    return f"hf:{folder / 'set'}"


def check(found, begin: int, middle: int, end: int) -> None:
    np.testing.assert_array_equal(found.train.x, IMAGES[begin:middle], strict=True)
    np.testing.assert_array_equal(found.test.x, IMAGES[middle:end], strict=True)
    np.testing.assert_array_equal(found.train.y, np.arange(begin, middle) % 3)
    np.testing.assert_array_equal(found.test.y, np.arange(middle, end) % 3)


@pytest.mark.parametrize("test", ["test", "validation", "valid", "val"])
def test_saved_to_disk(tmp_path, test):
    found = load(saved(tmp_path, train=rows(0, 20), **{test: rows(20, 30)}))
    check(found, 0, 20, 30)
    assert (found.num_classes, found.class_names) == (3, ("cat", "dog", "fox"))


def test_the_test_split_goes_before_validation(tmp_path):
    source = saved(tmp_path, validation=rows(0, 5), train=rows(5, 20), test=rows(20, 30))
    check(load(source), 5, 20, 30)
    assert load(source).notes == (f"splits of {source.removeprefix('hf:')} not used: validation",)


def test_parquet(tmp_path):
    folder = tmp_path / "parquet" / "data"
    folder.mkdir(parents=True)
    rows(0, 20).to_parquet(folder / "train-00000-of-00001.parquet")
    rows(20, 30).to_parquet(folder / "test-00000-of-00001.parquet")
    check(load(f"hf:{folder.parent}"), 0, 20, 30)


def test_image_folders_and_their_changes(tmp_path):
    for i, picture in enumerate(PICTURES):
        folder = tmp_path / "pets" / ("train" if i < 20 else "test") / CLASSES.names[i % 3]
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{i:02}.png")
    by_class = sorted(range(20), key=lambda i: i % 3)
    found = load(f"hf:{tmp_path / 'pets'}")
    np.testing.assert_array_equal(found.train.x, IMAGES[by_class])
    assert found.class_names == ("cat", "dog", "fox")
    PICTURES[1].save(tmp_path / "pets" / "train" / "cat" / "00.png")
    found = load(f"hf:{tmp_path / 'pets'}")
    np.testing.assert_array_equal(found.train.x[0], IMAGES[1])


def test_one_saved_split_is_divided_by_class(tmp_path):
    rows(0, 30).save_to_disk(tmp_path / "one")
    found = load(f"hf:{tmp_path / 'one'}")
    np.testing.assert_array_equal(np.bincount(found.test.y), [2, 2, 2])
    assert len(found.train.y) == 24


def test_decoded_once(tmp_path):
    source = saved(tmp_path, train=rows(0, 20), test=rows(20, 30))
    load(source)
    (path,) = (tmp_path / "jal").iterdir()
    np.savez(path, x=np.zeros((30, 2, 2, 1), np.uint8))
    assert load(source).test.x.shape == (10, 2, 2, 1)
    assert load(source, image_size=3).test.x.shape == (10, 3, 3, 3)


SUPERS = {"coarse": ([0, 1] * 15, datasets.ClassLabel(num_classes=2))}
NUMBERS = {"place": ([0, 1] * 15, datasets.Value("int64"))}


@pytest.mark.parametrize(
    ("made", "query"),
    [
        ({"fine_label": ([0] * 30, CLASSES)}, ""),
        ({"image": "img", "label": "fine_label", **SUPERS}, ""),
        ({"image": "img", "label": "labels", "kind": datasets.Value("uint8"), **NUMBERS}, ""),
        ({"label": "species", **NUMBERS}, ""),
        ({"label": "species", **SUPERS}, "?label=species"),
        ({"label": "species", "kind": datasets.Value("int32"), **SUPERS}, "?label=species"),
    ],
)
def test_columns(tmp_path, made, query):
    source = saved(tmp_path, train=rows(0, 20, **made), test=rows(20, 30, **made))
    check(load(source + query), 0, 20, 30)


def test_one_of_two_images_is_chosen(tmp_path):
    mirrored = ([Image.fromarray(x[:, ::-1]) for x in IMAGES], datasets.Image())
    made = rows(0, 20).add_column("mirrored", list(range(20)))
    made = made.map(lambda row: {"mirrored": mirrored[0][row["mirrored"]]})
    made = made.cast_column("mirrored", datasets.Image())
    source = saved(tmp_path, train=made)
    with pytest.raises(InputError, match=r"must have one image column .*\?image=COLUMN&label=COL"):
        load(source)
    found = load(f"{source}?image=mirrored&label=label")
    place = {x[:, ::-1].tobytes(): i for i, x in enumerate(IMAGES)}
    assert [place[x.tobytes()] % 3 for x in found.train.x] == found.train.y.tolist()


@pytest.mark.parametrize(
    ("made", "query", "message"),
    [
        (rows(0, 9, label="a", **SUPERS), "", r"from image \(.*Image\), a \(int64\), coarse"),
        (rows(0, 9), "?label=breed", "must have one image column and one of integer labels"),
        (rows(0, 9), "?image=label", "must have one image column and one of integer labels"),
        (rows(0, 9), "?column=label", "unknown option 'column' of hf:.*: known are image, label"),
        (rows(0, 9).remove_columns("image"), "", "must have one image column"),
        (rows(0, 9, kind=datasets.Value("string")), "", r"label \(string\)"),
        (rows(0, 9, kind=datasets.Value("float32")), "", r"label \(float32\)"),
    ],
)
def test_columns_that_do_not_do(tmp_path, made, query, message):
    source = saved(tmp_path, train=made)
    with pytest.raises(InputError, match=message):
        load(source + query)


def test_rows_that_do_not_do(tmp_path):
    made = rows(0, 9).to_dict()
    made["image"][4] = None
    source = saved(tmp_path, train=datasets.Dataset.from_dict(made, rows(0, 9).features))
    with pytest.raises(InputError, match=r"image 4 of .*set cannot be read: "):
        load(source)
    made = rows(0, 9).to_dict()
    made["label"][4] = None
    missing = datasets.Dataset.from_dict(made, rows(0, 9).features)
    missing.save_to_disk(tmp_path / "label")
    with pytest.raises(InputError, match=r"training label None of example 4 is missing"):
        load(f"hf:{tmp_path / 'label'}")


def test_folders_that_are_no_sets(tmp_path):
    with pytest.raises(InputError, match=r"folder .*nowhere does not exist\."):
        load(f"hf:{tmp_path / 'nowhere'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"data set .*empty cannot be loaded: "):
        load(f"hf:{tmp_path / 'empty'}")
    source = saved(tmp_path, training=rows(0, 9), test=rows(9, 12))
    with pytest.raises(InputError, match=r"has no split train, only training, test\."):
        load(source)


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r'need the extra hub: pip install -e "\.\[hub\]"\.'):
        load("hf:owner/set")


def test_without_a_network(tmp_path):
    code = "from jal.data import load\nload('hf:owner/set/config')"
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert "data set owner/set/config is not on this machine and the Hub cannot" in done.stderr
