"""The edge between NNX modules and pure functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from jal.types import Array, Network, NetworkVariables, Outputs, PyTree

__all__ = ["from_module", "in_precision", "normalise", "resized"]


def from_module(make: Callable[[nnx.Rngs], nnx.Module]) -> Network:
    """A Network from a factory of an NNX module whose call returns `(logits, features)`.

    A third item may be its stages, a tuple of activations `[M, D_s]`; a method `classify` from
    features to logits becomes the network's `head`. The module is split once here; afterwards its
    variables are plain nested dicts.
    """

    def split(module: nnx.Module) -> tuple[nnx.GraphDef, nnx.State, nnx.State]:
        graph, params, *rest = nnx.split(module, nnx.Param, ...)
        return graph, params, rest[0]

    module = nnx.eval_shape(lambda: make(nnx.Rngs(0)))
    module.train()
    training = split(module)[0]
    module.eval()
    evaluating = split(module)[0]
    for layer in _dropouts(module):
        layer.deterministic = False
        layer.broadcast_dims = (0,)
    sampling = split(module)[0]

    def run(graph: nnx.GraphDef, variables: NetworkVariables) -> Any:
        return nnx.merge(graph, variables.params, variables.state, copy=True)

    def init(key: Array) -> NetworkVariables:
        _, params, state = split(make(nnx.Rngs(key)))
        return NetworkVariables(nnx.to_pure_dict(params), nnx.to_pure_dict(state))

    def apply(variables: NetworkVariables, x: Array, train: bool) -> tuple[Outputs, PyTree]:
        module = run(training if train else evaluating, variables)
        outputs = Outputs(*module(x))
        return outputs, nnx.to_pure_dict(split(module)[2])

    def sample(key: Array, variables: NetworkVariables, x: Array) -> Outputs:
        module = run(sampling, variables)
        for i, layer in enumerate(_dropouts(module)):
            layer.rngs.key[...] = jax.random.fold_in(key, i)  # pyright: ignore
        return Outputs(*module(x))

    def head(variables: NetworkVariables, features: Array) -> Array:
        return run(evaluating, variables).classify(features)

    return Network(
        init,
        apply,
        head if hasattr(module, "classify") else None,
        sample if _dropouts(module) else None,
    )


def normalise(network: Network, mean: ArrayLike = 0.0, std: ArrayLike = 1.0) -> Network:
    """The network on `(x - mean) / std`, bytes first scaled to [0, 1]: they stay bytes in memory.

    Args:
      network: of float32 inputs.
      mean: broadcastable to one example, such as one number for each channel.
      std: likewise.
    """
    shift, scale = jnp.asarray(mean, jnp.float32), jnp.asarray(std, jnp.float32)

    def scaled(x: Array) -> Array:
        x = x.astype(jnp.float32) / (255.0 if x.dtype == jnp.uint8 else 1.0)
        return (x - shift) / scale

    return _on_inputs(network, scaled, lambda variables: variables, lambda outputs: outputs)


def resized(network: Network, side: int) -> Network:
    """The network on images `[M, H, W, C]` brought to `side` x `side` by bilinear interpolation.

    Pixels are areas, as in PyTorch's align_corners=False; images that shrink are smoothed before.

    Args:
      network: of float32 images of that side.
      side: in pixels.
    """

    def enlarged(x: Array) -> Array:
        return jax.image.resize(x, (x.shape[0], side, side, x.shape[3]), "bilinear")

    return _on_inputs(network, enlarged, lambda variables: variables, lambda outputs: outputs)


def in_precision(network: Network, dtype: Any) -> Network:
    """The network computed in `dtype` (bfloat16); parameters, state and outputs stay float32."""

    def cast(variables: NetworkVariables) -> NetworkVariables:
        return variables._replace(params=jax.tree.map(lambda p: p.astype(dtype), variables.params))

    def uncast(outputs: Outputs) -> Outputs:
        return jax.tree.map(lambda output: output.astype(jnp.float32), outputs)

    return _on_inputs(network, lambda x: x.astype(dtype), cast, uncast)


def _on_inputs(
    network: Network,
    before: Callable[[Array], Array],
    within: Callable[[NetworkVariables], NetworkVariables],
    after: Callable[[Outputs], Outputs],
) -> Network:
    def apply(variables: NetworkVariables, x: Array, train: bool) -> tuple[Outputs, PyTree]:
        outputs, state = network.apply(within(variables), before(x), train)
        return after(outputs), state

    inner = network.sample

    def sample(key: Array, variables: NetworkVariables, x: Array) -> Outputs:
        assert inner is not None
        return after(inner(key, within(variables), before(x)))

    return Network(network.init, apply, network.head, None if inner is None else sample)


def _dropouts(module: nnx.Module) -> list[nnx.Dropout]:
    layers = (node for _, node in nnx.iter_graph(module) if isinstance(node, nnx.Dropout))
    return [layer for layer in layers if layer.rate > 0]
