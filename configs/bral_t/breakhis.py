"""BRAL-T and its rivals on BreakHis, the paper's settings: Tables 1, 6.

Command: python launch/run.py configs/bral_t/breakhis.py
Hardware: a GPU; not yet measured on one.
Data: Spanhol et al.'s archive (BreaKHis_v1.tar.gz), unpacked where the command is run: 7,909
microscopic images of breast tumours, benign or malignant, at four magnifications. 30 % of them are
the test set, drawn class by class, the middle of each at 224 x 224. A patient has images in both
sets, as in the study's code. ResNet-18, 30 epochs of 32 a step, flips.
Protocol: 100 labels at the start, 50 rounds of 100; 3 seeds.
Reported: the mean of 3 in `REPORTED`, half a confidence interval beside it.
"""

from _benchmarks import RIVALS, TABLE_5, bral_t, experiment, rivals

from jal.experiment import Experiment

REPORTED = {
    "loss_prediction": (0.834, 0.844),  # .026, .037
    "waal": (0.836, 0.855),  # .016, .042
    "random": (0.834, 0.832),  # .015, .050
    "bral_t": (0.849, 0.868),  # .017, .037
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = TABLE_5["breakhis"]
    queries = (bral_t(benchmark.lambda_), *rivals(*RIVALS))
    return experiment("breakhis", benchmark, queries, REPORTED)
