"""Neural networks: Flax NNX modules, split once into pure (init, apply)."""

from jal.networks.mlp import mlp
from jal.networks.network import Network, from_module

__all__ = ["Network", "from_module", "mlp"]
