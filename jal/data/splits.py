"""Parts of a data set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jal.types import InputError

__all__ = ["fractions"]


def fractions(y: np.ndarray, shares: Sequence[float], seed: int) -> tuple[np.ndarray, ...]:
    """Disjoint random parts of a data set, each with the given share of every class.

    A class of m points gives a part of share s either floor(s m) or one more: largest remainders,
    carried from class to class so that the parts' totals keep to their shares as well. ABAS-RAL's
    split is (0.1, 0.1, 0.6, 0.2).

    Args:
      y: `[N]` classes.
      shares: of the parts, positive; what they leave of 1 is in no part.
      seed: of the draw.

    Returns:
      for each share its points' indices, ascending.

    Raises:
      InputError: for shares that are not positive or exceed 1, or a part that would be empty.
    """
    wanted = np.asarray(shares, float)
    left = 1.0 - wanted.sum()
    if wanted.size == 0 or not (wanted > 0).all() or left < -1e-9:
        raise InputError(f"shares must be positive and sum to at most 1, got {tuple(shares)}.")
    wanted = np.append(wanted, left if left > 1e-9 else 0.0)  # 0.7 + 0.2 + 0.1 is not quite 1
    rng = np.random.default_rng(seed)
    y = np.asarray(y)
    part = np.empty(len(y), int)
    owed = np.zeros(len(wanted))
    for one in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == one))
        exact = wanted * len(members)
        counts = np.floor(exact + 1e-9).astype(int)
        owed += exact - counts
        # Not to a part without a claim: it would give more than one in all.
        winners = np.argsort(-np.where(exact - counts > 1e-9, owed, -np.inf), kind="stable")
        winners = winners[: len(members) - counts.sum()]
        counts[winners] += 1
        owed[winners] -= 1
        part[members] = np.repeat(np.arange(len(wanted)), counts)
    parts = tuple(np.flatnonzero(part == i) for i in range(len(shares)))
    for share, chosen in zip(shares, parts, strict=True):
        if chosen.size == 0:
            raise InputError(f"a share of {share} of {len(y)} points is empty: give a larger one.")
    return parts
