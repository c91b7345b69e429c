"""A published benchmark, replayed: SVC with uncertainty sampling on Wisconsin's breast cancer data.

Command: python launch/run.py configs/published/rebenchmark_wdbc.py
Data: the 569 rows of 30 features that scikit-learn has; 341 form a seed's pool, 228 its test set.
Protocol: the splits, the first 20 labels and the classifier are those of the published runs, see
_rebenchmark.py; 321 queries of one label, until the pool is exhausted; 100 seeds.
Beside the published curves: python launch/published.py FOLDER
"""

from _rebenchmark import rebenchmark

from jal.experiment import Experiment


def get_config() -> Experiment:
    """The experiment."""
    source, queries = "sklearn:breast_cancer", ("margin", "random")
    return rebenchmark("rebenchmark_wdbc", source, 569, 30, queries, seeds=100)
