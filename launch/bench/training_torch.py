"""PyTorch's training of the networks in training.py: one seed, as tutorials have it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.timing import Result, peak_mib, steady
from bench.training_data import BATCH, CLASSES, STEPS, examples
from bench.worker import Measurements


def torch_train(network: str, threads: int) -> Result:
    """On CPUs, with so many threads."""
    torch.set_num_threads(threads)
    return _train(network, "float32", BATCH, STEPS[network], torch.device("cpu")) | {
        "peak_mib": peak_mib()
    }


def torch_ways(networks: Sequence[str], precision: str, minibatch: int, steps: int) -> Measurements:
    """On a GPU where there is one; float32 by TF32 as JAX has it, bfloat16 by autocast."""
    torch.set_float32_matmul_precision("high")
    here = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for network in networks:

        def measurement(network: str = network) -> Result:
            found = _train(network, precision, minibatch, steps, here)
            name = {"device": torch.cuda.get_device_name()} if here.type == "cuda" else {}
            return found | {"precision": precision, "way": "PyTorch"} | name

        yield f"{network}, {precision}, PyTorch, 1 seed", measurement


def _train(network: str, precision: str, minibatch: int, steps: int, here: torch.device) -> Result:
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    make: dict[str, Callable[[], nn.Module]] = {"cnn": _cnn, "resnet18": _resnet}
    model = make[network]().to(here)
    model = model.to(memory_format=torch.channels_last)  # pyright: ignore
    rule = torch.optim.SGD(
        model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4
    )
    x, y = examples(minibatch * steps)
    images = torch.from_numpy(x).permute(0, 3, 1, 2).to(here)
    labels = torch.from_numpy(y).long().to(here)
    low = precision == "bfloat16"
    context = torch.autocast(here.type, torch.bfloat16) if low else contextlib.nullcontext()

    def run() -> None:
        for index in torch.randperm(len(y), device=here).split(minibatch):
            rule.zero_grad()
            with context:
                logits = model(images[index].float() / 255)
                loss = nn.functional.cross_entropy(logits, labels[index])
            loss.backward()
            rule.step()
        if here.type == "cuda":
            torch.cuda.synchronize()

    seconds = steady(run)
    return {
        "network": network,
        "seeds": 1,
        "compile_s": 0.0,
        "steady_s": seconds,
        "steps_per_s": steps / seconds,
        "minibatch": minibatch,
    }


def _cnn() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(14 * 14 * 64, 128), nn.ReLU(), nn.Dropout(0.25)),
        *(nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.25), nn.Linear(64, CLASSES)),
    )


def _resnet() -> Any:
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "networks"))
    from torch_resnet import ResNet  # pyright: ignore[reportMissingImports]

    return nn.Sequential(nn.Conv2d(1, 3, 1), ResNet(18, CLASSES))
