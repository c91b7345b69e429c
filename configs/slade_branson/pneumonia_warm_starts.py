"""Slade and Branson's larger model in its two parts, on chest X-rays of children: Figure 2, left.

Command: python launch/run.py configs/slade_branson/pneumonia_warm_starts.py
Hardware: a GPU; not yet measured on one.
Data: as pneumonia.py; agents and protocol: as colorectal_warm_starts.py.
Reported as curves only: the larger model is up to 11.5 % better.
"""

import colorectal_warm_starts
import pneumonia

from jal.experiment import Experiment, Training


def get_config() -> list[Training | Experiment]:
    """The trainings and the experiment."""
    return colorectal_warm_starts.warm_starts("slade_branson_pneumonia_warm_starts", pneumonia.DATA)
