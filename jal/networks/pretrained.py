"""Pre-trained weights from and to safetensors, checked tensor by tensor."""

from __future__ import annotations

import hashlib
import importlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from jax.typing import ArrayLike

from jal.files import replace_file
from jal.networks import weight_names
from jal.types import InputError, Network, NetworkVariables

__all__ = [
    "check_can_save",
    "convert",
    "load_pretrained",
    "overlay",
    "read_statistics",
    "read_weights",
    "save_weights",
    "weights_fingerprint",
]

_EXTRA = 'pre-trained weights need the extra hub: pip install -e ".[hub]".'
_Read = TypeVar("_Read")
_PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")


def load_pretrained(source: str | Path, network: Network) -> NetworkVariables:
    """The weights at `source` as variables of `network`, on the host: `read_weights`, `convert`.

    Raises:
      InputError: for a file that cannot be had or does not fit the network.
    """
    variables = jax.eval_shape(network.init, jax.random.key(0))
    return convert(read_weights(source), variables, str(source))


def overlay(fresh: NetworkVariables, loaded: NetworkVariables) -> NetworkVariables:
    """`loaded` where it holds an array, `fresh` where it holds None.

    Pass `loaded` to a jitted function as an argument: closed over, it is compiled into the program.
    """
    return jax.tree.map(lambda new, old: new if old is None else old, fresh, loaded)


def check_can_save(path: Path) -> None:
    """Makes the folder of a file for `save_weights`, before what is to be saved is computed.

    Raises:
      InputError: where the extra hub is missing.
      OSError: where the folder cannot be made.
    """
    try:
        importlib.import_module("safetensors.numpy")
    except ImportError as error:
        raise InputError(_EXTRA) from error
    path.parent.mkdir(parents=True, exist_ok=True)


def save_weights(
    path: Path, variables: NetworkVariables, mean: ArrayLike = 0.0, std: ArrayLike = 1.0
) -> None:
    """Writes the network's weights where `load_pretrained` reads them, by the names that it reads.

    Args:
      path: a safetensors file.
      variables: of the network.
      mean: by which its inputs were standardised, see `normalise`; for `read_statistics`.
      std: likewise.

    Raises:
      InputError, OSError: as `check_can_save`.
    """
    check_can_save(path)
    from safetensors.numpy import save_file

    named = {
        weight_names.tensor_name(tuple(str(key.key) for key in place[1:])): leaf
        for place, leaf in jax.tree_util.tree_leaves_with_path(variables)
    }
    tensors = {
        name: np.ascontiguousarray(_to_torch(np.asarray(leaf)))
        for name, leaf in named.items()
        if name is not None
    }
    statistics = {"mean": mean, "std": std}
    metadata = {name: json.dumps(np.asarray(one).tolist()) for name, one in statistics.items()}
    replace_file(path, lambda to: save_file(tensors, to, metadata))


