import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jal.data.sources import fingerprint, load
from jal.types import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 6, 4, 3), np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def split(tmp_path) -> Path:
    """Four training images of cat and of dog, two test images of dog."""
    root = tmp_path / "pets"
    for i, name in enumerate(["dog/b.png", "dog/a.bmp", "cat/2.PNG", "cat/deep/1.tif"] * 2):
        write(root / "train" / f"{Path(name).parent}/{i // 4}{Path(name).name}", IMAGES[i])
    write(root / "test" / "dog" / "1.png", IMAGES[9])
    write(root / "test" / "dog" / "0.png", IMAGES[8])
    (root / "train" / "cat" / "notes.txt").write_text("not an image")
    for hidden in (".hidden", "cat/.thumbnails"):
        (root / "train" / hidden).mkdir()
        write(root / "train" / hidden / "0.png", IMAGES[0])
    (root / "train" / "cat" / "._02.png").write_bytes(b"as a Mac's zip files have it")
    return root


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("train", "val"),
        ("training", "testing"),
        ("Train", "Test"),
        ("TRAIN", "valid"),
        ("Training", "Validation"),
    ],
)
def test_train_and_test_folders(split, train, test):
    (split / "train").rename(split / train)
    (split / "test").rename(split / test)
    found = load(f"folder:{split}")
    assert (found.num_classes, found.class_names) == (2, ("cat", "dog"))
    # Paths in order: cat/02.PNG, cat/12.PNG, cat/deep/01.tif, cat/deep/11.tif, dog/0a, 0b, 1a, 1b.
    np.testing.assert_array_equal(found.train.x, IMAGES[[2, 6, 3, 7, 1, 0, 5, 4]], strict=True)
    np.testing.assert_array_equal(found.train.y, np.int32([0, 0, 0, 0, 1, 1, 1, 1]), strict=True)
    np.testing.assert_array_equal(found.test.x, IMAGES[[8, 9]])
    np.testing.assert_array_equal(found.test.y, [1, 1])
    names = ["cat/02.PNG", "cat/12.PNG", "cat/deep/01.tif", "cat/deep/11.tif"]
    assert found.files[:4] == tuple(f"{train}/{name}" for name in names)
    assert found.files[7] == f"{train}/dog/1b.png" and len(found.files) == 8
    np.testing.assert_array_equal(found.rows, np.arange(8))
    assert found.notes == (
        "1 file of pets passed over, not in a class folder or no image by its suffix: "
        f"{train}/cat/notes.txt",
    )


def test_a_validation_set_beside_a_test_set_is_said_not_to_be_used(split):
    before = load(f"folder:{split}")
    write(split / "valid" / "cat" / "1.png", IMAGES[11])
    (split / "annotations").mkdir()
    after = load(f"folder:{split}")
    assert fingerprint(after) == fingerprint(before)
    assert after.notes[0] == "folders of pets not used: annotations, valid"


def test_a_test_folder_without_classes_is_said_not_to_be_used(split):
    shutil.rmtree(split / "test")
    write(split / "test" / "1.png", IMAGES[11])  # without its class
    found = load(f"folder:{split}")
    assert found.notes[0] == "folders of pets not used: test"
    assert sorted(found.rows) != found.rows.tolist() and len(found.test.y) == 2
    write(split / "val" / "cat" / "1.png", IMAGES[11])
    np.testing.assert_array_equal(load(f"folder:{split}").test.x, IMAGES[[11]])


@pytest.mark.parametrize("name", ["test", "Testing", "val", "valid", "Validation", "training"])
def test_a_split_is_no_class(tmp_path, name):
    """Beside class folders, or a training folder that holds the images themselves."""
    for place in ("cat/1.png", "dog/1.png", f"{name}/1.png"):
        write(tmp_path / "pets" / place, IMAGES[0])
    with pytest.raises(InputError) as error:
        load(f"folder:{tmp_path / 'pets'}")
    message = str(error.value)
    if name == "training":
        assert "pets/training has no folders of images, one for each class." in message
    else:
        assert f"folder {name} of " in message and "is named as a split, not as a" in message


def test_a_class_may_be_called_train_within_a_split(split):
    write(split / "train" / "train" / "1.png", IMAGES[11])
    assert load(f"folder:{split}").class_names == ("cat", "dog", "train")


def test_names_that_are_no_text_are_spelled_out(tmp_path):
    for i in range(6):
        name = os.fsdecode([b"caf\xe9", b"bar"][i % 2])
        write(tmp_path / "pets" / name / os.fsdecode(b"%d\xe9.png" % i), IMAGES[i])
    found = load(f"folder:{tmp_path / 'pets'}", 2)
    assert found.class_names == ("bar", "caf\\xe9")
    assert found.files[0] == "bar/1\\xe9.png"


def test_two_training_folders(split, cache):
    write(split / "Training" / "dog" / "1.png", IMAGES[0])
    refused(split, "has both Training and train: leave one", cache)


def test_a_test_set_without_images(split, cache):
    for path in (split / "test" / "dog").iterdir():
        path.unlink()
    refused(split, r"pets/test holds no images: without it a test set is drawn", cache)


