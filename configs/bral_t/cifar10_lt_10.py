"""BRAL-T and its rivals on CIFAR10-LT with a factor of 10, the paper's settings: Table 2.

Command: python launch/prepare_data.py cifar10
         python launch/run.py configs/bral_t/cifar10_lt_10.py
Other factors, and CIFAR100-LT: cifar10_lt_20.py, cifar10_lt_50.py, cifar100_lt_10.py, ...
Hardware: a GPU; not yet measured on one.
Data: of CIFAR-10's training images 5000 f^(-c/9), cut to integers, of class c: 20,431 with f = 10,
17,023 with 20, 13,996 with 50, as the loading scripts have it that the paper names. The test set's
10,000 images are balanced. ResNet-18 with a 3x3 stem, 50 epochs, crops and flips.
Protocol: 2,000 labels at the start, then rounds of 500 until the pool is exhausted, since none has
the 22,000 labels that the paper's budget comes to; 3 seeds. AUBC is over the labels bought. At the
end every strategy has the whole pool: the final accuracy compares none of them.
Reported, as if it did: the mean of 3 in `REPORTED`.
"""

from _benchmarks import RIVALS, bral_t, experiment, long_tail, rivals

from jal.experiment import Experiment

REPORTED = {
    "similar": (0.472, 0.665),
    "loss_prediction": (0.478, 0.679),
    "waal": (0.510, 0.623),
    "random": (0.476, 0.686),
    "bral_t": (0.512, 0.686),
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = long_tail(classes=10, factor=10)
    queries = (bral_t(benchmark.lambda_), *rivals(*RIVALS, "similar"))
    return experiment("cifar10_lt_10", benchmark, queries, REPORTED)
