"""Who is best in each experiment, by how much and how many labels; and whether ranks carry over.

python launch/verdicts.py RUN [RUN ...] [--base NAME]: of the folder of an experiment, or of a list
of them, a table for each learner. Of several, the rank correlation of each two learners of
different runs, the i-th experiment of one with the i-th of the other, as far as both have one.
With --learners A B: the accuracy of learner A less that of B, seed by seed, at each number of
labels that both have, by --strategy NAME.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import tyro

from jal import report
from jal.cli import guarded
from jal.experiment import Results, load
from jal.experiment.folder import experiments_in
from jal.types import InputError


def table(results: Results, learner: str, base: str = "random") -> str:
    """Markdown: each strategy less the base, the highest AUBC first."""
    level, units = results.experiment.shown.confidence, results.units()
    found = report.verdict(results.frame, learner, base, level, units)
    rows = [
        (
            str(name),
            f"{100 * row.aubc_less:+.2f} ± {100 * row.aubc_less_ci:.2f}",
            f"{row.p:.2g}",
            f"{row.saved:.0f} ± {row.saved_ci:.0f}",
            f"{100 * row.reached:.0f} %",
        )
        for name, row in found.iterrows()
    ]
    heads = ("strategy", f"AUBC less {base}'s, points", "p", "labels saved", "reached")
    lines = ["| " + " | ".join(one) + " |" for one in (heads, ("---",) * len(heads), *rows)]
    return "\n".join([f"{results.experiment.name}, {learner}:", "", *lines])


def correlations(one: Results, other: Results) -> list[str]:
    """A sentence for each two learners of two experiments."""
    said = []
    for a, b in itertools.product(one.experiment.learners, other.experiment.learners):
        first, second = (
            report.aubcs(of.frame, name, of.units()) for of, name in ((one, a), (other, b))
        )
        names = f"{one.experiment.name}, {a}, and {other.experiment.name}, {b}"
        try:
            found = report.rank_correlation(first, second)
        except InputError as error:
            said.append(f"{names}: {error}")
            continue
        said.append(
            f"{names}: rank correlation {found.rho:.2f} [{found.low:.2f}, {found.high:.2f}] of "
            f"{found.strategies} strategies."
        )
    return said


def apart(runs: Sequence[Sequence[Results]], learners: tuple[str, str], strategy: str) -> str:
    """Markdown: the first learner's accuracy less the second's, by the number of labels."""
    tables = []
    for learner in learners:
        own = [one for run in runs for one in run if learner in one.experiment.learners]
        if len(own) != 1:
            raise InputError(
                f"{len(own) or 'no'} runs have a learner {learner}: give the folder of one."
            )
        tables.append((own[0].frame.query("learner == @learner"), own[0]))
    level = tables[0][1].experiment.shown.confidence
    found = report.learners_apart(tables[0][0], tables[1][0], strategy, level)
    rows = [
        (
            f"{labels:.0f}",
            f"{row['first']:.3f}",
            f"{row['second']:.3f}",
            f"{100 * row['less']:+.2f} ± {100 * row['less_ci']:.2f}",
        )
        for labels, row in found.iterrows()
    ]
    heads = ("labels", *learners, f"{learners[0]} less {learners[1]}, points")
    lines = ["| " + " | ".join(one) + " |" for one in (heads, ("---",) * len(heads), *rows)]
    return "\n".join([f"Accuracy with labels by {strategy}:", "", *lines])


def texts(runs: Sequence[Sequence[Results]], base: str = "random") -> list[str]:
    """All tables, then all correlations."""
    tables = [
        table(results, learner, base)
        for run in runs
        for results in run
        for learner in results.experiment.learners
    ]
    return tables + [
        sentence
        for first, second in itertools.combinations(runs, 2)
        for one, other in zip(first, second, strict=False)
        for sentence in correlations(one, other)
    ]


def main(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    base: str = "random",
    learners: tuple[str, str] | None = None,
    strategy: str = "random",
) -> None:
    """Prints them.

    Args:
      runs: folders of finished runs.
      base: whom strategies are compared with.
      learners: two of the runs' learners, for a table of one's accuracy less the other's instead.
      strategy: which bought the labels of these.
    """
    if not runs:
        raise InputError("give one or more folders of finished runs.")
    found = [[load(one) for one in experiments_in(folder)] for folder in runs]
    if learners is not None:
        print(apart(found, learners, strategy))
        return
    print("\n\n".join(texts(found, base)))


if __name__ == "__main__":
    guarded(lambda: tyro.cli(main))
