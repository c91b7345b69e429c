"""BRAL-T and its rivals on PneumoniaMNIST, the paper's settings: Tables 1, 6.

Command: python launch/run.py configs/bral_t/pneumonia_mnist.py
Hardware: a GPU; not yet measured on one.
Data: Kermany et al.'s archive (Mendeley Data, rscbjbr9sj), unpacked as chest_xray where the command
is run: 5,232 X-rays of children, pneumonia or none, and 624 for the test, the middle of each at
28 x 28, as PneumoniaMNIST has them, which holds a tenth of the 5,232 back for validation. The
study's code measures on the training images. ResNet-18 with a 3x3 stem, 30 epochs of 32 a step,
SGD at 1e-3, flips.
Protocol: 100 labels at the start, 50 rounds of 100; 3 seeds.
Reported: the mean of 3 in `REPORTED`, half a confidence interval beside it.
"""

from _benchmarks import RIVALS, TABLE_5, bral_t, experiment, rivals

from jal.experiment import Experiment

REPORTED = {
    "loss_prediction": (0.732, 0.870),  # .023, .038
    "waal": (0.640, 0.870),  # .018, .021
    "random": (0.706, 0.652),  # .001, .009
    "bral_t": (0.738, 0.883),  # .012, .013
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = TABLE_5["pneumonia_mnist"]
    queries = (bral_t(benchmark.lambda_), *rivals(*RIVALS))
    return experiment("pneumonia_mnist", benchmark, queries, REPORTED)
