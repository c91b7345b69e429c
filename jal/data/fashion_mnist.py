"""Fashion-MNIST's own files, as Debian ships them, to the set of tensorflow-datasets."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jal.types import InputError

__all__ = ["SOURCE_DIR", "fashion_mnist_builder"]

SOURCE_DIR = Path("/usr/share/datasets/fashion-mnist")
_PREFIXES = {"train": "train", "test": "t10k"}
_COMPRESSED = {"train": 1504176606, "t10k": 1504176627}  # when


def fashion_mnist_builder(source_dir: Path = SOURCE_DIR, data_dir: str | Path | None = None) -> Any:
    """TFDS's builder of `fashion_mnist`, which takes the four files instead of downloading them.

    What it prepares is the stock set, and needs no TensorFlow (Xiao, Rasul and Vollgraf, 2017).

    Args:
      source_dir: with the IDX files, as compressed by their authors or by Debian.
      data_dir: as in `jal.data.tfds.find_builder`.

    Raises:
      InputError: for a file that is missing, or whose SHA-256 is not the one that TFDS records.
    """
    from PIL import Image
    from tensorflow_datasets.image_classification import mnist

    recorded = mnist.FashionMNIST.url_infos or {}
    sha256 = {info.filename: info.checksum for info in recorded.values()}
    files = {
        (split, kind): _genuine(source_dir, prefix, kind, sha256)
        for split, prefix in _PREFIXES.items()
        for kind in ("images-idx3", "labels-idx1")
    }

    class FashionMNIST(mnist.FashionMNIST, skip_registration=True):
        def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[int, Any]]]:
            return {split: self._generate_examples(split) for split in _PREFIXES}

        def _generate_examples(self, split: str) -> Iterator[tuple[int, Any]]:
            images = np.frombuffer(files[split, "images-idx3"], np.uint8, offset=16)
            labels = np.frombuffer(files[split, "labels-idx1"], np.uint8, offset=8)
            for i, image in enumerate(images.reshape(-1, 28, 28)):  # keyed as TFDS does
                yield i, {"image": Image.fromarray(image), "label": int(labels[i])}

    return FashionMNIST(data_dir=data_dir)


def _genuine(folder: Path, prefix: str, kind: str, sha256: dict[str, str]) -> bytes:
    """The decompressed file."""
    path = folder / f"{prefix}-{kind}-ubyte.gz"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read {path} ({error.strerror}): `apt-get install dataset-fashion-mnist`, or "
            "give --source-dir the folder of Fashion-MNIST's four .gz files."
        ) from error
    whole = raw
    if raw[3:4] == b"\0":  # Debian's: without the name, and with another time, in its header
        time = struct.pack("<I", _COMPRESSED[prefix])
        whole = raw[:3] + b"\x08" + time + raw[8:10] + f"{path.stem}\0".encode() + raw[10:]
    found = hashlib.sha256(whole).hexdigest()
    if found != sha256[path.name]:
        raise InputError(
            f"{path} is not Fashion-MNIST's: its SHA-256 is {found[:12]}..., not "
            f"{sha256[path.name][:12]}...."
        )
    return gzip.decompress(raw)
