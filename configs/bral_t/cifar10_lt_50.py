"""BRAL-T and its rivals on CIFAR10-LT with a factor of 50, the paper's settings: Table 2.

Command: python launch/prepare_data.py cifar10
         python launch/run.py configs/bral_t/cifar10_lt_50.py
Hardware: a GPU; not yet measured on one.
All as cifar10_lt_10.py, but the pool has 13,996 images, which 24 rounds exhaust.
Reported: the mean of 3 in `REPORTED`.
"""

from _benchmarks import RIVALS, bral_t, experiment, long_tail, rivals

from jal.experiment import Experiment

REPORTED = {
    "similar": (0.318, 0.449),
    "loss_prediction": (0.322, 0.494),
    "waal": (0.340, 0.497),
    "random": (0.303, 0.484),
    "bral_t": (0.322, 0.490),
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = long_tail(classes=10, factor=50)
    queries = (bral_t(benchmark.lambda_), *rivals(*RIVALS, "similar"))
    return experiment("cifar10_lt_50", benchmark, queries, REPORTED)
