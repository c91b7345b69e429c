import importlib.util
import io

import numpy as np
import pytest
from PIL import Image
from requirements import require

from jal.data.images import decode, decode_all, decoder, ranges
from jal.types import InputError

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 7, 3), np.uint8)


def png(pixels: np.ndarray | Image.Image, form: str = "PNG") -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def test_pixels_come_back(tmp_path):
    np.testing.assert_array_equal(decode(png(RGB)), RGB, strict=True)
    np.testing.assert_array_equal(decode(png(RGB[:, :, 0])), RGB[:, :, :1], strict=True)
    (tmp_path / "a.bmp").write_bytes(png(RGB, "BMP"))
    np.testing.assert_array_equal(decode(tmp_path / "a.bmp"), RGB)
    np.testing.assert_array_equal(decode(str(tmp_path / "a.bmp")), RGB)


def test_other_modes_become_grey_or_rgb():
    rgba = np.concatenate([RGB, RGB[:, :, :1]], 2)
    np.testing.assert_array_equal(decode(png(rgba)), RGB)
    np.testing.assert_array_equal(decode(png(rgba[:, :, 2:])), RGB[:, :, 2:])  # LA
    palette = Image.fromarray(RGB[:, :, 0] % 4).convert("P")
    palette.putpalette([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2])
    table = np.array([[9, 8, 7], [6, 5, 4], [3, 2, 1], [0, 1, 2]])
    np.testing.assert_array_equal(decode(png(palette)), table[RGB[:, :, 0] % 4])
    bits = RGB[:, :, :1] > 99
    np.testing.assert_array_equal(decode(png(Image.fromarray(bits[:, :, 0]))), 255 * bits)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_turned_as_exif_says(form, orientation):
    """`[row, column]` of the upright image, as the standard has it for each orientation."""
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8], upright[:8, 8:] = (250, 0, 0), (0, 250, 0)
    stored = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.transpose(1, 0, 2),
        6: lambda x: x.transpose(1, 0, 2)[::-1],
        7: lambda x: x.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda x: x.transpose(1, 0, 2)[:, ::-1],
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    options = {"lossless": True} if form == "WEBP" else {}
    Image.fromarray(np.ascontiguousarray(stored)).save(buffer, form, exif=exif, **options)
    found = decode(buffer.getvalue()).astype(int)
    assert found.shape == upright.shape
    assert np.abs(found - upright).mean() < 8  # JPEG loses some


def test_the_cache_knows_that_images_are_turned():
    assert decoder(None)["orientation"] == "exif"


@pytest.mark.parametrize("shape", [(30, 40, 3), (40, 30, 3), (20, 20, 3), (9, 7, 3)])
def test_resized_as_torch_does(shape):
    require(importlib.util.find_spec("torch") is not None, "torch", 'pip install -e ".[parity]"')
    import torch

    pixels, size = RNG.integers(0, 256, shape, np.uint8), 16
    height, width = (size * side // min(shape[:2]) for side in shape[:2])
    scaled = torch.nn.functional.interpolate(
        torch.tensor(pixels.transpose(2, 0, 1)[None], dtype=torch.float32),
        (height, width),
        mode="bilinear",
        antialias=True,
    )
    top, left = round((height - size) / 2), round((width - size) / 2)
    expected = scaled[0, :, top : top + size, left : left + size].permute(1, 2, 0).numpy()
    found = decode(png(pixels), size)
    assert found.shape == (size, size, 3)
    np.testing.assert_allclose(found, expected, atol=1)


def all_of(*images: bytes, image_size: int | None = None) -> np.ndarray:
    batches = ([images[i] for i in batch] for batch in ranges(len(images)))
    return decode_all(batches, len(images), lambda i: f"number {i}", image_size)


def test_all_in_order_over_many_batches():
    grey = RNG.integers(0, 256, (600, 3, 2, 1), np.uint8)
    np.testing.assert_array_equal(all_of(*(png(x[:, :, 0]) for x in grey)), grey, strict=True)


@pytest.mark.parametrize("colour_at", [0, 1, 300])
def test_one_image_in_colour_makes_all_rgb(colour_at):
    grey = RNG.integers(0, 256, (301, 5, 7), np.uint8)
    images = [png(x) for x in grey]
    images[colour_at] = png(RGB)
    expected = np.repeat(grey[..., None], 3, 3)
    expected[colour_at] = RGB
    np.testing.assert_array_equal(all_of(*images), expected, strict=True)


def test_no_images():
    assert len(all_of()) == 0


def test_sizes_that_differ():
    with pytest.raises(InputError, match=r"number 1 has 5 x 7 pixels but number 0 7 x 5: give"):
        all_of(png(RGB), png(RGB.transpose(1, 0, 2)))
    assert all_of(png(RGB), png(RGB.transpose(1, 0, 2)), image_size=4).shape == (2, 4, 4, 3)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (b"", "image number 1 cannot be read: cannot identify image file"),
        (b"GIF89a not", "image number 1 cannot be read: "),
        (png(RGB, "BMP")[:-9], "image number 1 cannot be read: .*truncated"),
        (png(RGB)[:60], "image number 1 cannot be read: "),
        ("/nowhere.png", "image number 1 cannot be read: .*No such file"),
        (png(np.full((5, 7), 999, np.uint16)), "number 1 has pixels of mode I;16: bring them to 8"),
        (png(np.zeros((5, 7), np.float32), "TIFF"), "number 1 has pixels of mode F: bring them"),
    ],
)
def test_images_that_cannot_be_used(image, message):
    with pytest.raises(InputError, match=message) as error:
        all_of(png(RGB), image)
    assert "0x" not in str(error.value) and str(error.value).endswith(".")
