"""Slade and Branson on colorectal histology, noise on 50 % of the images, which is in no figure.

Command: python launch/run.py configs/slade_branson/colorectal_noise_50.py
All else as colorectal.py.
"""

import colorectal

from jal.experiment import Experiment, Training


def get_config() -> list[Training | Experiment]:
    """The trainings and the experiment."""
    return colorectal.noisy("slade_branson_colorectal_noise_50", 0.5)