@pytest.mark.parametrize(
    "suffix", ["bmp", "gif", "jfif", "jpe", "jpg", "pgm", "png", "tga", "tif", "webp", "WebP"]
)
def test_images_of_every_kind_that_pillow_reads(tmp_path, suffix):
    for i in range(6):
        form = Image.registered_extensions()[f".{suffix.lower()}"]
        path = tmp_path / "pets" / "ab"[i % 2] / f"{i}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(IMAGES[i, :, :, 0]).save(path, form)
    found = load(f"folder:{tmp_path / 'pets'}", 2)
    assert (len(found.train.y), len(found.test.y), found.notes) == (4, 2, ())


def test_what_is_no_image_is_counted_and_said(tmp_path):
    for i in range(30):
        write(tmp_path / "pets" / "abc"[i % 3] / f"{i:02}.png", IMAGES[i])
    root = tmp_path / "pets"
    shutil.copy(root / "a" / "00.png", root / "a" / "no_suffix")
    shutil.copy(root / "a" / "00.png", root / "flat.png")
    for name in ("b/labels.csv", "b/data.h5", "b/film.mpg", "README.md", ".DS_Store"):
        (root / name).write_text("none")
    found = load(f"folder:{root}")
    assert found.notes == (
        "6 files of pets passed over, not in a class folder or no image by its suffix: "
        "a/no_suffix and others",
    )
    assert len(found.files) == 30
    place = {x.tobytes(): i for i, x in enumerate(IMAGES)}
    for x, row in zip(found.train.x, found.rows, strict=True):
        number = place[x.tobytes()]
        assert found.files[row] == f"{'abc'[number % 3]}/{number:02}.png"


def test_folders_without_a_test_set_are_split_by_class(tmp_path):
    for i in range(30):
        write(tmp_path / "pets" / "abc"[i % 3] / f"{i:02}.png", IMAGES[i])
    found = load(f"folder:{tmp_path / 'pets'}")
    np.testing.assert_array_equal(np.bincount(found.test.y), [2, 2, 2])
    np.testing.assert_array_equal(np.bincount(found.train.y), [8, 8, 8])
    place = {x.tobytes(): i for i, x in enumerate(IMAGES)}
    numbers = [place[x.tobytes()] for x in (*found.train.x, *found.test.x)]
    assert sorted(numbers) == list(range(30))
    assert [i % 3 for i in numbers] == [*found.train.y, *found.test.y]
    assert fingerprint(load(f"folder:{tmp_path / 'pets'}")) == fingerprint(found)
    assert len(load(f"folder:{tmp_path / 'pets'}", 12).test.y) == 12
    (tmp_path / "whole" / "train").parent.mkdir()
    (tmp_path / "pets").rename(tmp_path / "whole" / "train")
    assert len(load(f"folder:{tmp_path / 'whole'}").test.y) == 6


def test_image_size(split):
    with pytest.raises(InputError, match=r"image_size must be at least 1 pixel, got 0\."):
        load(f"folder:{split}", image_size=0)
    assert load(f"folder:{split}", image_size=3).train.x.shape == (8, 3, 3, 3)
    assert load(f"folder:{split}").train.x.shape == (8, 6, 4, 3)


def test_decoded_images_are_cached_until_a_file_changes(split, cache):
    before = load(f"folder:{split}")
    (path,) = cache.iterdir()
    np.savez(path, x=np.zeros((10, 6, 4, 3), np.uint8))
    assert not load(f"folder:{split}").train.x.any()
    write(split / "test" / "dog" / "0.png", IMAGES[20])
    after = load(f"folder:{split}")
    np.testing.assert_array_equal(after.train.x, before.train.x)
    np.testing.assert_array_equal(after.test.x, IMAGES[[20, 9]])


def refused(root: Path, message: str, cache: Path) -> None:
    with pytest.raises(InputError, match=message):
        load(f"folder:{root}")
    assert not cache.exists() or not list(cache.iterdir())


def test_no_such_folder(tmp_path, cache):
    refused(tmp_path / "nowhere", r"image folder .*nowhere does not exist\.", cache)


def test_no_class_folders(tmp_path, cache):
    write(tmp_path / "flat" / "1.png", IMAGES[0])
    refused(tmp_path / "flat", r"flat has no folders of images, one for each class\.", cache)


def test_an_empty_class(split, cache):
    (split / "train" / "bird").mkdir()
    refused(split, r"class folder .*train/bird holds no images\.", cache)


def test_a_class_that_only_the_test_set_has(split, cache):
    (split / "test" / "fox").mkdir()
    refused(split, r"class fox of .*test is not in .*train\.", cache)


def test_one_class(split, cache):
    shutil.rmtree(split / "train" / "cat")
    with pytest.raises(InputError, match="labels must have at least two classes, got one"):
        load(f"folder:{split}")


def test_an_unreadable_image(split, cache):
    (split / "train" / "cat" / "9.png").write_text("not an image")
    refused(split, r"image .*train/cat/9\.png cannot be read: cannot identify", cache)


def test_an_image_of_another_size(split, cache):
    write(split / "test" / "dog" / "2.png", IMAGES[0].transpose(1, 0, 2))
    refused(
        split,
        r"image .*test/dog/2\.png has 6 x 4 pixels but .*cat/02\.PNG 4 x 6: give image_size",
        cache,
    )
    assert load(f"folder:{split}", image_size=4).test.x.shape == (3, 4, 4, 3)
