"""Slade and Branson's larger model in its two parts, on colorectal histology: Figure 2, right.

Command: python launch/run.py configs/slade_branson/colorectal_warm_starts.py
Hardware: a GPU; not yet measured on one.
Data and classifier: as colorectal.py, but for 20 labels bought. The larger model has 128 warm-start
episodes instead of 16, and labels one more point in each step: here are all four cells.
Reported as curves only: the larger model is up to 23.3 % better.
"""

import dataclasses
import runpy
from pathlib import Path

from jal.experiment import Experiment


def get_config() -> Experiment:
    """The experiment."""
    colorectal = runpy.run_path(str(Path(__file__).with_name("colorectal.py")))["get_config"]()
    agent = colorectal.agents["slade_branson"]
    cells = {
        f"warm_{warm}_points_{points}": dataclasses.replace(
            agent, warm_episodes=warm, points=points
        )
        for warm in (16, 128)
        for points in (1, 2)
    }
    return dataclasses.replace(
        colorectal,
        name="slade_branson_colorectal_warm_starts",
        learners={"resnet50": colorectal.learners["resnet50"]},
        agents=cells,
        agents_on={},
        strategies=(*cells, "random", "margin"),
        batch_of={name: cell.points for name, cell in cells.items()},
        rounds=20,
        budget=20,
        reported={},
    )
