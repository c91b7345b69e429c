"""Tables, pictures and one page, all made from the tidy table."""

from jal.report.page import page
from jal.report.plots import curve_grid, learning_curves, save_png
from jal.report.tables import (
    by_training,
    curves,
    paired_differences,
    penalties,
    ranking,
    seconds,
    significance,
    summary,
)
from jal.report.target_plots import batch_histogram, metric_densities, training_curves
from jal.report.targets import budget_differences, target_summary, to_target
from jal.report.texts import print_tables, targets
from jal.report.trainings import aubc_differences, points_curve, training_summary

__all__ = [
    "aubc_differences",
    "batch_histogram",
    "budget_differences",
    "by_training",
    "curve_grid",
    "curves",
    "learning_curves",
    "metric_densities",
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
]
