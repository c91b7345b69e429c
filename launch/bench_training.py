"""What launch/bench.py times of training networks: jal's SGD beside PyTorch's eager loop.

28x28 images in minibatches of 64; SGD with Nesterov momentum and an L2 penalty. Each worker runs in
a process of its own and prints one JSON line.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench_workers import Result, device, main, peak_mib, steady

BATCH, SHAPE, CLASSES = 64, (28, 28, 1), 10
STEPS = {"cnn": 10, "resnet18": 4}  # of each seed in one run
LEARNERS: dict[str, tuple[str, Result]] = {  # names in jal.learners.registry, and options
    "cnn": ("cnn", {}),
    "resnet18": ("resnet", {"depth": 18, "stem": "grayscale"}),
}


def jal_train(
    network: str, seeds: int, at_once: int | None = 1, precision: str = "float32"
) -> Result:
    """Many seeds in one compiled program, mapped or vmapped."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        jax.config.update("jax_num_cpu_devices", min(seeds, os.cpu_count() or 1))
    jax.config.update("jax_enable_compilation_cache", False)
    from jal.learners import registry
    from jal.parallel import over_seeds, seed_mesh
    from jal.types import Array, Labels

    count = BATCH * STEPS[network]
    name, options = LEARNERS[network]
    dtype = getattr(jnp, precision)
    learner = registry[name](
        SHAPE, CLASSES, epochs=1, batch_size=BATCH, dtype=dtype, max_labels=count, **options
    )
    x, y = (jnp.asarray(part) for part in _examples(count))
    data = learner.prepare(x)
    order = jnp.arange(count, dtype=jnp.int32)

    def train(key: Array, data: Any, n: Array) -> Array:
        variables = learner.init(key, data)
        labels = Labels(order, n)
        return learner.fit(key, variables, data, y, labels, learner.hyper)[1]["train_loss"]

    mesh = seed_mesh(min(seeds, jax.device_count()))
    keys = jax.random.split(jax.random.key(0), seeds)
    level = {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else {}
    began = time.perf_counter()
    jitted = jax.jit(over_seeds(train, mesh, at_once), compiler_options=level)
    compiled = jitted.lower(keys, data, jnp.int32(count)).compile()
    compile_s = time.perf_counter() - began
    seconds = steady(lambda: jax.block_until_ready(compiled(keys, data, jnp.int32(count))))
    assert np.isfinite(compiled(keys, data, jnp.int32(count))).all()
    rates = _rates(network, seeds, compile_s, seconds) | device()
    return rates | {"peak_share": rates["steps_per_s"] * _flops(network) / _peak(dtype)}


def _flops(network: str) -> float:
    """Floating-point operations of one training step, as XLA counts them."""
    import jax
    import jax.numpy as jnp
    import optax

    from jal.networks import cnn, resnet
    from jal.types import Array, PyTree

    made = cnn(SHAPE, CLASSES) if network == "cnn" else resnet(18, SHAPE, CLASSES, stem="grayscale")
    variables = jax.eval_shape(made.init, jax.random.key(0))

    def step(variables: Any, x: Array) -> Any:
        def loss(params: PyTree) -> Array:
            logits = made.apply(variables._replace(params=params), x, True)[0].logits
            return optax.softmax_cross_entropy_with_integer_labels(
                logits, jnp.zeros(BATCH, jnp.int32)
            ).sum()

        return jax.grad(loss)(variables.params)

    images = jax.ShapeDtypeStruct((BATCH, *SHAPE), jnp.float32)
    analysis: Any = jax.jit(step).lower(variables, images).cost_analysis()
    return analysis["flops"]


def _peak(dtype: Any) -> float:
    """Operations a second of one large matrix product, on all devices that are there."""
    import jax
    import jax.numpy as jnp

    size = 2048 if jax.default_backend() == "cpu" else 8192
    a = jnp.ones((size, size), dtype)
    multiply = jax.jit(jnp.matmul)
    jax.block_until_ready(multiply(a, a))
    return 2.0 * size**3 / steady(lambda: jax.block_until_ready(multiply(a, a)), budget=1.0)


def torch_train(network: str, threads: int) -> Result:
    """One seed, step by step, as PyTorch's tutorials have it."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    make: dict[str, Callable[[], nn.Module]] = {"cnn": _torch_cnn, "resnet18": _torch_resnet}
    model = make[network]()
    rule = torch.optim.SGD(
        model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4
    )
    x, y = _examples(BATCH * STEPS[network])
    images = torch.from_numpy(x).permute(0, 3, 1, 2)
    labels = torch.from_numpy(y).long()

    def run() -> None:
        for index in torch.randperm(len(y)).split(BATCH):
            rule.zero_grad()
            logits = model(images[index].float() / 255)
            nn.functional.cross_entropy(logits, labels[index]).backward()
            rule.step()

    return _rates(network, 1, 0.0, steady(run))


def _torch_cnn() -> Any:
    from torch import nn

    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(14 * 14 * 64, 128), nn.ReLU(), nn.Dropout(0.25)),
        *(nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.25), nn.Linear(64, CLASSES)),
    )


def _torch_resnet() -> Any:
    from torch import nn

    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "networks"))
    from torch_resnet import ResNet  # pyright: ignore[reportMissingImports]

    return nn.Sequential(nn.Conv2d(1, 3, 1), ResNet(18, CLASSES))


def _examples(count: int) -> tuple[Any, Any]:
    """Random images `[N, 28, 28, 1]` uint8 and their classes."""
    import numpy as np

    random = np.random.default_rng(0)
    return random.integers(0, 255, (count, *SHAPE)).astype(np.uint8), np.arange(count) % CLASSES


def _rates(network: str, seeds: int, compile_s: float, seconds: float) -> Result:
    return {
        "network": network,
        "seeds": seeds,
        "compile_s": compile_s,
        "steps_per_s": seeds * STEPS[network] / seconds,
        "peak_mib": peak_mib(),
    }


if __name__ == "__main__":
    main(jal_train, torch_train)
