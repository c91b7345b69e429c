"""BRAL-T, its rivals and the ladder to its oracle, on digits of which some are rare.

Command: python launch/run.py configs/bral_t/digits_imbalanced.py
Data: as digits.py, the pool thinned to 1:2:...:10 of its classes as CIFAR10-imb is, 543 images;
lambda .25, as there. The 797 test images are as common as each other.
Protocol: 60 random labels, then eight rounds of 20; 32 seeds, four on each of eight splits.
"""

import dataclasses

import digits

from jal.experiment import Data, Experiment, Imbalance, Query, Random

LAMBDA = 0.25


def get_config() -> Experiment:
    """The experiment."""
    balanced = digits.get_config()
    return dataclasses.replace(
        balanced,
        name="bral_t_digits_imbalanced",
        data=Data(source="sklearn:digits", imbalance=Imbalance("step")),
        queries=(
            *digits.ladder(lambda_=LAMBDA),
            Query("pseudo_score", lambda_=LAMBDA),
            "margin",
            "badge",
        ),
        protocol=dataclasses.replace(balanced.protocol, start=Random(labels=60)),
    )
