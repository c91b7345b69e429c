"""A published benchmark, replayed: SVC with uncertainty sampling on KEEL's phoneme data.

Command: python launch/run.py configs/published/rebenchmark_phoneme.py --rounds 180
Data: 5,404 rows of 5 features (keel:phoneme); 3,242 form a seed's pool, 2,162 its test set.
Protocol: as rebenchmark_wdbc.py, with the 15 seeds whose curves were published. Without --rounds
3,222 queries of one label, until the pool is exhausted, which takes hours.
Took 51 s on two cores, of which compilation 15 s. What came out: docs/pages/published.md.
Beside the published curves: python launch/published.py FOLDER
"""

from _rebenchmark import rebenchmark

from jal.experiment import Experiment


def get_config() -> Experiment:
    """The experiment."""
    source, queries = "keel:phoneme", ("margin", "random")
    return rebenchmark("rebenchmark_phoneme", source, 5404, 5, queries, seeds=15)
