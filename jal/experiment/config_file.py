"""Config files: Python whose get_config() says what to run, and which may bring its own code."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jal.experiment.config import Experiment
from jal.experiment.sweep import Sweep
from jal.experiment.training_config import Training
from jal.types import InputError

__all__ = ["CODE", "import_file", "keeping_module", "load_config", "one_line", "own_code"]

# What a config file is imported as: its own functions are jal_config:NAME. A run that names one
# keeps a copy of the file, from which it goes on.
_MODULE = "jal_config"
CODE = "config.py"


def load_config(path: Path) -> Experiment | Training | Sweep | tuple[Experiment | Training, ...]:
    """What the file's get_config() returns, every field found to be of its type.

    Raises:
      InputError: where there is no such file, it fails, or returns something else.
    """
    try:
        is_file = path.is_file()
    except (OSError, ValueError) as error:  # ValueError: of a name with a null byte
        why = getattr(error, "strerror", None) or error
        raise InputError(f"config file {one_line(str(path), 80)} cannot be read: {why}.") from error
    if not is_file:
        raise InputError(f"config file {path} does not exist.")
    try:
        get_config = getattr(import_file(path), "get_config", None)
        config = get_config() if callable(get_config) else None
    except InputError as error:
        raise InputError(one_line(str(error))) from error
    except (Exception, SystemExit) as error:
        says = one_line(f"config file {path} fails: {type(error).__name__}: {error}")
        raise InputError(f"{says.rstrip('.')}.") from error
    steps: list[Any] = [*config] if isinstance(config, list | tuple) else [config]
    for step in steps or [None]:
        if type(step) not in (Experiment, Training) and type(config) is not Sweep:
            what = "None" if step is None else f"a {type(step).__name__}"
            raise InputError(
                f"config file {path} must have a get_config() that returns an Experiment, a "
                f"Training, a list of these or a Sweep, and no subclass of them: it gives {what}."
            )
    checked = [type(step).checked(step) for step in steps]
    return tuple(checked) if isinstance(config, list | tuple) else checked[0]


def import_file(path: Path) -> Any:
    """Imports a config file, anew, as the module `jal_config`; its errors are its own.

    Files beside it can be imported by it.
    """
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    if spec is None or spec.loader is None:
        raise InputError(f"config file {path} must be a Python file, NAME.py.")
    _forget_neighbours()
    module = importlib.util.module_from_spec(spec)
    before, beside = sys.modules.get(_MODULE), str(path.resolve().parent)
    sys.modules[_MODULE] = module
    sys.path.insert(0, beside)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(_MODULE)
        if before is not None:
            sys.modules[_MODULE] = before
        raise
    finally:
        sys.path.remove(beside)
    return module


@contextlib.contextmanager
def keeping_module() -> Iterator[None]:
    """What is imported within it as a config file is forgotten afterwards."""
    before = sys.modules.get(_MODULE)
    try:
        yield
    finally:
        if before is not None:
            sys.modules[_MODULE] = before
        else:
            sys.modules.pop(_MODULE, None)


def _forget_neighbours() -> None:
    """Drops what the config before has imported from its folder: another's may have its name."""
    file = getattr(sys.modules.get(_MODULE), "__file__", None)
    folder = None if file is None else Path(file).resolve().parent
    if folder is None or str(folder) in sys.path:
        return
    for name, module in list(sys.modules.items()):
        own = getattr(module, "__file__", None)
        if own and "." not in name and name != _MODULE and Path(own).resolve().parent == folder:
            del sys.modules[name]


def own_code(tree: Any) -> Path | None:
    """The config file that a config's JSON names code of; None where it names none."""
    if isinstance(tree, dict):
        tree = [*tree.values()]
    if isinstance(tree, list):
        found = [own_code(one) for one in tree]
        return next((one for one in found if one is not None), None)
    if isinstance(tree, str) and tree.startswith(f"{_MODULE}:"):
        module = sys.modules.get(_MODULE)
        file = getattr(module, "__file__", None)
        return Path(file) if file else Path(CODE)
    return None


def one_line(text: str, width: int = 300) -> str:
    """The text without its line breaks, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 4]} ..."
