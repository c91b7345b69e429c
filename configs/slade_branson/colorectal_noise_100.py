"""Slade and Branson on colorectal histology, noise on 100 % of the images: Figure 3, Table 1.

Command: python launch/run.py configs/slade_branson/colorectal_noise_100.py
All else as colorectal.py.
"""

import colorectal

from jal.experiment import Experiment, Training


def get_config() -> list[Training | Experiment]:
    """The trainings and the experiment."""
    return colorectal.noisy("slade_branson_colorectal_noise_100", 1.0)
