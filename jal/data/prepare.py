"""Prepares sets of tensorflow-datasets, so that they are read without TensorFlow."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, NamedTuple

from jal.data.fashion_mnist import SOURCE_DIR, fashion_mnist_builder
from jal.data.tfds import check_readable, find_builder, first_line
from jal.types import InputError

__all__ = ["Prepared", "prepare"]


class Prepared(NamedTuple):
    """`source` for `jal.data.load`, the folder, and the number of examples of each split."""

    source: str
    folder: Path
    counts: dict[str, int]


def prepare(name: str, source_dir: Path | None = None, data_dir: Path | None = None) -> Prepared:
    """Makes a set of tensorflow-datasets, in array_record files, unless it is there.

    `fashion_mnist` is made from files on this machine; other sets are downloaded, and TFDS's own
    need TensorFlow to be made. A set is made under another name and renamed when whole.

    Args:
      name: NAME[/CONFIG][:VERSION].
      source_dir: of Fashion-MNIST's files; where Debian puts them if None.
      data_dir: where sets lie; TFDS_DATA_DIR or ~/tensorflow_datasets if None.

    Raises:
      InputError: for an unknown set, and where it cannot be made, with nothing left half-made.
    """
    import tensorflow_datasets as tfds

    builder = find_builder(name, data_dir)
    if source_dir is not None and builder.name != "fashion_mnist":
        raise InputError(f"--source-dir is for fashion_mnist; {name} is downloaded.")
    if not Path(builder.data_path).exists():
        if builder.name == "fashion_mnist":
            builder = fashion_mnist_builder(source_dir or SOURCE_DIR, builder.data_dir_root)
        elif _is_stock(builder) and importlib.util.find_spec("tensorflow") is None:
            raise InputError(
                f'making {name} needs TensorFlow: pip install -e ".[prepare]", then try again.'
            )
        if not sys.stderr.isatty():
            tfds.disable_progress_bar()
        _make(builder)
    check_readable(builder)
    counts = {str(split): info.num_examples for split, info in builder.info.splits.items()}
    return Prepared(f"tfds:{name}", Path(builder.data_path), counts)


def _is_stock(builder: Any) -> bool:
    return type(builder).__module__.startswith("tensorflow_datasets.")


def _make(builder: Any) -> None:
    from requests.exceptions import ConnectionError, Timeout

    name = builder.info.full_name
    try:
        builder.download_and_prepare(file_format="array_record")
    except InputError:
        raise
    except (ConnectionError, Timeout) as error:
        raise InputError(
            f"{name} cannot be downloaded, for want of a network ({first_line(error)})."
        ) from error
    except Exception as error:  # each set has code of its own
        raise InputError(f"{name} cannot be made: {first_line(error)}.") from error
