"""GraNd of a CNN's examples by jal; by torch.func on the same weights it is in grand_torch.py."""

from __future__ import annotations

from typing import Any

from bench.timing import (
    Result,
    compiled,
    compiler_options,
    cpu_devices,
    peak_mib,
    steady,
    without_cache,
)
from bench.training_data import CLASSES, SHAPE, examples


def prepare_grand(path: str, points: int) -> Result:
    """Writes the weights, and jal's GraNd of so many examples for its peer to compare with."""
    import jax
    import numpy as np

    variables, inputs, norms = _grand(points, 32)
    flat = jax.tree_util.tree_flatten_with_path(variables.params)[0]
    weights = {"/".join(str(part.key) for part in path): leaf for path, leaf in flat}
    program = jax.jit(norms)
    np.savez(path, norms=program(variables.params, *inputs), **weights)
    return {}


def jal_grand(path: str, points: int, chunk: int) -> Result:
    """Seconds for all examples, of which so many at a time hold a gradient, on all cores."""
    del path
    cpu_devices(1)
    without_cache()
    import jax

    variables, inputs, norms = _grand(points, chunk)
    program, found = compiled(norms, variables.params, *inputs, **compiler_options())
    seconds = steady(lambda: jax.block_until_ready(program(variables.params, *inputs)))
    return found | {"steady_s": seconds, "points": points, "peak_mib": peak_mib()}


def _grand(points: int, chunk: int) -> tuple[Any, tuple[Any, Any], Any]:
    """The CNN's variables, the examples, and `norms(params, x, y) -> [N]`."""
    import jax
    import jax.numpy as jnp
    import optax

    from jal.networks import cnn
    from jal.scores import grand_in_chunks
    from jal.types import Array, PyTree

    network = cnn(SHAPE, CLASSES)
    variables = network.init(jax.random.key(0))
    images, y = examples(points)

    def loss(params: PyTree, x: Array, y: Array) -> Array:
        outputs = network.apply(variables._replace(params=params), x[None], False)[0]
        return optax.softmax_cross_entropy_with_integer_labels(outputs.logits[0], y)

    def norms(params: PyTree, x: Array, y: Array) -> Array:
        return grand_in_chunks(loss, params, x, y, chunk=chunk)

    return variables, (jnp.asarray(images, jnp.float32) / 255, jnp.asarray(y, jnp.int32)), norms
