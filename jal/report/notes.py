"""What a run's reader should know of its fits, and of a pool that all of them have at the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from jal.report.tidy import curves

__all__ = ["notes"]

_CHANCE = 0.95  # of the best constant prediction's loss


def notes(frame: pd.DataFrame, pool: int | Sequence[int] | None = None) -> list[str]:
    """A sentence for each learner whose solver stopped short, or whose training loss stayed at
    chance to the end; none of runs that did not measure this. And one for each whose strategies
    all end with the whole pool. They come without a period.

    Args:
      frame: the tidy table.
      pool: points in the pool, or in each split's; None if not known.
    """
    found = []
    for learner in map(str, frame.learner.unique()):
        if pool is not None and _all_end_with_the_pool(frame, learner, pool):
            found.append(
                f"all strategies of {learner} end with the whole pool labelled, so that what they "
                "end with compares nothing"
            )
        short = {of: value == 0 for of, value in _values(frame, learner, "converged").items()}
        if any(bad.any() for bad in short.values()):
            found.append(
                f"{learner} stopped before it reached its tolerance in {_of(short, 'fits')}: scale "
                "the inputs, lower C or raise max_steps"
            )
        loss = _values(frame, learner, "train_loss")
        chance = _values(frame, learner, "chance_loss")
        stuck = {
            of: ((chance[of] > 0) & (loss[of] >= _CHANCE * chance[of]))[:, -1]
            for of in loss
            if of in chance
        }
        if any(bad.any() for bad in stuck.values()):
            worst = np.concatenate([chance[of][:, -1][stuck[of]] for of in stuck])
            found.append(
                f"{learner} learned nothing in {_of(stuck, 'last fits')}, where its training loss "
                f"is that of chance ({worst.mean():.2f}): change its learning_rate, train for more "
                "epochs or scale the inputs"
            )
    return found


def _all_end_with_the_pool(frame: pd.DataFrame, learner: str, pool: int | Sequence[int]) -> bool:
    """Of two strategies or more, every seed; seed i is of split i modulo their number."""
    own = frame.loc[frame.learner == learner]
    labels = own.pivot_table("labels", "strategy", "seed", aggfunc="max")
    seeds = labels.columns.to_numpy(dtype=int)
    of_seeds = np.resize(pool, seeds.max() + 1)[seeds]
    return len(labels) > 1 and bool((labels.to_numpy() >= of_seeds).all())


def _values(frame: pd.DataFrame, learner: str, metric: str) -> dict[str, np.ndarray]:
    """Strategy -> `[S, R + 1]`."""
    return {str(of): values for of, (_, values) in curves(frame, learner, metric).items()}


def _of(bad: dict[str, np.ndarray], what: str) -> str:
    """`12 of 40 fits (margin 12 of 20)`: the three strategies that have most of them."""
    worst = sorted((of for of in bad if bad[of].any()), key=lambda of: -bad[of].sum())
    parts = [f"{of} {bad[of].sum():,} of {bad[of].size:,}" for of in worst[:3]]
    if len(worst) > 3:
        parts.append(f"and {len(worst) - 3} strategies more")
    total, count = (sum(int(f(one)) for one in bad.values()) for f in (np.sum, np.size))
    return f"{total:,} of {count:,} {what} ({', '.join(parts)})"
