"""Runs what measures, each step in a process of its own: turn by turn, or until time is up."""

from __future__ import annotations

import json
import math
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from bench.timing import Result

LAUNCH = Path(__file__).parents[1]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Row = tuple[str, Result]
Show = Callable[[str], None]


class Step(NamedTuple):
    """What one process measures.

    Attributes:
      worker: `module:function`, see bench.worker.
      options: its arguments.
      copies: how many of it run at the same time; their rates and memory add up.
      limit: in seconds, infinite if None.
    """

    worker: str
    options: Result
    copies: int = 1
    limit: float | None = None


class Stopped(NamedTuple):
    """Why a process did not measure all: `reason`, a sentence, and whether its time was up."""

    reason: str
    late: bool = False


def rows_of(step: Step, done: Collection[str] = ()) -> Iterator[Row | Stopped]:
    """`(label, result)` as they come, the last of a label counts; at the end Stopped if it was.

    A result that holds `failed`, a sentence, or `over_s`, seconds until it was stopped, is none.
    """
    if step.copies == 1:
        yield from _rows_of_one(step, done)
        return
    with ThreadPoolExecutor(step.copies) as pool:
        copies = list(pool.map(lambda _: list(_rows_of_one(step, done)), range(step.copies)))
    for together in zip(*copies, strict=False):
        bad = [row for row in together if isinstance(row, Stopped) or not ended(row[1])]
        yield bad[0] if bad else _added(together)


def _added(together: Any) -> Row:
    """One result of several copies of a process."""
    label, first = together[0]
    names = {"seeds", "seeds_per_s", "steps_per_s", "peak_mib"} & first.keys()
    return label, first | {name: sum(row[name] for _, row in together) for name in names}


