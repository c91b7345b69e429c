"""Folders of images, one for each class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jal.data.cache import cached, stamps
from jal.data.dataset import Parts, divide
from jal.data.images import decode_all, decoder, is_image_name, ranges
from jal.types import InputError

__all__ = ["load_folder"]

# What folders of splits are called, in whatever case; of those for a test the first kind is taken.
_TRAIN = ("train", "training")
_TESTS = (("test", "testing"), ("val", "valid", "validation"))
_SPLITS = (*_TRAIN, *_TESTS[0], *_TESTS[1])


class _Split(NamedTuple):
    """A folder of class folders: its images, their classes `[N]`, and the files passed over."""

    files: list[Path]
    y: np.ndarray
    over: list[Path]


def load_folder(name: str, image_size: int | None = None) -> Parts:
    """Images under PATH/train/CLASS and PATH/test/CLASS, or under PATH/CLASS.

    The training folder may be called training too, the test folder testing, val, valid or
    validation, in any case; where there are both, test is the test set and val is not used.
    Classes are numbered by name, images ordered by path. Hidden files and folders are none; other
    files that Pillow does not read, by their suffix, are counted in the notes.

    Args:
      name: PATH.
      image_size: as in `jal.data.load`.

    Raises:
      InputError: without classes, for an empty one, one that only the test set has or one that is
        named as a split, for images that cannot be read or whose sizes differ.
    """
    root = Path(name).expanduser().resolve()
    if not root.is_dir():
        raise InputError(f"image folder {root} does not exist.")
    train, *tests = (_named(root, names) for names in (_TRAIN, *_TESTS))
    tests = [folder for folder in tests if folder is not None and _folders(folder)][:1]
    notes = []
    if train is None:
        for name in _folders(root):
            if name.lower() in _SPLITS:
                raise InputError(
                    f"folder {name} of {root} is named as a split, not as a class: put the class "
                    f"folders into {root / 'train'}, or rename it."
                )
        train, tests = root, []
    else:
        used = [folder.name for folder in (train, *tests)]
        over = [name for name in _folders(root) if name not in used]
        if over:
            notes.append(f"folders of {root.name} not used: {', '.join(over)}")
    classes = _folders(train)
    if not classes:
        raise InputError(f"{train} has no folders of images, one for each class.")
    pool = _split(train, classes)
    counts = np.bincount(pool.y, minlength=len(classes))
    if not counts.all():
        raise InputError(f"class folder {train / classes[counts.argmin()]} holds no images.")
    files, y, over = pool
    if tests:
        found = _folders(tests[0])
        strange = sorted(set(found) - set(classes))
        if strange:
            raise InputError(f"class {strange[0]} of {tests[0]} is not in {train}.")
        test = _split(tests[0], classes)
        if not test.files:
            raise InputError(
                f"{tests[0]} holds no images: without it a test set is drawn from {train}."
            )
        files, y, over = files + test.files, np.concatenate([y, test.y]), over + test.over
    if over:
        first = over[0].relative_to(root)
        what = "1 file" if len(over) == 1 else f"{len(over):,} files"
        notes.append(
            f"{what} of {root.name} passed over, not in a class folder or no image by its suffix: "
            f"{first}{' and others' if len(over) > 1 else ''}"
        )
    x, shown = _decoded(files, root, image_size), tuple(map(_shown, classes))
    parts = divide(x, y, len(pool.files), len(classes), shown)
    names = tuple(_shown(path.relative_to(root)) for path in pool.files)
    return parts._replace(files=names, notes=tuple(map(_shown, notes)))


def _named(root: Path, names: Sequence[str]) -> Path | None:
    """The folder of `root` with one of the names, in any case; InputError where there are two."""
    found = [name for name in _folders(root) if name.lower() in names]
    if len(found) > 1:
        raise InputError(f"{root} has both {found[0]} and {found[1]}: leave one of them.")
    return root / found[0] if found else None


def _folders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted, but for hidden ones."""
    return sorted(e.name for e in folder.iterdir() if e.is_dir() and not e.name.startswith("."))


def _split(folder: Path, classes: Sequence[str]) -> _Split:
    files, y, over = [], [], []
    for number, name in enumerate(classes):
        for path in _shown_files(folder / name):
            if is_image_name(path.name):
                files.append(path)
                y.append(number)
            else:
                over.append(path)
    over += [path for path in sorted(folder.iterdir()) if path.is_file() and path.name[0] != "."]
    return _Split(files, np.array(y, np.int32), over)


def _shown_files(folder: Path) -> Iterator[Path]:
    """All files below a folder in order, but for hidden ones and those in hidden folders."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file():
            yield path


def _shown(name: str | Path) -> str:
    """A name as text that can be written: bytes that are no UTF-8 are spelled out."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _decoded(files: Sequence[Path], root: Path, image_size: int | None) -> np.ndarray:
    def make() -> dict[str, np.ndarray]:
        batches = ([files[i] for i in batch] for batch in ranges(len(files)))
        return {"x": decode_all(batches, len(files), lambda i: str(files[i]), image_size)}

    key = {"folder": str(root), "files": stamps(files, root), **decoder(image_size)}
    return cached(key, make)["x"]
