"""Config files: Python whose get_config() says what to run, and which may bring its own code."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jal.experiment.config import Experiment
from jal.experiment.sweep import Sweep
from jal.experiment.training_config import Training
from jal.types import InputError

__all__ = ["import_file", "keeping_module", "load_config", "one_line", "own_code"]

# What a config file is imported as: its own functions are jal_config:NAME. A run that names one
# keeps a copy of the file and of those that it imports from beside it, from which it goes on.
_MODULE = "jal_config"


class _Beside(str):
    """An entry of sys.path: the folder of the config file that is imported."""


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

    Until another one is, modules beside it are found, as those beside a script are: also by
    get_config(), and where the config names one that it does not import.
    """
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    if spec is None or spec.loader is None:
        raise InputError(f"config file {path} must be a Python file, NAME.py.")
    before, paths = sys.modules.get(_MODULE), [*sys.path]
    _forget_neighbours()
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module
    sys.path.insert(0, _Beside(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(_MODULE)
        sys.path[:] = paths
        if before is not None:
            sys.modules[_MODULE] = before
        raise
    return module


@contextlib.contextmanager
def keeping_module() -> Iterator[None]:
    """What is imported within it as a config file is forgotten afterwards, and that of before is
    there again."""
    before = {name: sys.modules[name] for name in (_MODULE, *_neighbours()) if name in sys.modules}
    paths = [*sys.path]
    try:
        yield
    finally:
        _forget_neighbours()
        sys.path[:] = paths
        sys.modules.pop(_MODULE, None)
        sys.modules.update(before)


def _neighbours() -> dict[str, Path]:
    """Module -> its file, relative to the config file's folder, of those that are in it."""
    folder, found = _folder(), {}
    # Thousands of modules lie in few places.
    is_folder = functools.cache(lambda place: Path(place).resolve() == folder)
    for name, module in list(sys.modules.items()):
        own = getattr(module, "__file__", None)
        if not own or folder is None or name == _MODULE or name.partition(".")[0] == "jal":
            continue
        path = Path(*name.split("."))
        for relative in (path.with_suffix(".py"), path / "__init__.py"):
            place = own.removesuffix(f"{os.sep}{relative}")
            if place != own and is_folder(place):
                found[name] = relative
    return found


def _folder() -> Path | None:
    """Of the config file that is imported."""
    file = getattr(sys.modules.get(_MODULE), "__file__", None)
    return None if file is None else Path(file).resolve().parent


def _forget_neighbours() -> None:
    """Drops what the config before has imported from its folder: another's may have its name. Not
    where modules of that folder are found in any case, and may be others' too."""
    sys.path[:] = [one for one in sys.path if not isinstance(one, _Beside)]
    if str(_folder()) not in sys.path:
        for name in _neighbours():
            del sys.modules[name]


def own_code(tree: Any) -> dict[str, Path]:
    """Name in its folder -> file of the config file that a config's JSON names code of, and of all
    that it imports from beside itself; nothing where it names none of these."""
    folder, neighbours = _folder(), _neighbours()
    if folder is None or not _names_one(tree, {_MODULE, *neighbours}):
        return {}
    name = Path(str(sys.modules[_MODULE].__file__)).name
    return {one: folder / one for one in (name, *map(str, neighbours.values()))}


def _names_one(tree: Any, modules: set[str]) -> bool:
    if isinstance(tree, dict):
        return any(_names_one(one, modules) for one in tree.values())
    if isinstance(tree, list):
        return any(_names_one(one, modules) for one in tree)
    return isinstance(tree, str) and ":" in tree and tree.partition(":")[0] in modules


def one_line(text: str, width: int = 300) -> str:
    """The text without its line breaks, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 4]} ..."
