"""The one loop: advance by a segment, look at it, save it, and stop or go on."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jal.types import PyTree

__all__ = ["interruptible", "run_segments"]


def run_segments(
    advance: Callable[[PyTree, np.int32, np.int32], PyTree],
    state: PyTree,
    done: int,
    last: int,
    segment: int,
    seconds: float,
    after: Callable[[PyTree, int, int, float], bool],
) -> tuple[PyTree, float]:
    """The state after the last step, or where `after` ends it, and the wall seconds of all steps.

    Args:
      advance: `(state, start, stop) -> state`; the state may be donated.
      state: after `done` steps.
      done: of them.
      last: how many there are.
      segment: steps at a time.
      seconds: that those done took.
      after: `(state, start, stop, seconds) -> end`: checks, shows and saves; where it raises,
        nothing further runs.
    """
    while done < last:
        stop = min(done + segment, last)
        began = time.perf_counter()
        state = jax.block_until_ready(advance(state, np.int32(done), np.int32(stop)))
        seconds += time.perf_counter() - began
        if after(state, done, stop, seconds):
            break
        done = stop
    return state, seconds


@contextlib.contextmanager
def interruptible(note: Callable[[str], None], event: threading.Event) -> Iterator[None]:
    """The first Ctrl-C sets the event; the second stops at once. Off the main thread: never."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: Any) -> None:
        event.set()
        signal.signal(signal.SIGINT, before)
        note("stopping after this segment; Ctrl-C again to stop at once")

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
