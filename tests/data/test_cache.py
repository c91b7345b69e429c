import numpy as np
import pytest

from jal.data.cache import cached, stamps
from jal.types import InputError

KEY = {"name": "numbers", "size": 3}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def numbers() -> dict[str, np.ndarray]:
    return {"x": np.arange(6, dtype=np.uint8).reshape(3, 2), "y": np.array([0.5, np.nan])}


def never() -> dict[str, np.ndarray]:
    raise AssertionError("made again")


def check(found: dict[str, np.ndarray]) -> None:
    assert found.keys() == numbers().keys()
    for name, value in numbers().items():
        np.testing.assert_array_equal(found[name], value, strict=True)


def test_made_once_for_each_key(folder):
    check(cached(KEY, numbers))
    check(cached(dict(reversed(KEY.items())), never))
    other = cached({**KEY, "size": 4}, lambda: {"x": np.zeros(1)})
    assert other["x"] == 0
    check(cached(KEY, never))
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "empty"])
def test_a_damaged_file_is_made_anew(folder, damage):
    cached(KEY, numbers)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    at = whole.index(numbers()["x"].tobytes())
    flipped = whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :]
    path.write_bytes({"cut": whole[:-30], "flipped": flipped, "text": b"no", "empty": b""}[damage])
    check(cached(KEY, numbers))
    check(cached(KEY, never))


def test_nothing_is_kept_of_what_fails(folder):
    def fails() -> dict[str, np.ndarray]:
        raise OSError("not of the cache")

    with pytest.raises(OSError, match="not of the cache"):
        cached(KEY, fails)
    assert list(folder.iterdir()) == []
    check(cached(KEY, numbers))


@pytest.mark.parametrize("place", ["a file", "/proc"])  # neither takes files, even of root
def test_a_cache_that_cannot_be_written_is_found_out_first(place, folder, monkeypatch):
    if place == "/proc":
        monkeypatch.setenv("JAL_CACHE", place)
    else:
        folder.write_text("")
    with pytest.raises(InputError, match=r"cannot write to the cache .* set JAL_CACHE to a folder"):
        cached(KEY, never)


def test_a_disk_that_fills_up(folder, monkeypatch):
    def full(file, **arrays: np.ndarray) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(InputError, match=r"cannot write to the cache .* \(No space left on device"):
        cached(KEY, numbers)
    assert list(folder.iterdir()) == []


def test_stamps_change_with_the_files(tmp_path):
    (tmp_path / "b").mkdir()
    paths = [tmp_path / "a", tmp_path / "b" / "c"]
    for path in paths:
        path.write_text("1")
    before = stamps(paths, tmp_path)
    assert [name for name, _, _ in before] == ["a", "b/c"]
    paths[0].write_text("12")
    assert stamps(paths, tmp_path)[0] != before[0]
    assert stamps(paths, tmp_path)[1] == before[1]
