"""launch/prepare_data.py as its user meets it, with the real Fashion-MNIST."""

import gzip
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets as tfds
from requirements import fashion_mnist_files

from jal.cli import prepare
from jal.data.fashion_mnist import fashion_mnist_builder
from jal.data.sources import load
from jal.types import InputError

SCRIPT = Path(__file__).parents[2] / "launch" / "prepare_data.py"
FILES = [f"{part}-ubyte.gz" for part in ("train-images-idx3", "train-labels-idx1",
                                         "t10k-images-idx3", "t10k-labels-idx1")]  # fmt: skip


def start(*arguments: str | Path) -> subprocess.Popen:
    command = [sys.executable, "-W", "error", str(SCRIPT), *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
    )


def fails(code: int, *arguments: str | Path) -> str:
    process = start(*arguments)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, f"{out}\n{err}"
    return err


@pytest.fixture
def caches(fashion_mnist, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(fashion_mnist))
    monkeypatch.setenv("JAL_CACHE", str(tmp_path))


def rows(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """`[N, 785]`: images and labels, sorted."""
    joined = np.concatenate([images.reshape(-1, 784), labels[:, None].astype(np.uint8)], axis=1)
    return np.sort(joined.view("S785").ravel()).view(np.uint8).reshape(-1, 785)


def idx(prefix: str) -> np.ndarray:
    images = gzip.decompress(
        (fashion_mnist_files() / f"{prefix}-images-idx3-ubyte.gz").read_bytes()
    )
    labels = gzip.decompress(
        (fashion_mnist_files() / f"{prefix}-labels-idx1-ubyte.gz").read_bytes()
    )
    magic, count, height, width = struct.unpack(">4I", images[:16])
    assert (magic, height, width) == (2051, 28, 28)
    assert struct.unpack(">2I", labels[:8]) == (2049, count)
    return rows(np.frombuffer(images[16:], np.uint8), np.frombuffer(labels[8:], np.uint8))


@pytest.mark.slow
def test_fashion_mnist_is_what_the_files_hold(caches):
    found = load("tfds:fashion_mnist")
    assert (found.train.x.shape, found.train.x.dtype) == ((60_000, 28, 28, 1), np.uint8)
    assert (found.test.x.shape, found.test.y.dtype) == ((10_000, 28, 28, 1), np.int32)
    np.testing.assert_array_equal(rows(*found.train), idx("train"))
    np.testing.assert_array_equal(rows(*found.test), idx("t10k"))
    np.testing.assert_array_equal(np.bincount(found.train.y), np.full(10, 6000))
    assert found.num_classes == 10
    assert found.class_names[:3] == ("T-shirt/top", "Trouser", "Pullover")


@pytest.mark.slow
def test_it_is_the_stock_set(fashion_mnist):
    stock = tfds.builder("fashion_mnist", data_dir=fashion_mnist)
    source = stock.as_data_source(split="train")
    assert len(source) == 60_000 and stock.info.file_format.value == "array_record"
    # TFDS orders a split by a hash of its name and the examples' numbers: not by label.
    assert len({source[i]["label"] for i in range(20)}) > 5


@pytest.mark.slow
def test_what_is_prepared_stays(fashion_mnist):
    folder = fashion_mnist / "fashion_mnist" / "3.0.1"
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    process = start("fashion_mnist", "--data-dir", fashion_mnist)
    out, _ = process.communicate(timeout=60)
    assert out.startswith("60,000 train, 10,000 test in ")
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def copied(folder: Path) -> Path:
    folder.mkdir()
    for name in FILES:
        (folder / name).symlink_to(fashion_mnist_files() / name)
    return folder


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("at", [40, -1])
def test_one_flipped_bit_is_refused(tmp_path, name, at):
    folder = copied(tmp_path / "files")
    content = bytearray((folder / name).read_bytes())
    content[at] ^= 1
    (folder / name).unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name} is not Fashion-MNIST's: its SHA-256 is"):
        fashion_mnist_builder(folder, tmp_path)


def test_the_files_that_the_authors_compressed_are_taken(tmp_path):
    folder = copied(tmp_path / "files")
    raw = (folder / FILES[3]).read_bytes()
    header = raw[:3] + b"\x08" + struct.pack("<I", 1504176627) + raw[8:10]
    (folder / FILES[3]).unlink()
    (folder / FILES[3]).write_bytes(header + b"t10k-labels-idx1-ubyte\0" + raw[10:])
    assert fashion_mnist_builder(folder, tmp_path).name == "fashion_mnist"


def test_refusals_say_what_to_do(tmp_path):
    folder = copied(tmp_path / "files")
    (folder / FILES[2]).unlink()
    data_dir = tmp_path / "tfds"
    said = fails(2, "fashion_mnist", "--source-dir", folder, "--data-dir", data_dir)
    assert said.startswith(f"error: cannot read {folder / FILES[2]} (No such file or directory): ")
    assert "`apt-get install dataset-fashion-mnist`" in said and said.count("\n") == 1
    assert not data_dir.exists()


def test_other_names(tmp_path):
    said = fails(2, "fashon_mnist", "--data-dir", tmp_path)
    assert said == (
        "error: tensorflow-datasets has no set 'fashon_mnist': did you mean fashion_mnist?\n"
    )
    said = fails(2, "mnist", "--data-dir", tmp_path, "--source-dir", tmp_path)
    assert said == "error: --source-dir is for fashion_mnist; mnist is downloaded.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def heeding_interrupts():
    """As from a terminal: what a shell starts in the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_in_a_destructor_is_not_lost(heeding_interrupts):
    ignored = SimpleNamespace(exc_type=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare._interrupt_again(ignored)
        time.sleep(10)


def test_ctrl_c_leaves_nothing(tmp_path, heeding_interrupts):
    source = fashion_mnist_files()
    process = start("fashion_mnist", "--source-dir", source, "--data-dir", tmp_path)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("fashion_mnist/*")):  # until it has begun
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "stopped; nothing was prepared\n")
    assert list((tmp_path / "fashion_mnist").iterdir()) == []
