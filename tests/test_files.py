"""Manifests find whatever happens to a file."""

import json

import pytest

from jal import files
from jal.types import InputError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.txt").write_bytes(b"two")
    files.seal(tmp_path, of="mine")
    return tmp_path


def test_what_was_sealed_is_whole(folder):
    assert files.damaged(folder, of="mine") is None
    assert files.damaged(folder, ("a.txt",), of="mine") is None
    known = json.loads((folder / files.MANIFEST).read_text())["files"]
    assert known["a.txt"] == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert set(known) == {"a.txt", "b/c.txt"}


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda f: (f / "a.txt").write_bytes(b"onf"), "a.txt"),
        (lambda f: (f / "a.txt").write_bytes(b""), "a.txt"),
        (lambda f: (f / "b" / "c.txt").write_bytes(b"twoo"), "b/c.txt"),
        (lambda f: (f / "b" / "c.txt").unlink(), "b/c.txt"),
        (lambda f: (f / "b" / "new").write_bytes(b""), "b/new"),
        (lambda f: (f / "a.txt").rename(f / "b" / "a.txt"), "a.txt"),
        (lambda f: (f / files.MANIFEST).unlink(), files.MANIFEST),
        (lambda f: (f / files.MANIFEST).write_bytes(b"\xff"), files.MANIFEST),
        (lambda f: (f / files.MANIFEST).write_text("[]"), files.MANIFEST),
        (lambda f: (f / files.MANIFEST).write_text('{"of": "mine"}'), files.MANIFEST),
    ],
    ids=range(10),
)
def test_what_happened_to_a_file_is_found(folder, damage, found):
    damage(folder)
    assert files.damaged(folder, of="mine") == found


@pytest.mark.parametrize("name", ["a.txt", files.MANIFEST])
def test_what_may_not_be_read_is_not_damaged(folder, name, monkeypatch):
    """Whose advice would be to delete it."""
    opened = type(folder).open

    def refuse(path, *arguments, **options):
        if path.name == name:
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(type(folder), "open", refuse)
    with pytest.raises(InputError, match=f"{name} cannot be read: Permission denied."):
        files.damaged(folder, of="mine")


def test_another_folders_manifest_is_found(folder):
    assert files.damaged(folder, of="yours") == files.MANIFEST
    files.seal(folder, ("a.txt",), of="yours")  # whose other files are none of mine
    assert files.damaged(folder, ("b/c.txt",), of="yours") == "b/c.txt"


def test_files_sealed_again_leave_the_others(folder):
    (folder / "a.txt").write_bytes(b"three")
    files.seal(folder, ("a.txt",), of="mine")
    assert files.damaged(folder, of="mine") is None
    (folder / "b" / "c.txt").write_bytes(b"damaged")
    files.seal(folder, ("a.txt",), of="mine")
    assert files.damaged(folder, of="mine") == "b/c.txt"
    assert files.damaged(folder, ("a.txt", "absent"), of="mine") == "absent"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    files.replace_file(path, lambda temporary: temporary.write_text("old"))

    def fails(temporary):
        temporary.write_text("ne")
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        files.replace_file(path, fails)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert files.digest({"a": 1, "b": [2]}) == files.digest({"b": [2], "a": 1})
    assert files.digest({"a": 1}) != files.digest({"a": 2})
