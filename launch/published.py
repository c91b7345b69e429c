"""Runs of configs/published beside the published results: python launch/published.py FOLDER.

FOLDER is that of one run or of a list of them. For each table and strategy: the published mean AUBC
less that of random sampling, and the one that was found with its 95 % interval over the seeds; how
long the published runs took, for as many seeds, and how long these did. Where the published curves
are at hand, and the rows in their order, how many points are equal. Writes published.csv and
published.png into FOLDER.

With --run it runs configs/published/rebenchmark_keel.py into FOLDER first, or goes on with it, by
default with the config's seeds and tables: --seeds N, --large-seeds N, --tables sonar heart ...
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]  # a clone will do

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from jal import metrics
from jal.cli import guarded
from jal.cli.run import use_all_cores
from jal.experiment import Experiment, Results, load, resume, run
from jal.experiment.config_file import load_config
from jal.experiment.folder import experiments_in
from jal.files import MANIFEST, replace_file
from jal.report import curves
from jal.report.plots import COLOURS, InlineFigure, png
from jal.types import InputError

__all__ = ["beside", "met", "picture", "published_aubc", "seconds_of"]

CONFIGS = Path(__file__).parents[1] / "configs" / "published"
THEIRS = {  # of jal's strategies
    "random": "Uniform",
    "margin": "US-C",
    "k_center": "Core-Set",
    "query_by_committee": "QBC",
    "other_model": "US-NC",
}
CURVES = {"sklearn:breast_cancer": "wdbc", "keel:phoneme": "phoneme"}  # whose rows have their order


def published_aubc(labels: np.ndarray, accuracies: np.ndarray) -> np.ndarray:
    """Their area under the curve: trapezoids without the first point over the number of points.

    Args:
      labels: `[R + 1]` increasing; where they are further apart than 1, straight lines join them.
      accuracies: `[S, R + 1]`.

    Returns:
      `[S]`; about 1 / R below the mean accuracy, as theirs are.
    """
    every = np.arange(labels[0] + 1, labels[-1] + 1)
    curves = np.array([np.interp(every, labels, one) for one in accuracies])
    return np.trapezoid(curves, axis=1) / len(every)


def seconds_of(text: object) -> float:
    """Of "1m39.377s"; NaN of what is none, as where no time was published."""
    found = re.fullmatch(r"(\d+)m([\d.]+)s", str(text))
    return float("nan") if found is None else 60 * int(found[1]) + float(found[2])


def beside(results: Results, published: pd.DataFrame) -> pd.DataFrame:
    """A row for each strategy of one run whose table is published.

    Args:
      results: of an experiment of configs/published.
      published: rebenchmark_aubc.csv, by its first column.

    Returns:
      columns table, strategy, seeds; published_mean, mean; published_difference, difference, low
      and high, of random sampling and over paired seeds; published_seconds of as many seeds on the
      authors' machine, seconds, without compilation. NaN for what there is not.
    """
    name = _table(results.experiment)
    if name not in published.index:
        raise InputError(f"{name} is no published table: run one of configs/published.")
    areas = {
        strategy: published_aubc(labels[0], accuracies)
        for strategy, (labels, accuracies) in curves(results.frame, "svc").items()
    }
    theirs = published.loc[name]
    rows = []
    for strategy in (one for one in THEIRS if one in areas):
        own, base, column = areas[strategy], areas.get("random"), THEIRS[strategy]
        nothing = base is None or strategy == "random"
        apart = np.full(len(own), np.nan) if nothing else own - base
        mean, half = metrics.mean_interval(apart)
        reported = theirs[f"{column}_mean"] - theirs["Uniform_mean"]
        rows.append(
            {
                "table": name,
                "strategy": strategy,
                "seeds": len(own),
                "published_mean": theirs[f"{column}_mean"],
                "mean": own.mean(),
                "published_difference": float("nan") if strategy == "random" else reported,
                "difference": float(mean),
                "low": float(mean - half),
                "high": float(mean + half),
                "published_seconds": len(own) * seconds_of(theirs[f"{column}_time"]),
                "seconds": results.info["cell_seconds"][f"svc/{strategy}"],
            }
        )
    return pd.DataFrame(rows)


def met(results: Results, correct: np.ndarray, test_size: int) -> dict[str, float]:
    """How far one run's curves of uncertainty sampling are the published ones, point by point.

    Args:
      results: of seeds from 0 on, and labels from 20 on, one by one.
      correct: `[S, R + 1]` test points right, published; -1 where there is none.
      test_size: points in the test set.

    Returns:
      `points` compared, the share `equal`, and the `largest` difference of the mean curves.
    """
    labels, accuracies = curves(results.frame, "svc")["margin"]
    labels, found = labels[0].astype(int), np.rint(accuracies * test_size).astype(int)
    found = found[: len(correct)]
    theirs = correct[: len(found), labels - 20].astype(int)
    there = theirs >= 0
    apart = np.where(there, found - theirs, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return {
        "points": int(there.sum()),
        "equal": float((found == theirs)[there].mean()),
        "largest": float(np.abs(apart).max() / test_size),
    }


def picture(rows: pd.DataFrame) -> Figure:
    """Published difference to random sampling against the one found, a point for each table and
    strategy, with its 95 % interval."""
    figure = InlineFigure(figsize=(6.4, 5.6), layout="constrained")
    panel = figure.subplots()
    rows = rows.dropna(subset=["difference", "published_difference"])
    ends = 100 * rows[["published_difference", "difference"]].to_numpy()
    low, high = (ends.min(initial=0.0) - 0.5, ends.max(initial=0.0) + 0.5)
    panel.plot([low, high], [low, high], color="#8a929c", linewidth=1, zorder=0)
    panel.axhline(0, color="#d9dee4", linewidth=0.8, zorder=0)
    panel.axvline(0, color="#d9dee4", linewidth=0.8, zorder=0)
    markers = "os^Dv"
    for i, (strategy, own) in enumerate(rows.groupby("strategy", sort=False)):
        half = 50 * (own.high - own.low).to_numpy()
        panel.errorbar(
            100 * own.published_difference,
            100 * own.difference,
            yerr=np.where(np.isfinite(half), half, 0.0),
            fmt=markers[i % len(markers)],
            color=COLOURS[i],
            markersize=5,
            elinewidth=0.9,
            label=f"{strategy} ({THEIRS[str(strategy)]})",
        )
    far = (rows.difference - rows.published_difference).abs().nlargest(6).index
    for one in rows.loc[far].itertuples():
        at = 100 * one.published_difference, 100 * one.difference  # pyright: ignore
        panel.annotate(str(one.table), at, xytext=(5, 4), textcoords="offset points", fontsize=8)
    panel.set_xlabel("published: AUBC less random's, points")
    panel.set_ylabel("jal: AUBC less random's, points")
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False)
    return figure


def _table(experiment: Experiment) -> str:
    return experiment.name.removeprefix("rebenchmark_").removeprefix("keel_")


def _finished(folder: Path) -> list[Results]:
    """The finished runs in a folder, or the one that it is."""
    places = [one for one in experiments_in(folder) if (one / MANIFEST).is_file()]
    if not places:
        raise InputError(f"{folder} holds no finished run: run one of configs/published.")
    return [load(place) for place in places]


def _run(folder: Path, seeds: int | None, large: int | None, tables: Sequence[str]) -> None:
    """Runs the KEEL tables of these names, all if empty, or goes on with them."""
    use_all_cores()
    config = load_config(CONFIGS / "rebenchmark_keel.py")
    assert isinstance(config, tuple)
    known = {_table(one): one for one in config if isinstance(one, Experiment)}
    unknown = [name for name in tables if name not in known]
    if unknown:
        raise InputError(f"unknown table {unknown[0]!r}: known are {', '.join(known)}.")
    steps = []
    for name in tables or known:
        one = known[name]
        wanted = seeds if one.protocol.batch == 1 else large
        protocol = dataclasses.replace(one.protocol, seeds=wanted or one.protocol.seeds)
        steps.append(dataclasses.replace(one, protocol=protocol))
    if folder.exists():
        resume(folder, tuple(steps), own=True)
    else:
        run(tuple(steps), out=folder)


def main(arguments: Sequence[str]) -> None:
    """Parses, runs if asked to, prints and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="of a run, or of a list of them")
    parser.add_argument("--run", action="store_true", help="run the KEEL tables into it first")
    parser.add_argument("--seeds", type=int, help="of tables bought one by one; 20 if left out")
    parser.add_argument("--large-seeds", type=int, help="of the three large ones; 4 if left out")
    parser.add_argument("--tables", nargs="*", default=[], help="published names; all if left out")
    given = parser.parse_args(arguments)
    if given.run:
        _run(given.folder, given.seeds, given.large_seeds, given.tables)
    published = pd.read_csv(CONFIGS / "rebenchmark_aubc.csv", index_col="data")
    runs = _finished(given.folder)
    rows = pd.concat([beside(one, published) for one in runs], ignore_index=True)
    print(rows.round(4).to_string(index=False, na_rep=""))
    compile_seconds = sum(one.info["compile_seconds"] for one in runs)
    seconds = sum(one.info["seconds"] for one in runs)
    timed = rows.dropna(subset="published_seconds")
    print(
        f"\n{len(runs)} tables in {seconds:,.0f} s, of which compilation {compile_seconds:,.0f} s. "
        f"Where a time was published: {timed.seconds.sum():,.0f} s without compilation, published "
        f"{timed.published_seconds.sum():,.0f} s for as many seeds."
    )
    with np.load(CONFIGS / "rebenchmark_svc_margin.npz") as theirs:
        for one in runs:
            name = CURVES.get(str(one.experiment.data.source))
            if (
                name is None
                or one.experiment.protocol.batch != 1
                or "margin" not in curves(one.frame, "svc")
            ):
                continue
            found = met(one, theirs[f"{name}_correct"], int(theirs[f"{name}_test_size"]))
            print(
                f"{name}: {found['equal']:.2%} of {found['points']:,} points are the published "
                f"ones, the mean curves differ by at most {found['largest']:.4f}."
            )
    drawn = png(picture(rows))
    replace_file(given.folder / "published.csv", lambda to: rows.to_csv(to, index=False))
    replace_file(given.folder / "published.png", lambda to: to.write_bytes(drawn))


if __name__ == "__main__":
    guarded(lambda: main(sys.argv[1:]))
