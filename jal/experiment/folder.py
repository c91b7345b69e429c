"""A run's folder: its config, its checkpoints, and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jal import files
from jal.experiment.config import Experiment, difference
from jal.experiment.config_file import import_file, keeping_module, one_line, own_code
from jal.experiment.form import as_name
from jal.experiment.sweep import Sweep, expand
from jal.experiment.training_config import Training
from jal.types import InputError

__all__ = [
    "CONFIG",
    "INFO",
    "LABELLED",
    "PICKS",
    "TABLE",
    "TRAINING",
    "Config",
    "Step",
    "another_kind",
    "as_tree",
    "brief",
    "check_config",
    "check_data",
    "check_vacant",
    "config_code",
    "create",
    "disk_errors",
    "import_code",
    "read_config",
    "read_experiment",
    "read_json",
    "replace_file",
    "run_sha256",
]

Step = Experiment | Training
Config = Step | Sweep | tuple[Step, ...]

_KINDS = {"experiment", "training", "sweep", "steps"}

CODE = "code"
CONFIG = "config.json"
INFO = "info.json"
LABELLED = "labelled.csv"
PICKS = "labelled.npz"
TABLE = "results.parquet"
TRAINING = "training.parquet"


def create(folder: Path, config: Config, data_sha256: str) -> None:
    """Makes a run's folder, complete with its config, in one rename.

    A config file whose own code the config names is kept in it, with what it imports from beside.

    Raises:
      InputError: where `folder` is there already and not empty, or cannot be written.
    """
    check_vacant(folder, config)
    making = folder.parent / f".{folder.name}.{os.getpid()}.tmp"
    tree = as_tree(config) | {"data_sha256": data_sha256}
    try:
        code = {name: file.read_bytes() for name, file in own_code(tree).items()}
        if code:
            tree["code"] = {name: hashlib.sha256(text).hexdigest() for name, text in code.items()}
        making.mkdir(parents=True)
        for name, text in code.items():
            (making / CODE / name).parent.mkdir(parents=True, exist_ok=True)
            (making / CODE / name).write_bytes(text)
        tree["sha256"] = files.digest(tree)
        files.replace_file(
            making / CONFIG, lambda path: path.write_text(json.dumps(tree, indent=2) + "\n")
        )
        making.rename(folder)
        files.sync(folder.parent)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        raise _cannot_create(folder, error) from error


def as_tree(config: Config) -> dict[str, Any]:
    """JSON that says what kind of config it is; one of several lists its steps."""
    if not isinstance(config, tuple):
        return {type(config).__name__.lower(): config.to_json()}
    return {"steps": [as_tree(step) for step in config]}


def _from_tree(tree: dict[str, Any]) -> Config:
    if "steps" in tree:
        return tuple(_from_tree(step) for step in tree["steps"])  # pyright: ignore[reportReturnType]
    if "experiment" in tree:
        return Experiment.from_json(tree["experiment"])
    if "sweep" in tree:
        return Sweep.from_json(tree["sweep"])
    return Training.from_json(tree["training"])


def check_vacant(folder: Path, config: Config) -> None:
    """Raises InputError where `folder` is there already and not empty, or cannot be made."""
    try:
        vacant = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
        holds_a_run = (folder / CONFIG).is_file()
        if vacant:  # tried, since much is computed before it is made
            with contextlib.suppress(FileNotFoundError):
                folder.lstat()
            above = next(one for one in folder.absolute().parents if one.exists())
            Path(tempfile.mkdtemp(prefix=".", dir=above)).rmdir()
    except (OSError, ValueError) as error:  # ValueError: of a name with a null byte
        raise _cannot_create(folder, error) from error
    if vacant:
        return
    if holds_a_run:
        differs = difference(_tree(folder), as_tree(config))
        raise InputError(
            f"{folder} holds another run"
            + (f", in which {differs}" if differs else " of this config")
            + ": give another --out, or go on with that run by --resume."
        )
    raise InputError(f"{folder} is not empty: give --out a new or an empty folder.")


def _cannot_create(folder: Path, error: OSError | ValueError) -> InputError:
    why = getattr(error, "strerror", None) or error
    return InputError(
        f"cannot create {brief(str(folder))} ({why}): give --out a folder that can be written."
    )


def brief(name: str) -> str:
    """A name as sentences show it: its beginning and its end if it is long."""
    return name if len(name) <= 80 else f"{name[:38]}...{name[-39:]}"


def check_config(folder: Path, config: Config) -> None:
    """Raises InputError unless `folder` is a run of this config."""
    differs = difference(_tree(folder), as_tree(config))
    if differs:
        raise InputError(
            f"{folder} belongs to another config: {differs}; resume it without options."
        )


def check_data(folder: Path, source: object, data_sha256: str) -> None:
    """Raises InputError unless the run in `folder` is on these data."""
    saved = str(_read_config(folder)["data_sha256"])
    if saved != data_sha256:
        raise InputError(
            f"{folder} was run on other data or from other weights: {as_name(source)} has "
            f"SHA-256 {data_sha256[:12]}..., not {saved[:12]}...."
        )


def read_config(folder: Path) -> Config:
    """The config of a run; raises InputError where it is missing or damaged."""
    return _from_tree(_tree(folder))


def read_experiment(folder: Path) -> Experiment:
    """The config of an experiment's run; raises InputError where it is missing or another."""
    config = read_config(folder)
    if not isinstance(config, Experiment):
        raise another_kind(folder, config, Experiment, "give")
    return config


