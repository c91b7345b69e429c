"""Vision transformer, with the module names of timm and DINO."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from flax import nnx

from jal.networks.convolution import conv_general_dilated
from jal.networks.network import from_module
from jal.types import Array, InputError, Network

__all__ = ["vit", "vit_s16"]

# timm and DINO truncate at +-2, a hundred standard deviations: a plain normal.
_normal = nnx.initializers.normal(0.02)


def vit(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    patch: int,
    width: int,
    depth: int,
    heads: int,
    mlp_ratio: int = 4,
    dropout: float = 0.0,
    epsilon: float = 1e-6,
) -> Network:
    """Vision transformer (Dosovitskiy et al., 2021): pre-norm, exact GELU, learned positions.

    Takes float images `[M, H, W, C]`, computes in the dtype of parameters and inputs, and gives
    float32 logits and features: the class token after the last norm, `[M, width]`.

    Args:
      input_shape: `(H, H, C)` of one image.
      num_classes: K.
      patch: side of a patch, which divides H.
      width: of a token.
      depth: blocks.
      heads: of attention, which divide the width.
      mlp_ratio: hidden units of a block's MLP for each of its inputs.
      dropout: rate after the positions and every dense layer but the queries', keys' and values'
        (Dosovitskiy et al., B.1).
      epsilon: of the layer norms, as in the weights' origin: 1e-6 for DINO's and timm's, 1e-12 for
        most of transformers'.

    Raises:
      InputError: for images that are not square or not made of whole patches, or heads that do not
        divide the width.
    """
    if len(input_shape) != 3 or input_shape[0] != input_shape[1]:
        raise InputError(f"a ViT takes square images (H, H, C), not inputs of shape {input_shape}.")
    size, _, channels = input_shape
    if size % patch:
        raise InputError(f"patches of {patch} do not divide images of {size} x {size}.")
    if width % heads:
        raise InputError(f"{heads} heads do not divide a width of {width}.")

    return from_module(
        lambda rngs: _ViT(
            size,
            channels,
            num_classes,
            patch,
            width,
            depth,
            heads,
            mlp_ratio,
            dropout,
            epsilon,
            rngs,
        )
    )


vit_s16 = functools.partial(vit, patch=16, width=384, depth=12, heads=6)
"""ViT-S/16, the model of DeiT-S (Touvron et al., 2021) and of DINO (Caron et al., 2021)."""


class _Attention(nnx.Module):
    def __init__(self, width: int, heads: int, rngs: nnx.Rngs):
        self.heads = heads
        self.qkv = nnx.Linear(width, 3 * width, kernel_init=_normal, rngs=rngs)
        self.proj = nnx.Linear(width, width, kernel_init=_normal, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = jnp.moveaxis(qkv, 2, 0)
        return self.proj(jax.nn.dot_product_attention(q, k, v).reshape(x.shape))


class _MLP(nnx.Module):
    def __init__(self, width: int, hidden: int, rngs: nnx.Rngs):
        self.fc1 = nnx.Linear(width, hidden, kernel_init=_normal, rngs=rngs)
        self.fc2 = nnx.Linear(hidden, width, kernel_init=_normal, rngs=rngs)

    def __call__(self, x: Array, dropout: nnx.Dropout) -> Array:
        return self.fc2(dropout(jax.nn.gelu(self.fc1(x), approximate=False)))


class _Block(nnx.Module):
    def __init__(self, width: int, heads: int, mlp_ratio: int, epsilon: float, rngs: nnx.Rngs):
        self.norm1 = nnx.LayerNorm(width, epsilon=epsilon, rngs=rngs)
        self.attn = _Attention(width, heads, rngs)
        self.norm2 = nnx.LayerNorm(width, epsilon=epsilon, rngs=rngs)
        self.mlp = _MLP(width, mlp_ratio * width, rngs)

    def __call__(self, x: Array, dropout: nnx.Dropout) -> Array:
        x = x + dropout(self.attn(self.norm1(x)))
        return x + dropout(self.mlp(self.norm2(x), dropout))


class _ViT(nnx.Module):
    def __init__(
        self,
        size: int,
        channels: int,
        num_classes: int,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        mlp_ratio: int,
        dropout: float,
        epsilon: float,
        rngs: nnx.Rngs,
    ):
        tokens = 1 + (size // patch) ** 2
        self.cls_token = nnx.Param(_normal(rngs.params(), (1, 1, width)))
        self.pos_embed = nnx.Param(_normal(rngs.params(), (1, tokens, width)))
        self.patch_embed = nnx.Conv(
            channels,
            width,
            (patch, patch),
            patch,
            padding="VALID",
            conv_general_dilated=conv_general_dilated,
            rngs=rngs,
        )
        # Without a key at rate 0: the state is then empty.
        self.dropout = nnx.Dropout(dropout, rngs=rngs if dropout else None)
        self.blocks = nnx.List(
            [_Block(width, heads, mlp_ratio, epsilon, rngs) for _ in range(depth)]
        )
        self.norm = nnx.LayerNorm(width, epsilon=epsilon, rngs=rngs)
        self.head = nnx.Linear(width, num_classes, kernel_init=_normal, rngs=rngs)

    def __call__(self, x: Array) -> tuple[Array, Array, tuple[Array, ...]]:
        patches = self.patch_embed(x).reshape(x.shape[0], -1, self.norm.num_features)
        first = jnp.broadcast_to(self.cls_token[...], (x.shape[0], 1, patches.shape[-1]))
        x = self.dropout(jnp.concatenate([first, patches], axis=1) + self.pos_embed[...])
        stages = ()
        for block in self.blocks:
            x = block(x, self.dropout)
            stages = (*stages, x[:, 0])
        features = self.norm(x[:, 0]).astype(jnp.float32)
        return self.classify(features), features, stages[:: -max(1, len(stages) // 4)][::-1]

    def classify(self, features: Array) -> Array:
        return self.head(features)
