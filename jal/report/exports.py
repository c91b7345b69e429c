"""The summary as a table for spreadsheets and papers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jal import metrics
from jal.report.about import About
from jal.report.comparisons import level_with_best
from jal.report.reach import reach
from jal.report.tables import summary
from jal.report.texts import summary_text
from jal.report.tidy import aubcs

__all__ = ["latex", "wide_summary"]


def wide_summary(frame: pd.DataFrame, about: About) -> pd.DataFrame:
    """All that is said of each strategy in numbers, one row each, for CSV.

    Returns:
      columns learner, strategy, labels, those of `summary`, and for 90 and 95 % of the best
      `labels_to_90`, its interval `labels_to_90_ci` and `reached_90`, the share of runs that got
      there; where it is below 1 the mean is a lower bound, without interval. Likewise
      `labels_to_accuracy_0.5` and so on for the levels of `about`.
    """
    table = summary(frame, about.confidence, about.units)
    for learner in table.index.unique("learner"):
        found = reach(frame, str(learner), trainings=about.units, levels=about.levels)
        for one in found:
            name = one.name.removesuffix(" %").replace(" ", "_")
            for strategy in one.labels:
                cell, values = (learner, strategy), one.labels[strategy].to_numpy(float)
                mean, half = metrics.mean_interval(values, about.confidence)
                whole = one.reached[strategy] == 1
                table.loc[cell, f"labels_to_{name}"] = mean
                table.loc[cell, f"labels_to_{name}_ci"] = half if whole else np.nan
                table.loc[cell, f"reached_{name}"] = one.reached[strategy]
    return table.reset_index()


def latex(frame: pd.DataFrame, about: About) -> str:
    r"""The summary as LaTeX, one `tabular` for each learner, the highest AUBC first.

    Numbers are those of the page; bold is level with the highest AUBC. Rules are booktabs'.
    """
    table, parts = summary(frame, about.confidence, about.units), []
    for learner in map(str, table.index.unique("learner")):
        best = level_with_best(aubcs(frame, learner, about.units))
        near = reach(frame, learner, trainings=about.units, levels=about.levels)
        heads, rows = summary_text(table.loc[learner], near=near, level=about.confidence)
        said = f"{learner}: mean and {about.percent} interval over the {about.unit}"
        lines = [
            f"% {' '.join(said.split())}",
            rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
            r"\toprule",
            _row(heads),
            r"\midrule",
            *[_row(row, bold=row[0] in best) for row in rows],
            r"\bottomrule",
            r"\end{tabular}",
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(["% \\usepackage{booktabs}", *parts]) + "\n"


def _row(entries: list[str], bold: bool = False) -> str:
    first, *others = map(_escaped, entries)
    return " & ".join([rf"\textbf{{{first}}}" if bold else first, *others]) + r" \\"


_SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "≥": r"$\ge$",
}


def _escaped(text: str) -> str:
    return text.translate(str.maketrans(_SPECIAL))
