"""Sets of tensorflow-datasets, read without TensorFlow."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jal.data.cache import cached, stamps
from jal.data.dataset import Parts, divide
from jal.data.images import decode_all, decoder, ranges
from jal.types import InputError

__all__ = ["check_readable", "find_builder", "first_line", "load_tfds"]

_NAME = re.compile(r"\w+(/[\w.+-]+)?(:[\d.*]+)?")


def load_tfds(name: str, image_size: int | None = None) -> Parts:
    """A prepared set of tensorflow-datasets; never downloads, never imports TensorFlow.

    Input and label are the set's `supervised_keys`, else its only image and its only ClassLabel;
    inputs are uint8 images or numbers of fixed shape. The test set is the split `test`, else
    `validation`. Images are as the set has them: those of EMNIST are transposed.

    Args:
      name: NAME[/CONFIG][:VERSION], under TFDS_DATA_DIR or ~/tensorflow_datasets.
      image_size: as in `jal.data.load`.

    Raises:
      InputError: for an unknown, unprepared or damaged set, and for one that is not of this form.
    """
    builder = find_builder(name)
    folder = Path(builder.data_path)
    if not folder.exists():
        raise InputError(
            f"data set {name} is not in {folder}: prepare it by `python launch/prepare_data.py "
            f"{name}`, or set TFDS_DATA_DIR to where it is."
        )
    check_readable(builder)
    info = builder.info
    splits = [split for split in ("train", "test", "validation") if split in info.splits][:2]
    over = [str(split) for split in info.splits if split not in splits]
    notes = (f"splits of {name} not used: {', '.join(over)}",) if over else ()
    if splits[:1] != ["train"]:
        raise InputError(f"data set {name} has no split train, only {', '.join(info.splits)}.")
    x_key, y_key = _input_and_label(info)
    if image_size is not None and not _is_image(info.features[x_key]):
        raise InputError(f"image_size is for images, and the inputs of {name} are numbers.")
    try:
        files = [Path(path) for split in splits for path in info.splits[split].filepaths]
        key = {
            "tfds": info.full_name,
            "features": [x_key, y_key],
            "files": stamps(files, folder),
            **decoder(image_size),
        }
        arrays = cached(key, lambda: _read(builder, splits, x_key, y_key, image_size))
    except (InputError, MemoryError):
        raise
    except Exception as error:  # array_record and the parser raise errors of many kinds
        raise InputError(
            f"{folder} cannot be read: {first_line(error)}; if it is damaged, prepare it again."
        ) from error
    label = info.features[y_key]
    num_classes = getattr(label, "num_classes", None)
    names = tuple(label.names) if num_classes else ()
    pool = info.splits["train"].num_examples
    return divide(arrays["x"], arrays["y"], pool, num_classes, names)._replace(notes=notes)


def find_builder(name: str, data_dir: str | Path | None = None) -> Any:
    """TFDS's builder of NAME[/CONFIG][:VERSION]; raises InputError for an unknown one.

    Without `data_dir` its files are under TFDS_DATA_DIR or ~/tensorflow_datasets.
    """
    import tensorflow_datasets as tfds

    if not _NAME.fullmatch(name):
        raise InputError(f"tfds:{name} is not of the form tfds:NAME[/CONFIG][:VERSION].")
    try:
        return tfds.builder(name, data_dir=data_dir or os.environ.get("TFDS_DATA_DIR"))
    except tfds.core.DatasetNotFoundError as error:
        known = tfds.list_builders(with_community_datasets=False)
        near = difflib.get_close_matches(re.split("[/:]", name)[0], known, n=1)
        hint = f"did you mean {near[0]}?" if near else "tfds.list_builders() names those there are."
        raise InputError(f"tensorflow-datasets has no set {name!r}: {hint}") from error
    except Exception as error:  # of unknown versions and configs, of damaged metadata
        reason = first_line(error).rpartition('}": ')[2].partition(". ")[0]
        raise InputError(f"tensorflow-datasets cannot open {name!r}: {reason}.") from error


def check_readable(builder: Any) -> None:
    """Raises InputError unless the builder's files, which are there, can be read at random."""
    info = builder.info
    if not info.splits:
        raise InputError(f"{builder.data_path} holds no prepared data set: delete it.")
    if info.file_format.value != "array_record":
        raise InputError(
            f"{builder.data_path} is in the format {info.file_format.value}, not array_record: run "
            f"`python launch/prepare_data.py {info.name} --data-dir DIR`, and set TFDS_DATA_DIR to "
            "that DIR."
        )


def first_line(error: Exception) -> str:
    """The first line of an error's message, without a full stop, or the error's kind."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def _read(
    builder: Any, splits: Sequence[str], x_key: str, y_key: str, image_size: int | None
) -> dict[str, np.ndarray]:
    """`x` and `y` of all splits, one after the other."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    encoded = {name: tfds.decode.SkipDecoding() for name in features if _is_image(features[name])}
    sources = builder.as_data_source(split=list(splits), decoders=encoded or None)
    labels: list[int] = []

    def batches() -> Iterator[list[Any]]:
        for source in sources:
            for batch in ranges(len(source)):
                records = source.__getitems__(batch)
                labels.extend(record[y_key] for record in records)
                yield [record[x_key] for record in records]

    if x_key in encoded:
        place = f"of {builder.info.full_name} ({', then '.join(splits)})"
        count = sum(map(len, sources))
        x = decode_all(batches(), count, lambda i: f"{i} {place}", image_size)
    else:
        x = np.stack([value for batch in batches() for value in batch])
    return {"x": x, "y": np.asarray(labels)}


def _input_and_label(info: Any) -> tuple[str, str]:
    """Names of the two features."""
    from tensorflow_datasets import features as kinds

    features = dict(info.features)
    keys = info.supervised_keys
    if keys is None:
        images = [name for name, kind in features.items() if _is_image(kind)]
        labels = [name for name, kind in features.items() if isinstance(kind, kinds.ClassLabel)]
        keys = (*images, *labels)
    if len(keys) == 2 and all(isinstance(key, str) for key in keys):
        x, y = features[keys[0]], features[keys[1]]
        image = _is_image(x) and x.np_dtype == np.uint8
        numbers = isinstance(x, kinds.Tensor) and _holds(x, np.number) and x.shape != ()
        integer = isinstance(y, kinds.Tensor) and _holds(y, np.integer) and y.shape == ()
        if (image or numbers) and integer:
            return keys
    listed = ", ".join(f"{name} ({type(kind).__name__})" for name, kind in sorted(features.items()))
    raise InputError(
        f"data set {info.full_name} has no one input, an 8-bit image or numbers of fixed shape, "
        f"with one integer label: its features are {listed}."
    )


def _holds(feature: Any, kind: type[np.generic]) -> bool:
    return None not in feature.shape and np.issubdtype(feature.np_dtype, kind)


def _is_image(feature: Any) -> bool:
    from tensorflow_datasets import features as kinds

    return isinstance(feature, kinds.Image)
