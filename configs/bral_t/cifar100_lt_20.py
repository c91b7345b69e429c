"""BRAL-T and its rivals on CIFAR100-LT with a factor of 20, the paper's settings: Table 2.

Command: python launch/prepare_data.py cifar100
         python launch/run.py configs/bral_t/cifar100_lt_20.py
Hardware: a GPU; not yet measured on one.
All as cifar100_lt_10.py, but the pool has 15,907 images, which 28 rounds exhaust.
Reported: the mean of 3 in `REPORTED`.
"""

from _benchmarks import RIVALS, bral_t, experiment, long_tail, rivals

from jal.experiment import Experiment

REPORTED = {
    "similar": (0.270, 0.455),
    "loss_prediction": (0.272, 0.452),
    "waal": (0.249, 0.397),
    "random": (0.265, 0.444),
    "bral_t": (0.280, 0.457),
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = long_tail(classes=100, factor=20)
    queries = (bral_t(benchmark.lambda_), *rivals(*RIVALS, "similar"))
    return experiment("cifar100_lt_20", benchmark, queries, REPORTED)
