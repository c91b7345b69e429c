"""The one way to save: a JSON file of all results by part, and its tables beside it in Markdown."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.markdown import Table, markdown
from bench.timing import Result
from jal.files import replace_file
from jal.types import InputError

Tables = Callable[[Result], list[Table]]  # of a part of the report


def read(path: Path) -> Result:
    """A report that was saved; empty where there is none.

    Raises:
      InputError: for a file that is no report.
    """
    if not path.is_file():
        return {}
    try:
        report = json.loads(path.read_text())
        parts = [part["results"] for part in report.values()]
    except (ValueError, AttributeError, TypeError, KeyError):
        raise InputError(f"{path} is no report of this command: give --out another name.") from None
    if not all(isinstance(part, dict) for part in parts):
        raise InputError(f"{path} is no report of this command: give --out another name.")
    return report


def save(path: Path, report: Result, tables: dict[str, Tables]) -> None:
    """Writes `path`, and the tables of all its parts beside it; readers see whole files.

    Raises:
      InputError: where they cannot be written.
    """
    texts = {
        path: json.dumps(report, indent=1) + "\n",
        path.with_suffix(".md"): page(report, tables),
    }
    for file, text in texts.items():
        try:
            replace_file(file, lambda temporary, text=text: temporary.write_text(text))
        except OSError as error:
            raise InputError(f"cannot write {file}: {error.strerror}.") from error


def page(report: Result, tables: dict[str, Tables]) -> str:
    """All tables; parts that were measured on the same machine stand under one line on it."""
    pages: list[tuple[str, list[Table]]] = []
    for name, show in tables.items():
        if name not in report:
            continue
        title, shown = _title(report[name]), show(report[name])
        if pages and pages[-1][0] == title:
            pages[-1][1].extend(shown)
        else:
            pages.append((title, shown))
    return "\n".join(markdown(title, shown) for title, shown in pages)


def _title(part: Result) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in part["versions"].items())
    title = f"{part['machine']}; {versions}"
    return title + ("; --quick: a smoke test, not a measurement" if part.get("quick") else "")


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Of those that are installed; jal's own is that of this repository."""
    import jal

    found = {"jal": jal.__version__}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine(accelerators: Iterable[str] = ()) -> str:
    """The processor's model, its cores, and accelerators if there are any."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return ", ".join([model, f"{os.cpu_count()} cores", *sorted(set(accelerators))])
