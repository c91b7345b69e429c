"""BRAL-T and its rivals on CIFAR10-imb, the paper's settings: Tables 1, 6, Figures 4, 5.

Command: python launch/prepare_data.py cifar10
         python launch/run.py configs/bral_t/cifar10_imb.py
Two agents, numbers of actions, lambda (Tables 7, 9, 10) and the oracle (Figure 8):
cifar10_imb_ablations.py; starts (Table 8, Figure 7): cifar10_imb_twisted_*.py.
Hardware: a GPU; not yet measured on one.
Data: of CIFAR-10's training images 500, 1,000, ... 5,000 of classes 0 to 9, 27,500 in all, which
is what keeping each with probability .1 (c + 1) gives on average, with a standard deviation of 91;
the paper has 28,239. The test set's 10,000 images are balanced. ResNet-18 with a 3x3 stem, 50
epochs, crops and flips. lambda .25 (Table 10 agrees; appendix B says 1).
Protocol: 1,000 labels at the start, 40 rounds of 500; 3 seeds. BALD has a classifier with dropout.
Reported: the mean of 3 in `REPORTED`, half a confidence interval beside it; the rest as curves.
"""

from _benchmarks import CURVES, RIVALS, TABLE_5, bral_t, experiment, rivals

from jal.experiment import Experiment

REPORTED = {
    "loss_prediction": (0.748, 0.848),  # .011, .017
    "waal": (0.752, 0.799),  # .008, .013
    "random": (0.710, 0.810),  # .013, .019
    "bral_t": (0.762, 0.851),  # .012, .008
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = TABLE_5["cifar10_imb"]
    queries = (bral_t(benchmark.lambda_), *rivals(*RIVALS, *CURVES, "saal", "bait"))
    return experiment("cifar10_imb", benchmark, queries, REPORTED)
