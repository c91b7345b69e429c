"""NNX modules that several tests train."""

from flax import nnx

__all__ = ["Noisy"]


class Noisy(nnx.Module):
    """Three numbers in, two logits out; batch statistics and dropout beside the parameters."""

    def __init__(self, rngs):
        self.norm = nnx.BatchNorm(3, momentum=0.5, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.last = nnx.Linear(3, 2, rngs=rngs)

    def __call__(self, x):
        x = self.dropout(self.norm(x))
        return self.last(x), x
