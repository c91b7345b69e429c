"""The parts of the training data that agents are trained on, and the one they are compared on."""

from __future__ import annotations

import dataclasses

import numpy as np

from jal.data.dataset import Dataset, take
from jal.data.splits import fractions
from jal.types import InputError

__all__ = ["Parts", "divide", "evaluation"]


@dataclasses.dataclass(frozen=True)
class Parts:
    """Shares of the training data, drawn class by class; no point is in two of them."""

    state: float = 0.1
    """Share on which agents see the classifier."""
    warm: float = 0.1
    """Share that is the pool of the warm start; 0: that of the training."""
    train: float = 0.6
    """Share that is the pool of the agents' training."""
    evaluation: float = 0.2
    """Share that is the pool on which queries are compared."""
    holdout: float = 0.0
    """Share on which rewards are measured; 0: on the test set, as ABAS-RAL has it."""

    def check(self) -> None:
        """Raises InputError for shares that cannot be."""
        for name in ("state", "train", "evaluation"):
            if getattr(self, name) <= 0:
                raise InputError(
                    f"parts.{name} must be a share above 0, got {getattr(self, name)}."
                )
        for name in ("warm", "holdout"):
            if getattr(self, name) < 0:
                raise InputError(
                    f"parts.{name} must be a share of at least 0, got {getattr(self, name)}."
                )
        shares = dataclasses.asdict(self)
        if sum(shares.values()) > 1 + 1e-9:
            told = ", ".join(f"{name} {share}" for name, share in shares.items())
            raise InputError(
                f"the parts must sum to at most 1, got {sum(shares.values()):.4g}: lower one of "
                f"{told}."
            )


def divide(dataset: Dataset, parts: Parts, seed: int) -> dict[str, np.ndarray]:
    """Indices of each part among the training data; one of no share is not there.

    Raises:
      InputError: for shares that cannot be, or a part that would be empty.
    """
    parts.check()
    shares = {field.name: getattr(parts, field.name) for field in dataclasses.fields(parts)}
    shares = {name: share for name, share in shares.items() if share > 0}
    made = fractions(dataset.train.y, tuple(shares.values()), seed)
    return dict(zip(shares, made, strict=True))


def evaluation(dataset: Dataset, parts: Parts | None, seed: int) -> Dataset:
    """The data set whose pool is the part that queries are compared on; all of it without parts."""
    if parts is None:
        return dataset
    return take(dataset, divide(dataset, parts, seed)["evaluation"])
