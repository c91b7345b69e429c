"""Measurements for launch/bench.py that are made up, each of which takes as long as it is told."""

import os
import sys
import time
from pathlib import Path


def rows(seconds, log=None):
    """A measurement for each number, which sleeps for so many seconds; `log` gets its label."""
    for i, sleep in enumerate(seconds):

        def measured(i=i, sleep=sleep):
            if log is not None:
                with Path(log).open("a") as file:
                    file.write(f"{i}\n")
            time.sleep(sleep)
            return {"steady_s": float(i), "flops": 1e12 * (i + 1)}

        yield f"row {i}", measured


def one():
    """A step that measures one thing."""
    print("a library's line")
    return {"steady_s": 2.0, "flops": 3e12, "seeds_per_s": 4.0}


def so_far(times):
    """A measurement that gives results on its way, and then hangs."""

    def measured():
        for i in range(times):
            yield {"steady_s": float(i)}
        time.sleep(600)

    yield "growing", measured


def odd(kind):
    """Between two that work, one that does not."""

    def broken():
        if kind == "aborts":
            print("XLA is upset", file=sys.stderr, flush=True)
            os.abort()
        if kind == "needs":
            import no_such_module  # noqa: F401
        raise ValueError("two lines\nof text")

    yield "before", lambda: {"steady_s": 1.0}
    yield "broken", broken
    yield "after", lambda: {"steady_s": 1.0}


def at_once(kind):
    """One that fails before it measures anything."""
    if kind == "needs":
        import no_such_module  # noqa: F401
    raise ValueError("no data")


def cpu():
    """A machine without an accelerator."""
    return {"platform": "cpu", "device": "cpu", "count": 1}


def accelerator():
    """One with one."""
    return {"platform": "gpu", "device": "Imaginary 1", "count": 1}
