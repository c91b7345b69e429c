"""Slade and Branson's larger model in its two parts, on chest X-rays of children: Figure 2, left.

Command: python launch/run.py configs/slade_branson/pneumonia_warm_starts.py
Hardware: a GPU; not yet measured on one.
Data: as pneumonia.py; agents and protocol: as colorectal_warm_starts.py.
Reported as curves only: the larger model is up to 11.5 % better.
"""

import dataclasses
import runpy
from pathlib import Path

from jal.experiment import Experiment


def get_config() -> Experiment:
    """The experiment."""
    here = Path(__file__)
    pneumonia = runpy.run_path(str(here.with_name("pneumonia.py")))["get_config"]()
    cells = runpy.run_path(str(here.with_name("colorectal_warm_starts.py")))["get_config"]()
    return dataclasses.replace(
        cells,
        name="slade_branson_pneumonia_warm_starts",
        data=pneumonia.data,
        parts=pneumonia.parts,
    )
