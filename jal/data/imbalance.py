"""Class imbalance made on purpose: how many points of each class, and a subset that has them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from scipy import optimize

from jal.data.dataset import Dataset, take
from jal.metrics import imbalance_ratio
from jal.types import InputError

__all__ = ["imbalanced", "long_tail_counts", "ratio_counts", "step_counts", "with_counts"]


def step_counts(largest: int, num_classes: int) -> np.ndarray:
    """`[K]` counts in the ratios 1:2:...:K, the last class having `largest`, rounded.

    With 5000 and 10 they are those of CIFAR10-imb (Zhan et al., 2022), whose authors keep each
    image of class c with probability (c + 1) / 10, in expectation.

    Raises:
      InputError: for a count that leaves classes without points.
    """
    if largest < num_classes:
        raise InputError(
            f"{num_classes} steps take at least {num_classes} points in the largest class, "
            f"got {largest}."
        )
    return np.rint(largest * np.arange(1, num_classes + 1) / num_classes).astype(int)


def long_tail_counts(largest: int, factor: float, num_classes: int) -> np.ndarray:
    """`[K]` counts largest * factor^(-c / (K - 1)) of class c, cut to integers.

    As CIFAR10-LT and CIFAR100-LT cut them (Cui et al., 2019): with 5000 images, 10 classes and a
    factor of 10, 20 or 50 there are 20431, 17023 or 13996 in all.

    Raises:
      InputError: for a factor below 1, or one that leaves classes without points.
    """
    if not 1 <= factor <= largest:
        raise InputError(
            f"the factor must be between 1 and the largest count, {largest}, got {factor}."
        )
    # A little more, lest rounding errors take one of the last class's points.
    return np.floor(_decay(largest, np.log(factor), num_classes) + 1e-6).astype(int)


def ratio_counts(largest: int, ratio: float, num_classes: int) -> np.ndarray:
    """`[K]` counts that decay exponentially and have a wanted imbalance ratio sigma / mu (ALAMP).

    Class c has largest * rho^(-c / (K - 1)) points, rounded, with the rho that gives the ratio
    before rounding. ALAMP's CIFAR-100 (Table 2) has 491 in its largest class and a ratio of 0.740,
    its Food-101 693 and 0.793.

    Raises:
      InputError: for a ratio that takes classes of less than one point.
    """

    if largest < 1:
        raise InputError(f"the largest class needs at least 1 point, got {largest}.")

    def ratio_of(log_rho: float) -> float:
        return float(imbalance_ratio(jnp.asarray(_decay(1, log_rho, num_classes))))

    upper = np.log(largest)
    if not 0 <= ratio <= ratio_of(upper):
        raise InputError(
            f"{num_classes} classes of at most {largest} points can have imbalance ratios from 0 "
            f"to {ratio_of(upper):.3f}, got {ratio}."
        )
    found = optimize.root_scalar(lambda log_rho: ratio_of(log_rho) - ratio, bracket=(0.0, upper))
    return np.rint(_decay(largest, found.root, num_classes)).astype(int)


def with_counts(y: np.ndarray, counts: np.ndarray, seed: int) -> np.ndarray:
    """Indices, ascending, of a random subset of `y [N]` with `counts[c]` points of class c.

    Raises:
      InputError: where a class has fewer.
    """
    present = np.bincount(y, minlength=len(counts))
    if len(present) > len(counts):
        raise InputError(f"counts must be given for all {len(present)} classes, got {len(counts)}.")
    short = np.flatnonzero(present < counts)
    if short.size:
        one = short[0]
        raise InputError(
            f"class {one} has {present[one]} points, not the {counts[one]} that are wanted of it."
        )
    rng = np.random.default_rng(seed)
    chosen = [
        rng.choice(np.flatnonzero(y == one), count, replace=False)
        for one, count in enumerate(counts)
    ]
    return np.sort(np.concatenate(chosen))


def imbalanced(dataset: Dataset, counts: np.ndarray, seed: int) -> Dataset:
    """The data set with `counts [K]` training points of each class; the test set is untouched.

    Permute the counts to make other classes the rare ones.

    Raises:
      InputError: where a class has fewer.
    """
    return take(dataset, with_counts(dataset.train.y, counts, seed))


def _decay(largest: float, log_factor: float, num_classes: int) -> np.ndarray:
    return largest * np.exp(-log_factor * np.arange(num_classes) / (num_classes - 1))
