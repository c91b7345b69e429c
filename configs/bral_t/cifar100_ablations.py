"""BRAL-T without its parts on CIFAR-100: Table 4.

Command: python launch/prepare_data.py cifar100
         python launch/run.py configs/bral_t/cifar100_ablations.py
Hardware: a GPU; not yet measured on one.
Data, classifier and protocol: as cifar100.py; strategies: as cifar10_ablations.py, but for the
oracle.
Reported: the mean of 3 in `REPORTED`.
"""

from _benchmarks import TABLE_5, ablations, rivals

from jal.experiment import Experiment

REPORTED = {
    "pseudo_score": (0.486, 0.661),
    "bral_diffset": (0.521, 0.652),
    "bral_t_without_cl": (0.522, 0.662),
    "random": (0.517, 0.650),
    "bral_t": (0.525, 0.662),
}


def get_config() -> Experiment:
    """The experiment."""
    return ablations("cifar100_ablations", TABLE_5["cifar100"], rivals("random"), REPORTED)
