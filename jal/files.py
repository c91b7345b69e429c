"""Files that are written whole or not at all, and manifests that tell whether they still are."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jal.types import InputError

__all__ = ["MANIFEST", "damaged", "digest", "replace_file", "seal", "sync"]

MANIFEST = "manifest.json"
_NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


def replace_file(path: Path, write: Callable[[Path], Any]) -> None:
    """`write(temporary)`, then a rename onto `path`: readers see the old file or the new one."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        write(temporary)
        sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def seal(folder: Path, names: Iterable[str] | None = None, of: str = "") -> None:
    """Writes the folder's manifest, the SHA-256 of its files; it says that they are all there.

    Args:
      folder: whose files are on the disk when this returns.
      names: of the files; all below the folder if None. What a manifest of the same owner says of
        others is kept.
      of: whose folder it is, so that one in another's place is found out.
    """
    files = {}
    if names is None:
        for path in folder.rglob("*"):
            sync(path)
        names = _below(folder)
    else:
        before = _read(folder) or {}
        files = before.get("files", {}) if before.get("of") == of else {}
    for name in names:
        sync(folder / name)
        files[name] = _sha256(folder / name)
    content = json.dumps({"of": of, "files": files}, indent=2, sort_keys=True) + "\n"
    replace_file(folder / MANIFEST, lambda path: path.write_text(content))


def damaged(folder: Path, names: Iterable[str] | None = None, of: str = "") -> str | None:
    """The first file that is not what `seal` saw, the manifest itself included; None if none is.

    Args:
      folder: that was sealed.
      names: of the files to read; if None, there must be all that were sealed and no others.
      of: as given to `seal`.

    Raises:
      InputError: where a file is there and cannot be read, which is no damage.
    """
    manifest = _read(folder)
    if manifest is None or manifest.get("of") != of or not isinstance(manifest.get("files"), dict):
        return MANIFEST
    files = manifest["files"]
    wanted = sorted({*files, *_below(folder)}) if names is None else names
    for name in wanted:
        try:
            if name not in files or _sha256(folder / name) != files[name]:
                return name
        except _NOT_THERE:
            return name
        except OSError as error:
            raise _unreadable(folder / name, error) from error
    return None


def digest(tree: Any) -> str:
    """SHA-256 of what can be JSON, in whatever order its keys are."""
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def sync(path: Path) -> None:
    """Returns once a file's content, or a folder's list of names, is on the disk."""
    # Some file systems sync no folders: a rename that is lost leaves the old file, which is whole.
    with contextlib.suppress(*[OSError] * path.is_dir()):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((folder / MANIFEST).read_text())
    except (*_NOT_THERE, ValueError):
        return None
    except OSError as error:
        raise _unreadable(folder / MANIFEST, error) from error
    return content if isinstance(content, dict) else None


def _unreadable(path: Path, error: OSError) -> InputError:
    """Of a file that is there, and that this user or this machine cannot read now: no damage."""
    return InputError(f"{path} cannot be read: {error.strerror}.")


def _below(folder: Path) -> list[str]:
    """Names of all files but the manifest, relative to the folder."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name != MANIFEST)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
