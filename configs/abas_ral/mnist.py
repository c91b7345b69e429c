"""ABAS-RAL on MNIST, the paper's settings: Tables 1 and 2, Figure 2.

Command: python launch/run.py configs/abas_ral/mnist.py
Hardware: a GPU; not yet measured on one.
All else as cifar10.py, but rivals buy 1 % of the pool at a time (the paper's end at 7.76 %), and
the agent may choose 862 batches, as many as single points need to the largest budget, 8.18 %.
Reported: target precision 94.11 %, target budget 96.34 %; the tables are in `REPORTED`.
"""

import cifar10

from jal.experiment import Data, Experiment, Training

REPORTED = {  # means; maxima, in %
    "abas_ral": ((95.11, 95.05, 94.98, 95.04, 7.07), (95.23, 95.24, 95.24, 95.23, 8.18)),
    "random_size": ((95.02, 95.01, 94.90, 95.02, 60.13), (95.21, 95.20, 95.20, 95.19, 95.15)),
    "entropy": ((95.10, 94.09, 94.95, 94.99, 7.76), (95.22, 95.17, 95.23, 95.20, None)),
    "least_confidence": ((95.12, 94.13, 94.89, 94.98, 7.76), (95.22, 95.15, 95.20, 95.20, None)),
    "alfa_mix": ((95.01, 94.97, 94.79, 94.95, 7.76), (None, None, None, None, None)),
}


def get_config() -> list[Training | Experiment]:
    """The training and the experiment."""
    return cifar10.steps(
        "abas_ral_mnist",
        Data(source="tfds:mnist", image_size=32),
        REPORTED,
        rounds=862,
        batch=120,
        budget=11_880,
        initial=120,
    )
