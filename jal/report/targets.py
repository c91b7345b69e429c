"""Runs to a target quality: what each strategy has bought and measured when it reaches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from jal.report.comparisons import paired_differences
from jal.report.tidy import indexed

__all__ = [
    "MEASURED",
    "batch_sizes",
    "budget_differences",
    "target_summary",
    "targets_of",
    "to_target",
]

MEASURED = ("precision", "accuracy", "recall", "f1", "budget")


def to_target(
    frame: pd.DataFrame,
    training: pd.DataFrame,
    pool: int | Sequence[int],
    share: float = 1.0,
    splits: int = 1,
) -> pd.DataFrame:
    """Where each run stops: at the first round whose precision reaches its training's target.

    A run that never does stops with its last round, whose budget is then a lower bound. Of T
    trainings, seed i is judged by the target of training i modulo T of its learner's first agent
    that has targets of quality and of budget.

    Args:
      frame: the tidy table, with the metric precision.
      training: the agents' history, with `target_quality`.
      pool: points in the pool, or in each split's.
      share: of the target that is to be reached.
      splits: of the data; seed i is of split i modulo their number.

    Returns:
      a row for each learner, strategy and seed: `split`, `training`, `target`, `reached`, `round`;
      precision, accuracy, recall, f1 (as far as measured) and budget, the share labelled, there;
      and `crossing`, the share at which the straight line from the round before reaches the target.
      The budget is what was bought, up to a batch more than needed: of curves that are alike the
      one with the larger batch has the larger budget, and the same crossing.
    """
    goals = targets_of(training)
    rows = []
    for learner, part in frame.groupby("learner", sort=False):
        agents = goals.loc[goals.learner == learner].pivot(
            index="seed", columns="strategy", values="value"
        )
        if agents.empty:
            continue
        first = goals.loc[goals.learner == learner, "strategy"].iloc[0]
        target = agents[first].dropna().to_numpy()
        for strategy, runs in part.groupby("strategy", sort=False):
            wide = {
                name: values.pivot(index="seed", columns="round", values="value").to_numpy(float)
                for name, values in runs.groupby("metric", sort=False)
            }
            one = runs[runs.metric == "precision"]
            labels = one.pivot(index="seed", columns="round", values="labels").to_numpy(float)
            seeds = np.arange(len(labels))
            member, points = seeds % len(target), np.resize(pool, len(seeds))
            goal = share * target[member]
            hit = wide["precision"] >= goal[:, None]
            stop = np.where(hit.any(axis=1), hit.argmax(axis=1), hit.shape[1] - 1)
            measured = {name: wide[name][seeds, stop] for name in MEASURED if name in wide} | {
                "budget": labels[seeds, stop] / points,
                "crossing": _crossing(labels, wide["precision"], goal, stop) / points,
            }
            rows.append(
                pd.DataFrame(
                    {
                        "learner": learner,
                        "strategy": strategy,
                        "seed": np.sort(one.seed.unique()),
                        "split": seeds % splits,
                        "training": member,
                        "target": goal,
                        "reached": hit.any(axis=1),
                        "round": stop,
                        **measured,
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def _crossing(
    labels: np.ndarray, values: np.ndarray, goal: np.ndarray, stop: np.ndarray
) -> np.ndarray:
    """Labels `[S]` at which lines between points of `[S, R + 1]` reach `goal [S]` before `stop`."""
    seeds, before = np.arange(len(labels)), np.maximum(stop - 1, 0)
    (low, high), (at, last) = ((a[seeds, before], a[seeds, stop]) for a in (values, labels))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where((low < goal) & (goal <= high), (goal - low) / (high - low), 1.0)
    return at + share * (last - at)


def targets_of(training: pd.DataFrame) -> pd.DataFrame:
    """The rows of `target_quality` of agents whose warm start gave a quality and a budget."""
    finite = training.loc[np.isfinite(training.value)]
    judged = finite.loc[finite.metric == "target_budget", ["learner", "strategy"]]
    quality = finite.loc[finite.metric == "target_quality"]
    return quality.merge(judged.drop_duplicates(), on=["learner", "strategy"])


def target_summary(
    stops: pd.DataFrame, reported: Mapping[str, Mapping[str, float]] | None = None
) -> pd.DataFrame:
    """Mean and largest value of each metric at the stop, as ABAS-RAL's Tables 1 to 3.

    Args:
      stops: of `to_target`, of one learner where `reported` is given.
      reported: strategy -> metric -> what a paper has; max_precision and so on of the largest.

    Returns:
      index (learner, strategy, "mean", "max", "paper" or "paper, max"); the metrics measured, and
      `reached`, the share of runs that reached their target.
    """
    names = [name for name in (*MEASURED, "crossing") if name in stops]
    rows = {}
    for cell, part in stops.groupby(["learner", "strategy"], sort=False):
        learner, strategy = cell  # pyright: ignore
        reached = part.reached.mean()
        rows[learner, strategy, "mean"] = part[names].mean().to_dict() | {"reached": reached}
        rows[learner, strategy, "max"] = part[names].max().to_dict() | {"reached": reached}
        paper = (reported or {}).get(str(strategy), {})
        for of, prefix in (("paper", ""), ("paper, max", "max_")):
            found = {name: paper.get(prefix + name, np.nan) for name in names}
            if not all(map(np.isnan, found.values())):
                rows[learner, strategy, of] = found
    return indexed(rows, ["learner", "strategy", "of"])


def budget_differences(
    stops: pd.DataFrame, agent: str, level: float = 0.95, of: str = "budget"
) -> pd.DataFrame:
    """The budget at the stop of each strategy less the agent's, with intervals of that level.

    With "crossing" for `of`, where their curves reach the target: a larger batch, looked at less
    often, is then no larger budget. Runs of one split, or else of one training, are averaged first:
    the interval is over these, which are independent, or over runs where there is one of each.

    Returns:
      index (learner, strategy); columns of `paired_differences`, in shares of the pool.
    """
    rows = {}
    for learner, part in stops.groupby("learner", sort=False):
        known = [name for name in ("split", "training") if name in part]
        several = [name for name in known if len(set(part[name])) > 1]
        unit = [*several, "seed"][0]
        means = part.pivot_table(index=unit, columns="strategy", values=of, sort=False)
        if agent not in means:
            continue
        for strategy, row in paired_differences(means, agent, level).items():
            rows[learner, strategy] = row
    return indexed(rows, ["learner", "strategy"])


def batch_sizes(frame: pd.DataFrame, stops: pd.DataFrame, learner: str, agent: str) -> np.ndarray:
    """The sizes of all batches that an agent's runs labelled up to their stop."""
    runs = frame[
        (frame.learner == learner) & (frame.strategy == agent) & (frame.metric == "precision")
    ]
    labels = runs.pivot(index="seed", columns="round", values="labels").to_numpy(int)
    last = stops.loc[(stops.learner == learner) & (stops.strategy == agent), "round"].to_numpy()
    bought = np.diff(labels, axis=1)
    before = np.arange(bought.shape[1]) < last[:, None]
    return bought[before & (bought > 0)]
