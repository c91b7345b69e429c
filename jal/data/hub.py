"""Sets of the Hugging Face Hub, and local folders in the formats of its library."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jal.data.cache import cached, stamps
from jal.data.dataset import Parts, divide
from jal.data.images import Encoded, decode_all, decoder, ranges
from jal.types import InputError

__all__ = ["load_hub"]

_TESTS = ("test", "validation", "valid", "val")
_LABELS = ("label", "labels", "fine_label")


def load_hub(name: str, image_size: int | None = None) -> Parts:
    """An image set of the Hub, downloaded once, or a folder in a format of `datasets`.

    The image is the only column of that type. The label is the column label, labels or fine_label,
    else the only ClassLabel. The test set is the split test, else validation, valid or val.

    Args:
      name: OWNER/SET[/CONFIG] or SET; or PATH, made by `save_to_disk` or holding Parquet files or
        class-named folders of images. `?image=COLUMN&label=COLUMN` behind either names columns.
      image_size: as in `jal.data.load`.

    Raises:
      InputError: for a set that is not there or not of this form, and where the extra `hub` is not
        installed.
    """
    where, _, query = name.partition("?")
    wanted = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    unknown = wanted.keys() - {"image", "label"}
    if unknown:
        raise InputError(f"unknown option {min(unknown)!r} of hf:{name}: known are image, label.")
    splits = _open(where)
    if "train" not in splits:
        raise InputError(f"data set {where} has no split train, only {', '.join(splits)}.")
    tests = [split for split in _TESTS if split in splits]
    used = [splits[split] for split in ("train", *tests[:1])]
    over = [split for split in splits if split not in ("train", *tests[:1])]
    notes = (f"splits of {where} not used: {', '.join(over)}",) if over else ()
    x_key, y_key = _image_and_label(where, used[0].features, wanted)
    files = [Path(file["filename"]) for split in used for file in split.cache_files]
    key = {
        "hf": where,
        "column": x_key,
        "sizes": [len(split) for split in used],
        "files": stamps(files, Path("/")),
        **decoder(image_size),
    }
    x = cached(key, lambda: {"x": _images(where, used, x_key, image_size)})["x"]
    y = np.concatenate([np.asarray(split.select_columns(y_key)[:][y_key]) for split in used])
    label = used[0].features[y_key]
    num_classes = getattr(label, "num_classes", None)
    names = tuple(label.names) if num_classes else ()
    return divide(x, y, len(used[0]), num_classes, names)._replace(notes=notes)


def _open(where: str) -> Mapping[str, Any]:
    """The splits by name."""
    try:
        import datasets
    except ImportError as error:
        raise InputError('hf: sources need the extra hub: pip install -e ".[hub]".') from error
    folder = Path(where).expanduser()
    try:
        if (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file():
            found = datasets.load_from_disk(folder, keep_in_memory=False)  # the key is of files
        elif folder.is_dir():
            found = datasets.load_dataset(str(folder), keep_in_memory=False)
        elif where.startswith((".", "/", "~")):
            raise InputError(f"folder {where} does not exist.")
        else:
            parts = where.split("/")
            config = "/".join(parts[2:]) or None
            found = datasets.load_dataset("/".join(parts[:2]), config, keep_in_memory=False)
    except InputError:
        raise
    except ConnectionError as error:
        raise InputError(
            f"data set {where} is not on this machine and the Hub cannot be reached: download it "
            "once where there is a network."
        ) from error
    except Exception as error:  # the Hub's, those of files, those of pyarrow
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise InputError(f"data set {where} cannot be loaded: {reason}.") from error
    if isinstance(found, datasets.Dataset):
        return {"train": found}
    return {str(split): rows for split, rows in found.items()}


def _image_and_label(
    where: str, features: Mapping[str, Any], wanted: Mapping[str, str]
) -> tuple[str, str]:
    """Names of the two columns."""
    import datasets

    images = [name for name, kind in features.items() if isinstance(kind, datasets.Image)]
    classes = [name for name, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    integers = [name for name, kind in features.items() if _type(kind).startswith(("int", "uint"))]
    labels = [name for name in _LABELS if name in integers][:1] or classes
    if "image" in wanted:
        images = [name for name in images if name == wanted["image"]]
    if "label" in wanted:
        labels = [name for name in integers if name == wanted["label"]]
    if len(images) == len(labels) == 1:
        return images[0], labels[0]
    listed = ", ".join(f"{name} ({_type(kind)})" for name, kind in features.items())
    raise InputError(
        f"data set {where} must have one image column and one of integer labels: choose them by "
        f"hf:{where}?image=COLUMN&label=COLUMN from {listed}."
    )


def _type(kind: Any) -> str:
    return str(getattr(kind, "dtype", None) or type(kind).__name__)


def _images(where: str, splits: list[Any], column: str, image_size: int | None) -> np.ndarray:
    """Those of all splits, one after the other."""
    import datasets

    as_files = datasets.Image(decode=False)
    encoded = [split.select_columns(column).cast_column(column, as_files) for split in splits]

    def batches() -> Iterator[list[Encoded]]:
        for split in encoded:
            for batch in ranges(len(split)):
                images = (image or {} for image in split[batch][column])
                yield [image.get("bytes") or image.get("path") or b"" for image in images]

    count = sum(map(len, splits))
    return decode_all(batches(), count, lambda i: f"{i} of {where}", image_size)
