"""Training networks: jal's SGD, many seeds in one program, in several ways.

28x28 images in minibatches of 64; SGD with Nesterov momentum and an L2 penalty. PyTorch's loop is
in training_torch.py, the tables in training_tables.py.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.convolutions import convolving
from bench.markdown import counted
from bench.peak import product
from bench.timing import (
    Result,
    compiled,
    compiler_options,
    cpu_devices,
    device,
    peak_mib,
    steady,
    without_cache,
)
from bench.training_data import BATCH, CLASSES, SHAPE, STEPS, examples
from bench.worker import Measurements
from jal.learners import registry
from jal.networks import cnn, resnet
from jal.parallel import over_seeds, seed_mesh
from jal.types import Array, Labels

LEARNERS: dict[str, tuple[str, Result]] = {  # names in jal.learners.registry, and options
    "cnn": ("cnn", {}),
    "resnet18": ("resnet", {"depth": 18, "stem": "grayscale"}),
}


def jal_train(
    network: str, seeds: int, at_once: int | None = 1, precision: str = "float32"
) -> Result:
    """Many seeds, mapped or vmapped over a device for each core."""
    cpu_devices(seeds)
    without_cache()
    way = "map" if at_once == 1 else "vmap"
    found = _train(network, seeds, way, precision, BATCH, STEPS[network])
    share = found["steps_per_s"] * flops(network, BATCH) / _peak(precision, 2048)
    return found | {"peak_share": share, "peak_mib": peak_mib()} | device()


def jal_ways(
    network: str,
    precision: str,
    runs: Sequence[tuple[str, int]],
    minibatch: int,
    steps: int,
    peak_size: int,
) -> Measurements:
    """Many seeds in one program on one device, in ways to be compared.

    Args:
      network: "cnn" or "resnet18".
      precision: "float32" or "bfloat16".
      runs: pairs of a way and the number of seeds. "map" trains seeds one after another; all other
        ways are vmapped, with convolutions of `bench.convolutions.WAYS`.
      minibatch: images of a step.
      steps: of each seed in one run.
      peak_size: width of the matrix product whose rate is the peak.
    """
    without_cache()
    peak = functools.cache(lambda: _peak(precision, peak_size))
    for way, seeds in runs:

        def measurement(way: str = way, seeds: int = seeds) -> Result:
            found = _train(network, seeds, way, precision, minibatch, steps)
            share = found["steps_per_s"] * flops(network, minibatch) / peak()
            name = {key: value for key, value in device().items() if key == "device"}
            return found | {"peak_share": share, "precision": precision, "way": way} | name

        yield f"{network}, {precision}, {way}, {counted(seeds, 'seed')}", measurement


def _train(
    network: str, seeds: int, way: str, precision: str, minibatch: int, steps: int
) -> Result:
    count = minibatch * steps
    name, options = LEARNERS[network]
    with convolving(None if way in ("map", "vmap") else way):
        learner = registry[name](
            SHAPE,
            CLASSES,
            epochs=1,
            batch_size=minibatch,
            dtype=getattr(jnp, precision),
            max_labels=count,
            **options,
        )
        x, y = (jnp.asarray(part) for part in examples(count))
        data = learner.prepare(x)
        order = jnp.arange(count, dtype=jnp.int32)

        def train(key: Array, data: Any, y: Array, n: Array) -> Array:
            variables = learner.init(key, data)
            labels = Labels(order, n)
            return learner.fit(key, variables, data, y, labels, learner.hyper)[1]["train_loss"]

        mesh = seed_mesh(min(seeds, jax.device_count()))
        inputs = (jax.random.split(jax.random.key(0), seeds), data, y, jnp.int32(count))
        mapped = over_seeds(train, mesh, 1 if way == "map" else None)
        program, found = compiled(mapped, *inputs, **compiler_options())
    losses: Any = None

    def run() -> None:
        nonlocal losses
        losses = jax.block_until_ready(program(*inputs))

    seconds = steady(run)
    if not np.isfinite(losses).all():
        raise RuntimeError("a loss is not finite")
    rate = seeds * steps / seconds
    return found | {
        "network": network,
        "seeds": seeds,
        "steady_s": seconds,
        "steps_per_s": rate,
        "minibatch": minibatch,
    }


@functools.cache
def flops(network: str, minibatch: int) -> float:
    """Operations of a training step: three times those of the forward pass's products."""
    with convolving("grouped"):
        make = functools.partial(resnet, 18, stem="grayscale") if network == "resnet18" else cnn
        made = make(input_shape=SHAPE, num_classes=CLASSES)
        variables = jax.eval_shape(made.init, jax.random.key(0))
        images = jax.ShapeDtypeStruct((minibatch, *SHAPE), jnp.float32)
        forward = jax.make_jaxpr(lambda variables, x: made.apply(variables, x, True)[0].logits)
        return 3.0 * _products(forward(variables, images).jaxpr)


def _products(jaxpr: Any) -> float:
    """Operations of all convolutions and matrix products: two a multiplication, none by padding."""
    total = 0.0
    for equation in jaxpr.eqns:
        out, inputs = equation.outvars[0].aval, [one.aval for one in equation.invars]
        if equation.primitive.name == "conv_general_dilated":  # of NHWC, HWIO
            images, kernel = (one.shape for one in inputs)
            pairs = [
                sum(0 <= i * stride + j - low < size for i in range(rows) for j in range(window))
                for rows, size, window, stride, (low, _) in zip(
                    out.shape[1:3],
                    images[1:3],
                    kernel[:2],
                    equation.params["window_strides"],
                    equation.params["padding"],
                    strict=True,
                )
            ]
            total += 2.0 * out.shape[0] * math.prod(pairs) * math.prod(kernel[2:])
        elif equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            inner = math.prod(inputs[0].shape[axis] for axis in contracted)
            total += 2.0 * math.prod(out.shape) * inner
        for value in equation.params.values():
            if hasattr(value, "jaxpr"):
                total += _products(value.jaxpr)
    return total


def _peak(precision: str, size: int) -> float:
    """Operations a second of one large matrix product."""
    return product(size, precision)["flops"]
