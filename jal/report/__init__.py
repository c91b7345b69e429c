"""Tables, pictures and one page, all made from the tidy table."""

from jal.extras import require

require("jal.report", "experiments", "matplotlib", "pandas")


from jal.report.comparisons import (
    level_with_best,
    paired_differences,
    penalties,
    significance,
    untested,
)
from jal.report.notes import notes
from jal.report.page import page
from jal.report.plots import curve_grid, learning_curves, save_png
from jal.report.tables import ranking, seconds, summary
from jal.report.target_plots import batch_histogram, metric_densities, training_curves
from jal.report.targets import budget_differences, target_summary, to_target
from jal.report.texts import print_tables, targets
from jal.report.tidy import aubcs, by_training, curves, label_range
from jal.report.trainings import aubc_differences, points_curve, training_summary

__all__ = [
    "aubc_differences",
    "aubcs",
    "batch_histogram",
    "budget_differences",
    "by_training",
    "curve_grid",
    "curves",
    "label_range",
    "learning_curves",
    "level_with_best",
    "metric_densities",
    "notes",
    "page",
    "paired_differences",
    "penalties",
    "points_curve",
    "print_tables",
    "ranking",
    "save_png",
    "seconds",
    "significance",
    "summary",
    "target_summary",
    "targets",
    "to_target",
    "training_curves",
    "training_summary",
    "untested",
]
