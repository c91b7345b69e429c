"""BRAL-T and its rivals on CIFAR100-LT with a factor of 50, the paper's settings: Table 2.

Command: python launch/prepare_data.py cifar100
         python launch/run.py configs/bral_t/cifar100_lt_50.py
Hardware: a GPU; not yet measured on one.
All as cifar100_lt_10.py, but the pool has 12,608 images, which 22 rounds exhaust.
Reported: the mean of 3 in `REPORTED`.
"""

from _benchmarks import RIVALS, bral_t, experiment, long_tail, rivals

from jal.experiment import Experiment

REPORTED = {
    "similar": (0.213, 0.385),
    "loss_prediction": (0.211, 0.384),
    "waal": (0.198, 0.340),
    "random": (0.208, 0.369),
    "bral_t": (0.234, 0.396),
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = long_tail(classes=100, factor=50)
    queries = (bral_t(benchmark.lambda_), *rivals(*RIVALS, "similar"))
    return experiment("cifar100_lt_50", benchmark, queries, REPORTED)