def _rows_of_one(step: Step, done: Collection[str]) -> Iterator[Row | Stopped]:
    limit = math.inf if step.limit is None else step.limit
    end = time.monotonic() + limit
    options = step.options | ({"done": sorted(done)} if done else {})
    command = [sys.executable, "-P", "-m", "bench.worker", step.worker, json.dumps(options)]
    paths = [str(LAUNCH), str(LAUNCH.parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    environment |= ONE_THREAD if step.worker.endswith("_loop") else {}
    begun: tuple[str, float] | None = None  # what is being measured, and since when
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=errors
        )
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
        try:
            while True:
                left = None if limit == math.inf else max(0.0, end - time.monotonic())
                line = lines.get(timeout=left)
                if line is None:
                    break
                said = _parsed(line)
                if "row" in said:
                    yield said["label"], said["row"]
                    begun = None
                elif "label" in said:
                    begun = said["label"], time.monotonic()
                elif "missing" in said:
                    yield Stopped(f"needs {said['missing']}, which is not installed here.")
                    return
                elif "failed" in said:
                    yield Stopped(f"{said['failed'].rstrip('.')}.")
                    return
            if process.wait():
                last = _last_line(errors) or f"exit status {process.returncode}"
                if begun is None:
                    yield Stopped(f"its process ended: {last.rstrip('.')}.")
                else:  # such as XLA aborting: the others may be measured yet
                    yield begun[0], {"failed": f"its process ended: {last}"}
                    yield Stopped("its process ended.", late=True)
        except queue.Empty:
            # What had little of the time may be tried again; what had most of it may not.
            if begun is not None and time.monotonic() - begun[1] > limit / 2:
                yield begun[0], {"over_s": time.monotonic() - begun[1]}
            yield Stopped(f"was stopped after {limit:.0f} s.", late=True)
        finally:
            with process:  # closes its pipe and waits for it
                process.kill()


def _read(pipe: Any, lines: queue.Queue[str | None]) -> None:
    for line in pipe:
        lines.put(line)
    lines.put(None)


def _parsed(line: str) -> Result:
    """A worker's line; nothing if it is what some library in C printed."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _last_line(errors: Any) -> str:
    errors.seek(0)
    return next((line.strip() for line in reversed(errors.readlines()) if line.strip()), "")


def measure(step: Step) -> Result:
    """The result of a step that measures one thing; `failed` or `over_s` where there is none."""
    found: Result = {}
    for said in rows_of(step):
        if not isinstance(said, Stopped):
            found = said[1]
        elif said.late and "failed" not in found:
            found = {"over_s": step.limit}
        elif not said.late:
            found = {"failed": said.reason}
    return found


def turns_of(
    steps: dict[str, Step], count: int, show: Show, long_s: float = math.inf
) -> Iterator[dict[str, list[Result]]]:
    """Label -> results so far, after each step; every step measures one thing.

    What takes at least `long_s`, or has no result, is measured once.
    """
    found: dict[str, list[Result]] = {label: [] for label in steps}
    for turn in range(count):
        for label, step in steps.items():
            rows = found[label]
            if rows and (not ended(rows[0]) or rows[0].get("steady_s", 0.0) >= long_s):
                continue
            show(f"turn {turn + 1} of {count}: {label}")
            rows.append(measure(step))
            yield {label: rows for label, rows in found.items() if rows}


def ended(row: Result) -> bool:
    """Whether there is a result."""
    return not {"failed", "over_s", "over_mib"} & row.keys()


def middle(turns: list[Result]) -> Result:
    """Medians over the turns, but the largest of memory; of turns that ended like the first."""
    turns = [turn for turn in turns if turn.keys() == turns[0].keys()]
    return {
        name: (max if name.endswith("mib") else statistics.median)(turn[name] for turn in turns)
        if isinstance(value, float)
        else value
        for name, value in turns[0].items()
    }


class Progress(NamedTuple):
    """What is known of a step: its results by label, and why there are no more, if it is known."""

    rows: dict[str, Result]
    skipped: str | None = None
    finished: bool = False


def in_order(
    steps: dict[str, Step],
    before: dict[str, Progress],
    seconds: float,
    show: Show,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[str, Progress]]:
    """Runs steps in their order until time is up; a step's label and progress after each result.

    A step that is stopped at its limit goes on after all others have had their turn, for as long
    as that brings more; a step that has finished does not run again.

    Args:
      steps: by label, the most valuable first.
      before: progress of an earlier call, which is gone on with.
      seconds: that this may take.
      show: is told what is being measured.
      clock: of seconds.
    """
    end = clock() + seconds
    known = {label: before.get(label, Progress({})) for label in steps}
    waiting = [label for label in steps if not known[label].finished]
    waiting.sort(key=lambda label: bool(known[label].rows))  # stable: what never ran comes first
    while waiting:
        label = waiting.pop(0)
        left = end - clock()
        if left <= 0:
            why = known[label].skipped or "time was up before it."
            yield label, known[label]._replace(skipped=why)
            continue
        rows = dict(known[label].rows)
        before_it = len(rows)
        limit = min(left, steps[label].limit or math.inf)
        show(f"{label} (at most {limit:.0f} s; {left:.0f} s left)")
        known[label] = Progress(rows, None, True)
        for said in rows_of(steps[label]._replace(limit=limit), rows):
            if isinstance(said, Stopped):
                known[label] = Progress(rows, said.reason, False)
                if said.late and len(rows) > before_it:
                    waiting.append(label)
            elif "over_s" in said[1] and limit == left:
                continue  # not its own limit: it may be measured by a later call
            else:
                rows[said[0]] = said[1]
                show(f"  {said[0] or label}: {_brief(said[1])}")
                yield label, Progress(rows, "was cut off.", False)
        yield label, known[label]


def _brief(row: Result) -> str:
    shown = ("failed", "over_s", "compile_s", "steady_s")
    parts = [
        row[name] if name == "failed" else f"{name} {row[name]:.3g}"
        for name in shown
        if name in row
    ]
    return ", ".join(parts) or "done"
