"""One process at a time goes on with a run."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from jal.experiment.folder import disk_errors, replace_file
from jal.types import InputError

__all__ = ["locked"]

_LOCK, _HOLDER = ".lock", ".holder"
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a run's folder for this process.

    The lock is the operating system's (`flock`): it goes with its holder, however that ends, so
    that of a killed run is taken over. On a network file system it holds between hosts only where
    server and mount pass locks on, as NFS 4 does by default and NFS mounted with `nolock` does not.

    Raises:
      InputError: where another process has it, with its number and host; where the file system has
        no such locks.
    """
    # A soft lock, which is a file that is there, would outlive a holder that is killed.
    lock = FileLock(folder / _LOCK, timeout=0, fallback_to_soft=False)
    with disk_errors(folder):
        taken = _acquire(lock, folder)
    if not taken:
        raise InputError(f"{folder} is in use by {_holder(folder)}: wait for it, or stop it first.")
    try:
        mine = f"process {os.getpid()} on host {socket.gethostname()}"
        replace_file(folder / _HOLDER, lambda path: path.write_text(mine))
        yield
    finally:
        (folder / _HOLDER).unlink(missing_ok=True)
        lock.release()


def _acquire(lock: FileLock, folder: Path) -> bool:
    try:
        lock.acquire()
    except Timeout:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise InputError(
            f"{folder} is on a file system without locks ({os.strerror(error.errno)}), where two "
            "processes could go on with one run: keep it on another."
        ) from error
    return True


def _holder(folder: Path) -> str:
    try:
        return (folder / _HOLDER).read_text() or "another process"
    except (OSError, ValueError):  # it has only just begun, or ended
        return "another process"
