"""Neural networks: Flax NNX modules, split once into pure (init, apply, sample)."""

from jal.extras import require

require("jal.networks", "networks", "flax")


from jal.networks.cnn import cnn
from jal.networks.convolution import conv_general_dilated
from jal.networks.efficientnet import efficientnet_lite0
from jal.networks.mlp import mlp
from jal.networks.network import from_module, in_precision, normalise, resized
from jal.networks.pretrained import load_pretrained, overlay
from jal.networks.resnet import resnet
from jal.networks.vit import vit, vit_s16
from jal.types import Network, NetworkVariables

__all__ = [
    "Network",
    "NetworkVariables",
    "cnn",
    "conv_general_dilated",
    "efficientnet_lite0",
    "from_module",
    "in_precision",
    "load_pretrained",
    "mlp",
    "normalise",
    "overlay",
    "resized",
    "resnet",
    "vit",
    "vit_s16",
]
