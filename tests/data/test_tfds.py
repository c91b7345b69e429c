"""Sets that the tests make themselves, in the files of TFDS; the real Fashion-MNIST is made in
tests/launch/test_prepare_data.py."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from requests.exceptions import ConnectionError
from requirements import require

from jal.data.prepare import prepare
from jal.data.sources import fingerprint, load
from jal.types import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 5, 4, 3), np.uint8)
PLACE = {x.tobytes(): i for i, x in enumerate(IMAGES)}
IMAGE = tfds.features.Image(shape=(None, None, 3))
LABEL = tfds.features.ClassLabel(names=["cat", "dog", "fox"])


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("JAL_CACHE", str(tmp_path / "jal"))
    tfds.disable_progress_bar()


def rows(begin: int, end: int) -> list[dict]:
    """Images begin to end, labelled i % 3."""
    return [{"image": Image.fromarray(IMAGES[i]), "label": i % 3} for i in range(begin, end)]


def define(name, splits, keys=("image", "label"), skip_registration=False, **features):
    """A builder of sets, known to TFDS by its name."""

    class Rows(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            kinds = tfds.features.FeaturesDict(features or {"image": IMAGE, "label": LABEL})
            return tfds.core.DatasetInfo(builder=self, features=kinds, supervised_keys=keys)

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in splits}

        def _generate_examples(self, split):
            found = splits[split]
            yield from enumerate(found() if callable(found) else found)

    return type(name, (Rows,), {}, skip_registration=skip_registration)


def made(name, splits, **options) -> Path:
    """The folder of a set of files whose builder is not known."""
    builder = define(name, splits, skip_registration=True, **options)
    builder = builder(data_dir=os.environ["TFDS_DATA_DIR"])
    builder.download_and_prepare(file_format="array_record")
    return Path(builder.data_path)


def check(found, train: range, test: range) -> None:
    """TFDS's order is its own; every image must be there, with its label."""
    for part, expected in ((found.train, train), (found.test, test)):
        numbers = [PLACE[x.tobytes()] for x in part.x]
        assert sorted(numbers) == list(expected)
        np.testing.assert_array_equal(part.y, np.array(numbers) % 3)
        assert (part.x.dtype, part.x.shape[1:], part.y.dtype) == (np.uint8, (5, 4, 3), np.int32)


@pytest.mark.parametrize("test", ["test", "validation"])
def test_images(test):
    made("Tiny", {"train": rows(0, 20), test: rows(20, 30)})
    found = load("tfds:tiny")
    check(found, range(20), range(20, 30))
    assert (found.num_classes, found.class_names) == (3, ("cat", "dog", "fox"))
    assert fingerprint(load("tfds:tiny:1.0.0")) == fingerprint(found)
    assert load("tfds:tiny:1.*.*", image_size=2).test.x.shape == (10, 2, 2, 3)


def test_the_test_split_goes_before_validation():
    made("Tiny", {"validation": rows(0, 5), "train": rows(5, 20), "test": rows(20, 30)})
    found = load("tfds:tiny")
    check(found, range(5, 20), range(20, 30))
    assert found.notes == ("splits of tiny not used: validation",)


def test_without_a_test_split_a_fifth_is_drawn_by_class():
    made("Tiny", {"train": rows(0, 30)})
    found = load("tfds:tiny")
    np.testing.assert_array_equal(np.bincount(found.test.y), [2, 2, 2])
    assert len(load("tfds:tiny", 12).train.y) == 18


def test_decoded_once(tmp_path):
    folder = made("Tiny", {"train": rows(0, 20), "test": rows(20, 30)})
    load("tfds:tiny")
    (path,) = (tmp_path / "jal").iterdir()
    np.savez(path, x=np.zeros((30, 2, 2, 1), np.uint8), y=np.arange(30) % 3)
    assert load("tfds:tiny").test.x.shape == (10, 2, 2, 1)
    shutil.rmtree(folder)
    made("Tiny", {"train": rows(0, 25), "test": rows(25, 30)})
    check(load("tfds:tiny"), range(25), range(25, 30))


def test_only_image_and_only_class_without_supervised_keys():
    splits = {
        "train": [{"picture": row["image"], "kind": row["label"], "id": 7} for row in rows(0, 20)],
        "test": [{"picture": row["image"], "kind": row["label"], "id": 8} for row in rows(20, 30)],
    }
    made("Tiny", splits, keys=None, picture=IMAGE, kind=LABEL, id=np.int64)
    check(load("tfds:tiny"), range(20), range(20, 30))


def test_grey_images_and_integer_labels():
    grey = [{"image": x[:, :, :1], "label": i % 2} for i, x in enumerate(IMAGES)]
    splits = {"train": [{**row, "image": Image.fromarray(row["image"][:, :, 0])} for row in grey]}
    made("Grey", splits, image=tfds.features.Image(shape=(5, 4, 1)), label=np.int64)
    found = load("tfds:grey")
    assert (found.train.x.shape, found.num_classes) == ((24, 5, 4, 1), 2)
    assert found.class_names == ()
    place = {row["image"].tobytes(): row["label"] for row in grey}
    assert [place[x.tobytes()] for x in found.train.x] == found.train.y.tolist()


