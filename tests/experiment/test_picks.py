"""Every label bought can be traced to the source; a data set given in Python is known by itself."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from jal import experiment as ex
from jal.data import from_arrays, take
from jal.data.dataset import Dataset
from jal.experiment import (
    Data,
    Execution,
    Experiment,
    Features,
    LogisticRegression,
    Parts,
    Protocol,
)
from jal.experiment.data_config import Imbalance, given_data, load_data
from jal.experiment.parts import evaluation
from jal.experiment.picks import picks, read_picks, write_picks
from jal.types import InputError

RNG = np.random.default_rng(0)
NAMES = np.array(["emu", "NA", "1"])
X = RNG.normal(size=(90, 4)).astype(np.float32)
Y = NAMES[np.arange(90) % 3]
DATASET = from_arrays(X, Y, X[:30], Y[:30])._replace(notes=("something <odd>",))
SMALL = Experiment(
    name="given",
    learners={"logistic_regression": LogisticRegression(tol=1e-2)},
    queries=("random",),
    protocol=Protocol(seeds=2, first_seed=7, rounds=2, batch=4),
    execution=Execution(devices=1),
)


def hand_made(dataset: Dataset, experiment: Experiment = SMALL) -> pd.DataFrame:
    """Seed 7 labels 5, 1 and 0 at the start, none in round 1 and 2 in round 2; seed 8 fewer."""
    cell = {
        "labelled": np.array([[5, 1, 0, 2], [3, 4, -1, -1]], np.int32),
        "metrics": {"labels": np.array([[3, 3, 4], [1, 2, 2]])},
    }
    return picks(experiment, {("svm", "margin"): cell}, dataset)


def test_a_line_for_each_label():
    pool = take(DATASET, np.array([9, 8, 7, 6, 5, 4]))
    made = hand_made(pool)
    assert list(made.columns) == ["seed", "learner", "strategy", "round", "order", "row", "class"]
    assert made["seed"].tolist() == [7, 7, 7, 7, 8, 8]
    assert made["round"].tolist() == [0, 0, 0, 2, 0, 1]
    assert made["order"].tolist() == [0, 1, 2, 3, 0, 1]
    assert made["row"].tolist() == [4, 8, 9, 7, 6, 5]
    assert made["class"].tolist() == [Y[row] for row in made["row"]]
    assert set(made["learner"]) == {"svm"} and set(made["strategy"]) == {"margin"}
    without = hand_made(pool._replace(rows=None, class_names=()))
    assert without["row"].tolist() == [5, 1, 0, 2, 3, 4]
    assert without["class"].tolist() == [str(pool.train.y[i]) for i in without["row"]]


def test_files_have_their_names_and_come_back_as_they_were(tmp_path):
    files = tuple(f'train/a,b/{i}é "\n.png' for i in range(90))
    made = hand_made(take(DATASET, np.arange(80, 90))._replace(files=files))
    assert made["file"].tolist() == [files[row] for row in made["row"]]
    write_picks(made, tmp_path / "labelled.csv")
    pd.testing.assert_frame_equal(read_picks(tmp_path / "labelled.csv"), made, check_dtype=False)


def test_rows_go_through_all_that_is_done_to_the_data(tmp_path):
    y = np.arange(90) % 3
    np.savez(tmp_path / "data.npz", x=X, y=y)
    asked = Data(
        f"npz:{tmp_path / 'data.npz'}",
        test_size=15,
        split_seed=4,
        train_share=0.8,
        imbalance=Imbalance("step", largest=15),
    )
    found = load_data(asked)
    np.testing.assert_array_equal(found.train.x, X[found.rows])
    np.testing.assert_array_equal(np.bincount(found.train.y), [5, 10, 15])
    of_pca = load_data(dataclasses.replace(asked, features=Features("pca", components=2)))
    np.testing.assert_array_equal(of_pca.rows, found.rows)
    parts = Parts(state=0.2, warm=0.0, train=0.4, evaluation=0.4)
    evaluated = evaluation(found, parts, 0)
    np.testing.assert_array_equal(evaluated.train.x, X[evaluated.rows])
    assert 0 < len(evaluated.rows) < len(found.rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given") / "run"
    ex.run(SMALL, out=folder, dataset=DATASET, progress=False)
    return folder


def test_a_run_keeps_its_picks(folder):
    results = ex.load(folder)
    read = pd.read_csv(folder / "labelled.csv", keep_default_na=False, dtype={"class": str})
    pd.testing.assert_frame_equal(read, results.picks, check_dtype=False)
    assert len(read) == 2 * (3 + 8)
    assert read["class"].tolist() == [Y[row] for row in read["row"]]
    by_seed = read.groupby("seed")["row"].apply(list)
    labelled = results.labelled["logistic_regression/random"]
    assert (list(by_seed.index), by_seed.tolist()) == ([7, 8], labelled.tolist())
    assert read[read["seed"] == 8]["round"].tolist() == [0] * 3 + [1] * 4 + [2] * 4


def test_a_run_on_arrays_says_so(folder):
    config = json.loads((folder / "config.json").read_text())["experiment"]["data"]
    assert config["source"] == "arrays"
    assert config["arrays"] == {"train": 90, "test": 30, "shape": [4], "classes": 3}
    results = ex.load(folder)
    assert len(results.info["data_sha256"]) == 64
    assert results.info["notes"] == ["something <odd>"]
    page = (folder / "report.html").read_text()
    assert (
        "data arrays (90 training and 30 test examples of shape (4,), 3 classes, SHA-256 "
        f"{results.info['data_sha256'][:12]})" in page
    )
    assert "Note: something &lt;odd&gt;." in page and "sklearn" not in page


def test_a_run_on_arrays_goes_on_with_them_alone(folder):
    before = ex.load(folder)
    assert given_data(before.experiment.data, DATASET) == before.experiment.data
    resumed = ex.resume(folder, SMALL, dataset=DATASET, progress=False)
    pd.testing.assert_frame_equal(resumed.frame, before.frame)
    pd.testing.assert_frame_equal(resumed.picks, before.picks, check_dtype=False)
    says = r"given in Python, 90 training and 30 test examples of shape \(4,\) in 3 classes: give"
    (folder / "results.parquet").unlink()  # or it is finished already
    with pytest.raises(InputError, match=says):
        ex.resume(folder, progress=False)
    other = from_arrays(X + 1, Y, X[:30], Y[:30])
    with pytest.raises(InputError, match="was run on other data"):
        ex.resume(folder, dataset=other, progress=False)
    fewer = take(DATASET, np.arange(60))
    with pytest.raises(InputError, match=r"data\.arrays\.train is 90 there and 60 here"):
        ex.resume(folder, dataset=fewer, progress=False)
    again = ex.resume(folder, dataset=DATASET, progress=False)
    pd.testing.assert_frame_equal(again.frame, before.frame)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (Data("npz:own.npz"), r"beside a config with data\.source 'npz:own\.npz': give one"),
        (Data(train_share=0.5), r"beside a config with data\.train_share 0\.5: give one"),
        (Data(features=Features("pca")), r"beside a config with data\.features Features\("),
    ],
)
def test_data_given_twice(data, says):
    with pytest.raises(InputError, match=says):
        ex.run(dataclasses.replace(SMALL, data=data), dataset=DATASET, progress=False)


def test_data_given_to_be_divided(tmp_path):
    """Parts and the seed that draws them are asked of given data too, and kept."""
    parts = Parts(state=0.1, warm=0.0, train=0.4, evaluation=0.5)
    config = dataclasses.replace(SMALL, data=Data(parts=parts, split_seed=3))
    results = ex.run(config, out=tmp_path / "run", dataset=DATASET, progress=False)
    assert results.info["pool"] == 45
    kept = ex.load(tmp_path / "run").experiment.data
    assert kept == given_data(config.data, DATASET)
    assert (kept.source, kept.parts, kept.split_seed) == ("arrays", parts, 3)
    assert set(results.picks["row"]) <= set(evaluation(DATASET, parts, 3).rows)
    again = ex.resume(tmp_path / "run", config, dataset=DATASET, progress=False)
    pd.testing.assert_frame_equal(again.frame, results.frame)


def test_arrays_that_are_not_given():
    with pytest.raises(InputError, match="the data are arrays that were given in Python: give th"):
        ex.run(dataclasses.replace(SMALL, data=Data("arrays")), progress=False)


def test_rows_that_are_not_the_examples():
    wrong = DATASET._replace(rows=np.arange(5))
    with pytest.raises(InputError, match=r"5 rows for 90 training examples: choose .*jal\.data\.t"):
        ex.run(SMALL, dataset=wrong, progress=False)
