"""A published benchmark, replayed on 14 of its tables that KEEL has too, with five strategies.

Command: python launch/run.py configs/published/rebenchmark_keel.py
Or with other seeds or tables, and then the published differences beside those found:
  python launch/published.py runs/keel --run --seeds 150 --large-seeds 15
  python launch/published.py runs/keel
Data: keel:NAME. 11 tables have pools of 124 to 600, and one label is bought in each round, as in
the published runs. Three have pools of 2,758 to 3,242: ours is to buy 20 in each round there, or
they alone would take days. Rows stand in another order than theirs, so that seeds are not the
same, but means and differences to random sampling can be compared. For tic-tac-toe and german
nominal columns are one-hot here, 27 and 61 columns in all, where theirs are 9 and 24 numbers.
Protocol: splits, first labels, classifier and queries as in _rebenchmark.py, until the pool is
exhausted; 20 seeds, of the three large tables 4, where the published runs have 150 or fewer.
Took: 42 minutes on two cores, of which compilation 338 s. What came out: docs/pages/published.md.
"""

from typing import NamedTuple

from _rebenchmark import rebenchmark, their_queries

from jal.experiment import Experiment


class Table(NamedTuple):
    """A table: `keel:name`, what the published results call it, its rows and columns of numbers."""

    name: str
    published: str
    rows: int
    features: int
    batch: int = 1
    seeds: int = 20


TABLES = (
    Table("sonar", "sonar", 208, 60),
    Table("heart", "heart", 270, 13),
    Table("haberman", "haberman", 306, 3),
    Table("ionosphere", "ionosphere", 351, 33),
    Table("wdbc", "wdbc", 569, 30),
    Table("wisconsin", "breast", 683, 9),
    Table("australian", "australian", 690, 14),
    Table("pima", "diabetes", 768, 8),
    Table("mammographic", "mammographic", 830, 5),
    Table("tic-tac-toe", "tic", 958, 27),
    Table("german", "german", 1000, 61),
    Table("spambase", "spambase", 4597, 57, batch=20, seeds=4),
    Table("banana", "banana", 5300, 2, batch=20, seeds=4),
    Table("phoneme", "phoneme", 5404, 5, batch=20, seeds=4),
)


def get_config() -> list[Experiment]:
    """An experiment for each table, keel_NAME by its published name."""
    return [
        rebenchmark(
            f"keel_{one.published}",
            f"keel:{one.name}",
            one.rows,
            one.features,
            their_queries(one.features),
            one.seeds,
            one.batch,
        )
        for one in TABLES
    ]
