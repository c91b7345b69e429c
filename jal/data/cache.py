"""Arrays kept on disk that were slow to make: decoded images, extracted features.

They lie in the folder that JAL_CACHE names, else ~/.cache/jal; it may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jal.types import InputError

__all__ = ["cached", "stamps"]

_FORMAT = 1  # raised when what jal makes of the same inputs changes


def cached(
    key: Mapping[str, Any], make: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """`make()`, or what it returned when it was last called for this key.

    Args:
      key: everything that determines the arrays, as JSON: names, options, `stamps` of files,
        versions of libraries.
      make: makes them, by name.

    Raises:
      InputError: where the cache cannot be written; found out before `make` is called, but for a
        disk that fills up.
    """
    content = json.dumps({"format": _FORMAT, **key}, sort_keys=True)
    folder = Path(os.environ.get("JAL_CACHE") or "~/.cache/jal").expanduser()
    path = folder / f"{hashlib.sha256(content.encode()).hexdigest()}.npz"
    try:
        with path.open("rb") as file, np.load(file) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception:  # not there, or damaged in one of many ways: made anew
        pass
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=".tmp", prefix=f".{path.stem}.", dir=folder)
        os.close(handle)
        temporary = Path(name)
    try:
        arrays = make()
        with _writing(folder):
            with temporary.open("wb") as file:
                np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return arrays


def stamps(paths: Iterable[Path], root: Path) -> list[tuple[str, int, int]]:
    """Names below `root`, sizes and times of change: they change when the files do."""
    found = ((path, path.stat()) for path in paths)
    return [(str(path.relative_to(root)), stat.st_size, stat.st_mtime_ns) for path, stat in found]


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write to the cache {folder} ({error.strerror}): set JAL_CACHE to a folder "
            "that can be written."
        ) from error
