"""The networks that come pre-trained on ImageNet, by the names that configs give them."""

from __future__ import annotations

import functools
from collections.abc import Callable

from jal.networks.efficientnet import efficientnet_lite0
from jal.networks.resnet import resnet
from jal.networks.vit import vit_s16
from jal.types import Network

__all__ = ["networks"]

networks: dict[str, Callable[[tuple[int, ...], int], Network]] = {
    "resnet18": functools.partial(resnet, 18),
    "resnet34": functools.partial(resnet, 34),
    "resnet50": functools.partial(resnet, 50),
    "vit_s16": vit_s16,
    "efficientnet_lite0": efficientnet_lite0,
}
"""Name -> `(input_shape, num_classes) -> Network`, of images `(H, W, 3)`."""
