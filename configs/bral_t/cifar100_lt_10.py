"""BRAL-T and its rivals on CIFAR100-LT with a factor of 10, the paper's settings: Table 2.

Command: python launch/prepare_data.py cifar100
         python launch/run.py configs/bral_t/cifar100_lt_10.py
Hardware: a GPU; not yet measured on one.
Data: as cifar10_lt_10.py, of CIFAR-100's 500 f^(-c/99) of class c: 19,573 with f = 10, 15,907 with
20, 12,608 with 50. ResNet-18 with a 3x3 stem, 60 epochs, crops and flips. lambda is not said; .25,
as for CIFAR-100.
Protocol: as there; 36 rounds.
Reported: the mean of 3 in `REPORTED`.
"""

from _benchmarks import RIVALS, bral_t, experiment, long_tail, rivals

from jal.experiment import Experiment

REPORTED = {
    "similar": (0.330, 0.496),
    "loss_prediction": (0.319, 0.495),
    "waal": (0.297, 0.454),
    "random": (0.321, 0.501),
    "bral_t": (0.332, 0.512),
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = long_tail(classes=100, factor=10)
    queries = (bral_t(benchmark.lambda_), *rivals(*RIVALS, "similar"))
    return experiment("cifar100_lt_10", benchmark, queries, REPORTED)
