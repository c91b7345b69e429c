"""Tables, pictures and one page, all made from the tidy table."""

from jal.extras import require

require("jal.report", "experiments", "matplotlib", "pandas")

from jal.report.about import About
from jal.report.agent_texts import targets
from jal.report.compare import Run, compare, comparison_headline, differing, shared
from jal.report.compare_page import comparison_page
from jal.report.comparisons import (
    level_with_best,
    paired_differences,
    significance,
    untested,
)
from jal.report.exports import latex, wide_summary
from jal.report.headline import headline
from jal.report.notes import notes
from jal.report.page import page
from jal.report.pairwise import Pairwise, over_data_sets, pairwise
from jal.report.plots import learning_curves, save
from jal.report.pool_plots import plane, pool_groups, pool_round, pool_values
from jal.report.ranks import Ranks, critical_difference, ranks, wins_ties_losses
from jal.report.reach import Reach, reach
from jal.report.tables import class_recalls, confusion, ranking, seconds, summary
from jal.report.target_plots import batch_histogram, batch_rounds, metric_densities, training_curves
from jal.report.targets import budget_differences, target_summary, to_target
from jal.report.terminal import (
    print_comparison,
    print_ranks,
    print_tables,
    print_training,
)
from jal.report.tidy import aubcs, by_training, curves, label_range
from jal.report.training_page import training_headline, training_page
from jal.report.trainings import (
    aubc_differences,
    points_curve,
    training_stages,
    training_summary,
)
from jal.report.verdicts import RankCorrelation, learners_apart, rank_correlation, verdict

__all__ = [
    "About",
    "Pairwise",
    "RankCorrelation",
    "Ranks",
    "Reach",
    "Run",
    "aubc_differences",
    "aubcs",
    "batch_histogram",
    "batch_rounds",
    "budget_differences",
    "by_training",
    "class_recalls",
    "compare",
    "comparison_headline",
    "comparison_page",
    "confusion",
    "critical_difference",
    "curves",
    "differing",
    "headline",
    "label_range",
    "latex",
    "learners_apart",
    "learning_curves",
    "level_with_best",
    "metric_densities",
    "notes",
    "over_data_sets",
    "page",
    "paired_differences",
    "pairwise",
    "plane",
    "points_curve",
    "pool_groups",
    "pool_round",
    "pool_values",
    "print_comparison",
    "print_ranks",
    "print_tables",
    "print_training",
    "rank_correlation",
    "ranking",
    "ranks",
    "reach",
    "save",
    "seconds",
    "shared",
    "significance",
    "summary",
    "target_summary",
    "targets",
    "to_target",
    "training_curves",
    "training_headline",
    "training_page",
    "training_stages",
    "training_summary",
    "untested",
    "verdict",
    "wide_summary",
    "wins_ties_losses",
]
