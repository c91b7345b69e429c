"""The names that files of weights give to the tensors of jal's networks.

jal's modules bear the names of torchvision's and timm's ResNet and of timm's and DINO's ViT, so
that a variable's path is nearly its name there; tables lead from there to transformers' names.
EfficientNet-Lite's modules are those of efficientnet-lite-pytorch, whose names begin with a line.
The CNN and the MLP are jal's own, and known by their paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["HEADS", "is_ignored", "spelling", "tensor_name"]

HEADS = ("fc", "head", "dense3", "last")
"""Modules of the last layer, which depends on the number of classes, of ResNet, ViT, CNN, MLP."""

_OWN = ("front", "dropout")  # modules that no file knows
_TENSORS = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
_IGNORED = (
    ".num_batches_tracked",
    "embeddings.mask_token",
    "pooler.dense.weight",
    "pooler.dense.bias",
)

_TRANSFORMERS = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "norm": "layernorm",
}
_TRANSFORMERS_BLOCK = {
    "norm1": ("layernorm_before",),
    "attn.qkv": tuple(f"attention.attention.{name}" for name in ("query", "key", "value")),
    "attn.proj": ("attention.output.dense",),
    "norm2": ("layernorm_after",),
    "mlp.fc1": ("intermediate.dense",),
    "mlp.fc2": ("output.dense",),
}


def tensor_name(path: tuple[str, ...]) -> str | None:
    """torchvision's or timm's name of the variable at `path`; None for one of jal's own."""
    *modules, tensor = path
    if path[0] in _OWN:
        return None
    if modules == ["patch_embed"]:
        modules.append("proj")
    return ".".join([*modules, _TENSORS.get(tensor, tensor)])


def spelling(names: Iterable[str]) -> Callable[[str], tuple[str, ...]]:
    """How a file that holds `names` spells a tensor that torchvision or timm call `name`.

    The function returned gives one name, or three to be stacked along the first axis: transformers
    keeps queries, keys and values apart.
    """
    names = tuple(names)
    if "_conv_stem.weight" in names:
        return lambda name: (_underlined(name),)
    marker = "embeddings.cls_token"
    prefixes = [name.removesuffix(marker) for name in names if name.endswith(marker)]
    return lambda name: _transformers(name, prefixes[0]) if prefixes else (name,)


def is_ignored(name: str) -> bool:
    """Whether a network needs no place for `name`: its logits and features do not depend on it."""
    return name.endswith(_IGNORED)


def _underlined(name: str) -> str:
    """`_blocks.1._bn0.weight` of `blocks.1.bn0.weight`."""
    *modules, tensor = name.split(".")
    return ".".join([*(m if m.isdigit() else f"_{m}" for m in modules), tensor])


def _transformers(name: str, prefix: str) -> tuple[str, ...]:
    if name in _TRANSFORMERS:
        return (prefix + _TRANSFORMERS[name],)
    module, tensor = name.rsplit(".", 1)
    if module == "head":
        return (f"classifier.{tensor}",)
    if module in _TRANSFORMERS:
        return (f"{prefix}{_TRANSFORMERS[module]}.{tensor}",)
    blocks, _, rest = module.partition(".")
    number, _, layer = rest.partition(".")
    if blocks != "blocks" or layer not in _TRANSFORMERS_BLOCK:
        return (name,)  # no ViT's: the file will not have it
    return tuple(
        f"{prefix}encoder.layer.{number}.{part}.{tensor}" for part in _TRANSFORMERS_BLOCK[layer]
    )