def test_numbers():
    vectors = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    splits = {"train": [{"x": x, "y": i % 3} for i, x in enumerate(vectors)]}
    made("Numbers", splits, keys=("x", "y"), x=tfds.features.Tensor(shape=(3,), dtype=np.float32),
         y=tfds.features.ClassLabel(num_classes=3))  # fmt: skip
    found = load("tfds:numbers")
    place = {x.tobytes(): i for i, x in enumerate(vectors)}
    assert found.train.x.dtype == np.float32
    assert [place[x.tobytes()] % 3 for x in found.train.x] == found.train.y.tolist()
    with pytest.raises(InputError, match="image_size is for images, and the inputs of numbers are"):
        load("tfds:numbers", image_size=8)


PAIR = tfds.features.Tensor(shape=(2,), dtype=np.int64)
VECTOR = tfds.features.Tensor(shape=(2,), dtype=np.float32)


@pytest.mark.parametrize(
    ("keys", "features", "row", "listed"),
    [
        (None, {"a": IMAGE, "b": IMAGE, "y": LABEL}, {}, r"a \(Image\), b \(Image\), y \(ClassL"),
        (None, {"a": IMAGE, "y": LABEL, "z": LABEL}, {}, r"a \(Image\), y \(ClassLabel\), z"),
        (None, {"a": VECTOR, "y": LABEL}, {"a": [0.5, 1]}, r"a \(Tensor\), y \(ClassLabel\)"),
        (("a", "y"), {"a": tfds.features.Text(), "y": LABEL}, {"a": "b"}, r"a \(Text\), y"),
        (("a", "y"), {"a": np.float32, "y": LABEL}, {"a": 1.0}, r"a \(Scalar\)|a \(Tensor\)"),
        (("a", "y"), {"a": IMAGE, "y": np.float32}, {"y": 0.5}, r"a \(Image\), y \("),
        (("a", "y"), {"a": VECTOR, "y": PAIR}, {"a": [0, 1], "y": [0, 1]}, r"y \(Tensor\)"),
        (("a", "y"), {"a": LABEL, "y": LABEL}, {"a": 0}, r"a \(ClassLabel\), y"),
    ],
)
def test_features_that_do_not_do(keys, features, row, listed):
    row = {"a": IMAGES[0], "b": IMAGES[0], "y": 0, "z": 0} | row
    row = {
        name: Image.fromarray(row[name]) if kind is IMAGE else row[name]
        for name, kind in features.items()
    }
    made("Odd", {"train": [row]}, keys=keys, **features)
    with pytest.raises(InputError, match=rf"odd/1\.0\.0 has no one input, .* are .*{listed}"):
        load("tfds:odd")


def test_images_of_more_than_8_bits():
    deep = Image.fromarray(np.full((5, 4), 999, np.uint16))
    feature = tfds.features.Image(shape=(5, 4, 1), dtype=np.uint16)
    made("Deep", {"train": [{"image": deep, "label": 0}]}, image=feature, label=LABEL)
    with pytest.raises(InputError, match=r"deep/1\.0\.0 has no one input, an 8-bit image or"):
        load("tfds:deep")


def test_sizes_that_differ(tmp_path):
    turned = {"image": Image.fromarray(IMAGES[0].transpose(1, 0, 2)), "label": 0}
    made("Tiny", {"train": rows(0, 20), "test": [turned]})
    with pytest.raises(InputError, match=r"image 20 of tiny/1\.0\.0 \(train, then test\) has 5 x"):
        load("tfds:tiny")
    assert list((tmp_path / "jal").iterdir()) == []
    assert load("tfds:tiny", image_size=3).test.x.shape == (1, 3, 3, 3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "mnist",
            r"mnist is not in .*mnist/3\.0\.1: prepare it by `python launch/prepare",
        ),
        ("fashon_mnist", "has no set 'fashon_mnist': did you mean fashion_mnist"),
        ("qqqqqqqq/x:1.0.0", r"has no set 'qqqqqqqq/x:1\.0\.0': tfds\.list_builders\(\) names"),
        ("mnist/big", "cannot open 'mnist/big': BuilderConfig big not found with version 3.0.1"),
        ("mnist:9.9.9", "cannot open 'mnist:9.9.9': Dataset mnist cannot be loaded at version"),
        ("huggingface:mnist", "tfds:huggingface:mnist is not of the form tfds:NAME"),
        ("mnist/a=1,b=2", "is not of the form tfds:NAME"),
    ],
)
def test_sets_that_are_not_there(name, message):
    with pytest.raises(InputError, match=message):
        load(f"tfds:{name}")


def test_an_empty_folder(tmp_path):
    (tmp_path / "tfds" / "mnist" / "3.0.1").mkdir(parents=True)
    for action in (lambda: load("tfds:mnist"), lambda: prepare("mnist")):
        with pytest.raises(InputError, match=r"mnist/3\.0\.1 holds no prepared data set: del"):
            action()


