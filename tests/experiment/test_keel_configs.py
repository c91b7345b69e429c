"""The comparisons on KEEL's tables: how they split them."""

from pathlib import Path

import numpy as np

from jal.experiment.config_file import load_config

FOLDER = Path(__file__).parents[2] / "configs" / "comparison"


def test_the_split_is_balanced_and_of_at_most_a_thousand():
    split = load_config(FOLDER / "strategies_keel.py").experiment.data.split
    y = np.repeat([0, 1], [90, 10])
    pool, test = split(y, 0)
    assert sorted([*pool, *test]) == list(range(100)) and len(pool) == 60
    assert y[pool].sum() == 6 and y[test].sum() == 4
    assert set(pool) != set(split(y, 1)[0]) and (pool == split(y, 0)[0]).all()
    pool, test = split(np.arange(20_000) % 26, 3)
    assert len(set(pool)) == len(set(test)) == 1000 and not set(pool) & set(test)
