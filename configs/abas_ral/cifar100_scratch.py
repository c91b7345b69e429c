"""ABAS-RAL on CIFAR-100 with classifiers from scratch, the paper's settings: Table 3.

Command: python launch/run.py configs/abas_ral/cifar100_scratch.py
Hardware: a GPU; not yet measured on one.
All as cifar100.py, but seeds start from a network that no agent has trained, and the target is .85
of the precision that warm start found. Reported: target 23.81 %; the means are in `reported`.
"""

import dataclasses
import runpy
from pathlib import Path

from jal.experiment import Experiment

REPORTED = {
    "abas_ral": (0.2560, 0.2573, 0.2573, 0.2457, 0.0198),
    "entropy": (0.2411, 0.2514, 0.2465, 0.2308, 0.7000),
    "least_confidence": (0.2412, 0.2514, 0.2471, 0.2323, 0.7100),
    "alfa_mix": (0.2255, 0.2384, 0.2334, 0.2198, 0.6100),
}


def get_config() -> Experiment:
    """The experiment."""
    pretrained = runpy.run_path(str(Path(__file__).with_name("cifar100.py")))
    return dataclasses.replace(
        pretrained["get_config"](),
        name="abas_ral_cifar100_scratch",
        classifier="scratch",
        target=0.85,
        reported={
            f"resnet50/{name}": dict(zip(pretrained["MEASURED"], values, strict=True))
            for name, values in REPORTED.items()
        },
    )