def test_without_a_train_split():
    made("Tiny", {"whole": rows(0, 20), "test": rows(20, 30)})
    with pytest.raises(InputError, match=r"tiny has no split train, only (whole|test), "):
        load("tfds:tiny")


def test_files_in_another_format():
    folder = made("Tiny", {"train": rows(0, 20), "test": rows(20, 30)})
    path = folder / "dataset_info.json"
    path.write_text(path.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(InputError, match=r"1\.0\.0 is in the format tfrecord, not array_record"):
        load("tfds:tiny")


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing"])
def test_damaged_files(damage, tmp_path):
    folder = made("Tiny", {"train": rows(0, 20), "test": rows(20, 30)})
    (path,) = folder.glob("*train*")
    whole = path.read_bytes()
    # Half of a small file is padding: a byte of the records themselves is flipped.
    flipped = whole[:200] + bytes([whole[200] ^ 255]) + whole[201:]
    path.write_bytes(whole[:-1000] if damage == "cut" else flipped)
    if damage == "missing":
        path.unlink()
    with pytest.raises(InputError, match=r"tiny/1\.0\.0 cannot be read: .*; if it is dama"):
        load("tfds:tiny")
    assert not (tmp_path / "jal").exists() or list((tmp_path / "jal").iterdir()) == []


def test_damaged_description():
    folder = made("Tiny", {"train": rows(0, 20), "test": rows(20, 30)})
    (folder / "dataset_info.json").write_text("{")
    with pytest.raises(InputError, match="tensorflow-datasets cannot open 'tiny': "):
        load("tfds:tiny")


def test_reading_needs_neither_network_nor_tensorflow():
    made("Tiny", {"train": rows(0, 20), "test": rows(20, 30)})
    code = (
        "import socket, sys; from jal.data import load\n"
        "socket.socket.connect = socket.getaddrinfo = None\n"
        "before = 'tensorflow_datasets' in sys.modules, 'PIL' in sys.modules\n"
        "print(load('tfds:tiny').train.x.shape, 'tensorflow' in sys.modules, *before)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("(20, 5, 4, 3) False False False\n", "")


def test_preparing():
    define("PreparedPets", {"train": rows(0, 20), "test": rows(20, 30)})
    done = prepare("prepared_pets")
    assert (done.source, done.counts) == ("tfds:prepared_pets", {"train": 20, "test": 10})
    check(load(done.source), range(20), range(20, 30))
    before = done.folder.stat()
    assert prepare("prepared_pets") == done
    assert done.folder.stat().st_mtime_ns == before.st_mtime_ns


def fails(error: BaseException):
    yield from rows(0, 5)
    raise error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ConnectionError("no route\nat all"),
            "downloaded, for want of a network .no route",
        ),
        (OSError(28, "No space left on device"), "cannot be made: .*No space left on device"),
        (
            AssertionError("Manual directory is empty.\nGo there."),
            "cannot be made: .*Manual directory",
        ),
    ],
)
def test_preparing_that_fails_leaves_nothing(error, message, tmp_path):
    name = f"Failing{type(error).__name__}"
    define(name, {"train": lambda: fails(error)})
    source = tfds.core.naming.camelcase_to_snakecase(name)
    with pytest.raises(InputError, match=message) as caught:
        prepare(source)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "tfds" / source).iterdir()) == []
    with pytest.raises(InputError, match="prepare it by"):
        load(f"tfds:{source}")


def test_preparing_that_is_killed_leaves_nothing_that_loads(tmp_path):
    code = (
        "import os, sys; sys.path += sys.argv[1:]\n"
        "from test_tfds import define, rows; from jal.data.prepare import prepare\n"
        "def killed():\n"
        "    yield from rows(0, 5)\n"
        "    os.kill(os.getpid(), 9)\n"
        "define('Killed', {'train': rows(0, 20), 'test': killed}); prepare('killed')"
    )
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code, str(here), str(here.parent)])
    assert done.returncode == -9
    assert len(list((tmp_path / "tfds" / "killed").iterdir())) == 1
    with pytest.raises(InputError, match="has no set 'killed'"):
        load("tfds:killed")
    define("Killed", {"train": rows(0, 20), "test": rows(20, 30)})
    with pytest.raises(InputError, match="prepare it by"):
        load("tfds:killed")
    check(load(prepare("killed").source), range(20), range(20, 30))


def test_preparing_stock_sets_needs_tensorflow(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'mnist needs TensorFlow: pip install -e "\.\[prepare\]"'):
        prepare("mnist")


def test_absence_skips_and_fails_where_it_may_not_be(monkeypatch):
    require(True, "this", "never said")
    with pytest.raises(pytest.skip.Exception, match="this is not on this machine: get it"):
        require(False, "this", "get it")
    monkeypatch.setenv("JAL_REQUIRE", "that,this")
    with pytest.raises(pytest.fail.Exception, match="this is not on this machine: get it"):
        require(False, "this", "get it")
