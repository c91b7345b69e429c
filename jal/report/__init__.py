"""Tables, pictures and one page, all made from the tidy table."""

from jal.report.page import page
from jal.report.plots import curve_grid, learning_curves, save_png
from jal.report.tables import curves, penalties, ranking, seconds, significance, summary
from jal.report.texts import print_tables

__all__ = [
    "curve_grid",
    "curves",
    "learning_curves",
    "page",
    "penalties",
    "print_tables",
    "ranking",
    "save_png",
    "seconds",
    "significance",
    "summary",
]