def experiments_in(folder: Path) -> list[Path]:
    """The folders of experiments: of one itself, of a list or a sweep those inside it.

    Raises:
      InputError: where there is none, or the config is missing or damaged.
    """
    config = read_config(folder)
    if isinstance(config, Experiment):
        return [folder]
    steps = expand(config).experiments if isinstance(config, Sweep) else config
    steps = steps if isinstance(steps, tuple) else ()
    inside = [folder / step.name for step in steps if isinstance(step, Experiment)]
    if not inside:
        raise InputError(f"{folder} holds no run of an experiment: give folders of some.")
    return inside


def another_kind(folder: Path, config: Config, wanted: type[Step], give: str) -> InputError:
    """That a folder holds a config of another kind; of several runs it names one that would do."""
    words = {Experiment: "an experiment", Training: "a training", Sweep: "a sweep"}
    steps = expand(config).experiments if isinstance(config, Sweep) else config
    steps = steps if isinstance(steps, tuple) else ()
    name = next((step.name for step in steps if isinstance(step, wanted)), None)
    return InputError(
        f"{folder} holds {words.get(type(config), 'a list of runs')}, and no "
        f"{wanted.__name__.lower()}: {give} the folder of one"
        f"{'' if name is None else f', such as {folder / name}'}."
    )


@contextlib.contextmanager
def config_code(folder: Path, allow_code: bool) -> Iterator[None]:
    """Within it names of the folder's own config file are found, after it those of before.

    Raises:
      InputError: as `import_code`.
    """
    with keeping_module():
        import_code(folder, allow_code)
        yield


def import_code(folder: Path, allow_code: bool) -> None:
    """Imports the config file that a run's own code is in, if it has any.

    Raises:
      InputError: where that was not allowed, or the file is another than the run began with.
    """
    code = _read_config(folder).get("code")
    if not code:
        return
    path = folder / CODE / next(iter(code))
    if not allow_code:
        raise InputError(
            f"{folder} names code of its own config file, {path.relative_to(folder)} in it, that "
            "would be run: add --allow-code (in Python allow_code=True) if you trust it."
        )
    for name, sha256 in code.items():
        file = folder / CODE / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
            raise InputError(f"{file} is damaged or was edited: put it back as it was.")
    try:
        import_file(path)
    except (Exception, SystemExit) as error:  # of a user's own code, or of what lay beside it
        says = one_line(f"{path} cannot be run: {type(error).__name__}: {error}").rstrip(".")
        raise InputError(f"{says}.") from error


def _tree(folder: Path) -> dict[str, Any]:
    """A run's config as JSON, as `as_tree` makes it."""
    config = _read_config(folder)
    return {name: config[name] for name in _KINDS & config.keys()}


def run_sha256(folder: Path) -> str:
    """What a run's files are known by: the SHA-256 of its config and its data's."""
    return str(_read_config(folder)["sha256"])


def _read_config(folder: Path) -> dict[str, Any]:
    config = read_json(folder / CONFIG)
    keys = config.keys() if isinstance(config, dict) else set()
    if not {"data_sha256"} <= keys or len(_KINDS & keys) != 1:
        raise InputError(f"{folder / CONFIG} is not an experiment's config.")
    if "sha256" not in keys or "strategies" in (config.get("experiment") or {}):
        raise InputError(
            f"{folder} is a run of an earlier jal, whose configs had another form: read its "
            f"{TABLE} as it is, or run the experiment anew."
        )
    if config["sha256"] != files.digest(
        {name: config[name] for name in config.keys() - {"sha256"}}
    ):
        raise InputError(
            f"{folder / CONFIG} is damaged or was edited: its SHA-256 is not the one that it says; "
            "put the file back as it was, or run the experiment anew."
        )
    return config


def read_json(path: Path) -> dict[str, Any]:
    """The file's content; raises InputError where it is missing or broken."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path.parent} is not a run's folder: it has no {path.name}.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{brief(str(path))} cannot be read: {why}.") from error


def replace_file(path: Path, write: Callable[[Path], Any]) -> None:
    """As `jal.files.replace_file`; raises InputError where the disk fails."""
    with disk_errors(path.parent):
        files.replace_file(path, write)


_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turns a failed write into one sentence; what was saved before is untouched.

    Args:
      folder: of the run, by which it is gone on with.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # Orbax's writers wrap the system's error in types of their own
        code = _system_error(error)
        if code is None:
            raise
        remedy = "make room" if code in _FULL else "mend that"
        if code in _FORBIDDEN:
            remedy = "make it writable"
        raise InputError(
            f"cannot write to {folder}: {os.strerror(code)}; what was saved before is whole, so "
            f"{remedy} and go on with --resume {folder}."
        ) from error


def _system_error(error: BaseException | None) -> int | None:
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        for code in (*_FULL, *_FORBIDDEN):
            if os.strerror(code) in str(error):
                return code
        error = error.__cause__ or error.__context__
    return None
