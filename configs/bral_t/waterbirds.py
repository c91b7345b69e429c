"""BRAL-T and its rivals on Waterbirds, the paper's settings: Tables 1, 6.

Command: python launch/run.py configs/bral_t/waterbirds.py
To go on with a run: --resume DIR --allow-code, since a function below reads the data.
Hardware: a GPU; not yet measured on one.
Data: Sagawa et al.'s archive, unpacked as waterbird_complete95_forest2water2 where the command is
run: 4,795 images of water birds and land birds, 95 % of which are before water or land likewise,
and 5,794 for the test, where half are; the middle of each at 224 x 224. The 1,199 for validation
are not used. ResNet-18, 30 epochs of 32 a step, SGD at 1e-4, weight decay 1e-5, flips.
Protocol: 100 labels at the start, 40 rounds of 100; 3 seeds.
Reported: the mean of 3 in `REPORTED`, half a confidence interval beside it.
"""

from pathlib import Path

import pandas as pd
from _benchmarks import RIVALS, Benchmark, bral_t, experiment, large, rivals

from jal.data import Dataset, from_arrays
from jal.data.images import decode_all, ranges
from jal.experiment import Data, Experiment
from jal.types import InputError

REPORTED = {
    "loss_prediction": (0.588, 0.586),  # .014, .097
    "waal": (0.525, 0.506),  # .011, .078
    "random": (0.586, 0.502),  # .005, .059
    "bral_t": (0.606, 0.618),  # .007, .024
}
FOLDER = Path("waterbird_complete95_forest2water2")
TRAIN, TEST = 0, 2  # values of the table's column split; 1 is validation


def waterbirds(image_size: int | None = None) -> Dataset:
    """The archive's training and test images; InputError where it is not there."""
    table = FOLDER / "metadata.csv"
    if not table.is_file():
        raise InputError(f"{table.absolute()} does not exist: unpack Waterbirds' archive there.")
    images = pd.read_csv(table)
    parts = []
    for split in (TRAIN, TEST):
        rows = images[images.split == split]
        files = [FOLDER / name for name in rows.img_filename]
        batches = ([files[i] for i in batch] for batch in ranges(len(files)))
        parts.append(decode_all(batches, len(files), lambda i, of=files: str(of[i]), image_size))
        parts.append(rows.y.to_numpy())
    return from_arrays(*parts, num_classes=2, class_names=("landbird", "waterbird"))


def get_config() -> Experiment:
    """The experiment."""
    learner = large(optimizer="nesterov", learning_rate=1e-4, weight_decay=1e-5, normalise="none")
    data = Data(waterbirds, image_size=224)
    benchmark = Benchmark(data, learner, initial=100, budget=4000, batch=100)
    queries = (bral_t(benchmark.lambda_), *rivals(*RIVALS))
    return experiment("waterbirds", benchmark, queries, REPORTED)
