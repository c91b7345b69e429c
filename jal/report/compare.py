"""Two or more runs beside each other: what of their results differs, and by how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jal import metrics
from jal.report.about import About
from jal.report.comparisons import LEVEL, adjusted, paired_differences
from jal.report.tidy import curves, indexed, label_range, units

__all__ = ["Run", "compare", "comparison_headline", "differing", "incomparable", "shared"]


class Run(NamedTuple):
    """One of the runs that are compared.

    Attributes:
      name: told apart by.
      about: what it was.
      frame: its tidy table.
      info: how it ran; its `data_sha256` tells which runs are on the same data.
    """

    name: str
    about: About
    frame: pd.DataFrame
    info: Mapping[str, Any]


def shared(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Learner -> its strategies that two runs or more have, in the runs' order."""
    cells = [run.frame[["learner", "strategy"]].drop_duplicates().to_numpy() for run in runs]
    count = Counter((str(learner), str(name)) for of in cells for learner, name in of)
    found: dict[str, list[str]] = {}
    for (learner, strategy), number in count.items():
        if number > 1:
            found.setdefault(learner, []).append(strategy)
    return found


def on_the_same_data(a: Run, b: Run) -> bool:
    """Whether accuracies of the two can be compared, and are paired by their units."""
    same = a.info.get("data_sha256") == b.info.get("data_sha256") is not None
    return same and (a.about.unit, a.about.units) == (b.about.unit, b.about.units)


def compare(runs: Sequence[Run]) -> pd.DataFrame:
    """AUBC and final accuracy in each run, and less those of the first.

    AUBC are over the labels that all runs of the learner have, here and there; NaN without such.
    Differences are paired by seed, or by split or training where runs average over these, of the
    units that both have; NaN between runs on other data or of other units.

    Args:
      runs: two or more, of names that differ; the others are compared with the first.

    Returns:
      index (learner, strategy, run), of all that two runs or more have; columns labels, aubc and
      final with their intervals aubc_ci and final_ci; aubc_less and final_less, the differences,
      with theirs; p of the AUBC's difference, a paired t-test with Holm's correction over all of
      the learner, NaN of fewer than five pairs; and pairs, their number.
    """
    rows, first = {}, runs[0]
    for learner, strategies in shared(runs).items():
        having = [run for run in runs if (run.frame.learner == learner).any()]
        ranges = [label_range(run.frame, learner) for run in having]
        between = max(one.low for one in ranges), min(one.high for one in ranges)
        found = {run.name: _scores(run, learner, between) for run in having}
        pairs, values = {}, {}
        for strategy in strategies:
            for run in having:
                if strategy not in found[run.name]["final"]:
                    continue
                row = {"labels": found[run.name]["labels"][strategy].mean()}
                for name in ("aubc", "final"):
                    column = found[run.name][name][strategy]
                    mean, half = metrics.mean_interval(column.to_numpy(float), run.about.confidence)
                    row |= {name: mean, f"{name}_ci": half}
                    base = found.get(first.name, {}).get(name, pd.DataFrame())
                    if run is first or strategy not in base or not on_the_same_data(first, run):
                        continue
                    both = pd.DataFrame({"first": base[strategy], "this": column})
                    less = paired_differences(both, "first", first.about.confidence)["this"]
                    row |= {f"{name}_less": less["difference"], f"{name}_less_ci": less["half"]}
                    if name == "aubc":
                        keys = f"{strategy}\n{first.name}", f"{strategy}\n{run.name}"
                        values |= {keys[0]: both["first"], keys[1]: both["this"]}
                        pairs[strategy, run.name] = keys
                        row["pairs"] = len(both.dropna())
                rows[learner, strategy, run.name] = row
        p = adjusted(pd.DataFrame(values), list(pairs.values()))
        for (strategy, name), pair in pairs.items():
            rows[learner, strategy, name]["p"] = p[pair]
    names = ["labels", "aubc", "aubc_ci", "final", "final_ci", "aubc_less", "aubc_less_ci"]
    names += ["final_less", "final_less_ci", "p", "pairs"]
    return indexed(rows, ["learner", "strategy", "run"]).reindex(columns=names)


def _scores(run: Run, learner: str, between: tuple[float, float]) -> dict[str, pd.DataFrame]:
    """Of each unit and strategy: `aubc` over these labels, `final` accuracy, `labels` at last."""
    found = curves(run.frame, learner)
    values = {
        "aubc": {name: metrics.aubc(x, y, between) for name, (x, y) in found.items()},
        "final": {name: y[:, -1] for name, (_, y) in found.items()},
        "labels": {name: x[:, -1] for name, (x, _) in found.items()},
    }
    return {name: units(run.frame, learner, of, run.about.units) for name, of in values.items()}


def differing(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Setting -> its value in each run, where they are not all alike; "" where one lacks it."""
    names = dict.fromkeys(name for run in runs for name in run.about.settings)
    found = {name: [run.about.settings.get(name, "") for run in runs] for name in names}
    return {name: values for name, values in found.items() if len(set(values)) > 1}


def incomparable(runs: Sequence[Run]) -> list[str]:
    """A sentence, without a period, for each run that cannot be compared with the first."""
    return [
        f"{run.name} is on other data than {runs[0].name} or averages over other units: their "
        "results stand beside each other, without differences"
        for run in runs[1:]
        if not on_the_same_data(runs[0], run)
    ]


def comparison_headline(runs: Sequence[Run], table: pd.DataFrame) -> str:
    """What the comparison has found, in one sentence.

    Args:
      runs: those of `compare`.
      table: of `compare`.
    """
    first, said = runs[0], []
    for run in runs[1:]:
        part = table.xs(run.name, level="run")
        less = part.aubc_less.dropna()
        if less.empty:
            why = "whose labels have no range in common"
            if not on_the_same_data(first, run):
                why = "which is on other data or averages over other units"
            elif first.name not in table.index.unique("run") or part.final_less.isna().all():
                why = "which has no strategy in common with it"
            said.append(f"{run.name} cannot be compared with {first.name}, {why}")
            continue
        stars = part.loc[less.index, "p"] < LEVEL
        up, down = int((stars & (less > 0)).sum()), int((stars & (less < 0)).sum())
        largest = less.abs().idxmax()
        row = part.loc[largest]
        half = "" if np.isnan(row.aubc_less_ci) else f" ± {100 * row.aubc_less_ci:.1f}"
        of = "1 strategy" if len(less) == 1 else f"{len(less)} pairs of learner and strategy"
        tested = f"significantly above {first.name}'s with {up} of {of} and below with {down}"
        if part.loc[less.index, "p"].isna().all():
            tested = f"not tested against {first.name}'s, of too few pairs"
        learner, strategy = largest  # pyright: ignore
        said.append(
            f"the AUBC of {run.name} is {tested}; the largest difference, "
            f"{100 * row.aubc_less:+.1f}{half} points, is {strategy}'s with {learner}"
        )
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."
