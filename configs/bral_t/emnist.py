"""BRAL-T and its rivals on EMNIST ByClass, the paper's settings: Tables 1, 6.

Command: python launch/prepare_data.py emnist/byclass
         python launch/run.py configs/bral_t/emnist.py
Hardware: a GPU; not yet measured on one.
Data: 697,932 gray images of 62 classes, 116,323 for the test, transposed as TFDS has them.
ResNet-18 behind a 1x1 convolution, 40 epochs. lambda .25.
Protocol: 1,000 labels at the start, 100 rounds of 500; 3 seeds.
Reported: the mean of 3 in `REPORTED`, half a confidence interval beside it.
"""

from _benchmarks import RIVALS, TABLE_5, bral_t, experiment, rivals

from jal.experiment import Experiment

REPORTED = {
    "loss_prediction": (0.762, 0.793),  # .016, .022
    "waal": (0.808, 0.831),  # .012, .015
    "random": (0.804, 0.828),  # .004, .007
    "bral_t": (0.813, 0.833),  # .005, .014
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = TABLE_5["emnist"]
    return experiment("emnist", benchmark, (bral_t(benchmark.lambda_), *rivals(*RIVALS)), REPORTED)
