"""Folders of images, one for each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jal.data.cache import cached, stamps
from jal.data.dataset import Parts, divide
from jal.data.images import decode_all, decoder, ranges
from jal.types import InputError

__all__ = ["load_folder"]

_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_TESTS = ("test", "val")


def load_folder(name: str, image_size: int | None = None) -> Parts:
    """Images under PATH/train/CLASS and PATH/test/CLASS (or val), or under PATH/CLASS.

    Classes are numbered by name, images ordered by path; other files and hidden folders are passed
    over.

    Args:
      name: PATH.
      image_size: as in `jal.data.load`.

    Raises:
      InputError: without classes, for an empty one or one that only the test set has, for images
        that cannot be read or whose sizes differ.
    """
    root = Path(name).expanduser().resolve()
    if not root.is_dir():
        raise InputError(f"image folder {root} does not exist.")
    train = root / "train" if _classes(root / "train") else root
    tests = [root / part for part in _TESTS if train != root and _classes(root / part)]
    classes = _classes(train)
    if not classes:
        raise InputError(f"{root} has no folders of images, one for each class.")
    files, y = _files(train, classes)
    counts = np.bincount(y, minlength=len(classes))
    if not counts.all():
        raise InputError(f"class folder {train / classes[counts.argmin()]} holds no images.")
    pool = len(files)
    if tests:
        strange = sorted(set(_classes(tests[0])) - set(classes))
        if strange:
            raise InputError(f"class {strange[0]} of {tests[0]} is not in {train}.")
        more_files, more_y = _files(tests[0], classes)
        files, y = files + more_files, np.concatenate([y, more_y])
    return divide(_decoded(files, root, image_size), y, pool, len(classes), tuple(classes))


def _classes(folder: Path) -> list[str]:
    """Names of the folders in a folder, none if it is not there."""
    entries = folder.iterdir() if folder.is_dir() else ()
    return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))


def _files(folder: Path, classes: Sequence[str]) -> tuple[list[Path], np.ndarray]:
    found = [
        (path, y)
        for y, name in enumerate(classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in _SUFFIXES and path.is_file()
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    return [path for path, _ in found], np.array([y for _, y in found], np.int32)


def _decoded(files: Sequence[Path], root: Path, image_size: int | None) -> np.ndarray:
    def make() -> dict[str, np.ndarray]:
        batches = ([files[i] for i in batch] for batch in ranges(len(files)))
        return {"x": decode_all(batches, len(files), lambda i: str(files[i]), image_size)}

    key = {"folder": str(root), "files": stamps(files, root), **decoder(image_size)}
    return cached(key, make)["x"]
