"""One self-contained HTML page of a run."""

from __future__ import annotations

import base64
import html
import json
from typing import Any

import numpy as np
import pandas as pd

from jal.report.plots import learning_curves, png
from jal.report.tables import penalties, significance, summary, summary_text

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #0a7d3318; --bad: #b3261e18; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; }
p.about { color: #777; margin-top: .2rem; }
img { max-width: 100%; background: white; border-radius: 6px; }
.scroll { overflow-x: auto; margin-bottom: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
td.good { background: var(--good); } td.bad { background: var(--bad); }
tr.best td { font-weight: 600; }
pre { overflow-x: auto; padding: 1rem; border: 1px solid var(--line); border-radius: 6px; }
caption { text-align: left; padding-bottom: .5rem; color: #777; }
"""


def page(frame: pd.DataFrame, config: dict[str, Any], info: dict[str, Any]) -> str:
    """HTML with the curves, tables and matrices of a tidy table, and what made them.

    Args:
      frame: the tidy table.
      config: the resolved config, as nested dicts.
      info: versions, device and seconds, shown as they are.
    """
    name = html.escape(str(config["name"]))
    learners = list(frame.learner.unique())
    about = (
        f"{len(learners)} learners, {frame.strategy.nunique()} strategies, "
        f"{frame.seed.nunique()} seeds, data {config['data']['source']}; "
        f"{info['seconds']:.0f} s on {info['device']}, of which compilation "
        f"{info['compile_seconds']:.0f} s{', since it was resumed' if info['resumed'] else ''}; "
        f"jal {info['jal']}, JAX {info['jax']}"
    )
    picture = base64.b64encode(png(learning_curves(frame))).decode()
    sections = [
        f'<h1>{name}</h1><p class="about">{html.escape(about)}</p>',
        "<h2>Learning curves</h2>"
        f'<img alt="accuracy against labels" src="data:image/png;base64,{picture}">'
        "<p>Mean over the seeds; the band is the mean's 95 % interval.</p>",
    ]
    table = summary(frame)
    for learner in learners:
        sections.append(f"<h2>{html.escape(learner)}</h2>")
        sections.append(_summary(table.loc[learner]))
        if frame.strategy.nunique() > 1:
            sections.append(_significance(significance(frame, learner)))
            shares = penalties(frame, learner)
            if shares is not None:
                sections.append(_penalties(shares))
    sections.append(f"<h2>Config</h2><pre>{html.escape(json.dumps(config, indent=2))}</pre>")
    sections.append(f"<h2>Run</h2><pre>{html.escape(json.dumps(info, indent=2))}</pre>")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body>{''.join(sections)}</body></html>\n"
    )


def _summary(part: pd.DataFrame) -> str:
    heads, texts = summary_text(part)
    rows = [_row(text, row_class="" if place else "best") for place, text in enumerate(texts)]
    caption = (
        "Mean and 95 % interval over the seeds. AUBC: area under the accuracy curve over the "
        "labels bought, divided by their number."
    )
    return _table(caption, heads, rows)


def _significance(matrix: pd.DataFrame) -> str:
    def shade(text: str) -> str:
        return "" if not text.endswith("*") else "good" if text.startswith("+") else "bad"

    rows = [
        _row([str(strategy), *row], ["", *[shade(text) for text in row]])
        for strategy, row in matrix.iterrows()
    ]
    caption = (
        "AUBC of row less column, in points; * where a paired t-test over the seeds with Holm's "
        "correction has p &lt; 0.05."
    )
    return _table(caption, ["", *map(str, matrix.columns)], rows)


def _penalties(shares: pd.DataFrame) -> str:
    rows = [
        _row([str(strategy), *["" if np.isnan(v) else f"{v:.2f}" for v in row]])
        for strategy, row in shares.iterrows()
    ]
    caption = (
        "Pairwise penalty matrix: the share of budgets at which row beats column (paired t-test at "
        "each budget, p &lt; 0.05, uncorrected)."
    )
    return _table(caption, ["", *map(str, shares.columns)], rows)


def _table(caption: str, heads: list[str], rows: list[str]) -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    return (
        f'<div class="scroll"><table><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(cells: list[str], classes: list[str] | None = None, row_class: str = "") -> str:
    classes = classes or [""] * len(cells)
    inner = "".join(
        f'<td class="{c}">{html.escape(text)}</td>' for text, c in zip(cells, classes, strict=True)
    )
    return f'<tr class="{row_class}">{inner}</tr>'
