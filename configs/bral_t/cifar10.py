"""BRAL-T and its rivals on CIFAR-10, the paper's settings: Tables 1, 6, Figures 4, 5, 6.

Command: python launch/prepare_data.py cifar10
         python launch/run.py configs/bral_t/cifar10.py
Ablations and the oracle (Table 4, Figure 8): cifar10_ablations.py.
Hardware: a GPU; not yet measured on one. The paper's was a Quadro RTX 6000.
Data: 50,000 images, 10,000 for the test. ResNet-18 with a 3x3 stem, 50 epochs, crops and flips.
Protocol: 1,000 labels at the start, 80 rounds of 500; 3 seeds. BALD has a classifier with dropout.
Figure 6 has the seconds of BRAL-T, LossPrediction, WAAL, VAAL and SIMILAR round by round; the
report has those of a query, the mean of all rounds.
Reported: the mean of 3 in `REPORTED`, half a confidence interval beside it; the rest as curves.
"""

from _benchmarks import CURVES, RIVALS, TABLE_5, bral_t, experiment, rivals

from jal.experiment import Experiment

REPORTED = {
    "loss_prediction": (0.837, 0.911),  # .006, .012
    "waal": (0.842, 0.883),  # .006, .009
    "random": (0.832, 0.902),  # .003, .011
    "bral_t": (0.847, 0.916),  # .003, .006
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = TABLE_5["cifar10"]
    queries = (
        bral_t(benchmark.lambda_),
        *rivals(*RIVALS, *CURVES, "saal", "bait", "similar"),
    )
    return experiment("cifar10", benchmark, queries, REPORTED)
