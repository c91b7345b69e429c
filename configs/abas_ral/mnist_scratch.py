"""ABAS-RAL on MNIST with classifiers from scratch, the paper's settings: Table 3.

Command: python launch/run.py configs/abas_ral/mnist_scratch.py
Hardware: a GPU; not yet measured on one.
All as mnist.py, but seeds start from a network that no agent has trained, and the target is .85
of the precision that warm start found. Reported: target 79.99 %; the means are in `reported`.
"""

import dataclasses
import runpy
from pathlib import Path

from jal.experiment import Experiment

REPORTED = {
    "abas_ral": (0.8185, 0.8165, 0.8097, 0.8091, 0.2667),
    "entropy": (0.8087, 0.7923, 0.7902, 0.7801, 0.3410),
    "least_confidence": (0.8020, 0.7930, 0.7950, 0.7890, 0.3210),
    "alfa_mix": (0.8021, 0.8071, 0.8071, 0.8047, 0.4032),
}


def get_config() -> Experiment:
    """The experiment."""
    pretrained = runpy.run_path(str(Path(__file__).with_name("mnist.py")))
    return dataclasses.replace(
        pretrained["get_config"](),
        name="abas_ral_mnist_scratch",
        classifier="scratch",
        target=0.85,
        reported={
            f"resnet50/{name}": dict(zip(pretrained["MEASURED"], values, strict=True))
            for name, values in REPORTED.items()
        },
    )
