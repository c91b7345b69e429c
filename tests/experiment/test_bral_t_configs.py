"""The benchmarks of BRAL-T at the paper's sizes, on images of zeros: nothing is downloaded."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jal import networks
from jal.data import from_arrays
from jal.data.dataset import Examples, Parts, assemble
from jal.experiment import MLP, Experiment, Protocol, Random, data_config, load_data, run
from jal.experiment.checks import check
from jal.experiment.config_file import load_config
from jal.types import InputError

FOLDER = Path(__file__).parents[2] / "configs" / "bral_t"
NAMES = sorted(
    path.stem
    for path in FOLDER.glob("[!_]*.py")
    if re.search("^from (_benchmarks|fine_tuning_cifar10_imb) import", path.read_text(), re.M)
)
# source -> counts of the classes in the training set, and in the test set if there is one; channels
SOURCES = {
    "tfds:fashion_mnist": ([6000] * 10, [1000] * 10, 1),
    "tfds:emnist/byclass": ([697_932 - 61 * 11_000, *[11_000] * 61], [1876] * 62, 1),
    "tfds:cifar10": ([5000] * 10, [1000] * 10, 3),
    "tfds:cifar100": ([500] * 100, [100] * 100, 3),
    "folder:BreaKHis_v1/histology_slides/breast": ([2480, 5429], None, 3),
    "folder:chest_xray": ([1349, 3883], [234, 390], 3),
    "hf:zh-plus/tiny-imagenet": ([500] * 200, [50] * 200, 3),
    "waterbirds": ([3682, 1113], [2255 + 2255, 642 + 642], 3),
}
# of a name's beginning, the longest: points, classes, labels at the start and at the end, rounds
SIZES = {
    "fashion_mnist": (60_000, 10, 500, 10_500, 40),
    "emnist": (697_932, 62, 1000, 51_000, 100),
    "cifar10": (50_000, 10, 1000, 41_000, 80),
    "cifar100": (50_000, 100, 1000, 41_000, 80),
    "cifar10_imb": (27_500, 10, 1000, 21_000, 40),
    "cifar10_lt_10": (20_431, 10, 2000, 20_431, 37),
    "cifar10_lt_20": (17_023, 10, 2000, 17_023, 31),
    "cifar10_lt_50": (13_996, 10, 2000, 13_996, 24),
    "cifar100_lt_10": (19_573, 100, 2000, 19_573, 36),
    "cifar100_lt_20": (15_907, 100, 2000, 15_907, 28),
    "cifar100_lt_50": (12_608, 100, 2000, 12_608, 22),
    "breakhis": (5536, 2, 100, 5100, 50),
    "pneumonia_mnist": (5232, 2, 100, 5100, 50),
    "waterbirds": (4795, 2, 100, 4100, 40),
    "fine_tuning_cifar10_imb": (27_500, 10, 275, 825, 2),
    "fine_tuning_tiny_imagenet": (100_000, 200, 1000, 3000, 2),
}


def config(name: str) -> Experiment:
    found = load_config(FOLDER / f"{name}.py")
    assert isinstance(found, Experiment)
    return found


def zeros(source: str, test_size=None, split_seed=0, image_size=None):
    train, test, channels = SOURCES[source]
    side = 8 if image_size is None else 16  # a ViT's patch

    def examples(counts):
        y = np.repeat(np.arange(len(counts)), counts)
        return Examples(np.broadcast_to(np.uint8(0), (len(y), side, side, channels)), y)

    parts = Parts(examples(train), None if test is None else examples(test), len(train))
    return assemble(parts, test_size or 0.2, split_seed)


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_has_the_papers_numbers(name, monkeypatch):
    experiment = config(name)
    monkeypatch.setattr(data_config.sources, "load", zeros)
    monkeypatch.setattr(networks, "load_pretrained", lambda *source: None)
    own = callable(experiment.data.source)  # Waterbirds'
    dataset = zeros("waterbirds") if own else load_data(experiment.data)
    points, classes, initial, final, rounds = SIZES[
        max((known for known in SIZES if name.startswith(known)), key=len)
    ]
    assert (len(dataset.train.y), dataset.num_classes) == (points, classes)
    assert experiment.protocol.start.size(points, classes) == initial
    assert (experiment.protocol.rounds, experiment.protocol.seeds) == (rounds, 3)
    found = check(experiment, dataset, {}, allow_code=False)
    assert set(found.strategies) == {(name, one.name) for name, one in experiment.cells()}
    assert {initial + sum(batches) for batches in found.batches.values()} == {final}


# Table 5 and appendix B: epochs, stem, optimizer, lambda
CLASSIFIERS = {
    "fashion_mnist": (40, "grayscale", "adam", 1.0),
    "emnist": (40, "grayscale", "adam", 0.25),
    "cifar10": (50, "cifar", "adam", 1.0),
    "cifar100": (60, "cifar", "adam", 0.25),
    "cifar10_imb": (50, "cifar", "adam", 0.25),
    "cifar10_lt_50": (50, "cifar", "adam", 1.0),
    "cifar100_lt_50": (60, "cifar", "adam", 0.25),
    "breakhis": (30, "imagenet", "adam", 1.0),
    "pneumonia_mnist": (30, "cifar", "nesterov", 1.0),
    "waterbirds": (30, "imagenet", "nesterov", 1.0),
}


def test_classifiers_and_lambda_are_the_papers():
    for name, expected in CLASSIFIERS.items():
        experiment = config(name)
        one = experiment.learners["resnet18"]
        (query,) = [query for query in experiment.queries if query.name == "bral_t"]
        found = (one.epochs, one.stem, one.optimizer, query.options["lambda_"])
        assert (name, found) == (name, expected)
        assert one.depth == 18 and one.weights is None


def test_ablations_differ_in_what_they_are_called_after():
    """Where a classifier trains by SuperLoss, its lambda is the score's."""
    experiment = config("cifar10_imb_ablations")
    for name, query in experiment.cells():
        learner = experiment.learners[name]
        assert (learner.loss == "super") == name.startswith("resnet18_super")
        if learner.loss == "super" and query.strategy == "bral_t":
            assert query.options == {"lambda_": learner.super_lambda}
    options = {query.name: query.options for query in experiment.queries}
    assert {name: one["actions"] for name, one in options.items() if "actions" in one} == {
        f"bral_t_{actions}_actions": actions for actions in (10, 50, 100)
    }
    assert options["bral_t_two_agents"] == {"lambda_": 0.25, "retrain": (0, 20)}
    options = {query.name: query.options for query in config("cifar100_ablations").queries}
    assert options["bral_t_without_cl"] == {"lambda_": 0.25, "curriculum": False}
    assert options["bral_diffset"] == {"lambda_": 0.25, "trust": "second"}


