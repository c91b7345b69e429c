"""Slade and Branson on colorectal histology, noise on 10 % of the images: Figure 3 and Table 1.

Command: python launch/run.py configs/slade_branson/colorectal_noise_10.py
All else as colorectal.py.
"""

import dataclasses
import runpy
from pathlib import Path

from jal.experiment import Experiment


def get_config() -> Experiment:
    """The experiment."""
    colorectal = runpy.run_path(str(Path(__file__).with_name("colorectal.py")))
    name = "slade_branson_colorectal_noise_10"
    return dataclasses.replace(colorectal["get_config"](noise=0.1), name=name)
