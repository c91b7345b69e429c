"""BRAL-T and its rivals on CIFAR10-LT with a factor of 20, the paper's settings: Table 2.

Command: python launch/prepare_data.py cifar10
         python launch/run.py configs/bral_t/cifar10_lt_20.py
Hardware: a GPU; not yet measured on one.
All as cifar10_lt_10.py, but the pool has 17,023 images, which 31 rounds exhaust.
Reported: the mean of 3 in `REPORTED`.
"""

from _benchmarks import RIVALS, bral_t, experiment, long_tail, rivals

from jal.experiment import Experiment

REPORTED = {
    "similar": (0.402, 0.577),
    "loss_prediction": (0.413, 0.585),
    "waal": (0.435, 0.589),
    "random": (0.397, 0.587),
    "bral_t": (0.440, 0.614),
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = long_tail(classes=10, factor=20)
    queries = (bral_t(benchmark.lambda_), *rivals(*RIVALS, "similar"))
    return experiment("cifar10_lt_20", benchmark, queries, REPORTED)