def read_weights(source: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file, by name, as they are there.

    Args:
      source: a path, or `hf:OWNER/NAME`, optionally `@REVISION`: that repository's
        `model.safetensors` on the Hugging Face hub, downloaded once.

    Raises:
      InputError: for a file that is missing, cannot be downloaded, or is not safetensors.
    """
    return _opened(
        source,
        lambda file: {name: file.get_tensor(name) for name in file.keys()},  # noqa: SIM118
    )


def read_statistics(source: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation by which the inputs of a network of `save_weights` were standardised.

    Raises:
      InputError: as `read_weights`, and for a file that does not hold them.
    """
    metadata = _opened(source, lambda file: file.metadata()) or {}
    if not {"mean", "std"} <= metadata.keys():
        raise InputError(
            f"{source} does not say how its network's inputs were standardised: give weights that "
            "jal pretrain has written."
        )
    mean, std = (np.asarray(json.loads(metadata[name]), np.float32) for name in ("mean", "std"))
    return mean, std


def _opened(source: str | Path, read: Callable[[Any], _Read]) -> _Read:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise InputError(_EXTRA) from error

    path = _find(source)
    if path.suffix in _PICKLES:
        raise InputError(
            f"the weights file {path} is a pickle, which runs code when it is opened: save its "
            "tensors by jal convert-weights, or with safetensors.torch.save_file."
        )
    try:
        with safe_open(path, framework="np") as file:
            return read(file)
    except (SafetensorError, OSError) as error:
        raise InputError(f"the weights file {path} is not safetensors ({error}).") from error


def convert(
    weights: Mapping[str, np.ndarray], variables: NetworkVariables, source: str = "the weights"
) -> NetworkVariables:
    """The tensors `weights` in the places, layouts and dtypes of `variables`.

    Understood are the names of torchvision's and timm's ResNet, of timm's, DINO's and
    transformers' ViT, of efficientnet-lite-pytorch, and those of `save_weights`. Where a ViT takes
    images of another size than the file's, its positions are interpolated as DINO does.

    Args:
      weights: by name.
      variables: of the network, arrays or their shapes.
      source: what messages call the weights.

    Returns:
      NumPy arrays; None for what stays fresh: dropout's keys, the 1x1 front of a grayscale stem,
      and the last layer where the file has none or one for another number of classes.

    Raises:
      InputError: names the first tensor that is missing, of another shape, or without a place.
    """
    spell = weight_names.spelling(weights)
    unused = {name for name in weights if not weight_names.is_ignored(name)}

    def find(path: tuple[Any, ...], variable: Any) -> np.ndarray | None:
        keys = tuple(str(key.key) for key in path[1:])  # after params or state
        name = weight_names.tensor_name(keys)
        if name is None:
            return None
        spelled = spell(name)
        is_head = keys[0] in weight_names.HEADS
        missing = [part for part in spelled if part not in weights]
        if missing and is_head:
            return None
        if missing:
            raise InputError(
                f"{source} has no tensor {missing[0]}, which the network needs: its weights are "
                "another architecture's."
            )
        unused.difference_update(spelled)
        tensors = [weights[part] for part in spelled]
        rows, *rest = _torch_shape(variable.shape)
        shape = (rows // len(tensors), *rest)
        if is_head and tensors[0].shape[1:] == shape[1:] and tensors[0].shape != shape:
            return None
        if name == "pos_embed":
            tensors = [_resized(tensors[0], shape)]
        for part, tensor in zip(spelled, tensors, strict=True):
            if tensor.ndim == 4 and tensor.shape[1] != shape[1] == 1 and keys[0] == "conv1":
                raise InputError(
                    f"{part} in {source} is for images of {tensor.shape[1]} channels, and these "
                    "have one: give the stem grayscale, or normalise as ImageNet's images."
                )
            if tensor.shape != shape:
                raise InputError(
                    f"{part} in {source} has shape {weights[part].shape} where the network has "
                    f"{shape}: its weights are another architecture's."
                )
        return _from_torch(np.concatenate(tensors)).astype(variable.dtype)

    loaded = jax.tree_util.tree_map_with_path(find, variables)
    if unused:
        raise InputError(
            f"{source} holds {min(unused)}, for which the network has no place: its weights are "
            "another architecture's."
        )
    return loaded


def weights_fingerprint(source: str | Path) -> str:
    """SHA-256 of the weights file at `source`, see `read_weights`."""
    with _find(source).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _find(source: str | Path) -> Path:
    path = _download(source) if str(source).startswith("hf:") else Path(source).expanduser()
    if not path.is_file():
        raise InputError(f"the weights file {path} does not exist.")
    return path


def _download(source: str | Path) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise InputError(_EXTRA) from error

    name, _, revision = str(source).removeprefix("hf:").partition("@")
    try:
        return Path(hf_hub_download(name, "model.safetensors", revision=revision or None))
    except (OSError, ValueError) as error:  # what the hub's errors derive from
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"cannot download {source}, nor is it in the hub's cache ({reason}): give "
            "hf:OWNER/NAME of a repository with a model.safetensors, or the path of such a file."
        ) from error


def _torch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """`[O, C, h, w]` from `[h, w, C, O]`, `[O, I]` from `[I, O]`; other shapes unchanged."""
    if len(shape) == 4:
        return (shape[3], shape[2], shape[0], shape[1])
    return shape[::-1] if len(shape) == 2 else shape


def _to_torch(tensor: np.ndarray) -> np.ndarray:
    if tensor.ndim == 4:
        return tensor.transpose(3, 2, 0, 1)
    return tensor.T if tensor.ndim == 2 else tensor


def _from_torch(tensor: np.ndarray) -> np.ndarray:
    if tensor.ndim == 4:
        return tensor.transpose(2, 3, 1, 0)
    return tensor.T if tensor.ndim == 2 else tensor


def _resized(positions: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`[1, 1 + n n, D]` for a grid of another size; unchanged where that is not what differs."""
    if positions.ndim != 3 or positions.shape[2] != shape[2]:
        return positions
    n, m = (math.isqrt(tokens - 1) for tokens in (positions.shape[1], shape[1]))
    if n == m or n * n + 1 != positions.shape[1]:
        return positions
    first, grid = positions[:, :1], positions[0, 1:].reshape(n, n, -1)
    weights = _bicubic(n, m)
    grid = np.einsum("ia,jb,abd->ijd", weights, weights, grid)
    return np.concatenate([first, grid.reshape(1, m * m, -1)], axis=1)


def _bicubic(n: int, m: int) -> np.ndarray:
    """`[m, n]`: torch's bicubic interpolation, its constant -0.75, where jax.image's is -0.5."""
    a = -0.75
    at = (np.arange(m) + 0.5) * n / m - 0.5
    weights = np.zeros((m, n))
    for tap in range(-1, 3):
        point = np.floor(at) + tap
        d = np.abs(at - point)
        near = (a + 2) * d**3 - (a + 3) * d**2 + 1
        far = a * (d**3 - 5 * d**2 + 8 * d - 4)
        edge = np.clip(point, 0, n - 1).astype(int)
        np.add.at(weights, (np.arange(m), edge), np.where(d <= 1, near, far))
    return weights
