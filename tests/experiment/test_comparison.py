"""What the comparison measures and counts: pool and stream, train error, confusion."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import sklearn.linear_model
import sklearn.metrics

from jal import data, report
from jal import experiment as ex
from jal.experiment import Query
from jal.types import InputError

LABELS = [10, 70, 130]


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[ex.Results, list[pd.DataFrame], str]:
    """Results, the rows of each segment, and the page."""
    small = ex.Experiment(
        queries=(
            "random",
            "margin",
            "stream_adaptive",
            Query("stream_fixed", name="none_passes", threshold=1.0),
            Query("stream_fixed", name="all_pass", threshold=1e-6),
        ),
        learners={"one": ex.LogisticRegression(C=0.03)},
        protocol=ex.Protocol(
            seeds=2, rounds=2, batch=60, metrics=("accuracy", "train_error", "confusion")
        ),
        execution=ex.Execution(devices=1, segment=2),
    )
    rows: list[pd.DataFrame] = []
    folder = tmp_path_factory.mktemp("runs") / "run"
    results = ex.run(small, out=folder, progress=False, on_rows=rows.append)
    return results, rows, (folder / "report.html").read_text()


def test_a_stream_buys_as_many_as_the_pool(ran):
    """Each round, different points: also where no uncertainty passes the threshold, or all do."""
    results, _, _ = ran
    frame = results.frame[results.frame.metric == "accuracy"]
    counts = frame.pivot(index=["strategy", "seed"], columns="round", values="labels")
    assert len(counts) == 10 and (counts == LABELS).all(axis=None)
    for orders in results.labelled.values():
        assert [len(set(order[order >= 0])) for order in orders] == [130, 130]


def test_train_error_is_scikit_learns(ran):
    """Of fits to the labels that the run bought."""
    results, _, page = ran
    x, y = ex.load_data(results.experiment.data).train
    frame = results.frame[results.frame.metric == "train_error"]
    errors = frame.set_index(["strategy", "seed", "labels"])["value"]
    for strategy in ("random", "margin"):
        for seed, order in enumerate(results.labelled[f"one/{strategy}"]):
            for labels in LABELS:
                own = order[:labels]
                fit = sklearn.linear_model.LogisticRegression(C=0.03, tol=1e-8, max_iter=1000)
                wrong = 1 - fit.fit(x[own], y[own]).score(x[own], y[own])
                assert abs(errors[strategy, seed, labels] - wrong) < 1.1 / labels  # one may tie
    assert errors["random"].max() > 0.05  # or nothing was seen
    assert "final train error" in page


def test_train_error_of_a_pool_that_is_predicted_whole():
    """20 points, so that no bucket of labels is smaller: those that nobody bought count nothing."""
    x = np.arange(20.0)[:, None]
    y = (x[:, 0] >= 10).astype(int)
    y[[0, 19]] = 1, 0  # of six they turn the slope around, of 20 not
    dataset = data.from_arrays(x, y, x, y)
    every = ex.Experiment(
        queries=("random",),
        learners={"one": ex.LogisticRegression()},
        protocol=ex.Protocol(
            seeds=1,
            rounds=1,
            batch=14,
            start=ex.Indices(((0, 19, 5, 6, 13, 14),)),
            metrics="train_error",
        ),
        execution=ex.Execution(devices=1),
    )
    frame = ex.run(every, dataset=dataset, progress=False).frame
    errors = frame[frame.metric == "train_error"].set_index("labels").value
    np.testing.assert_allclose([errors[6], errors[20]], [4 / 6, 2 / 20], rtol=1e-6)


def test_curves_of_results_against_the_share_labelled(ran):
    results = ran[0]
    panel = results.plot(share=True).axes[0]
    np.testing.assert_allclose(panel.lines[0].get_xdata(), 100 * np.array(LABELS) / 1000)
    two = dataclasses.replace(results, info={**results.info, "pool": [1000, 900]})
    with pytest.raises(InputError, match="no one share of pools of 900, 1000 points"):
        two.plot(share=True)
    assert two.plot().axes[0].get_xlabel() == "labels"
    old = dataclasses.replace(results, info={})
    with pytest.raises(InputError, match="no one share of pools of unknown points"):
        old.plot(share=True)


def test_confusion_is_scikit_learns_and_of_the_last_round_alone(ran):
    results, rows, page = ran
    (x, y), (test_x, test_y) = ex.load_data(results.experiment.data)[:2]
    matrices = []
    for order in results.labelled["one/random"]:
        fit = sklearn.linear_model.LogisticRegression(C=0.03, tol=1e-8, max_iter=1000)
        predicted = fit.fit(x[order], y[order]).predict(test_x)
        matrices.append(sklearn.metrics.confusion_matrix(test_y, predicted, normalize="true"))
    frame = results.frame
    found = report.confusion(frame, "one", "random")
    np.testing.assert_allclose(found, np.mean(matrices, axis=0), atol=0.02)
    assert list(found.index) == list(found.columns) == list(range(10))
    entries = frame[frame.metric.str.startswith("confusion") & (frame.strategy == "random")]
    assert len(entries) == 2 * 100 and set(entries["round"]) == {2} and set(entries.labels) == {130}
    of_random = [one.metric.str.startswith("confusion").any() for one in rows[:2]]
    assert of_random == [False, True]
    none = frame[frame.metric == "accuracy"]
    assert report.confusion(none, "one", "random").empty
    assert report.confusion(none.assign(metric="confusion_rate"), "one", "random").empty
    assert "Which class is taken for which" in page and "random: the share of a row" in page
