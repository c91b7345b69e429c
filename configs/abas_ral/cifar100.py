"""ABAS-RAL on CIFAR-100, the paper's settings: Tables 1 and 2, Figure 2.

Command: python launch/run.py configs/abas_ral/cifar100.py
Hardware: a GPU; not yet measured on one.
All else as cifar10.py, also the 100 labels at the start: the paper's agent ends at 1.98 %, 198
labels, and its rivals at 11 %. Reported: target precision 28.01 %, target budget 99.94 %; the
tables are in `REPORTED`.
"""

import cifar10

from jal.experiment import Data, Experiment, Training

REPORTED = {  # means; maxima, in %
    "abas_ral": ((32.02, 32.14, 32.14, 31.54, 1.98), (32.52, 32.53, 32.55, 31.93, 1.98)),
    "random_size": ((31.89, 32.47, 32.47, 31.68, 48.71), (32.47, 33.02, 33.02, 32.21, 99.22)),
    "entropy": ((31.64, 32.02, 32.01, 31.23, 11.00), (32.41, 32.11, 32.13, 31.43, 11.00)),
    "least_confidence": ((31.73, 32.05, 32.05, 31.31, 11.00), (32.05, 32.30, 32.31, 31.53, 11.00)),
    "alfa_mix": ((31.82, 32.29, 32.29, 31.53, 11.00), (32.43, 32.47, 32.47, 31.57, 11.00)),
}


def get_config() -> list[Training | Experiment]:
    """The training and the experiment."""
    return cifar10.steps("abas_ral_cifar100", Data(source="tfds:cifar100"), REPORTED)
