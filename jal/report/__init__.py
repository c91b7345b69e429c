"""Tables, pictures and one page, all made from the tidy table."""

from jal.report.page import page
from jal.report.plots import learning_curves, save_png
from jal.report.tables import curves, penalties, print_tables, significance, summary

__all__ = [
    "curves",
    "learning_curves",
    "page",
    "penalties",
    "print_tables",
    "save_png",
    "significance",
    "summary",
]
