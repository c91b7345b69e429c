"""ALAMP's configs against the tables and sections of the paper."""

from pathlib import Path

import numpy as np
import pytest

from jal.data.imbalance import ratio_counts
from jal.experiment import Experiment
from jal.experiment.config_file import load_config

FOLDER = Path(__file__).parents[2] / "configs" / "alamp"
PAPER_SIZE = ("cifar100", "food101", "imn100", "cifar100_imb", "food101_imb", "mit67")


def schemes(name: str) -> tuple[Experiment, Experiment]:
    svm, fine_tuning = load_config(FOLDER / f"{name}.py")
    return svm, fine_tuning


@pytest.mark.parametrize("name", PAPER_SIZE)
def test_both_schemes_have_the_papers_budgets_and_queries(name):
    svm, fine_tuning = schemes(name)
    for one in (svm, fine_tuning):
        assert one.protocol.start.size(10_000, 100) == 200
        assert one.protocol.seeds == 5 and sum(one.batches(one.queries[0])) == 3000
    names = [query.name for query in fine_tuning.queries]
    assert names == ["random", "margin", "k_center", "alamp", "alamp_div", "badge"]
    own = [query.name for query in svm.queries]
    assert own[:5] == ["random", "decision_margin", "k_center", "alamp", "alamp_div"]
    assert "badge" not in own
    assert {query.options["margin"] for query in svm.queries if "alamp" in query.name} == {
        "decision"
    }
    assert svm.data.features.kind == "resnet18" and fine_tuning.data.features.kind == "none"


@pytest.mark.parametrize(
    ("name", "level"), [("cifar100", 0.5), ("food101", 0.4), ("imn100", 0.7), ("cifar100_imb", 0.5)]
)
def test_labels_are_shown_for_the_accuracies_that_the_paper_names(name, level):
    assert all(one.shown.levels == (level,) for one in schemes(name))


@pytest.mark.parametrize("name", PAPER_SIZE)
def test_imbalance_is_met_by_weights_and_thresholds(name):
    svm, fine_tuning = schemes(name)
    imbalanced = name not in ("cifar100", "food101", "imn100")
    assert (svm.learners["svc"].class_weight == "balanced") == imbalanced
    assert fine_tuning.learners["resnet18"].thresholding == imbalanced


@pytest.mark.parametrize(
    ("name", "classes", "images", "mean", "std", "ir"),
    [
        ("food101_imb", 101, 22956, 227.28, 180.31, 0.793),
        ("cifar100_imb", 100, 17168, 171.68, 126.98, 0.740),
    ],
)
def test_induced_imbalance_is_table_2s(name, classes, images, mean, std, ir):
    config = schemes(name)[0].data.imbalance
    assert config.profile == "ratio" and config.amount == ir and config.largest is not None
    counts = ratio_counts(config.largest, config.amount, classes)
    assert counts.sum() == pytest.approx(images, rel=0.002)
    assert counts.mean() == pytest.approx(mean, rel=0.002)
    assert counts.std() == pytest.approx(std, rel=0.002)
    assert np.std(counts) / np.mean(counts) == pytest.approx(ir, abs=0.001)
