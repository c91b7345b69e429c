"""Steps are verified; the one before a damaged one is gone on from."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from jal.experiment.cells import pack, unpack
from jal.experiment.checkpoints import Checkpoints
from jal.experiment.folder import brief
from jal.types import InputError


def checkpoints(folder, of="run") -> Checkpoints:
    return Checkpoints(folder, of, lambda step: f"round {step}")


def state(step: int) -> dict:
    return {"key": jax.random.key(step), "x": jnp.full((3, 2), step, jnp.float32), "none": ()}


def arrays(step: int) -> dict[str, np.ndarray]:
    return {"seconds": np.float64(step)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    one = checkpoints(folder)
    assert one.latest(print) is None
    for step in (3, 7, 14):
        one.save(step, arrays(step), state(step))
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "copy")


def names(folder) -> set[str]:
    return {path.name for path in (folder / "checkpoints").iterdir()}


def flip(path, place=-1):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def largest(folder, step):
    inside = (folder / "checkpoints" / str(step)).rglob("*")
    return max((path for path in inside if path.is_file()), key=lambda path: path.stat().st_size)


def test_the_newest_two_are_kept_and_read_back(folder):
    one, said = checkpoints(folder), []
    assert names(folder) == {"7", "14"} and one.latest(said.append) == 14 and said == []
    np.testing.assert_equal(one.arrays(14), arrays(14))
    restored = one.state(14, jax.eval_shape(lambda: state(0)) | {"none": ()})
    np.testing.assert_array_equal(restored["x"], state(14)["x"])
    assert (jax.random.key_data(restored["key"]) == jax.random.key_data(state(14)["key"])).all()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: flip(folder / "checkpoints" / "14" / "arrays.npz"),
        lambda folder: flip(folder / "checkpoints" / "14" / "manifest.json", 30),
        lambda folder: flip(largest(folder, 14)),
        lambda folder: largest(folder, 14).unlink(),
        lambda folder: (folder / "checkpoints" / "14" / "manifest.json").unlink(),
    ],
    ids=["arrays", "manifest", "largest", "lost", "no manifest"],
)
def test_a_damaged_step_is_said_and_the_one_before_taken(folder, damage):
    damage(folder)
    one, said = checkpoints(folder), []
    assert one.latest(said.append) == 7
    assert said == ["the checkpoint of round 14 is damaged; going on from that of round 7"]
    np.testing.assert_equal(one.arrays(7), arrays(7))
    one.save(10, arrays(10), state(10))  # in other segments; the damaged one goes, 7 stays
    assert names(folder) == {"7", "10"} and checkpoints(folder).latest(print) == 10
    one.save(14, arrays(14), state(14))
    assert names(folder) == {"10", "14"} and checkpoints(folder).latest(print) == 14


def test_a_damaged_step_is_written_anew(folder):
    flip(folder / "checkpoints" / "14" / "arrays.npz")
    one = checkpoints(folder)
    assert one.latest(lambda _: None) == 7
    one.save(14, arrays(14), state(14))
    assert checkpoints(folder).latest(print) == 14


def test_a_file_of_somebody_elses_stays(folder):
    (folder / "checkpoints" / ".DS_Store").touch()
    checkpoints(folder).save(20, arrays(20), state(20))
    assert ".DS_Store" in names(folder) and checkpoints(folder).latest(print) == 20


def test_where_none_is_whole(folder):
    for step in (7, 14):
        flip(folder / "checkpoints" / str(step) / "arrays.npz")
    says = "are damaged, that of round 14 and that of round 7: delete that folder, and --resume st"
    with pytest.raises(InputError, match=says):
        checkpoints(folder).latest(print)


def test_steps_in_anothers_place_are_found(folder):
    here = folder / "checkpoints"
    (here / "7").rename(here / "8")
    (here / "14").rename(here / "7")
    (here / "8").rename(here / "14")
    with pytest.raises(InputError, match="that of round 14 and that of round 7"):
        checkpoints(folder).latest(print)


def test_another_runs_steps_are_found(folder):
    with pytest.raises(InputError, match="are damaged"):
        checkpoints(folder, of="another").latest(print)


def test_a_state_of_another_shape_is_one_sentence(folder):
    like = {"key": jax.random.key(0), "x": jnp.zeros((4, 2)), "more": jnp.zeros(3), "none": ()}
    with pytest.raises(InputError, match="checkpoint of round 14 is whole, but not one that this"):
        checkpoints(folder).state(14, like)


@pytest.mark.parametrize("error", [MemoryError, OSError, jax.errors.JaxRuntimeError])
def test_a_want_of_memory_is_no_reason_to_delete(folder, error, monkeypatch):
    def fail(*_, **__):
        raise error("no room\nat all")

    monkeypatch.setattr(ocp.Checkpointer, "restore", fail)
    with pytest.raises(InputError, match=r"is whole, but cannot be read now: no room\.$"):
        checkpoints(folder).state(14, state(14))


def test_cells_are_packed_and_unpacked():
    cell = {"metrics": {"accuracy": np.ones((2, 3)), "f1/macro": np.zeros((2, 3))}}
    cells = [cell | {"labelled": np.arange(i), "seconds": np.float64(i)} for i in range(11)]
    found = unpack(pack(cells))
    assert len(found) == 11 and unpack(pack([])) == []
    for before, after in zip(cells, found, strict=True):
        np.testing.assert_equal(after, before)


def test_long_names_are_shown_by_both_ends():
    assert brief("a" * 80) == "a" * 80
    assert brief("/tmp/" + "x" * 90 + "/config.json") == f"/tmp/{'x' * 33}...{'x' * 27}/config.json"
