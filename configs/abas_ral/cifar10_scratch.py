"""ABAS-RAL on CIFAR-10 with classifiers from scratch, the paper's settings: Table 3.

Command: python launch/run.py configs/abas_ral/cifar10_scratch.py
Hardware: a GPU; not yet measured on one.
All as cifar10.py, but seeds start from a network that no agent has trained, and the target is .85
of the precision that warm start found. Reported: target 37.96 %; the means are in `reported`.
"""

import dataclasses
import runpy
from pathlib import Path

from jal.experiment import Experiment

REPORTED = {
    "abas_ral": (0.3969, 0.3617, 0.3617, 0.3452, 0.0774),
    "entropy": (0.3530, 0.2835, 0.2824, 0.2608, 1.0000),
    "least_confidence": (0.3630, 0.2935, 0.2924, 0.2708, 1.0000),
    "alfa_mix": (0.3430, 0.2735, 0.2924, 0.2724, 1.0000),
}


def get_config() -> Experiment:
    """The experiment."""
    pretrained = runpy.run_path(str(Path(__file__).with_name("cifar10.py")))
    return dataclasses.replace(
        pretrained["get_config"](),
        name="abas_ral_cifar10_scratch",
        classifier="scratch",
        target=0.85,
        reported={
            f"resnet50/{name}": dict(zip(pretrained["MEASURED"], values, strict=True))
            for name, values in REPORTED.items()
        },
    )
