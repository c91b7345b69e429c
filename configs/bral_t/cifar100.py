"""BRAL-T and its rivals on CIFAR-100, the paper's settings: Tables 1, 6, Figures 4, 6.

Command: python launch/prepare_data.py cifar100
         python launch/run.py configs/bral_t/cifar100.py
Ablations (Table 4): cifar100_ablations.py.
Hardware: a GPU; not yet measured on one. The paper's was a Quadro RTX 6000.
Data: 50,000 images, 10,000 for the test. ResNet-18 with a 3x3 stem, 60 epochs, crops and flips.
lambda .25.
Protocol: 1,000 labels at the start, 80 rounds of 500; 3 seeds. BALD has a classifier with dropout.
Figure 6: as cifar10.py.
Reported: the mean of 3 in `REPORTED`, half a confidence interval beside it; the rest as curves.
"""

from _benchmarks import CURVES, RIVALS, TABLE_5, bral_t, experiment, rivals

from jal.experiment import Experiment

REPORTED = {
    "loss_prediction": (0.481, 0.655),  # .019, .012
    "waal": (0.460, 0.594),  # .006, .011
    "random": (0.517, 0.650),  # .003, .008
    "bral_t": (0.525, 0.662),  # .004, .009
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = TABLE_5["cifar100"]
    queries = (bral_t(benchmark.lambda_), *rivals(*RIVALS, *CURVES, "similar"))
    return experiment("cifar100", benchmark, queries, REPORTED)
