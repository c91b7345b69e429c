"""GraNd by `vmap(grad)` of torch.func, functorch's successor, of the network that jal has."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, vmap  # pyright: ignore[reportPrivateImportUsage]

from bench.timing import Result, peak_mib, steady
from bench.training_data import CLASSES, examples


class _CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
        self.dense1, self.dense2 = nn.Linear(14 * 14 * 64, 128), nn.Linear(128, 64)
        self.dense3 = nn.Linear(64, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu(self.conv2(nn.functional.relu(self.conv1(x))))
        x = nn.functional.max_pool2d(x, 2).flatten(1)
        return self.dense3(nn.functional.relu(self.dense2(nn.functional.relu(self.dense1(x)))))


def torch_grand(path: str, points: int, chunk: int, threads: int) -> Result:
    """Seconds for all examples with so many threads, and relative differences to jal's."""
    torch.set_num_threads(threads)
    stored = dict(np.load(path))
    model = _CNN().eval()
    params = {name: _weight(name, stored) for name, _ in model.named_parameters()}
    images, classes = examples(points)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    y = torch.from_numpy(classes).long()

    def loss(params: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> Any:
        logits = functional_call(model, params, (x[None],))
        return nn.functional.cross_entropy(logits, y[None])

    gradients = vmap(grad(loss), in_dims=(None, 0, 0))

    def norms() -> np.ndarray:
        found = []
        for i in range(0, points, chunk):
            some = gradients(params, x[i : i + chunk], y[i : i + chunk]).values()
            squares = [leaf.flatten(1).square().sum(dim=1) for leaf in some]
            found.append(torch.stack(squares).sum(dim=0).sqrt())
        return torch.cat(found).numpy()

    expected = stored["norms"]
    apart = np.abs(norms() - expected) / expected
    return {
        "steady_s": steady(norms),
        "points": points,
        "apart": float(np.median(apart)),
        "worst": float(np.max(apart)),
        "above": int(np.sum(apart > 1e-4)),
        "peak_mib": peak_mib(),
    }


def _weight(name: str, stored: dict[str, np.ndarray]) -> torch.Tensor:
    """jal's, as PyTorch lays it out: channels before rows and columns, outputs before inputs."""
    layer, kind = name.split(".")
    value = stored[f"{layer}/{'kernel' if kind == 'weight' else 'bias'}"]
    if kind == "bias":
        return torch.from_numpy(value)
    if layer == "dense1":  # its inputs are flattened images
        value = value.reshape(14, 14, 64, -1).transpose(2, 0, 1, 3).reshape(14 * 14 * 64, -1)
    value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
    return torch.from_numpy(np.ascontiguousarray(value))
