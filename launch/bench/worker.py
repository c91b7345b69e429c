"""A process that measures: `python -m bench.worker MODULE:FUNCTION OPTIONS`, JSON in and out.

The function returns one result, or yields `(label, measurement)` pairs; a measurement is a function
that returns one result, or yields results of which each takes the place of the one before.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from bench.timing import Result

Measurement = Callable[[], Result | Iterator[Result]]
Measurements = Iterator[tuple[str, Measurement]]


def main(target: str, options: str) -> None:
    """Prints a line before each measurement and one with its result, or why there is none.

    Labels in the option `done` are passed over.
    """
    given = json.loads(options)
    done = set(given.pop("done", ()))
    out, sys.stdout = sys.stdout, sys.stderr  # libraries print as well

    def say(**line: Any) -> None:
        print(json.dumps(line), file=out, flush=True)

    module, name = target.split(":")
    try:
        function = getattr(importlib.import_module(module), name)
        found = function(**given)
        if isinstance(found, dict):
            say(label="", row=found)
            return
        for label, measurement in found:
            if label in done:
                continue
            say(label=label)
            try:
                made = measurement()
                for row in [made] if isinstance(made, dict) else made:
                    say(label=label, row=row)
            except ModuleNotFoundError:
                raise
            except Exception as error:  # one that needs too much memory must not end the others
                traceback.print_exc()
                say(label=label, row={"failed": reason(error)})
    except ModuleNotFoundError as error:
        say(missing=str(error.name))
    except Exception as error:
        traceback.print_exc()
        say(failed=reason(error))


def reason(error: Exception) -> str:
    """The error in one line."""
    lines = str(error).strip().splitlines() or [""]
    kind = "" if type(error).__name__ == "InputError" else f"{type(error).__name__}: "
    text = f"{kind}{lines[0]}"
    return text if len(text) <= 200 else f"{text[:196]} ..."


if __name__ == "__main__":
    main(*sys.argv[1:])
