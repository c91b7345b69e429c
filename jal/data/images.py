"""Encoded images to arrays."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import numpy as np

from jal.types import InputError

__all__ = ["Encoded", "decode", "decode_all", "decoder", "is_image_name", "ranges"]

Encoded = bytes | str | Path  # a file's content, or where it is
# Formats that Pillow knows and cannot read by itself.
_STUBS = {"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF"}
_BATCH = 256  # images read at once


def decode(image: Encoded, image_size: int | None = None, name: str = "in memory") -> np.ndarray:
    """`[H, W, C]` uint8 of one image; C = 1 where it has no colours, else 3; alpha is dropped.

    It is turned as its EXIF orientation says; of several frames it is the first.

    Args:
      image: in any format that Pillow reads, of at most 8 bits a channel.
      image_size: if given, the shorter side is scaled to it (bilinear, antialiased) and the middle
        square cut out, as is the custom for ImageNet; sides round as torchvision's do.
      name: of the image, for errors.

    Raises:
      InputError: for what Pillow cannot read, and for more than 8 bits a channel.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(image) if isinstance(image, bytes) else image) as opened:
            mode = opened.mode
            ImageOps.exif_transpose(opened, in_place=True)
            pixels = opened.convert("L" if mode in ("1", "L", "LA") else "RGB")
    except Exception as error:  # Pillow's many readers raise errors of many kinds
        reason = str(error).partition(" <")[0]  # without a buffer's address
        raise InputError(f"image {name} cannot be read: {reason}.") from error
    if mode.startswith(("I", "F")):
        raise InputError(f"image {name} has pixels of mode {mode}: bring them to 8 bits.")
    if image_size is not None:
        width, height = (image_size * side // min(pixels.size) for side in pixels.size)
        left, top = (round((side - image_size) / 2) for side in (width, height))
        pixels = pixels.resize((width, height), Image.Resampling.BILINEAR)
        pixels = pixels.crop((left, top, left + image_size, top + image_size))
    return np.atleast_3d(np.asarray(pixels))


def decode_all(
    batches: Iterable[Sequence[Encoded]],
    count: int,
    name: Callable[[int], str],
    image_size: int | None,
) -> np.ndarray:
    """`[N, H, W, C]` uint8 of all images; those without colours get them where any has.

    Args:
      batches: the images, in order.
      count: N.
      name: of image i, for errors.
      image_size: as in `decode`.

    Raises:
      InputError: as `decode`, and where sizes differ.
    """
    from rich.console import Console
    from rich.progress import Progress

    def read(i: int, image: Encoded) -> np.ndarray:
        return decode(image, image_size, name(i))

    console = Console(stderr=True)
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    out: np.ndarray = np.empty((count, 0, 0, 1), np.uint8)
    done = 0
    with bar, ThreadPool() as pool:  # Pillow decodes and scales outside Python's lock
        task = bar.add_task("decoding images", total=count)
        for batch in batches:
            for pixels in pool.starmap(read, enumerate(batch, done)):
                if done == 0:
                    out = np.empty((count, *pixels.shape), np.uint8)
                if pixels.shape[:2] != out.shape[1:3]:
                    raise InputError(
                        f"image {name(done)} has {_size(pixels)} pixels but {name(0)} "
                        f"{_size(out[0])}: give image_size to bring all to one size."
                    )
                if pixels.shape[2] > out.shape[3]:
                    out = np.repeat(out, 3, axis=3)
                out[done] = pixels
                done += 1
            bar.update(task, completed=done)
    return out


def is_image_name(name: str) -> bool:
    """Whether a file is an image that Pillow reads, by its suffix."""
    return Path(name).suffix.lower() in _suffixes()


def ranges(count: int) -> Iterator[range]:
    """The indices of `count` images in batches of a size that `decode_all` does well with."""
    return (range(i, min(i + _BATCH, count)) for i in range(0, count, _BATCH))


def decoder(image_size: int | None) -> dict[str, Any]:
    """What beside the files determines decoded images, for the cache's key."""
    import PIL

    return {"image_size": image_size, "pillow": PIL.__version__, "orientation": "exif"}


@functools.cache
def _suffixes() -> frozenset[str]:
    from PIL import Image

    known = Image.registered_extensions()
    readable = Image.OPEN.keys() - _STUBS
    return frozenset(suffix for suffix, form in known.items() if form in readable)


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"
