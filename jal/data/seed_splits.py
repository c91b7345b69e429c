"""A pool and a test set of each seed's own, as indices of one array of examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jal.data.dataset import Dataset, Examples, draw_test
from jal.data.statistics import brought_to, mean_and_std
from jal.types import InputError

__all__ = ["SeedSplits", "SplitFunction", "class_balanced", "of_seed", "seed_splits", "whole"]

# `(y [N], seed) -> (pool [P], test [T])`, indices.
SplitFunction = Callable[[np.ndarray, int], tuple[Any, Any]]


class SeedSplits(NamedTuple):
    """Splits of one array, S of them; all pools are of one size, and all test sets.

    Attributes:
      pool: `[S, P]` int32, indices of the array.
      test: `[S, T]` int32, likewise, none of the split's pool.
      mean: `[S, C]` float32, what each split's inputs are standardised by: its pool's; None where
        they stay what they are.
      std: likewise; 1 for what does not vary.
    """

    pool: np.ndarray
    test: np.ndarray
    mean: np.ndarray | None = None
    std: np.ndarray | None = None


def whole(dataset: Dataset) -> Dataset:
    """The data set whose training examples are all that it holds, in the source's order; the test
    set is empty. Behind a training set come the examples of a test set of its own."""
    train, test = dataset.train, dataset.test
    both = Examples(np.concatenate([train.x, test.x]), np.concatenate([train.y, test.y]))
    nothing = Examples(test.x[:0], test.y[:0])
    if dataset.test_rows is None or dataset.rows is None:
        # Files are of the training examples alone.
        notes = ("picks name no files, which the test examples have not",) * bool(dataset.files)
        return dataset._replace(
            train=both,
            test=nothing,
            rows=np.arange(len(both.y)),
            files=(),
            notes=(*dataset.notes, *notes),
        )
    rows = np.concatenate([dataset.rows, dataset.test_rows])
    order = np.argsort(rows, kind="stable")
    both = Examples(both.x[order], both.y[order])
    return dataset._replace(train=both, test=nothing, rows=rows[order], test_rows=rows[:0])


def class_balanced(size: int | float) -> SplitFunction:
    """The split that a data set of `split_seed` has: `size` test examples, or that share."""
    return lambda y, seed: draw_test(y, size, seed)


def seed_splits(
    dataset: Dataset,
    split: SplitFunction,
    seeds: Sequence[int],
    thin: Callable[[np.ndarray, int], np.ndarray | None] | None = None,
    standardise: bool = False,
) -> SeedSplits:
    """The splits of a data set that is `whole`, one for each of the seeds.

    Args:
      dataset: of N training examples, and no other.
      split: called for each seed.
      seeds: S numbers.
      thin: `(y [P], seed) -> chosen [n]`: which points of a pool stay, all of them if None.
      standardise: whether to measure each pool's mean and deviation.

    Raises:
      InputError: for splits that are no indices, name an example twice, or differ in their sizes.
    """
    y, pools, tests = dataset.train.y, [], []
    for seed in seeds:
        pool, test = _checked(split(y, seed), len(y), seed)
        chosen = None if thin is None else thin(y[pool], seed)
        pool = pool if chosen is None else pool[chosen]
        for what, first, one in (("pool", pools, pool), ("test set", tests, test)):
            if first and len(one) != len(first[0]):
                raise InputError(
                    f"the {what} of seed {seed} has {len(one)} examples, and that of seed "
                    f"{seeds[0]} has {len(first[0])}: give all seeds as many."
                )
            first.append(one)
    made = SeedSplits(np.stack(pools), np.stack(tests))
    if not standardise:
        return made
    measured = [mean_and_std(dataset.train.x[pool]) for pool in pools]
    mean, std = (np.stack(one) for one in zip(*measured, strict=True))
    return made._replace(mean=mean, std=std)


def of_seed(dataset: Dataset, splits: SeedSplits, place: int) -> Dataset:
    """The data set of one split, by its place among them."""
    pool, test = splits.pool[place], splits.test[place]
    (x, y), rows = dataset.train, dataset.rows
    inputs = [x[pool], x[test]]
    if splits.mean is not None and splits.std is not None:
        inputs = [brought_to(one, splits.mean[place], splits.std[place]) for one in inputs]
    return dataset._replace(
        train=Examples(inputs[0], y[pool]),
        test=Examples(inputs[1], y[test]),
        rows=None if rows is None else rows[pool],
        test_rows=None if rows is None else rows[test],
    )


def _checked(found: Any, points: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        pool, test = (np.asarray(one) for one in found)
    except (TypeError, ValueError):
        raise InputError(
            f"a split must be a pool and a test set, two arrays of indices, got {found!r:.80} for "
            f"seed {seed}."
        ) from None
    for what, one in (("pool", pool), ("test set", test)):
        if one.ndim != 1 or one.size == 0 or one.dtype.kind not in "iu":
            raise InputError(
                f"the {what} of seed {seed} must be indices [n], whole numbers, got {one.dtype} of "
                f"shape {one.shape}."
            )
    both = np.concatenate([pool, test]).astype(np.int64)
    outside = both[(both < 0) | (both >= points)]
    if outside.size:
        raise InputError(
            f"index {outside[0]} of seed {seed}'s split is outside the data's 0..{points - 1}."
        )
    values, counts = np.unique(both, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"index {values[counts > 1][0]} is twice in seed {seed}'s split: an example is in the "
            "pool or in the test set, once."
        )
    return pool.astype(np.int32), test.astype(np.int32)