def test_all_that_the_paper_reports_is_shown():
    """Of every row of Tables 1 to 4 and 7 to 10; Table 3's with 2 % are only in its configs."""
    shown = {name: config(name).shown.reported for name in NAMES}
    rows = {name: len(table) for name, table in shown.items() if table}
    of_table_1 = dict.fromkeys([name for name in SIZES if not re.search("_lt_|tuning", name)], 4)
    of_table_2 = dict.fromkeys([name for name in SIZES if "_lt_" in name], 5)
    of_table_3 = dict.fromkeys([name for name in SIZES if "tuning" in name], 3)
    ablations = {"cifar10_ablations": 5, "cifar100_ablations": 5, "cifar10_imb_ablations": 8}
    twisted = {"cifar10_imb_twisted_main": 1, "cifar10_imb_twisted_rare": 1}
    assert rows == of_table_1 | of_table_2 | of_table_3 | ablations | twisted
    assert shown["fine_tuning_cifar10_imb"]["vit_s16/bral_t"] == {"accuracy": 0.865}
    assert shown["waterbirds"]["resnet18/waal"] == {"aubc": 0.525, "accuracy": 0.506}
    assert shown["cifar10_lt_50"]["resnet18/waal"] == {"aubc": 0.340, "accuracy": 0.497}


@pytest.mark.parametrize(("name", "rare"), [("main", 50), ("rare", 950)])
def test_twisted_starts_have_so_many_of_the_rarer_classes(name, rare):
    start = config(f"cifar10_imb_twisted_{name}").protocol.start
    assert (round(start.rare * start.labels), start.labels) == (rare, 1000)


@pytest.mark.slow
def test_all_go_on_until_the_pool_is_exhausted():
    """As in Table 2, where the last round finds fewer points than others buy."""
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = rng.normal(size=(90, 4)).astype(np.float32) + 2 * np.eye(4, dtype=np.float32)[y]
    dataset = from_arrays(x[:60], y[:60], x[60:], y[60:])
    experiment = Experiment(
        learners={"resnet18": MLP(hidden=(8,), epochs=2)},
        queries=config("cifar10_lt_10").queries,
        protocol=Protocol(seeds=1, rounds=3, batch=20, budget=45, start=Random(labels=15)),
    )
    found = run(experiment, dataset=dataset, progress=False).frame
    labels = found[found.metric == "accuracy"].groupby("strategy").labels.agg(list)
    assert len(labels) == 5 and set(map(tuple, labels)) == {(15, 35, 55, 60)}


def made_archive(folder: Path) -> None:
    """Waterbirds' form: a table, and images in folders by kind of bird."""
    root = folder / "waterbird_complete95_forest2water2"
    rows = ["img_id,img_filename,y,split,place,place_filename"]
    for number, (y, split) in enumerate([(0, 0), (1, 1), (1, 0), (0, 2), (1, 2), (0, 0)]):
        path = root / f"{number % 2:03}.Bird" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30 + number, 20), (10 * number, 0, 0)).save(path)
        rows.append(f"{number},{path.relative_to(root)},{y},{split},0,x.jpg")
    (root / "metadata.csv").write_text("\n".join(rows))


def test_waterbirds_are_read_by_their_table(tmp_path, monkeypatch):
    data = dataclasses.replace(config("waterbirds").data, image_size=8)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"metadata\.csv does not exist: unpack Waterbirds'"):
        load_data(data)
    made_archive(tmp_path)
    found = load_data(data)
    assert found.class_names == ("landbird", "waterbird")
    for part, numbers, y in ((found.train, [0, 2, 5], [0, 1, 0]), (found.test, [3, 4], [0, 1])):
        assert part.x.shape == (len(y), 8, 8, 3)
        np.testing.assert_array_equal(part.x[:, 4, 4, 0], 10 * np.array(numbers))
        np.testing.assert_array_equal(part.y, y)
