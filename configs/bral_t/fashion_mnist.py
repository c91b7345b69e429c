"""BRAL-T and its rivals on Fashion-MNIST, the paper's settings: Tables 1, 6, Figures 4, 5.

Command: python launch/prepare_data.py fashion_mnist
         python launch/run.py configs/bral_t/fashion_mnist.py
Hardware: a GPU; not yet measured on one. On two CPU cores it would take days.
Data: 60,000 gray images, 10,000 for the test. ResNet-18 behind a 1x1 convolution, 40 epochs.
Protocol: 500 labels at the start, 40 rounds of 250; 3 seeds. BALD has a classifier with dropout.
Reported: the mean of 3 in `REPORTED`, half a confidence interval beside it; the rest as curves.
Ours: least_confidence, margin and entropy.
"""

from _benchmarks import CURVES, RIVALS, TABLE_5, bral_t, experiment, rivals

from jal.experiment import Experiment

REPORTED = {
    "loss_prediction": (0.859, 0.888),  # .002, .038
    "waal": (0.861, 0.891),  # .002, .015
    "random": (0.844, 0.874),  # .001, .009
    "bral_t": (0.863, 0.894),  # .001, .008
}
MORE = ("saal", "bait", "least_confidence", "margin", "entropy")


def get_config() -> Experiment:
    """The experiment."""
    benchmark = TABLE_5["fashion_mnist"]
    queries = (bral_t(benchmark.lambda_), *rivals(*RIVALS, *CURVES, *MORE))
    return experiment("fashion_mnist", benchmark, queries, REPORTED)
